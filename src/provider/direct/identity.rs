//! Which server at Apple a token belongs to. `GET /account` tells it; it is asked only where the ledger
//! does not know, or knows it of other credentials.

use std::sync::PoisonError;

use super::{Credentials, DirectObserver};
use crate::ledger::Server;
use crate::model::TokenId;
use crate::model::live::{Cause, Unknown};
use crate::provider::dep::Account;
use crate::provider::outcome::unknown;

/// Which server a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The id under which everything of the token is kept: it stays for the life of the server.
    pub token_id: TokenId,
    /// `server_uuid`; `None`: nobody has asked yet.
    pub server: Option<String>,
    /// `server_name`
    pub name: Option<String>,
    /// `org_id`
    pub org: Option<String>,
    /// Who downloaded the token (T-4).
    pub apple_id: Option<String>,
    /// Apple was asked, and the ledger does not say the same yet.
    pub is_news: bool,
}

/// What is wrong about whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The credentials are those of another server than the one that is meant.
    OtherServer,
    /// Two documents have a token of one server.
    SameServer,
    /// Apple does not tell which server it is.
    ServerUnknown,
}

impl Doubt {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Doubt::OtherServer => "token-other-server",
            Doubt::SameServer => "token-same-server",
            Doubt::ServerUnknown => "token-server-unknown",
        }
    }
}

/// How much is asked about a token of which the ledger knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Nothing, unless the document states an id: a first plan costs no call more than it has to.
    Spare,
    /// What is to be recorded by a run that may write.
    ToRecord,
}

impl Identity {
    /// Of a token of which no more is known than its credentials.
    pub(super) fn of_credentials(credentials: &Credentials) -> Self {
        let token_id = TokenId(credentials.server.clone());
        Self { token_id, server: None, name: None, org: None, apple_id: None, is_news: false }
    }

    fn of_ledger(known: &Server) -> Self {
        Self {
            token_id: known.token_id.clone(),
            server: Some(known.server.clone()),
            name: known.name.clone(),
            org: known.org.clone(),
            apple_id: known.apple_id.clone(),
            is_news: false,
        }
    }

    fn of_account(token_id: TokenId, server: String, account: Account) -> Self {
        let apple_id = account.administrator().map(str::to_owned);
        let Account { server_name: name, org_id: org, .. } = account;
        Self { token_id, server: Some(server), name, org, apple_id, is_news: true }
    }
}

/// Whether two spellings mean one server: Apple writes its ids with hyphens or without, and in either
/// case.
pub fn is_same_server(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace('-', "").to_ascii_uppercase();
    plain(one) == plain(other)
}

impl DirectObserver {
    /// Finds out which server the token belongs to. `known` is what the ledger says, `stated` the id
    /// in the document.
    ///
    /// # Errors
    /// Apple could not be asked; the token is another server's.
    pub async fn identify(
        &self,
        known: Option<&Server>,
        stated: Option<&str>,
        asking: Asking,
    ) -> Result<Identity, Unknown> {
        let identity = self.identified(known, stated, asking).await?;
        *self.0.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity.clone();
        Ok(identity)
    }

    async fn identified(
        &self,
        known: Option<&Server>,
        stated: Option<&str>,
        asking: Asking,
    ) -> Result<Identity, Unknown> {
        let credentials = self.credentials();
        // What this process has asked for by itself needs not be asked again.
        let earlier = self.identity();
        let identity = match known {
            Some(known) if known.credentials == credentials.exact => Identity::of_ledger(known),
            Some(known) => {
                let asked = self.ask(known.token_id.clone(), earlier).await?;
                let found = asked.server.clone().unwrap_or_default();
                if !is_same_server(&found, &known.server) {
                    return Err(other_server(&asked, &known.server, known.name.as_deref()));
                }
                asked
            }
            None if stated.is_some() || asking == Asking::ToRecord => {
                self.ask(Identity::of_credentials(credentials).token_id, earlier).await?
            }
            None => Identity::of_credentials(credentials),
        };
        match (&identity.server, stated) {
            (Some(server), Some(stated)) if !is_same_server(server, stated) => {
                Err(other_server(&identity, stated, None))
            }
            _ => Ok(identity),
        }
    }

    async fn ask(&self, token_id: TokenId, earlier: Identity) -> Result<Identity, Unknown> {
        if earlier.is_news && earlier.token_id == token_id {
            return Ok(earlier);
        }
        let account = self.0.dep.account().await.map_err(|error| unknown(&error))?;
        match account.server_uuid.clone().filter(|uuid| !uuid.is_empty()) {
            Some(server) => Ok(Identity::of_account(token_id, server, account)),
            None => Err(Unknown {
                cause: Cause::Unavailable,
                reason: "Apple does not tell which server the token belongs to [token-server-unknown]"
                    .to_owned(),
                next: "run again later; if it lasts, see Apple's system status page".to_owned(),
            }),
        }
    }
}

fn other_server(found: &Identity, expected: &str, expected_name: Option<&str>) -> Unknown {
    let named = |name: Option<&str>| name.map(|name| format!("{name:?}, ")).unwrap_or_default();
    Unknown {
        cause: Cause::Credentials,
        reason: format!(
            "the server token is one of another server ({}{}) than that of this document ({}{expected}) [{}]",
            named(found.name.as_deref()),
            found.server.as_deref().unwrap_or_default(),
            named(expected_name),
            Doubt::OtherServer.code(),
        ),
        next: "download the token of the right server in Apple Business or School Manager and import it; if the other server is meant, give it a document of its own (T-7)".to_owned(),
    }
}
