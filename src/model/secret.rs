//! Secrets: values that cannot be printed.

use std::fmt;

use serde::Deserialize;

/// A secret text. It has no `Display` and no `Serialize`, its `Debug` says `[secret]`, and its
/// memory is wiped on drop. Only [`Secret::reveal`] gives the text, for the one call that sends it.
#[derive(Clone)]
pub struct Secret(secrecy::SecretString);

impl Secret {
    /// Takes a text in.
    pub fn new(text: String) -> Self {
        Self(secrecy::SecretString::from(text))
    }

    /// Returns the text, to be sent and not to be kept.
    pub fn reveal(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Where a secret is to be found; never the secret itself (manifests.md, "secret").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of the runner.
    Env(String),
    /// A file, relative to the documents' folder (users write it relative to the document; the
    /// reader converts). Outside the folder it needs
    /// `ESPALIER_ALLOW=files`.
    File(std::path::PathBuf),
    /// A program of the runner whose standard output is the secret. It needs
    /// `ESPALIER_ALLOW=exec`.
    Exec(Vec<String>),
    /// A value of a file that `sops` decrypts.
    Sops {
        /// The encrypted file, relative to the documents' folder.
        path: std::path::PathBuf,
        /// The key within it.
        key: String,
    },
}

/// The reference as users write it, in one line: `env NAME`. It says where the secret is and not what
/// it is.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env {name}"),
            SecretRef::File(path) => write!(f, "file {}", path.display()),
            SecretRef::Exec(words) => write!(f, "exec {}", words.first().map_or("", String::as_str)),
            SecretRef::Sops { path, key } => write!(f, "sops {} {key}", path.display()),
        }
    }
}
