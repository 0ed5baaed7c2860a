//! The services that espalier talks to: one module each, with a read half and a write half.

pub mod graph;
