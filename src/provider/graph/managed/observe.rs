//! What is read of managed devices: each fact whole, or unknown with its reason. Nothing here is kept for
//! later.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use super::super::batch::{self, place};
use super::super::client::{Call, Failure, LANES, Success};
use super::super::observe::fact;
use super::super::pages::Trail;
use super::super::wire::{PageRead, read_page};
use super::super::{GraphObserver, Operation, ServiceError};
use super::wire::{self, About, ApprovalRow, AuditRow, CodeRow, RecordRow, SecretsRow, TwinRow, same_id};
use crate::model::Serial;
use crate::model::act::{
    ActionResult, ApprovalCode, ApprovalState, CodeRead, FreshRecord, HeldSecret, Record, RecordId, Records,
    ResultSecret,
};
use crate::model::clock::Timestamp;
use crate::model::live::{Cause, Complete, Fact};

const DEVICES: [&str; 2] = ["deviceManagement", "managedDevices"];

/// What is said where an answer is not about what was asked.
const DOUBT: &str =
    "nothing is sent on such an answer: run again, and look at the device in the Intune portal if it lasts";

impl GraphObserver {
    /// Reads the records of all managed devices of the tenant, Apple's and others, without the secrets that
    /// stand in them. A page is parsed while the next is on its way.
    ///
    /// Source: `GET /deviceManagement/managedDevices`, reference section 5.1.
    pub async fn records(&self) -> Fact<Records> {
        let url = self.client().url(&DEVICES, Some(wire::RECORD));
        let mut records: Vec<Option<Record>> = Vec::new();
        let read = self.rows(Operation::ListRecords, url, |body, next| {
            read_page(body, |row: RecordRow<'_>| records.push(row.record()), next)
        });
        fact(match read.await {
            Ok(()) => match records.into_iter().collect::<Option<Vec<Record>>>() {
                Some(records) => Ok(Records::new(Complete::after_last_page(once_each(records)))),
                None => Err(self.odd(Operation::ListRecords, "a record without an id")),
            },
            Err(error) => Err(error),
        })
    }

    /// Reads one record as it is now, and how many other records have its serial, in one request.
    /// `Known(None)`: the service itself says that it has no such record. Nobody documents that serials can
    /// be filtered by: an answer that does not hold the record itself, that goes on, or that shows another
    /// serial leaves all of it unknown.
    ///
    /// Source: `GET /deviceManagement/managedDevices/{id}` and the list with `$filter`, reference section
    /// 5.1.
    pub async fn fresh(&self, record: &RecordId, serial: &Serial) -> Fact<Option<FreshRecord>> {
        let one = [(record.clone(), *serial)];
        let mut fresh = self.fresh_each(&one).await;
        fresh.pop().unwrap_or_else(|| Fact::Unknown(self.short(Operation::ReadRecord).into()))
    }

    /// As [`GraphObserver::fresh`] for several devices, ten to a request; in their order.
    pub async fn fresh_each(&self, of: &[(RecordId, Serial)]) -> Vec<Fact<Option<FreshRecord>>> {
        let chunks = of.chunks(batch::MOST / 2).map(|chunk| self.fresh_chunk(chunk));
        let read: Vec<Vec<_>> = stream::iter(chunks).buffered(LANES).collect().await;
        read.into_iter().flatten().collect()
    }

    async fn fresh_chunk(&self, of: &[(RecordId, Serial)]) -> Vec<Fact<Option<FreshRecord>>> {
        let operation = Operation::ReadRecord;
        if let Some(error) = of.iter().find_map(|(record, _)| self.not_an_id(operation, record)) {
            return of.iter().map(|_| Fact::Unknown(error.clone().into())).collect();
        }
        // Before it is asked, so that no record is ever taken to be newer than it is.
        let read = self.client().settings().clock.now();
        let calls: Vec<Call> = of
            .iter()
            .flat_map(|(record, serial)| {
                let twins = format!("$filter=serialNumber eq '{serial}'&$select=id,serialNumber");
                [
                    Call::get(operation, self.device(record, wire::RECORD)),
                    Call::get(operation, self.client().url(&DEVICES, Some(&twins))),
                ]
            })
            .collect();
        let mut ends = self.client().batch(&calls).await.into_iter();
        of.iter()
            .map(|(record, serial)| match (ends.next(), ends.next()) {
                (Some(by_id), Some(by_serial)) => fact(self.judged(record, serial, by_id, by_serial, read)),
                _ => Fact::Unknown(self.short(operation).into()),
            })
            .collect()
    }

    fn judged(
        &self,
        record: &RecordId,
        serial: &Serial,
        by_id: Result<Success, Failure>,
        by_serial: Result<Success, Failure>,
        read: Timestamp,
    ) -> Result<Option<FreshRecord>, ServiceError> {
        let operation = Operation::ReadRecord;
        let odd = |what: &str| self.odd(operation, what);
        let by_serial = by_serial.map_err(|failure| failure.error)?;
        let (mut ids, mut others, mut goes_on) = (BTreeSet::new(), 0_usize, false);
        let each = |row: TwinRow<'_>| {
            let (id, of) = row.named();
            others += usize::from(of != Some(*serial));
            ids.insert(id.0.to_ascii_lowercase());
        };
        read_page(&by_serial.answer.body, each, |_| goes_on = true)
            .map_err(|error| self.unread(operation, &error))?;
        let holds_it = ids.contains(&record.0.to_ascii_lowercase());
        let found = match by_id {
            Ok(found) => found,
            Err(Failure { error, .. }) if is_gone(&error) => {
                return match holds_it {
                    true => Err(odd("the record is gone by its id and there by its serial")),
                    false => Ok(None),
                };
            }
            Err(Failure { error, .. }) => return Err(error),
        };
        let row: RecordRow<'_> =
            wire::read_single(&found.answer.body).map_err(|error| self.unread(operation, &error))?;
        let found = row.record().filter(|found| same_id(&found.id.0, record));
        let found = found.ok_or_else(|| odd("the answer is about another record"))?;
        if found.serial != Some(*serial) {
            return Err(odd(&format!("the record does not have the serial {serial}")));
        }
        if goes_on {
            return Err(odd("the records of this serial fill more than a page"));
        }
        if others > 0 {
            return Err(odd("the list of this serial shows others too: it cannot be told who has it"));
        }
        if !holds_it {
            return Err(odd("the list of this serial does not hold the record itself"));
        }
        Ok(Some(FreshRecord::just_read(found, ids.len() - 1, read)))
    }

