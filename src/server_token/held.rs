//! What a document's `direct` names: the pair and the token that espalier holds. Effects: reads the
//! environment and files, runs programs, where the runner allows them.
//!
//! The token is mostly kept as Apple's own `.p7m`, which the pair opens. A pair that still waits in
//! the store opens it too: so an import that died half-way, or whose key the runner does not have yet,
//! leaves a token that works here.

use std::path::{Path, PathBuf};

use openssl::x509::X509;

use super::content;
use super::error::TokenFileError;
use super::p7m::{self, Envelope};
use super::pair::{KeyPair, PairError, certificate_of};
use super::store::{Store, StoreError};
use crate::manifest::{Allow, BesideError, SecretError, beside, secrets};
use crate::model::desired::{DirectToken, ServerTokenSource};
use crate::model::{Name, Secret, ServerToken};

/// Why a document's pair or token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// A secret that the document names.
    #[error("`direct.{field}` cannot be had: {source}")]
    Secret {
        /// The field, below `direct`.
        field: &'static str,
        /// Why.
        source: SecretError,
    },
    /// A file that the document names.
    #[error("`direct.{field}`, {}, cannot be read: {source}", path.display())]
    File {
        /// The field, below `direct`.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: BesideError,
    },
    /// Key or certificate are none.
    #[error("the key pair that `direct` names cannot be used: {0}")]
    Pair(#[from] PairError),
    /// The token's file is none, or for another pair.
    #[error("`direct.serverToken` cannot be used: {0}")]
    Token(#[from] TokenFileError),
    /// The pairs that wait.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HeldError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Secret { field: "serverToken", .. } | Self::File { field: "serverToken", .. } => {
                "token-missing"
            }
            Self::Secret { .. } | Self::File { .. } => "token-key-missing",
            Self::Pair(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Store(_) => "state-io",
        }
    }

    /// What to do next.
    pub fn next(&self, token: &Name) -> String {
        match self {
            Self::Secret { field: "serverToken", .. } | Self::File { field: "serverToken", .. } => {
                format!("`espalier token renew {token}` tells how to get one")
            }
            Self::Secret { .. } | Self::File { .. } => {
                format!(
                    "give the runner what the document names, or make a pair: espalier token keygen {token}"
                )
            }
            Self::Pair(error) => error.next().to_owned(),
            Self::Token(error) => error.next().to_owned(),
            Self::Store(_) => "see who may read it".to_owned(),
        }
    }
}

/// What is needed to look for a document's pair and token.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The documents' folder.
    pub folder: &'a Path,
    /// What the runner allows documents to do.
    pub allow: Allow,
    /// The pairs that wait.
    pub store: &'a Store,
    /// The document.
    pub token: &'a Name,
    /// Its `direct`.
    pub direct: &'a DirectToken,
}

impl Held<'_> {
    /// The pair that the document names.
    ///
    /// # Errors
    /// See [`HeldError`].
    pub fn pair(&self) -> Result<KeyPair, HeldError> {
        // The certificate first: it is asked for without running anything.
        let certificate = self.read("certificate", &self.direct.certificate)?;
        let key = self.secret("privateKey", &self.direct.private_key)?;
        Ok(KeyPair::read(&key, &certificate)?)
    }

    /// The certificate that the document names, without its key.
    ///
    /// # Errors
    /// See [`HeldError`].
    pub fn certificate(&self) -> Result<X509, HeldError> {
        let bytes = self.read("certificate", &self.direct.certificate)?;
        Ok(certificate_of(&bytes)?)
    }

    /// The token that the document names, decrypted.
    ///
    /// # Errors
    /// See [`HeldError`].
    pub fn server_token(&self) -> Result<ServerToken, HeldError> {
        let bytes = match &self.direct.server_token {
            ServerTokenSource::File(path) => self.read("serverToken", path)?,
            ServerTokenSource::Secret(secret) => {
                let text = self.secret("serverToken", secret)?;
                // A secret may also be the token itself.
                if let Ok(token) = content::held(&text) {
                    return Ok(token);
                }
                text.reveal().as_bytes().to_vec()
            }
        };
        let envelope = Envelope::read(&bytes)?;
        let named = self.pair();
        if let Ok(pair) = &named
            && envelope.is_for(pair)
        {
            return Ok(envelope.open(pair)?);
        }
        let waiting = self.store.pending(self.token)?.pending;
        match waiting.iter().find(|pending| envelope.is_for(&pending.pair)) {
            Some(pending) => Ok(envelope.open(&pending.pair)?),
            None => Ok(envelope.open(&named?)?),
        }
    }

    fn secret(&self, field: &'static str, secret: &crate::model::SecretRef) -> Result<Secret, HeldError> {
        secrets::resolve(secret, self.folder, self.allow)
            .map_err(|source| HeldError::Secret { field, source })
    }

    fn read(&self, field: &'static str, path: &Path) -> Result<Vec<u8>, HeldError> {
        let failed = |source| HeldError::File { field, path: path.to_owned(), source };
        let full = beside(self.folder, path, self.allow).map_err(failed)?;
        read_file(&full).map_err(failed)
    }
}

/// Reads a file that may be a token file, and not more of it than one can have.
///
/// # Errors
/// It is not there, no regular file, or cannot be read.
pub fn read_file(path: &Path) -> Result<Vec<u8>, BesideError> {
    use std::io::Read as _;
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BesideError::NotFound,
        _ => BesideError::Io(error),
    })?;
    if !about.is_file() {
        return Err(BesideError::NotAFile);
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(BesideError::Io)?;
    // One byte more than is taken, so that a longer one is told.
    file.take(p7m::LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(BesideError::Io)?;
    Ok(bytes)
}
