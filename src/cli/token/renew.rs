//! `token renew`: what is held, and the way to a new token, step by step (T-4, T-6, T-7, T-8, T-13).

use std::path::PathBuf;

use super::args::{ImportArgs, KeygenArgs, RenewArgs};
use super::{Folder, direct, import, keygen, mdm, not_reached, words};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::engine::Session;
use crate::model::Name;

/// Leads through a renewal: asking where somebody can be asked, else in words.
///
/// # Errors
/// What the steps say.
pub(super) fn run(args: &RenewArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = Folder::read(&args.folder, global, "token renew", ui)?;
    let (name, document) = folder.token(&args.token)?;
    let is_direct = document.direct.is_some();
    let stand = setup::block_on(async {
        let session = folder.open(&name, false, ui).await?;
        let stand = stand(&session, &name).await;
        session.close().await?;
        stand
    })?;
    ui.print(&stand.text)?;
    if ui.is_terminal() {
        return guided(args, is_direct, &stand, global, ui);
    }
    let sim = words::sim_flag(global);
    let folder =
        if args.folder.as_os_str() == "." { String::new() } else { format!(" {}", args.folder.display()) };
    let mut text = "\nTo renew it, first the certificate:\n".to_owned();
    text += &format!("  espalier token keygen {name}{folder}{sim}\n");
    text += if is_direct {
        "or leave the one at Apple as it is, if its private key is still held; then no certificate is uploaded.\n\n"
    } else {
        "which has the MDM make a new key; `--current` gives the present one.\n\n"
    };
    let next = words::import(&name, "FILE.p7m", &args.folder, &sim);
    text += &words::portal(&stand.service, None, &next, stand.apple_id.as_deref());
    ui.print(&text)?;
    Ok(ExitCode::Done)
}

/// What is known of a token before its renewal.
struct Stand {
    /// For people.
    text: String,
    /// The service at Apple, in words.
    service: String,
    /// Whose Apple Account made it.
    apple_id: Option<String>,
}

async fn stand(session: &Session, name: &Name) -> Result<Stand, CommandError> {
    let Some(document) = session.token_document(name) else {
        return Err(CommandError::new(ExitCode::Manifests, format!("the document of {name} is gone")));
    };
    let (now, view) = (session.clock().now(), session.view()?);
    let stated = document.apple_id.set().cloned();
    let mut text = format!("EnrollmentToken/{name}");
    let Some(held) = &document.direct else {
        let live =
            session.find_token(name, document, &view).await.map_err(|unknown| not_reached(&unknown))?;
        text += &format!(", {:?}, held by {}\n", live.name, document.realm.document());
        if let Some(expires) = live.expires {
            text += &format!("  expires  {}\n", words::until(now, expires));
        }
        if let Some(apple_id) = &live.apple_id {
            text += &format!("  made by  {apple_id}\n");
        }
        return Ok(Stand { text, service: mdm::service_words(&live), apple_id: live.apple_id.or(stated) });
    };
    text += ", held by espalier\n";
    match direct::held_now(session, name, held) {
        Ok(token) => {
            if let Some(expires) = token.expires {
                text += &format!("  expires  {}\n", words::until(now, expires));
            }
        }
        Err(error) => text += &format!("  expires  not known: {}\n", error.message),
    }
    let server = view.servers.get(name);
    let mut service = format!("{:?}", document.identity.display_name);
    if let Some(server) = server {
        let called = server.name.as_deref().unwrap_or("without a name");
        text += &format!("  server   {called:?} ({})\n", server.server);
        service = format!("{called:?}");
    }
    let apple_id = stated.or_else(|| server.and_then(|server| server.apple_id.clone()));
    if let Some(apple_id) = &apple_id {
        text += &format!("  made by  {apple_id}\n");
    }
    if let Some(renewed) = view.renewed.get(name) {
        text += &format!("  imported {}\n", renewed.strftime("%Y-%m-%d %H:%M UTC"));
    }
    for pending in session.token_store().pending(name)?.pending {
        text += &format!("  waits    {}, {}\n", pending.certificate().display(), pending.pair.recipient());
    }
    Ok(Stand { text, service, apple_id })
}

/// Asks, makes the key pair, tells the way through the portal, and imports what comes of it.
fn guided(
    args: &RenewArgs,
    is_direct: bool,
    stand: &Stand,
    global: &GlobalArgs,
    ui: &Ui,
) -> Result<ExitCode, CommandError> {
    let question = if is_direct {
        "Make a new key pair? Otherwise the certificate at Apple stays."
    } else {
        "Have the MDM make a new key? It ends a renewal that somebody has begun there. Otherwise the present key stays."
    };
    let sim = words::sim_flag(global);
    let (folder, output, token) = (args.folder.clone(), None, args.token.clone());
    let name = Name::new(&token)
        .map_err(|error| CommandError::new(ExitCode::Usage, error.to_string()).coded("token-unknown"))?;
    if ui.confirm(question)? {
        // The answer to this question is the answer to that of the command.
        keygen::run(&KeygenArgs { token, folder, current: false, output, yes: true }, global, ui)?;
    } else {
        let next = words::import(&name, "FILE.p7m", &folder, &sim);
        ui.print(&format!("\n{}", words::portal(&stand.service, None, &next, stand.apple_id.as_deref())))?;
    }
    let answer = ui.ask("The file that the portal gave (empty: later, by the command above)")?;
    let path = answer.trim().trim_matches(['"', '\'']);
    if path.is_empty() {
        return Ok(ExitCode::Done);
    }
    let import = ImportArgs {
        token: args.token.clone(),
        file: PathBuf::from(path),
        folder: args.folder.clone(),
        output: None,
        yes: false,
    };
    import::run(&import, global, ui)
}
