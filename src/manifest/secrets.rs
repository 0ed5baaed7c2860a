//! Resolving references to secrets. Effects: reads the environment and files, runs programs.
//!
//! No error of this module holds any part of a secret: programs' output is never quoted.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Allow;
use super::source::{BesideError, Source};
use crate::model::{Secret, SecretRef};

/// The longest secret that is taken, in bytes: keys and tokens are far shorter.
const MAX_SECRET: usize = 64 * 1024;

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or empty, or not text.
    #[error("the environment variable {0} is not set, or empty; set it for this command")]
    Env(String),
    /// The file cannot be read.
    #[error("the secret's file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BesideError,
    },
    /// The runner does not allow programs.
    #[error("a secret comes from a program, which the runner does not allow; set ESPALIER_ALLOW=exec")]
    ExecNotAllowed,
    /// The program could not be started.
    #[error("the program {program} could not be started")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program failed. What it printed is not shown, for it may hold the secret.
    #[error("the program {program} failed ({status}); run it by hand to see why")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The secret is empty, too long, or not UTF-8.
    #[error("the secret from {0} is empty, too long, or not UTF-8 text")]
    Unusable(String),
}

/// Fetches a secret. `base` is the documents' folder: the reader has made paths relative to it.
///
/// Trailing line breaks are cut off, as files and programs end with one.
pub fn resolve(secret: &SecretRef, base: &Path, allow: Allow) -> Result<Secret, SecretError> {
    match secret {
        SecretRef::Env(name) => {
            let text = std::env::var(name).ok().filter(|text| !text.is_empty());
            text.map(Secret::new).ok_or_else(|| SecretError::Env(name.clone()))
        }
        SecretRef::File(path) => {
            let fail = |source| SecretError::File { path: path.clone(), source };
            let folder = base.canonicalize().map_err(|error| fail(BesideError::Io(error)))?;
            let (_, bytes) = Source::Folder(folder).read("", path, allow).map_err(fail)?;
            usable(bytes, || path.display().to_string())
        }
        SecretRef::Exec(argv) => {
            if !allow.exec {
                return Err(SecretError::ExecNotAllowed);
            }
            let (program, arguments) = argv.split_first().ok_or(SecretError::ExecNotAllowed)?;
            run(program, arguments, base)
        }
        SecretRef::Sops { path, key } => {
            // A name that begins with a hyphen is no option.
            let path = Path::new(".").join(path);
            let keys: String =
                key.split('.').map(|part| format!("[{}]", serde_json::Value::from(part))).collect();
            let arguments: [&OsStr; 4] =
                ["-d".as_ref(), "--extract".as_ref(), keys.as_ref(), path.as_os_str()];
            run("sops", &arguments, base)
        }
    }
}

fn run(program: &str, arguments: &[impl AsRef<OsStr>], base: &Path) -> Result<Secret, SecretError> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(base)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|source| SecretError::Start { program: program.to_owned(), source })?;
    if !output.status.success() {
        return Err(SecretError::Failed { program: program.to_owned(), status: output.status });
    }
    usable(output.stdout, || program.to_owned())
}

fn usable(bytes: Vec<u8>, from: impl Fn() -> String) -> Result<Secret, SecretError> {
    if bytes.len() > MAX_SECRET {
        return Err(SecretError::Unusable(from()));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::Unusable(from()))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() { Err(SecretError::Unusable(from())) } else { Ok(Secret::new(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Allow = Allow { exec: false, files: false, endpoints: false };

    #[test]
    fn a_file_is_read_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s.txt"), "hunter2\r\n").unwrap();
        let secret = resolve(&SecretRef::File("s.txt".into()), folder.path(), NOTHING).unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        let outside = resolve(&SecretRef::File("../s.txt".into()), folder.path(), NOTHING);
        assert!(matches!(outside, Err(SecretError::File { source: BesideError::Outside, .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_runs_only_where_allowed_and_its_output_is_never_quoted() {
        let words = |words: &[&str]| SecretRef::Exec(words.iter().map(|w| (*w).to_owned()).collect());
        let here = Path::new(".");
        let allowed = Allow { exec: true, ..NOTHING };
        assert!(matches!(resolve(&words(&["echo", "x"]), here, NOTHING), Err(SecretError::ExecNotAllowed)));
        assert_eq!(resolve(&words(&["echo", "hunter2"]), here, allowed).unwrap().reveal(), "hunter2");
        let failed = resolve(&words(&["sh", "-c", "echo hunter2; exit 3"]), here, allowed).unwrap_err();
        assert!(!format!("{failed} {failed:?}").contains("hunter2"));
    }
}