    /// Reads a device's Activation Lock bypass code. Only an answer that is about this record and this
    /// serial is believed.
    ///
    /// Source: `GET /deviceManagement/managedDevices/{id}` with `$select`, reference section 5.1.
    pub async fn bypass_code(&self, record: &RecordId, serial: &Serial) -> Fact<CodeRead> {
        let one = [(record.clone(), *serial)];
        let mut codes = self.bypass_codes(&one).await;
        codes.pop().unwrap_or_else(|| Fact::Unknown(self.short(Operation::ReadBypassCode).into()))
    }

    /// As [`GraphObserver::bypass_code`] for several devices, 20 to a request; in their order.
    pub async fn bypass_codes(&self, of: &[(RecordId, Serial)]) -> Vec<Fact<CodeRead>> {
        let operation = Operation::ReadBypassCode;
        let chunks = of.chunks(batch::MOST).map(|chunk| async move {
            let select = "$select=id,serialNumber,activationLockBypassCode";
            let calls: Vec<Call> =
                chunk.iter().map(|(record, _)| Call::get(operation, self.device(record, select))).collect();
            if let Some(error) = chunk.iter().find_map(|(record, _)| self.not_an_id(operation, record)) {
                return chunk.iter().map(|_| Fact::Unknown(error.clone().into())).collect();
            }
            let answers = self.client().batch(&calls).await;
            let codes = chunk.iter().zip(answers).map(|((record, serial), answer)| {
                let body = answer.map_err(|failure| failure.error)?.answer.body;
                let row: CodeRow<'_> = self.about(operation, &body, record, serial)?;
                Ok(row.code().map_or(CodeRead::Null, |code| {
                    // A refusal that comes later may quote it.
                    self.client().redactor().learn_passing(&code);
                    CodeRead::Code(code)
                }))
            });
            codes.map(fact).collect::<Vec<_>>()
        });
        let read: Vec<Vec<Fact<CodeRead>>> = stream::iter(chunks).buffered(LANES).collect().await;
        read.into_iter().flatten().collect()
    }

