//! Apple Business and Apple School Manager: where devices belong, and what follows for their profiles.

mod families;
mod forecast;
mod gates;
mod migration;
mod moves;
mod properties;
mod reading;
mod selections;
mod services;
mod standing;
mod sync;
mod told;
pub(crate) mod world;
