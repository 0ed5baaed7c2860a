//! The read half: each fact whole, or an error that says why it is not known.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::client::{DepClient, body_for, json};
use super::device::{self, Page, Sink};
use super::error::{DepError, Fault, Operation};
use super::wire::{self, Account, AccountDrivenUrl, ProfileRecord, Replacement};
use super::{MOST_SERIALS, PAGE_LIMIT};
use crate::http::meter::Meter;
use crate::model::Serial;

/// Reads with one server token. It cannot write.
#[derive(Clone, Debug)]
pub struct DepObserver(DepClient);

/// A place in the history of a server's devices, opaque and good for seven days. It belongs to one
/// server and is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor as a page gave it; `None` for the empty text.
    pub fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// The text to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What became of a read of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synced {
    /// All changes were read, oldest first; a serial may have come several times.
    Done {
        /// Where to go on next time: a new one even when nothing had changed.
        cursor: Cursor,
        /// The records read.
        seen: usize,
    },
    /// The cursor is of no use any more: what the sink got is to be thrown away, and all devices are
    /// to be read anew.
    CursorLost(CursorLost),
}

/// Why a cursor is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorLost {
    /// `EXPIRED_CURSOR`: older than seven days.
    Expired,
    /// `INVALID_CURSOR`: none of this server.
    Invalid,
    /// `EXHAUSTED_CURSOR`: it has given everything already.
    Exhausted,
}

impl fmt::Display for CursorLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CursorLost::Expired => "Apple's cursor is older than seven days",
            CursorLost::Invalid => "Apple takes the cursor for none of this server",
            CursorLost::Exhausted => "Apple's cursor has given everything already",
        })
    }
}

/// Which of the two lists of pages is read.
#[derive(Clone, Copy)]
enum List {
    All,
    Changes,
}

impl List {
    fn operation(self) -> Operation {
        match self {
            List::All => Operation::ReadDevices,
            List::Changes => Operation::ReadChanges,
        }
    }

    fn segments(self) -> &'static [&'static str] {
        match self {
            List::All => &["server", "devices"],
            List::Changes => &["devices", "sync"],
        }
    }
}

impl DepObserver {
    /// The read half of a connection.
    pub fn new(client: DepClient) -> Self {
        Self(client)
    }

    /// What the connection was called for so far, writes included, and what it asked for.
    pub fn meter(&self) -> &Meter {
        self.0.meter()
    }

    /// Reads what the token acts for (T-4).
    ///
    /// Source: `GET /account`, reference section 3.2.
    ///
    /// # Errors
    /// See [`DepError`].
    pub async fn account(&self) -> Result<Account, DepError> {
        let operation = Operation::ReadAccount;
        let body = self.0.get(operation, self.0.url(&["account"], None)).await?;
        read(operation, serde_json::from_slice(&body))
    }

