//! Resolving references to secrets. Effects: reads the environment and files, runs programs.
//!
//! No error of this module holds any part of a secret: programs' output is never quoted.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Allow;
use super::source::{BesideError, Source};
use crate::model::{Secret, SecretRef};

/// The longest secret that is taken, in bytes: keys and tokens are far shorter.
const MAX_SECRET: usize = 64 * 1024;

/// How long a program may take to give a secret: one that asks a person would hold up the run.
const PROGRAM_TIME: Duration = Duration::from_secs(30);

/// How often a program that has closed its output is looked at for its end.
const GLANCE: Duration = Duration::from_millis(5);

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
        status: ExitStatus,
    },
    /// The program did not come to its end in time, and was ended.
    #[error(
        "the program {program} gave no secret within {} s and was ended; it must not ask for input, and what it waits for (an agent, a network) must be there",
        limit.as_secs()
    )]
    TooSlow {
        /// Its name.
        program: String,
        /// The time that it had.
        limit: Duration,
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
    run_within(PROGRAM_TIME, program, arguments, base)
}

fn run_within(
    limit: Duration,
    program: &str,
    arguments: &[impl AsRef<OsStr>],
    base: &Path,
) -> Result<Secret, SecretError> {
    let until = Instant::now() + limit;
    let start = |source| SecretError::Start { program: program.to_owned(), source };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(base)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(start)?;
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        // A thread of its own, for a pipe that a left-over grandchild holds open is read for ever.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // One byte more than is taken, so that too long is told from just long enough.
            let read = output.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes);
            // A receiver that is gone has given up waiting.
            let _ = sender.send(read.map(|_| bytes));
        });
    }
    let output = receiver.recv_timeout(limit);
    let status = match output {
        Ok(_) => end_of(&mut child, until),
        Err(_) => None,
    };
    let (Ok(output), Some(status)) = (output, status) else {
        // One that has just ended by itself cannot be killed, which is as good.
        let _ = child.kill();
        let _ = child.wait();
        return Err(SecretError::TooSlow { program: program.to_owned(), limit });
    };
    if !status.success() {
        return Err(SecretError::Failed { program: program.to_owned(), status });
    }
    let bytes = output.map_err(start)?;
    usable(bytes, || program.to_owned())
}

/// How a program ended; `None` where it has not until then.
fn end_of(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(GLANCE),
            _ => return None,
        }
    }
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

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let limit = Duration::from_millis(200);
        // It holds its output open; it closes it and goes on; it says something first.
        for script in ["exec sleep 600", "exec sleep 600 >&-", "echo hunter2; exec sleep 600"] {
            let began = Instant::now();
            let error = run_within(limit, "sh", &["-c", script], Path::new(".")).unwrap_err();
            assert!(matches!(error, SecretError::TooSlow { .. }), "{script}: {error}");
            assert!(began.elapsed() < Duration::from_secs(300), "{script}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let told = SecretError::TooSlow { program: "sops".to_owned(), limit: PROGRAM_TIME }.to_string();
        assert!(told.contains("sops gave no secret within 30 s"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_says_too_much_is_not_believed() {
        let endless = ["-c", "while :; do echo hunter2hunter2hunter2; done"];
        let error = run("sh", &endless, Path::new(".")).unwrap_err();
        assert!(matches!(error, SecretError::Failed { .. } | SecretError::Unusable(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
