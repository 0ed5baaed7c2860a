//! Tokens that espalier holds itself: the pair that waits, and the token that takes the old one's place.

use std::path::{Path, PathBuf};

use super::args::ImportArgs;
use super::import::ask;
use super::keygen::Made;
use super::{Folder, not_held, words};
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::engine::Session;
use crate::ledger::{Event, Server};
use crate::manifest::beside;
use crate::model::desired::{DirectToken, ServerTokenSource};
use crate::model::{Address, Name, Secret, SecretRef, ServerToken, TokenId};
use crate::provider::dep::Account;
use crate::server_token::held::{Held, read_file};
use crate::server_token::install::{self, Place};
use crate::server_token::pair::certificate_text;
use crate::server_token::store::{Pending, Store, write_private};
use crate::server_token::{Envelope, KeyPair, TokenFileError, content};

/// The file of an imported token in a simulated world.
const SIMULATED: &str = "server-token.p7m";

/// What a token's `direct` names. In a simulated world no secret is resolved: it is what was imported
/// there, and the pairs that wait.
pub(super) fn as_held(session: &Session, name: &Name, direct: &DirectToken) -> DirectToken {
    if !session.is_simulated() {
        return direct.clone();
    }
    let path = simulated(session.settings().folder.as_path(), &session.token_store(), name);
    DirectToken {
        private_key: SecretRef::File(path.with_file_name("none")),
        certificate: path.with_file_name("none"),
        server_token: ServerTokenSource::File(path),
    }
}

/// The place of an imported token in a simulated world, below the folder.
fn simulated(folder: &Path, store: &Store, name: &Name) -> PathBuf {
    let path = store.folder(name).join(SIMULATED);
    path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path)
}

/// Makes a pair, which waits from now on beside those that wait already.
pub(super) fn keygen(folder: &Folder, name: &Name) -> Result<Made, CommandError> {
    let others = folder.store.pending(name)?.pending.len();
    let pair = KeyPair::generate(name, jiff::Timestamp::now())?;
    let pem = pair.certificate_pem()?;
    let pending = folder.store.add(name, pair)?;
    let mut what = vec![
        format!("Made a key pair for EnrollmentToken/{name}: {}.", pending.pair.recipient()),
        format!(
            "The private key waits in {} (mode 0600) until the token is imported; keep it.",
            pending.folder.display()
        ),
    ];
    if others > 0 {
        what.push(format!(
            "{} wait as well and stay: whichever of their certificates Apple's file is for, `token import` finds it (T-2).",
            crate::cli::render::text::count(others as u64, "other pair")
        ));
    }
    let service = service_words(folder, name);
    Ok(Made { what, certificate: pending.certificate(), pem, service, apple_id: apple_id(folder, name) })
}

fn service_words(folder: &Folder, name: &Name) -> String {
    let display = folder.desired.tokens.get(name).map(|token| token.identity.display_name.as_str());
    format!("{:?}", display.unwrap_or(name.as_str()))
}

fn apple_id(folder: &Folder, name: &Name) -> Option<String> {
    folder.desired.tokens.get(name)?.apple_id.set().cloned()
}

/// The certificate that the document names.
pub(super) fn current(folder: &Folder, direct: &DirectToken) -> Result<Made, CommandError> {
    let path = &direct.certificate;
    let settings = &folder.settings;
    let read = beside(&settings.folder, path, settings.allow).and_then(|full| read_file(&full));
    let name = folder.desired.tokens.iter().find(|(_, token)| token.direct.as_ref() == Some(direct));
    let name = name.map(|(name, _)| name.clone());
    let pem = read.map_err(|error| {
        let hint = match &name {
            Some(name) => format!("make a pair: espalier token keygen {name}"),
            None => "make a pair: espalier token keygen TOKEN".to_owned(),
        };
        CommandError::new(ExitCode::Credentials, format!("the certificate {} cannot be read", path.display()))
            .because(&error)
            .hint(hint)
    })?;
    let certificate = settings.folder.join(path);
    let what = vec!["The certificate that the document names; no pair was made.".to_owned()];
    let service = name.as_ref().map(|name| service_words(folder, name)).unwrap_or_default();
    let apple_id = name.as_ref().and_then(|name| apple_id(folder, name));
    Ok(Made { what, certificate, pem, service, apple_id })
}

/// Imports a file; see the design's order: decrypted, read, tried, compared, put in place.
pub(super) fn import(
    folder: Folder,
    name: &Name,
    direct: &DirectToken,
    envelope: &Envelope,
    args: &ImportArgs,
    ui: &Ui,
) -> Result<ExitCode, CommandError> {
    setup::block_on(async {
        let session = folder.open(name, true, ui).await?;
        let ended = import_into(&session, name, direct, envelope, args, ui).await;
        session.close().await?;
        ended
    })
}

