//! Every way to sign in, played against the simulator's token service, which judges signature and
//! claims by itself.

mod commands;
mod flows;
