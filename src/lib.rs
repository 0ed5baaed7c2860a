//! espalier: a GitOps reconciler for Apple device enrollment.
//!
//! YAML documents in, plan and apply out. The modules, in the order in which they may know each
//! other (each imports only from those above it):
//!
//! | module | what it is | pure |
//! |---|---|---|
//! | [`model`] | the nouns: names, wishes, live facts | yes |
//! | [`diag`] | findings as data | yes |
//! | [`progress`] | how far work is, told without printing | yes |
//! | [`approval`] | SSH signatures of persons who agree, counted | yes, but for OpenSSL and `folder` |
//! | [`escrow`] | secrets of devices sealed to X.509 recipients | yes, but for OpenSSL |
//! | [`rules`] | the requirement rows, judged over documents and resulting objects | yes |
//! | [`manifest`] | text to wishes: YAML, CSV, certificates, references, schemas | no |
//! | [`explain`] | rows, fields, screens and codes in words, for `espalier explain` | yes |
//! | [`diff`] | canonical objects compared; which live object a document means | yes |
//! | [`ledger`] | what is ours and what we did: events, intents, the lock | events and view |
//! | [`cache`] | what the last read cost | no |
//! | [`plan`] | steps in order, with reason, class and effect; gates; the saved file | yes |
//! | [`http`] | one transport: retry, redaction | no |
//! | [`server_token`] | Apple's `.p7m` files: key pairs, what is in them, where it is kept | no |
//! | [`provider`] | the services: observe, actuate | no |
//! | [`apply`] | intents before effects, results read back | no |
//! | [`sim`] | the services played on loopback; knows identifiers and time only | no |
//! | [`engine`] | a folder, its services and its ledger, brought together | no |
//! | [`watch`] | the daemon: events, one queue, one look after the other | queue, back-off, assessment |
//! | [`cli`] | the only module that prints or reads arguments and the environment | no |

#![warn(missing_docs)]

pub mod acts;
pub mod apply;
pub mod approval;
pub mod cache;
pub mod cli;
pub mod diag;
pub mod diff;
pub mod engine;
pub mod escrow;
pub mod explain;
pub mod http;
pub mod ledger;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod progress;
pub mod provider;
pub mod rules;
pub mod server_token;
pub mod sim;
pub mod watch;