async fn import_into(
    session: &Session,
    name: &Name,
    direct: &DirectToken,
    envelope: &Envelope,
    args: &ImportArgs,
    ui: &Ui,
) -> Result<ExitCode, CommandError> {
    let (settings, store) = (session.settings(), session.token_store());
    let direct = as_held(session, name, direct);
    let held =
        Held { folder: &settings.folder, allow: settings.allow, store: &store, token: name, direct: &direct };
    let found = store.pending(name)?;
    for folder in &found.damaged {
        ui.warn(&format!("{} holds no whole key pair and was left as it is", folder.display()));
    }
    let named = if session.is_simulated() { None } else { held.pair().ok() };
    let (pair, pending) = choose(envelope, named, &found.pending, &held, name)?;
    let token = envelope.open(&pair)?;
    let now = session.clock().now();
    if let Some(expires) = token.expires.filter(|expires| *expires <= now) {
        return Err(CommandError::new(
            ExitCode::Credentials,
            format!("the token in the file has expired: {}", words::until(now, expires)),
        )
        .coded("token-expired")
        .hint("download a new one at Apple for the same service"));
    }
    let odd = token.oddities();
    if !odd.is_empty() {
        ui.warn(&format!("unusual for a token of Apple's: {} begin otherwise", odd.join(", ")));
    }
    // Whether the places can be written is seen before anybody is asked anything.
    if let Some(output) = &args.output {
        only_over(output, is_token)?;
    }
    let places = Places::of(session, &held, &token, envelope, pending.as_ref(), &args.file)?;
    let recorder = session.recorder()?;
    let view = session.view()?;
    let account = session.account_of(&token).await?;
    let known = view.servers.get(name);
    let former = held.server_token().ok();
    let document_id = session.token_document(name).and_then(|document| document.identity.id.clone());
    match same_server(document_id.as_deref(), known, &account, &token, former.as_ref()) {
        Same::Yes => {}
        Same::No { expected } => return Err(other_server(name, &expected, &account)),
        Same::Unclear => ask(
            &format!(
                "The new token is of the server {}, and whether the former one was of the same nobody knows: its consumer key is another one. Take it?",
                server_words(&account)
            ),
            args.yes,
            ui,
        )?,
    }
    warn_of_other_apple_id(session, name, known, &account, ui);
    if let Some(output) = &args.output {
        let text = content::stored(&token);
        write_private(output, text.reveal().as_bytes())
            .map_err(|error| CommandError::file("write", output, &error))?;
    }
    places.install()?;
    if let Some(recorder) = recorder {
        let server = account.server_uuid.clone().or_else(|| known.map(|known| known.server.clone()));
        let mut events = Vec::new();
        if let Some(server) = server {
            let token_id = known.map_or_else(|| TokenId(server.clone()), |known| known.token_id.clone());
            events.push(Event::ServerKnown {
                token: Address::token(name),
                token_id,
                server,
                name: account.server_name.clone(),
                org: account.org_id.clone(),
                apple_id: account.administrator().map(str::to_owned),
                credentials: token.credentials_fingerprint(),
            });
        }
        events.push(Event::TokenRenewed {
            token: Address::token(name),
            apple_id: account.administrator().map(str::to_owned),
            expires: token.expires,
        });
        recorder.record(&events)?;
    }
    let mut text = format!("Imported the token of EnrollmentToken/{name}: it signs in at Apple.\n");
    text += &format!("  server   {}\n", server_words(&account));
    if let Some(organisation) = &account.org_name {
        text += &format!("  for      {organisation}\n");
    }
    if let Some(administrator) = account.administrator() {
        text += &format!("  made by  {administrator}\n");
    }
    if let Some(expires) = token.expires {
        text += &format!("  expires  {}\n", words::until(now, expires));
    }
    for path in &places.written {
        text += &format!("  written  {}\n", path.display());
    }
    if let Some(output) = &args.output {
        text +=
            &format!("  written  {}, decrypted, mode 0600: remove it once it is stored\n", output.display());
    }
    if !places.told.is_empty() {
        text += "\nStill to do, for runs elsewhere too:\n";
        for told in &places.told {
            text += &format!("  - {told}\n");
        }
    }
    ui.print(&text)?;
    Ok(ExitCode::Done)
}

