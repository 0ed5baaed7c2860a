//! `token keygen`: the certificate for Apple's portal (T-1, T-2).

use std::path::Path;

use super::args::KeygenArgs;
use super::{Folder, direct, mdm, words};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::ui::Ui;
use crate::server_token::store::write_private;

/// Makes a key pair, or has Intune make one, and says what to do with the certificate.
///
/// # Errors
/// Documents that are not in order; a service that cannot be used; files that cannot be written.
pub(super) fn run(args: &KeygenArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = Folder::read(&args.folder, global, "token keygen", ui)?;
    let (name, document) = folder.token(&args.token)?;
    if let Some(output) = &args.output {
        direct::only_over_certificate(output)?;
    }
    let made = match document.direct.clone() {
        Some(held) if args.current => direct::current(&folder, &held)?,
        Some(_) => direct::keygen(&folder, &name)?,
        None => match mdm::keygen(folder, &name, args, ui)? {
            Some(made) => made,
            None => {
                return Err(CommandError::new(ExitCode::Stopped, "not made: the answer was no")
                    .coded("answered-no")
                    .hint("`--current` gives the key that is there"));
            }
        },
    };
    if let Some(output) = &args.output {
        write_private(output, &made.pem).map_err(|error| CommandError::file("write", output, &error))?;
    }
    let certificate = args.output.as_deref().unwrap_or(&made.certificate);
    let next = words::import(&name, "FILE.p7m", &args.folder, &words::sim_flag(global));
    let way = words::portal(&made.service, Some(certificate), &next, made.apple_id.as_deref());
    ui.print(&format!("{}\n{way}", made.said(certificate)))?;
    Ok(ExitCode::Done)
}

/// A certificate that is ready to be uploaded.
pub(super) struct Made {
    /// What was done, a line or more.
    pub what: Vec<String>,
    /// The certificate's file.
    pub certificate: std::path::PathBuf,
    /// Its text.
    pub pem: Vec<u8>,
    /// The service at Apple, in words.
    pub service: String,
    /// The Apple Account to sign in with, where it is known.
    pub apple_id: Option<String>,
}

impl Made {
    /// What was done, and where the certificate is.
    pub fn said(&self, certificate: &Path) -> String {
        let mut text = self.what.join("\n");
        text += &format!("\n\n  certificate  {}\n", certificate.display());
        text
    }
}
