//! Direct tokens. Every test starts from a [`world::World`] whose service and ledger do what a plan
//! says, changes one side, and looks at the plan.

mod cooling;
mod devices;
mod drift;
mod gates;
mod growth;
mod identity;
mod properties;
mod removal;
mod standing;
mod tokens;
pub(crate) mod world;