/// The pair that a file is for: one that waits, else the one that the document names. A pair that
/// waits and is the document's by now is settled with it.
fn choose(
    envelope: &Envelope,
    named: Option<KeyPair>,
    pending: &[Pending],
    held: &Held<'_>,
    name: &Name,
) -> Result<(KeyPair, Option<Pending>), CommandError> {
    if let Some(waiting) = pending.iter().find(|pending| envelope.is_for(&pending.pair)) {
        return Ok((waiting.pair.clone(), Some(waiting.clone())));
    }
    let mut tried: Vec<_> = pending.iter().map(|pending| pending.pair.recipient()).collect();
    match named {
        Some(pair) if envelope.is_for(&pair) => return Ok((pair, None)),
        Some(pair) => tried.push(pair.recipient()),
        None => {}
    }
    if tried.is_empty()
        && let Err(error) = held.pair()
    {
        return Err(not_held(&error, name));
    }
    Err(TokenFileError::OtherCertificate { file: envelope.recipients().to_vec(), held: tried }.into())
}

/// Whether a new token is of the server of the former one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Same {
    /// It is, or there was none.
    Yes,
    /// It is another one's than this.
    No {
        /// The server that is known.
        expected: String,
    },
    /// Nothing tells.
    Unclear,
}

/// The server's own id decides; only where none is known, that of the credentials. Another portal
/// user's download may have another consumer key (reference apple-enrollment-api, 1.5).
fn same_server(
    document: Option<&str>,
    known: Option<&Server>,
    account: &Account,
    new: &ServerToken,
    former: Option<&ServerToken>,
) -> Same {
    let plain = |id: &str| id.replace('-', "").to_ascii_uppercase();
    let found = account.server_uuid.as_deref().map(plain);
    let same_key = former.map(|former| former.fingerprint() == new.fingerprint());
    let expected = [document, known.map(|known| known.server.as_str())];
    let expected: Vec<&str> = expected.into_iter().flatten().collect();
    match (found, expected.as_slice()) {
        (Some(found), [_, ..]) => match expected.iter().find(|expected| plain(expected) != found) {
            Some(other) => Same::No { expected: (*other).to_owned() },
            None => Same::Yes,
        },
        (_, _) if same_key == Some(true) => Same::Yes,
        (_, []) if former.is_none() => Same::Yes,
        _ => Same::Unclear,
    }
}

fn server_words(account: &Account) -> String {
    let name = account.server_name.as_deref().unwrap_or("without a name");
    match &account.server_uuid {
        Some(id) => format!("{name:?} ({id})"),
        None => format!("{name:?}"),
    }
}

fn other_server(name: &Name, expected: &str, account: &Account) -> CommandError {
    CommandError::new(
        ExitCode::Credentials,
        format!(
            "the token in the file is of another server at Apple, {}, than that of EnrollmentToken/{name}, {expected}; nothing was replaced",
            server_words(account)
        ),
    )
    .coded("token-other-server")
    .hint("download the token of the right device management service; another one's devices would have to move and enroll again")
}

/// Warns where another Apple Account made the token than the one that is stated or known (T-4).
fn warn_of_other_apple_id(
    session: &Session,
    name: &Name,
    known: Option<&Server>,
    account: &Account,
    ui: &Ui,
) {
    let Some(new) = account.administrator() else { return };
    let stated = session.token_document(name).and_then(|document| document.apple_id.set());
    let former = known.and_then(|known| known.apple_id.as_ref());
    for (which, who) in [("the document says", stated), ("the former one was made by", former)] {
        if let Some(who) = who.filter(|who| !who.eq_ignore_ascii_case(new)) {
            ui.warn(&format!(
                "the token was made by {new}, and {which} {who}: a renewal should be made with the same Apple Account, which is who can renew it next time (T-4)"
            ));
        }
    }
}

/// Where everything goes, and what only a person can put in place.
struct Places {
    steps: Vec<install::Step>,
    /// Files that are written, as the documents name them.
    written: Vec<PathBuf>,
    /// What is to be stored elsewhere, a sentence each; no secret.
    told: Vec<String>,
}