    /// Reads the secrets that stand in the results of a device's actions: PINs, temporary passcodes, places.
    ///
    /// Source: `GET /deviceManagement/managedDevices/{id}` with `$select`, reference section 5.2.
    pub async fn action_secrets(&self, record: &RecordId, serial: &Serial) -> Fact<Vec<HeldSecret>> {
        let operation = Operation::ReadActionSecrets;
        if let Some(error) = self.not_an_id(operation, record) {
            return Fact::Unknown(error.into());
        }
        let url = self.device(record, "$select=id,serialNumber,deviceActionResults");
        let read = self.client().get(operation, url).await;
        let held = read.and_then(|body| {
            let row: SecretsRow<'_> = self.about(operation, &body, record, serial)?;
            Ok(row.held())
        });
        for one in held.iter().flatten() {
            if let ResultSecret::UnlockPin(secret) | ResultSecret::Passcode(secret) = &one.secret {
                self.client().redactor().learn_passing(secret);
            }
        }
        fact(held)
    }

    /// Reads the tenant's record of remote actions since an instant, by the record that they were for, the
    /// oldest first. It is evidence that outlives records; what is missing in it proves nothing.
    ///
    /// Source: `GET /deviceManagement/remoteActionAudits`, reference section 5.2.
    pub async fn audits(&self, since: Timestamp) -> Fact<BTreeMap<RecordId, Vec<ActionResult>>> {
        let path = ["deviceManagement", "remoteActionAudits"];
        // Times are compared with `lt` and `gt` where that is documented; what is too old is left out here.
        let before = since.checked_sub(SignedDuration::from_secs(1)).unwrap_or(since);
        let filter = format!("$filter=requestDateTime gt {before}");
        let filtered = self.audits_of(self.client().url(&path, Some(&filter))).await;
        let read = match filtered {
            // That it can be filtered by time is not documented.
            Err(error) if matches!(error.status, Some(400 | 501)) => {
                self.audits_of(self.client().url(&path, None)).await
            }
            read => read,
        };
        let read = read.map(|mut audits| {
            audits.retain(|(_, audit)| audit.started.is_none_or(|started| started >= since));
            audits.sort_by_key(|(_, audit)| audit.started);
            let mut by_record: BTreeMap<RecordId, Vec<ActionResult>> = BTreeMap::new();
            for (record, audit) in audits {
                by_record.entry(record).or_default().push(audit);
            }
            by_record
        });
        fact(read)
    }

    async fn audits_of(&self, url: Url) -> Result<Vec<(RecordId, ActionResult)>, ServiceError> {
        let mut audits = Vec::new();
        let each = |body: &[u8], next: &mut dyn FnMut(&str)| {
            read_page(body, |row: AuditRow<'_>| audits.extend(row.result()), next)
        };
        self.rows(Operation::ListAudits, url, each).await?;
        Ok(audits)
    }

    /// Asks how far a multi admin approval is. A request that is not shown is [`ApprovalState::Unknown`].
    ///
    /// Source: `GET /deviceManagement/operationApprovalRequests` with `$filter`, reference section 8.6.
    pub async fn approval(&self, code: &ApprovalCode) -> Fact<ApprovalState> {
        let filter = format!("$filter=requestId eq '{code}'");
        let url = self.client().url(&["deviceManagement", "operationApprovalRequests"], Some(&filter));
        // Each with what it says of its being the one, and its state.
        let mut shown: Vec<(Option<bool>, ApprovalState)> = Vec::new();
        let each = |body: &[u8], next: &mut dyn FnMut(&str)| {
            let row = |row: ApprovalRow<'_>| {
                shown.push((row.is_of(code.as_str()), ApprovalState::from_word(row.status())));
            };
            read_page(body, row, next)
        };
        let read = self.rows(Operation::ReadApproval, url, each).await;
        fact(read.map(|()| {
            let mut of_it = shown.iter().filter(|(is_of, _)| *is_of == Some(true));
            match (of_it.next(), of_it.next(), shown.as_slice()) {
                (Some((_, state)), None, _) => *state,
                // The filter picked it, and it says nothing else of itself.
                (None, _, [(None, state)]) => *state,
                _ => ApprovalState::Unknown,
            }
        }))
    }

