//! The planner's rule book. Every test starts from a world where documents, services and ledger
//! agree ([`world::World`]), changes one side, and looks at the plan.

mod accounts;
mod acts;
pub(crate) mod apple;
mod assign;
mod default;
pub(crate) mod direct;
mod effect;
mod file;
mod gates;
mod identity;
mod judging;
mod known;
mod narrowed;
mod order;
mod properties;
mod removal;
mod rollout;
mod standing;
mod tokens;
mod unknown;
mod vpp;
pub(crate) mod world;