impl Places {
    fn of(
        session: &Session,
        held: &Held<'_>,
        token: &ServerToken,
        envelope: &Envelope,
        pending: Option<&Pending>,
        file: &Path,
    ) -> Result<Self, CommandError> {
        let mut this = Self { steps: Vec::new(), written: Vec::new(), told: Vec::new() };
        let text = Secret::new(envelope.to_text());
        let token = match &held.direct.server_token {
            ServerTokenSource::File(path) => Some(this.place(held, path, text, is_token)?),
            ServerTokenSource::Secret(SecretRef::File(path)) => {
                let decrypted = located(held, path).and_then(|full| existing(&full)).is_some_and(|bytes| {
                    String::from_utf8(bytes).is_ok_and(|text| content::held(&Secret::new(text)).is_ok())
                });
                let text = if decrypted { content::stored(token) } else { text };
                Some(this.place(held, path, text, is_token)?)
            }
            ServerTokenSource::Secret(elsewhere) => {
                this.told.push(format!(
                    "store the text of {} as `direct.serverToken` ({elsewhere}); it is encrypted, and works with the key pair",
                    file.display()
                ));
                None
            }
        };
        let mut pair = Vec::new();
        let mut settled = None;
        if let Some(pending) = pending.filter(|_| !session.is_simulated()) {
            let pem = String::from_utf8(pending.pair.certificate_pem()?).unwrap_or_default();
            match &held.direct.private_key {
                SecretRef::File(path) => {
                    let key = pending.pair.key_pem()?;
                    pair.push(this.place(held, path, key, is_key)?);
                    settled = Some(pending);
                }
                elsewhere => this.told.push(format!(
                    "store the text of {} as `direct.privateKey` ({elsewhere}); until then runs in this folder use the pair that waits",
                    pending.private_key().display()
                )),
            }
            let path = held.direct.certificate.clone();
            pair.push(this.place(held, &path, Secret::new(pem), is_certificate)?);
        }
        this.steps = install::steps(token, pair, settled);
        Ok(this)
    }

    /// A place that the document names. What lies there has to be of the kind that it is named for: a
    /// document must not have anything else written over.
    fn place(
        &mut self,
        held: &Held<'_>,
        path: &Path,
        content: Secret,
        is_kind: impl Fn(&[u8]) -> bool,
    ) -> Result<Place, CommandError> {
        let full = match beside(held.folder, path, held.allow) {
            Ok(full) => full,
            Err(error) => {
                return Err(CommandError::new(
                    ExitCode::Manifests,
                    format!("{} cannot be written", path.display()),
                )
                .because(&error)
                .hint(
                    "name a file within the folder, or let the runner allow it with ESPALIER_ALLOW=files",
                ));
            }
        };
        if is_taken(&full, is_kind) {
            return Err(taken(path).hint("name another file in `direct`, or move that one away"));
        }
        self.written.push(path.to_owned());
        Ok(Place { path: full, content })
    }

    fn install(&self) -> Result<(), CommandError> {
        for step in &self.steps {
            step.perform().map_err(|error| {
                CommandError::file("write", step.path(), &error)
                    .hint("run the same import again: nothing is lost, and it goes on where it stopped")
            })?;
        }
        Ok(())
    }
}

/// Whether something else lies in a place than what is to be written there.
fn is_taken(path: &Path, is_kind: impl Fn(&[u8]) -> bool) -> bool {
    let Ok(about) = path.metadata() else { return false };
    // What is too long, or cannot be read, is none of these kinds.
    about.len() > 0 && existing(path).is_none_or(|bytes| !is_kind(&bytes)) || !about.is_file()
}

fn taken(path: &Path) -> CommandError {
    let what = "holds something else than it is named for; it was not written over";
    CommandError::new(ExitCode::Error, format!("{} {what}", path.display())).coded("token-place-taken")
}

/// A file that a person names for what a command writes.
///
/// # Errors
/// There is something of another kind: a document, the ledger.
fn only_over(output: &Path, is_kind: impl Fn(&[u8]) -> bool) -> Result<(), CommandError> {
    match is_taken(output, is_kind) {
        true => Err(taken(output).hint("name another file for `--output`, or move that one away")),
        false => Ok(()),
    }
}

/// The same for a certificate.
pub(super) fn only_over_certificate(output: &Path) -> Result<(), CommandError> {
    only_over(output, is_certificate)
}

fn located(held: &Held<'_>, path: &Path) -> Option<PathBuf> {
    beside(held.folder, path, held.allow).ok()
}

/// What a file holds; `None`: it is not there, or no file.
fn existing(path: &Path) -> Option<Vec<u8>> {
    read_file(path).ok()
}

fn is_token(bytes: &[u8]) -> bool {
    let text = || String::from_utf8(bytes.to_vec()).ok().map(Secret::new);
    !matches!(Envelope::read(bytes), Err(TokenFileError::Other(_) | TokenFileError::TooLarge(_)))
        || text().is_some_and(|text| content::held(&text).is_ok())
}

fn is_key(bytes: &[u8]) -> bool {
    bytes.starts_with(b"-----BEGIN ") && String::from_utf8_lossy(bytes).contains("PRIVATE KEY-----")
}

