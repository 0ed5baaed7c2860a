//! The nouns. PURE: no I/O, no clock, imports nothing else of this crate.

pub mod act;
pub mod canonical;
pub mod class;
pub mod clock;
pub mod desired;
pub mod fill;
pub mod id;
pub mod live;
pub mod organisation;
pub mod place;
pub mod platform;
pub mod policy;
pub mod realm;
pub mod scope;
pub mod screens;
pub mod sealed;
pub mod secret;
pub mod server_token;
pub mod settings;
pub mod value;

pub use act::{ActId, ActionKind, Epoch, RecordId};
pub use class::Class;
pub use id::{Address, Kind, Name, ProfileId, Serial, TokenId};
pub use organisation::{ActivityId, ActivityKind, Edition, ProductFamily, ServiceId};
pub use place::Place;
pub use platform::{Family, Platform};
pub use realm::Realm;
pub use scope::Scope;
pub use sealed::{Sealed, SealedKind};
pub use secret::{Secret, SecretRef};
pub use server_token::{ServerToken, ServerTokenError};
pub use value::{Field, FieldName, Fields, Value};