    /// Reads a list to its last page, `read` page by page; the request for a page is under way while the one
    /// before it is parsed.
    async fn rows(
        &self,
        operation: Operation,
        first: Url,
        mut read: impl FnMut(&[u8], &mut dyn FnMut(&str)) -> Result<PageRead, serde_json::Error> + Send,
    ) -> Result<(), ServiceError> {
        let mut trail = Trail::new(operation, &first);
        let mut body = self.client().get(operation, first).await?;
        loop {
            let mut next = None;
            let mut on_next = |link: &str| {
                next = Some(trail.follow(self.client(), link).map(|url| self.request_ahead(operation, url)));
            };
            read(&body, &mut on_next).map_err(|error| self.unread(operation, &error))?;
            let Some(next) = next else { return Ok(()) };
            body = self.page_ahead(operation, next?).await?;
        }
    }

    /// An answer about one device, if it is about the one that was asked about.
    fn about<'p, T: Deserialize<'p> + About>(
        &self,
        operation: Operation,
        body: &'p Bytes,
        record: &RecordId,
        serial: &Serial,
    ) -> Result<T, ServiceError> {
        let row: T = wire::read_single(body).map_err(|error| self.unread(operation, &error))?;
        let (id, of) = row.about();
        match same_id(id, record) && of == Some(*serial) {
            true => Ok(row),
            false => Err(self.odd(operation, "the answer is not about the device that was asked about")),
        }
    }

    fn device(&self, record: &RecordId, query: &str) -> Url {
        self.client().url(&[DEVICES[0], DEVICES[1], &record.0], Some(query))
    }

    fn not_an_id(&self, operation: Operation, record: &RecordId) -> Option<ServiceError> {
        (!wire::is_id(&record.0)).then(|| self.odd(operation, "what was asked for is no id of a record"))
    }

    fn short(&self, operation: Operation) -> ServiceError {
        self.odd(operation, "fewer answers than questions")
    }

    /// An answer that leaves in doubt what is so.
    fn odd(&self, operation: Operation, what: &str) -> ServiceError {
        ServiceError::own(operation, Cause::Unavailable, what.to_owned(), DOUBT)
    }

    fn unread(&self, operation: Operation, error: &serde_json::Error) -> ServiceError {
        ServiceError::unreadable(operation, &place(error), self.client().redactor())
    }
}

/// Whether the service itself says that there is no such record; others on the way may say 404, too, and a
/// tenant that was never set up says it of everything.
fn is_gone(error: &ServiceError) -> bool {
    matches!(error.status, Some(404 | 410)) && error.code.is_some() && error.cause == Cause::Unavailable
}

/// A list that changes while it is read can show a record twice; the later word counts.
fn once_each(records: Vec<Record>) -> Vec<Record> {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by(|one, other| records[*one].id.cmp(&records[*other].id));
    let mut is_old = vec![false; records.len()];
    for pair in order.windows(2) {
        // The order is stable: of equal ids the earlier comes first.
        is_old[pair[0]] = records[pair[0]].id == records[pair[1]].id;
    }
    let mut is_old = is_old.into_iter();
    let mut records = records;
    records.retain(|_| !is_old.next().unwrap_or_default());
    records
}
