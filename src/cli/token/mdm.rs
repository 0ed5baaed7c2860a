//! Tokens that an MDM holds: its key, and the upload of what Apple gave for it (T-1, T-3, T-4, T-7).

use std::time::Duration;

use super::args::{ImportArgs, KeygenArgs};
use super::import::ask;
use super::keygen::Made;
use super::{Folder, not_reached, words};
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::engine::{Intune, Session};
use crate::ledger::Event;
use crate::model::clock::Timestamp;
use crate::model::desired::Token;
use crate::model::live::{Cause, Fact, LiveToken};
use crate::model::{Address, Name};
use crate::server_token::pair::certificate_text;
use crate::server_token::store::make_private_folder;
use crate::server_token::{Envelope, Recipient, TokenFileError};

/// How often, and how long after each other, Intune is asked for the new expiry.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(3);

/// The document of a token that an MDM holds.
fn document<'s>(session: &'s Session, name: &Name) -> Result<&'s Token, CommandError> {
    let gone = || CommandError::new(ExitCode::Manifests, format!("the document of {name} is gone"));
    session.token_document(name).ok_or_else(gone)
}

/// Gets the certificate of Intune's key: the one in force, or after asking a new one; `None`: the
/// answer was no.
pub(super) fn keygen(
    folder: Folder,
    name: &Name,
    args: &KeygenArgs,
    ui: &Ui,
) -> Result<Option<Made>, CommandError> {
    setup::block_on(async {
        let session = folder.open(name, !args.current, ui).await?;
        let made = key(&session, name, args, ui).await;
        session.close().await?;
        made
    })
}

async fn key(
    session: &Session,
    name: &Name,
    args: &KeygenArgs,
    ui: &Ui,
) -> Result<Option<Made>, CommandError> {
    let document = document(session, name)?;
    let live = session.find_token(name, document, &session.view()?).await.map_err(|u| not_reached(&u))?;
    let service = session.intune_of(document).map_err(|unknown| not_reached(&unknown))?;
    let where_ = document.realm.document();
    let (text, what) = if args.current {
        let text = match service.observer.encryption_key(&live.id).await {
            Fact::Known(Some(text)) => text,
            Fact::Known(None) => {
                return Err(CommandError::new(
                    ExitCode::Error,
                    format!("{where_} has no key for the token {:?}", live.name),
                )
                .hint(format!("have one made: espalier token keygen {name}")));
            }
            Fact::Unknown(unknown) => return Err(not_reached(&unknown)),
        };
        (text, format!("The key that {where_} has for the token {:?}; none was made.", live.name))
    } else {
        let question = format!(
            "Have {where_} make a new key for the token {:?}? A renewal that somebody has begun with the old key has to begin anew (T-2).",
            live.name
        );
        if !args.yes && ui.is_terminal() && !ui.confirm(&question)? {
            return Ok(None);
        }
        ask(&question, args.yes || ui.is_terminal(), ui)?;
        let made = service.actuator.generate_encryption_key(&live.id).await;
        let text = made.map_err(|error| not_reached(&error.into()))?;
        (
            text,
            format!("{where_} made a new key for the token {:?}. The private half stays there.", live.name),
        )
    };
    let mut what = vec![what];
    let (pem, file) = match certificate_text(&text) {
        Ok(certificate) => {
            let recipient = Recipient::of(&certificate);
            what.push(format!("Its certificate: {recipient}."));
            let number = match recipient {
                Recipient::Certificate { serial, .. } => serial,
                Recipient::KeyId(_) | Recipient::Other => "key".to_owned(),
            };
            (certificate.to_pem().unwrap_or_else(|_| text.clone().into_bytes()), format!("mdm-{number}.pem"))
        }
        Err(_) => {
            ui.warn("what the MDM gave looks like no certificate; it is written as it came");
            (text.into_bytes(), "mdm-key.pem".to_owned())
        }
    };
    let store = session.token_store();
    let path = store.folder(name).join(file);
    let io = |error| CommandError::file("write", &path, &error);
    make_private_folder(&store.folder(name)).map_err(io)?;
    crate::server_token::store::write_private(&path, &pem).map_err(io)?;
    Ok(Some(Made { what, certificate: path, pem, service: service_words(&live), apple_id: live.apple_id }))
}

/// The service at Apple: Intune does not know its name (reference intune-graph section 2.1).
pub(super) fn service_words(live: &LiveToken) -> String {
    format!("that belongs to the token {:?} of the MDM", live.name)
}

/// Uploads a file to the MDM that holds the token.
pub(super) fn import(
    folder: Folder,
    name: &Name,
    envelope: &Envelope,
    args: &ImportArgs,
    ui: &Ui,
) -> Result<ExitCode, CommandError> {
    if args.output.is_some() {
        return Err(CommandError::new(
            ExitCode::Usage,
            "--output belongs to a token that espalier holds: only the MDM can decrypt this one",
        )
        .hint("leave --output out"));
    }
    setup::block_on(async {
        let session = folder.open(name, true, ui).await?;
        let ended = upload(&session, name, envelope, args, ui).await;
        session.close().await?;
        ended
    })
}

