//! What earlier reads left behind, so that the next ones cost less. Imports `model` only.
//!
//! | file | what |
//! |---|---|
//! | `reads.json` | what the last read cost: [`reads`] |
//! | `cache/<token>.devices` | the devices of a direct token and the cursor behind them: [`snapshot`] |
//! | `cache/<token>.profiles` | the profiles of others that they carry: [`profiles`] |
//! | `cache/<account>.organisation` | services and devices of an organisation at Apple: [`organisation`] |
//! | `cache/<account>.locks` | Activation Lock of its devices, as far as it was asked for: likewise |
//! | `cache/codeless.json` | lives of devices that showed no bypass code today |
//! | `cache/<account>.calls` | when its API was called within the last hour: likewise |
//!
//! Losing any of it costs a full read and nothing else, and whatever is doubtful is dropped. No secret
//! is kept here; the bearers of API accounts, which lie beside, are [`crate::provider::business`]'s. All
//! files have mode 0600, in folders of mode 0700. They are replaced in one step; changes of devices are
//! written behind what is there.

mod codeless;
pub mod organisation;
pub mod profiles;
pub mod reads;
pub mod snapshot;
mod whole;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use codeless::Codeless;
pub use organisation::{KeptCalls, KeptLock, KeptOrganisation, OrganisationKey, Organisations};
pub use profiles::Profiles;
pub use reads::{Cache, TenantReads, TokenReads};
pub use snapshot::{Change, Collected, Key, Row, Snapshot, Snapshots, Status};

/// The cache could not be written. It costs nothing but calls.
#[derive(Debug, thiserror::Error)]
#[error("could not write the cache in {}", folder.display())]
pub struct CacheError {
    /// The cache's folder.
    pub folder: PathBuf,
    #[source]
    source: std::io::Error,
}

/// Replaces a file in one step, in a folder that is made if it is missing.
pub(crate) fn replace(folder: &Path, file: &str, parts: &[&[u8]]) -> Result<(), CacheError> {
    let write = || {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        // A temporary file has mode 0600 from the start.
        let mut made = tempfile::NamedTempFile::new_in(folder)?;
        parts.iter().try_for_each(|part| made.write_all(part))?;
        made.persist(folder.join(file)).map_err(|refused| refused.error).map(drop)
    };
    write().map_err(|source| CacheError { folder: folder.to_owned(), source })
}
