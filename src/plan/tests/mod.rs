//! The planner's rule book. Every test starts from a world where documents, services and ledger
//! agree ([`world::World`]), changes one side, and looks at the plan.

mod assign;
mod default;
mod effect;
mod file;
mod gates;
mod identity;
mod order;
mod properties;
mod removal;
mod standing;
mod tokens;
mod unknown;
pub(crate) mod world;