async fn upload(
    session: &Session,
    name: &Name,
    envelope: &Envelope,
    args: &ImportArgs,
    ui: &Ui,
) -> Result<ExitCode, CommandError> {
    let document = document(session, name)?;
    consent(document, name)?;
    let live = session.find_token(name, document, &session.view()?).await.map_err(|u| not_reached(&u))?;
    let service = session.intune_of(document).map_err(|unknown| not_reached(&unknown))?;
    let apple_id = apple_id(document, &live, name, ui)?;
    for_its_key(&service, &live, envelope, ui).await?;
    let where_ = document.realm.document();
    ask(
        &format!(
            "Upload {} to {where_} for its token {:?}, made by {apple_id}? It takes the place of the one in use.",
            args.file.display(),
            live.name
        ),
        args.yes,
        ui,
    )?;
    // Nothing is sent that could not be written down afterwards.
    let recorder = session.recorder()?;
    match service.actuator.upload_token(&live.id, &apple_id, &envelope.to_text()).await {
        Ok(()) => {}
        // What came of it is seen by looking.
        Err(error)
            if error.cause == Cause::LostAnswer && expiry(session, &service, &live).await.is_some() =>
        {
            ui.warn(&format!("the answer was lost, and the token has another expiry: {error}"));
        }
        Err(error) => return Err(not_reached(&error.into())),
    }
    let expires = expiry(session, &service, &live).await;
    if let Some(recorder) = recorder {
        recorder.record(&[Event::TokenRenewed {
            token: Address::token(name),
            apple_id: Some(apple_id.clone()),
            expires,
        }])?;
    }
    let now = session.clock().now();
    match expires {
        Some(expires) => {
            ui.print(&format!(
                "Renewed EnrollmentToken/{name} at {where_}, made by {apple_id}.\n  expires  {}\n",
                words::until(now, expires)
            ))?;
            Ok(ExitCode::Done)
        }
        None => {
            ui.print(&format!(
                "Uploaded the file for EnrollmentToken/{name} to {where_}, made by {apple_id}.\n"
            ))?;
            ui.warn("the MDM does not show another expiry yet; see `espalier status` in some minutes");
            Ok(ExitCode::Unconfirmed)
        }
    }
}

/// Consent has to stand in a document that somebody reviewed (T-3).
fn consent(document: &Token, name: &Name) -> Result<(), CommandError> {
    if document.consent_to_share_data.set() == Some(&true) {
        return Ok(());
    }
    Err(CommandError::new(
        ExitCode::Manifests,
        format!(
            "EnrollmentToken/{name} does not consent to send user and device data to Apple, which the upload of a token asks for (T-3)"
        ),
    )
    .coded("token-no-consent")
    .hint("write `consentToShareData: true` into its document, if that is so"))
}

/// Whose Apple Account made the token: what the document says, else what the MDM has (T-4).
fn apple_id(document: &Token, live: &LiveToken, name: &Name, ui: &Ui) -> Result<String, CommandError> {
    let stated = document.apple_id.set();
    if let (Some(stated), Some(held)) = (stated, &live.apple_id)
        && !stated.eq_ignore_ascii_case(held)
    {
        ui.warn(&format!(
            "the token was made by {held}, and the document says {stated}: a renewal should be made with the same Apple Account, which is who can renew it next time (T-4)"
        ));
    }
    stated.or(live.apple_id.as_ref()).cloned().ok_or_else(|| {
        CommandError::new(
            ExitCode::Manifests,
            format!("nobody knows whose Apple Account made the token of EnrollmentToken/{name} (T-4)"),
        )
        .coded("token-no-apple-id")
        .hint("write `appleId` into its document")
    })
}

/// Refuses a file that is not for the MDM's present key (T-2). Where the key cannot be read, the MDM
/// itself decides.
async fn for_its_key(
    service: &Intune,
    live: &LiveToken,
    envelope: &Envelope,
    ui: &Ui,
) -> Result<(), CommandError> {
    let certificate = match service.observer.encryption_key(&live.id).await {
        Fact::Known(Some(text)) => certificate_text(&text).ok(),
        Fact::Known(None) => None,
        Fact::Unknown(unknown) => {
            ui.warn(&format!("whether the file is for the MDM's key was not seen: {unknown}"));
            None
        }
    };
    match certificate {
        Some(certificate) if !envelope.recipients().iter().any(|one| one.means(&certificate)) => {
            let (file, held) = (envelope.recipients().to_vec(), vec![Recipient::of(&certificate)]);
            Err(TokenFileError::OtherCertificate { file, held }.into())
        }
        _ => Ok(()),
    }
}

/// The expiry that the MDM shows, once it is another one than before.
async fn expiry(session: &Session, service: &Intune, before: &LiveToken) -> Option<Timestamp> {
    for look in 0..LOOKS {
        if look > 0 {
            session.clock().sleep(PAUSE).await;
        }
        if let Fact::Known(Some(live)) = service.observer.token(&before.id).await
            && live.expires.is_some()
            && live.expires != before.expires
        {
            return live.expires;
        }
    }
    None
}
