//! Tests of the rules between a document and a device, each broken once.

mod book;
mod evidence;
mod next_life;
mod properties;
mod rules;
pub(crate) mod world;