    /// Reads all devices of the server, a page being parsed while the next is on its way. A device that
    /// the sink did not get is not assigned to this server, once this has returned a cursor.
    ///
    /// `on_page` hears how many devices were read so far.
    ///
    /// Source: `POST /server/devices`, reference section 3.3.
    ///
    /// # Errors
    /// See [`DepError`]; what the sink got is then only a part, to be thrown away.
    pub async fn fetch(
        &self,
        sink: &mut Sink<'_>,
        on_page: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Cursor, DepError> {
        self.pages(List::All, None, sink, on_page).await.map(|(cursor, _)| cursor)
    }

    /// Reads the changes since a cursor.
    ///
    /// Source: `POST /devices/sync`, reference section 3.4.
    ///
    /// # Errors
    /// See [`DepError`]; what the sink got is then only a part. The cursor stays good.
    pub async fn sync(&self, cursor: &Cursor, sink: &mut Sink<'_>) -> Result<Synced, DepError> {
        match self.pages(List::Changes, Some(cursor), sink, &mut |_| {}).await {
            Ok((cursor, seen)) => Ok(Synced::Done { cursor, seen }),
            Err(error) => match error.fault {
                Fault::CursorExpired => Ok(Synced::CursorLost(CursorLost::Expired)),
                Fault::CursorInvalid => Ok(Synced::CursorLost(CursorLost::Invalid)),
                Fault::CursorExhausted => Ok(Synced::CursorLost(CursorLost::Exhausted)),
                _ => Err(error),
            },
        }
    }

    /// Follows the pages to the last one: the cursor behind it, and the rows read.
    async fn pages(
        &self,
        list: List,
        from: Option<&Cursor>,
        sink: &mut Sink<'_>,
        on_page: &mut (dyn FnMut(usize) + Send),
    ) -> Result<(Cursor, usize), DepError> {
        let operation = list.operation();
        let mut asked: HashSet<String> = from.map(|cursor| cursor.0.clone()).into_iter().collect();
        let mut read = 0;
        let mut body = self.page(list, from.map(Cursor::as_str)).await?;
        loop {
            let ahead = self.request_ahead(list, &body, &asked);
            let Page { rows, cursor, more_to_follow } =
                device::read_page(&body, sink).map_err(|error| DepError::unreadable(operation, &error))?;
            read += rows;
            on_page(read);
            let last = Cursor(cursor.clone());
            if !more_to_follow {
                return Ok((last, read));
            }
            if !asked.insert(cursor.clone()) {
                let message = "Apple announces more devices under a cursor that was used already";
                return Err(DepError::own(operation, Fault::CursorStuck, message));
            }
            let next = match ahead {
                Some((guessed, request)) if guessed == cursor => arrival(operation, request).await,
                _ => self.page(list, Some(&cursor)).await,
            };
            body = match next {
                // Everything had been given already; going on from here is the changes' business.
                Err(error) if error.fault == Fault::CursorExhausted && matches!(list, List::All) => {
                    return Ok((last, read));
                }
                next => next?,
            };
        }
    }

    async fn page(&self, list: List, cursor: Option<&str>) -> Result<Bytes, DepError> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            cursor: Option<&'a str>,
            limit: u32,
        }
        let limit = self.0.settings().page_limit.clamp(1, PAGE_LIMIT);
        let body = json(&Body { cursor, limit });
        self.0.ask(list.operation(), list.segments(), body).await
    }

    /// Sends the request for the page behind `body` on a task of its own, given up when the set is
    /// dropped. `None` where that page cannot be told yet, or where there is none.
    fn request_ahead(
        &self,
        list: List,
        body: &[u8],
        asked: &HashSet<String>,
    ) -> Option<(String, JoinSet<Result<Bytes, DepError>>)> {
        let (cursor, more_to_follow) = device::peek(body)?;
        if !more_to_follow || cursor.is_empty() || asked.contains(&cursor) {
            return None;
        }
        let (observer, from) = (self.clone(), cursor.clone());
        let mut ahead = JoinSet::new();
        ahead.spawn(async move { observer.page(list, Some(&from)).await });
        Some((cursor, ahead))
    }

    /// Reads single devices, 1,000 to a request; returns those that the answers do not speak of.
    /// See [`device::DeviceRow::is_accessible`] for those that are not this server's.
    ///
    /// Source: `POST /devices`, reference section 3.6.
    ///
    /// # Errors
    /// See [`DepError`]; what the sink got is then only a part.
    pub async fn details(&self, serials: &[Serial], sink: &mut Sink<'_>) -> Result<Vec<Serial>, DepError> {
        let operation = Operation::ReadDetails;
        let mut seen = HashSet::with_capacity(serials.len());
        for chunk in serials.chunks(MOST_SERIALS) {
            let body = self.0.ask(operation, &["devices"], body_for(chunk, None)).await?;
            let rows = device::read_details(&body, &mut |row| {
                seen.extend(row.serial());
                sink(row);
            });
            read(operation, rows)?;
        }
        Ok(serials.iter().filter(|serial| !seen.contains(*serial)).copied().collect())
    }

    /// Reads a profile; `None`: Apple does not know it.
    ///
    /// Source: `GET /profile?profile_uuid=…`, reference section 3.10.
    ///
    /// # Errors
    /// See [`DepError`].
    pub async fn profile(&self, profile_uuid: &str) -> Result<Option<ProfileRecord>, DepError> {
        let operation = Operation::ReadProfile;
        let url = self.0.url(&["profile"], Some(("profile_uuid", profile_uuid)));
        match known(self.0.get(operation, url).await)? {
            Some(body) => read(operation, wire::read_profile(&body, profile_uuid)).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the URL of account-driven enrollment; `None`: none is set.
    ///
    /// Source: `GET /account-driven-enrollment/profile`, reference section 3.13.
    ///
    /// # Errors
    /// See [`DepError`]; [`Fault::OrgNotSupported`] where the organization cannot have one.
    pub async fn account_driven_url(&self) -> Result<Option<AccountDrivenUrl>, DepError> {
        let operation = Operation::ReadAccountDrivenUrl;
        let url = self.0.url(&["account-driven-enrollment", "profile"], None);
        match known(self.0.get(operation, url).await)? {
            Some(body) => read(operation, wire::read_account_driven_url(&body)),
            None => Ok(None),
        }
    }

    /// Asks which device a replacement stands for; `None`: it is no replacement, or not this server's.
    /// To be asked only where [`device::DeviceRow::is_replacement_device`] says so.
    ///
    /// Source: `GET /device/replacementDetails?device=…`, reference section 3.11.
    ///
    /// # Errors
    /// See [`DepError`].
    pub async fn replacement(&self, serial: &Serial) -> Result<Option<Replacement>, DepError> {
        let operation = Operation::ReadReplacement;
        let url = self.0.url(&["device", "replacementDetails"], Some(("device", serial.as_str())));
        match known(self.0.get(operation, url).await)? {
            Some(body) => read(operation, wire::read_replacement(&body, serial)).map(Some),
            None => Ok(None),
        }
    }
}

/// What is not there is an answer. But a bare 404 that does not come from the service is none: it may
/// be a wrong address.
fn known(read: Result<Bytes, DepError>) -> Result<Option<Bytes>, DepError> {
    match read {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.fault == Fault::NotFound && error.service_code.is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

fn read<T>(operation: Operation, read: Result<T, serde_json::Error>) -> Result<T, DepError> {
    read.map_err(|error| DepError::unreadable(operation, &error))
}

async fn arrival(
    operation: Operation,
    mut request: JoinSet<Result<Bytes, DepError>>,
) -> Result<Bytes, DepError> {
    match request.join_next().await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) | None => {
            let message = "the request for the next page was given up";
            Err(DepError::own(operation, Fault::AnswerLost, message))
        }
    }
}