fn is_certificate(bytes: &[u8]) -> bool {
    certificate_text(&String::from_utf8_lossy(bytes)).is_ok() || bytes.first() == Some(&0x30)
}

/// The token that is held, for people: with what it costs to look, and nothing sent.
pub(super) fn held_now(
    session: &Session,
    name: &Name,
    direct: &DirectToken,
) -> Result<ServerToken, CommandError> {
    let (settings, store) = (session.settings(), session.token_store());
    let direct = as_held(session, name, direct);
    let held =
        Held { folder: &settings.folder, allow: settings.allow, store: &store, token: name, direct: &direct };
    held.server_token().map_err(|error| not_held(&error, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(uuid: Option<&str>) -> Account {
        Account { server_uuid: uuid.map(str::to_owned), ..Account::default() }
    }

    fn token(consumer_key: &str) -> ServerToken {
        let secret = |text: &str| Secret::new(text.to_owned());
        ServerToken {
            consumer_key: secret(consumer_key),
            consumer_secret: secret("CS_x"),
            access_token: secret("AT_x"),
            access_secret: secret("AS_x"),
            expires: None,
        }
    }

    fn known(server: &str) -> Server {
        Server {
            token_id: TokenId(server.to_owned()),
            server: server.to_owned(),
            name: None,
            org: None,
            apple_id: None,
            credentials: String::new(),
        }
    }

    const SCHOOL: &str = "31F2AB00C1D2E3F405162738495A6B7C";
    const DASHED: &str = "31f2ab00-c1d2-e3f4-0516-2738495a6b7c";
    const LAB: &str = "7B31F2AB00C1D2E3F405162738495A6B";

    #[test]
    fn t7_the_servers_own_id_decides_whether_a_token_is_a_renewal() {
        let (new, other) = (token("CK_new"), token("CK_other"));
        let same = |document, server: Option<&str>, found, former: Option<&ServerToken>| {
            same_server(document, server.map(known).as_ref(), &account(found), &new, former)
        };
        // Another portal user's download has another consumer key.
        assert_eq!(same(None, Some(SCHOOL), Some(DASHED), Some(&other)), Same::Yes);
        assert_eq!(same(Some(DASHED), None, Some(SCHOOL), Some(&other)), Same::Yes);
        // The same consumer key does not make up for another server.
        let no = Same::No { expected: SCHOOL.to_owned() };
        assert_eq!(same(None, Some(SCHOOL), Some(LAB), Some(&new)), no);
        assert_eq!(same(Some(SCHOOL), Some(LAB), Some(LAB), None), no);
        // Where no server is known, the consumer key says something, and the first token is taken.
        assert_eq!(same(None, None, Some(SCHOOL), Some(&new)), Same::Yes);
        assert_eq!(same(None, None, Some(SCHOOL), None), Same::Yes);
        assert_eq!(same(None, None, Some(SCHOOL), Some(&other)), Same::Unclear);
        assert_eq!(same(None, Some(SCHOOL), None, Some(&other)), Same::Unclear);
        assert_eq!(same(None, Some(SCHOOL), None, None), Same::Unclear);
    }

    #[test]
    fn only_a_file_of_the_right_kind_is_written_over() {
        let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert!(is_key(pem("PRIVATE KEY").as_bytes()) && is_key(pem("RSA PRIVATE KEY").as_bytes()));
        for other in ["", "kind: Fleet\n", "{}", "#!/bin/sh\n", "serial\nC02X\n", &pem("CERTIFICATE")] {
            assert!(!is_key(other.as_bytes()), "{other}");
            assert!(!is_token(other.as_bytes()), "{other}");
        }
        assert!(!is_certificate(b"kind: Fleet\n"));
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str, text: &str| {
            let path = home.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let held =
            content::stored(&ServerToken { expires: Some(jiff::Timestamp::UNIX_EPOCH), ..token("CK_1") });
        let held = held.reveal();
        for free in [home.path().join("new"), at("empty", ""), at("token.json", held)] {
            assert!(only_over(&free, is_token).is_ok(), "{}", free.display());
        }
        for taken in
            [home.path().to_owned(), at("fleet.yaml", "kind: Fleet\n"), at("long", &"A".repeat(2 << 20))]
        {
            let refused = only_over(&taken, is_token).unwrap_err();
            assert!(format!("{refused:?}").contains("token-place-taken"), "{}", taken.display());
        }
        assert!(only_over_certificate(&at("ledger.db", "SQLite format 3")).is_err());
    }
}
