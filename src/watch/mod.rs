//! The daemon: events go into one queue, are coalesced, and lead to a look at the tokens concerned
//! (design section 7).
//!
//! ```text
//! folder ── settle ─┐                          ┌─> told: what happened, for people and programs
//! clock ── resync ──┼─> queue ── round ── look ┼─> allowed? ── apply
//! back-off, due ────┘     ^                    └─> assess ──┐
//!                         └──────── holds, due times ───────┘
//! ```
//!
//! | part | what it is | pure |
//! |---|---|---|
//! | [`settle`] | when a flurry of changes has come to rest | yes |
//! | [`queue`] | what is looked at next, and why | yes |
//! | [`backoff`] | how long a failing domain is left alone | yes |
//! | [`assess`] | what a look came to, token by token | yes |
//! | [`folder`] | the documents' folder as a source of events | |
//! | [`metrics`], [`health`] | what is served about it | |
//! | [`Daemon`] | the loop | |
//!
//! A further source (a git repository, a webhook) wakes the loop by a channel of its own and wants
//! tokens by [`queue::Queue::want`]; nothing else of it is known here.
//!
//! An organisation at Apple is a domain of its own (`apple:NAME`): one that fails or is throttled is left
//! alone for a while, and the tokens that name it are looked at without it. Reading one takes minutes
//! where it is large. So a full look and everything that may be carried out read it; a look that only
//! tells rests on what was read less than ten minutes ago, unless something was changed there since.
//!
//! Two clocks: files are noticed by the machine's, everything that has to do with services (resync,
//! back-off, what is due) goes by theirs, which in a simulation stands still until it is stepped. No
//! lock is held between two looks.

pub mod assess;
pub mod backoff;
mod daemon;
pub mod folder;
pub mod health;
pub mod metrics;
pub mod queue;
mod round;
pub mod settle;
mod told;

pub use daemon::Daemon;
pub use told::Told;
