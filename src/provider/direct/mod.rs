//! A direct token as a service: Apple's enrollment service together with what earlier reads left behind.
//!
//! ```text
//! identity   which server the token belongs to, asked where that is not known
//! devices    kept rows + changes since the cursor, or all of them anew ─▶ cache
//! profiles   what the ledger does not know of those that devices carry
//! write      define, assign, remove, the URL of account-driven enrollment
//! ```
//!
//! The session lives in the client, and both stay as long as the process; nothing here is a secret but
//! the client's token.

mod devices;
mod identity;
mod profiles;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::{Snapshot, Snapshots};
use crate::http::meter::Meter;
use crate::model::clock::{Clock, Timestamp};
use crate::model::live::{Complete, Fact, LiveToken};
use crate::model::{Name, ServerToken, TokenId};
use crate::provider::dep::{DepActuator, DepClient, DepObserver};
use crate::provider::outcome::unknown;

pub use devices::{How, ReadDevices};
pub use identity::{Asking, Doubt, Identity, is_same_server};
pub use profiles::KnownProfiles;
pub use write::Write;

/// What a direct token's service needs to know.
#[derive(Clone)]
pub struct DirectSettings {
    /// The token's document.
    pub name: Name,
    /// Its display name; shown until Apple's own name is known.
    pub display_name: String,
    /// The credentials; what is kept of them here is no secret.
    pub credentials: Credentials,
    /// Where devices and cursors are kept.
    pub cache: PathBuf,
    /// What tells this service from others under which the same token id may be met.
    pub service: String,
    /// The clock of the service.
    pub clock: Arc<dyn Clock>,
}

/// What is told of a server token's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// See [`ServerToken::fingerprint`].
    pub server: String,
    /// See [`ServerToken::credentials_fingerprint`].
    pub exact: String,
    /// When the token ends (T-6); `None`: not known.
    pub expires: Option<Timestamp>,
}

impl From<&ServerToken> for Credentials {
    fn from(token: &ServerToken) -> Self {
        Self { server: token.fingerprint(), exact: token.credentials_fingerprint(), expires: token.expires }
    }
}

/// Both halves share this; it stays between the runs of a process.
struct Shared {
    settings: DirectSettings,
    dep: DepObserver,
    snapshots: Snapshots,
    identity: Mutex<Identity>,
    /// Held while devices are read, so that no two reads move the same cursor.
    devices: tokio::sync::Mutex<Kept>,
    /// Profiles that Apple was asked for: they never change.
    profiles: profiles::Asked,
}

/// What the last read of devices left in memory.
#[derive(Default)]
struct Kept {
    snapshot: Option<Snapshot>,
}

/// Reads with a direct token. It cannot write. Clones share what was read.
#[derive(Clone)]
pub struct DirectObserver(Arc<Shared>);

/// Writes with a direct token.
#[derive(Clone, Debug)]
pub struct DirectActuator(DepActuator);

/// Both halves of a direct token.
pub fn halves(settings: DirectSettings, client: DepClient) -> (DirectObserver, DirectActuator) {
    let identity = Identity::of_credentials(&settings.credentials);
    let shared = Shared {
        dep: DepObserver::new(client.clone()),
        snapshots: Snapshots::new(settings.cache.clone()),
        identity: Mutex::new(identity),
        devices: tokio::sync::Mutex::default(),
        profiles: profiles::Asked::default(),
        settings,
    };
    (DirectObserver(Arc::new(shared)), DirectActuator(DepActuator::new(client)))
}

impl fmt::Debug for DirectObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectObserver").field("token", &self.0.settings.name).finish_non_exhaustive()
    }
}

impl DirectObserver {
    /// What the connection was called for so far, writes included, and what it asked for.
    pub fn meter(&self) -> &Meter {
        self.0.dep.meter()
    }

    /// The credentials in use, as far as they are told.
    pub fn credentials(&self) -> &Credentials {
        &self.0.settings.credentials
    }

    /// Which server the token belongs to, as far as that is known by now.
    pub fn identity(&self) -> Identity {
        self.0.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token itself, in the shape of a list with one entry.
    pub fn tokens(&self, read_at: Option<Timestamp>, devices: usize) -> Complete<LiveToken> {
        let Identity { token_id, name, apple_id, .. } = self.identity();
        let settings = &self.0.settings;
        Complete::after_last_page(vec![LiveToken {
            id: token_id,
            name: name.unwrap_or_else(|| settings.display_name.clone()),
            apple_id,
            expires: settings.credentials.expires,
            last_sync_triggered: read_at,
            last_sync_done: read_at,
            last_sync_error: 0,
            synced_devices: i64::try_from(devices).unwrap_or(i64::MAX),
            scope_tag_ids: Vec::new(),
            default_ios: Fact::Known(None),
            default_macos: Fact::Known(None),
        }])
    }

    /// The id under which everything of the token is kept.
    pub fn token_id(&self) -> TokenId {
        self.identity().token_id
    }

    /// Reads the URL of account-driven enrollment. `Known(None)`: none is set.
    pub async fn account_driven_url(&self) -> Fact<Option<String>> {
        match self.0.dep.account_driven_url().await {
            Ok(url) => Fact::Known(url.map(|url| url.mdm_service_discovery_url)),
            Err(error) => Fact::Unknown(unknown(&error)),
        }
    }
}
