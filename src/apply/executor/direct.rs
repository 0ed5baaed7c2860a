//! Steps with a direct token. Apple answers device by device, so that a step over many of them can be
//! done for some, refused for others, and put off for the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::journal::intent;
use super::super::report::{ItemCounts, StepOutcome};
use super::readback::LATE_PAUSES;
use super::{Run, failed, without_object};
use crate::diag::words::{count, form};
use crate::diff;
use crate::ledger::{Event, IntentState, LedgerError};
use crate::model::clock::{Timestamp, after};
use crate::model::desired::LimitKind;
use crate::model::live::{Cause, Fact};
use crate::model::{Fields, Platform, ProfileId, Serial};
use crate::plan::build::HORIZON;
use crate::plan::{Action, Step};
use crate::provider::dep::MOST_SERIALS;
use crate::provider::{Items, Observer, Outcome, Trouble, Write, direct};

const HOUR: Duration = Duration::from_secs(3600);
/// How long a device is left in peace on which Apple failed: the first time, the second, and from the
/// third on (reference apple-enrollment-api section 3.9).
const AFTER_FAILURES: [Duration; 3] = [HOUR, Duration::from_secs(4 * 3600), A_DAY];
/// What Apple tells others to wait where it does not say how long.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// The pauses between looks at a token on which devices are expected, in seconds: how long they take
/// nobody knows (reference apple-business-api section 13).
const ARRIVALS: [u64; 10] = [5, 10, 20, 40, 60, 60, 60, 60, 60, 60];

/// What came of the devices of one step, request after request.
#[derive(Debug, Default)]
pub(super) struct Answers {
    items: Items,
    /// In no request that was carried out.
    left: Vec<Serial>,
    /// In a request whose answer was lost.
    lost: Vec<Serial>,
    /// In no request: they do not show on this server yet.
    absent: Vec<Serial>,
    /// Why some are left.
    trouble: Option<Trouble>,
    /// Until when the last of those that Apple put off are left in peace.
    until: Option<Timestamp>,
}

impl Answers {
    fn add(&mut self, items: Items) {
        let Items { done, throttled, failed, missing, not_accessible, retry_after: _ } = items;
        self.items.done.extend(done);
        self.items.throttled.extend(throttled);
        self.items.failed.extend(failed);
        self.items.missing.extend(missing);
        self.items.not_accessible.extend(not_accessible);
    }

    /// How an intent ended that led to these answers.
    fn end(&self) -> (IntentState, String) {
        let note = self.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
        match (&self.trouble, self.lost.is_empty()) {
            (_, false) => (IntentState::Unknown, note),
            (Some(_), true) if self.items == Items::default() => (IntentState::Failed, note),
            (_, true) => (IntentState::Committed, note),
        }
    }

    /// What Apple put off, in words; `None`: nothing.
    fn put_off(&self) -> Option<String> {
        let Items { throttled, failed, missing, .. } = &self.items;
        let told = [
            (throttled.len(), "Apple limits (THROTTLED)"),
            (failed.len(), "Apple failed on (FAILED; after the third time its support is to be asked)"),
            (missing.len(), "Apple left out of its answer"),
        ];
        let told: Vec<String> = told
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} that {what}"))
            .collect();
        (!told.is_empty()).then(|| format!("devices are left in peace: {}", told.join(", ")))
    }
}

impl<'r> Run<'r> {
    /// Sends a step over devices, [`MOST_SERIALS`] to a request. Devices of a lost answer are looked up
    /// after the horizon, and only those that differ are sent once more. Those that are `absent` are told
    /// as waiting.
    pub(super) async fn by_device(
        &mut self,
        step: &'r Step,
        serials: &[Serial],
        absent: Vec<Serial>,
    ) -> Result<(), LedgerError> {
        let profile = match &step.action {
            Action::Unassign { .. } => None,
            _ => match self.object(step) {
                Some(profile) => Some(profile),
                None => {
                    self.outcomes.insert(&step.id, without_object(step));
                    return Ok(());
                }
            },
        };
        let mut answers = Answers { left: serials.to_vec(), absent, ..Answers::default() };
        for attempt in 0..2 {
            self.send_by_device(step, profile.as_ref(), &mut answers).await?;
            let Some(trouble) = answers.trouble.clone().filter(|_| !answers.lost.is_empty()) else { break };
            let until = after(self.exec.clock.now(), HORIZON);
            let is_last = attempt > 0 || !self.sleep_until(until).await;
            if is_last || !self.look_up_devices(step, profile.as_ref(), &mut answers).await? {
                let reason = trouble.to_string();
                self.outcomes.insert(&step.id, StepOutcome::Unknown { reason, until });
                self.answers.insert(&step.id, answers);
                self.sent.insert(&step.id);
                return Ok(());
            }
            if answers.left.is_empty() {
                break;
            }
        }
        if let Some(trouble) = answers.trouble.as_ref().filter(|_| answers.items == Items::default()) {
            self.refuse(step, trouble);
            return Ok(());
        }
        let shows_in_a_list = !answers.items.done.is_empty();
        self.answers.insert(&step.id, answers);
        self.sent.insert(&step.id);
        if !shows_in_a_list {
            self.enter_answers(step);
        }
        Ok(())
    }

    /// Gives devices their profile that were given to the token's service at Apple: they show on the
    /// token after a while that nobody knows. Reads what has changed until they do, as far as the wait
    /// allows; the others go on waiting.
    pub(super) async fn assign_after_arrival(&mut self, step: &'r Step) -> Result<(), LedgerError> {
        let Action::Assign { groups, .. } = &step.action else { return Ok(()) };
        let wanted: Vec<Serial> = groups.iter().flat_map(|group| group.serials.iter().copied()).collect();
        let shows = |run: &Self, serial: &Serial| {
            run.devices_of(step).and_then(|devices| devices.find(serial)).is_some_and(|one| !one.released)
        };
        for pause in std::iter::once(0).chain(ARRIVALS) {
            if pause > 0 && !self.patience().pause(pause).await {
                break;
            }
            self.read_devices(&step.connection, std::slice::from_ref(&step.token_id)).await;
            // Those that are not seen at Apple's side yet are not looked for.
            let expected = |serial: &&Serial| !self.not_arrived.contains(*serial);
            if wanted.iter().filter(expected).all(|serial| shows(self, serial)) {
                break;
            }
        }
        let tenant = self.live.tenants.get(&step.connection);
        if let Some(Fact::Unknown(why)) = tenant.and_then(|tenant| tenant.devices.get(&step.token_id)) {
            let outcome = StepOutcome::Failed {
                cause: why.cause,
                reason: format!("it is not known which devices show on the token: {why}"),
                next: why.next.clone(),
            };
            self.outcomes.insert(&step.id, outcome);
            return Ok(());
        }
        let (there, absent): (Vec<Serial>, Vec<Serial>) =
            wanted.into_iter().partition(|serial| shows(self, serial));
        if there.is_empty() {
            let outcome = StepOutcome::Pending { reason: not_shown(absent.len()), until: None };
            self.outcomes.insert(&step.id, outcome);
            self.items.insert(&step.id, ItemCounts { waiting: absent, ..ItemCounts::default() });
            return Ok(());
        }
        self.by_device(step, &there, absent).await
    }

    /// Sends the devices that are left, between one intent and its outcome.
    async fn send_by_device(
        &mut self,
        step: &'r Step,
        profile: Option<&ProfileId>,
        answers: &mut Answers,
    ) -> Result<(), LedgerError> {
        let Some(service) = self.exec.services.get(&step.connection) else { return Ok(()) };
        let ids = self.exec.intend(&[intent(step, &self.tenant_of(step), profile.cloned())])?;
        answers.trouble = None;
        let wanted = std::mem::take(&mut answers.left);
        let mut requests = wanted.chunks(MOST_SERIALS);
        let mut is_first = true;
        while let Some(serials) = requests.next() {
            if !is_first && *self.exec.stop.borrow() {
                self.interrupted = true;
                answers.left.extend(std::iter::once(serials).chain(requests).flatten());
                break;
            }
            is_first = false;
            let serials = serials.to_vec();
            let write = Write::Direct(match profile {
                Some(profile) => direct::Write::Assign { profile: profile.clone(), serials: serials.clone() },
                None => direct::Write::Remove { serials: serials.clone() },
            });
            let trouble = match service.actuator.write(&write).await {
                Outcome::Done(done) => {
                    let items = done.items.unwrap_or_default();
                    // At once: a run that dies must not forget whom Apple wants left in peace.
                    let events = self.facts_of_items(step, profile, &items, answers);
                    self.exec.settle(&[], &events)?;
                    answers.add(items);
                    continue;
                }
                Outcome::Refused(trouble) | Outcome::NotSent(trouble) => {
                    answers.left.extend(serials);
                    trouble
                }
                Outcome::Lost(trouble) => {
                    answers.lost.extend(serials);
                    trouble
                }
            };
            // What comes next would meet the same.
            answers.left.extend(requests.by_ref().flatten());
            answers.trouble = Some(trouble);
        }
        let (state, note) = answers.end();
        let results: Vec<_> = ids.into_iter().map(|id| (id, state, note.clone())).collect();
        let vanished = self.vanished(step, profile, answers).await;
        self.exec.settle(&results, vanished.as_slice())
    }

    /// Whether Apple does not know the profile any more, which only it can tell: then nothing is to be
    /// expected of it, and a later run defines it anew.
    async fn vanished(
        &self,
        step: &Step,
        profile: Option<&ProfileId>,
        answers: &mut Answers,
    ) -> Option<Event> {
        let trouble = answers.trouble.as_mut().filter(|trouble| trouble.status == Some(404))?;
        let object = profile?.clone();
        let Observer::Direct(observer) = &self.exec.services.get(&step.connection)?.observer else {
            return None;
        };
        let platform = step.platform.unwrap_or(Platform::Ios);
        let None = observer.profile(&object, platform).await.ok()? else { return None };
        "run it again: Apple does not know the profile any more, and it is defined anew"
            .clone_into(&mut trouble.next);
        Some(Event::Vanished { token_id: step.token_id.clone(), object })
    }

    /// What the ledger hears of one answer: whom Apple wants left in peace, who is so no longer, and how
    /// many lost their profile.
    fn facts_of_items(
        &self,
        step: &Step,
        profile: Option<&ProfileId>,
        items: &Items,
        answers: &mut Answers,
    ) -> Vec<Event> {
        let Some(profile) = profile else { return taken(step, items.done.len()) };
        let now = self.exec.clock.now();
        let known = self.exec.cooling.get(&step.token_id);
        let times = |serial: &Serial| {
            let before = known.and_then(|known| known.get(serial));
            before.filter(|before| before.profile == *profile).map_or(0, |before| before.times)
        };
        let mut groups: BTreeMap<(&str, Timestamp), Vec<Serial>> = BTreeMap::new();
        let throttled = after(now, items.retry_after.unwrap_or(A_DAY));
        for serial in &items.throttled {
            groups.entry(("THROTTLED", throttled)).or_default().push(*serial);
        }
        for (why, serials) in [("FAILED", &items.failed), ("MISSING", &items.missing)] {
            for serial in serials {
                let pause = AFTER_FAILURES.get(times(serial) as usize).copied().unwrap_or(A_DAY);
                groups.entry((why, after(now, pause))).or_default().push(*serial);
            }
        }
        answers.until = answers.until.max(groups.keys().map(|(_, until)| *until).max());
        let mut events: Vec<Event> = groups
            .into_iter()
            .map(|((why, until), serials)| Event::Cooling {
                token_id: step.token_id.clone(),
                profile: profile.clone(),
                why: why.to_owned(),
                until,
                serials,
            })
            .collect();
        let cooled: Vec<Serial> = match known {
            Some(known) => items.done.iter().filter(|serial| known.contains_key(serial)).copied().collect(),
            None => Vec::new(),
        };
        if !cooled.is_empty() {
            events.push(Event::Cooled { token_id: step.token_id.clone(), serials: cooled });
        }
        events
    }

    /// Reads what has changed and tells which devices of a lost answer have what they were to get; the
    /// others are left to be sent. False: it could not be read.
    async fn look_up_devices(
        &mut self,
        step: &'r Step,
        profile: Option<&ProfileId>,
        answers: &mut Answers,
    ) -> Result<bool, LedgerError> {
        self.observe(&[step]).await;
        if self.devices_of(step).is_none() {
            return Ok(false);
        }
        let lost = std::mem::take(&mut answers.lost);
        let unseen: Vec<Serial> =
            lost.iter().filter(|serial| !self.has(step, profile, serial)).copied().collect();
        self.look_at(step, &unseen).await;
        let (done, open): (Vec<Serial>, Vec<Serial>) =
            lost.into_iter().partition(|serial| self.has(step, profile, serial));
        let ids = self.unsettled_of(step)?.into_iter();
        let note =
            format!("looked up: {} had their part, {} had not", count(done.len(), "device"), open.len());
        let results: Vec<_> = ids.map(|id| (id, IntentState::Settled, note.clone())).collect();
        let events = if profile.is_none() { taken(step, done.len()) } else { Vec::new() };
        self.exec.settle(&results, &events)?;
        answers.items.done.extend(done);
        answers.left.splice(0..0, open);
        answers.trouble = None;
        Ok(true)
    }

    /// The devices of a step that Apple took and that do not show it yet.
    pub(super) fn late_devices(&self, step: &Step) -> Vec<Serial> {
        let Some(answers) = self.answers.get(step.id.as_str()) else { return Vec::new() };
        let profile = match &step.action {
            Action::Unassign { .. } => None,
            _ => self.object(step),
        };
        let sent = answers.items.done.iter().chain(&answers.lost);
        sent.filter(|serial| !self.has(step, profile.as_ref(), serial)).copied().collect()
    }

    /// Asks Apple for single devices, since the changes leave some out for ever; to send them their
    /// profile once more would be throttled. False: nothing was learnt.
    pub(super) async fn look_at(&mut self, step: &Step, serials: &[Serial]) -> bool {
        let service = self.exec.services.get(&step.connection);
        let Some(Observer::Direct(observer)) = service.map(|service| &service.observer) else { return false };
        if serials.is_empty() {
            return false;
        }
        let devices = observer.look_at(serials).await;
        let is_known = devices.known().is_some();
        if let Some(tenant) = self.live.tenants.get_mut(&step.connection).filter(|_| is_known) {
            tenant.devices.insert(step.token_id.clone(), devices);
        }
        is_known
    }

    fn devices_of(&self, step: &Step) -> Option<&crate::model::live::Devices> {
        self.live.tenants.get(&step.connection)?.devices.get(&step.token_id).and_then(Fact::known)
    }

    /// Whether a device has the profile, or none where it was to lose it.
    fn has(&self, step: &Step, profile: Option<&ProfileId>, serial: &Serial) -> bool {
        let Some(devices) = self.devices_of(step) else { return false };
        match (devices.find(serial), profile) {
            (Some(device), wished) => devices.profile_of(device) == wished,
            // What is not on this server any more has no profile of it.
            (None, wished) => wished.is_none(),
        }
    }

    /// Enters what Apple answered and what the devices show by now. True: nothing more is to be looked
    /// for.
    pub(super) fn enter_answers(&mut self, step: &'r Step) -> bool {
        let profile = match &step.action {
            Action::Unassign { .. } => None,
            _ => self.object(step),
        };
        let tenant = self.live.tenants.get(&step.connection);
        let unread = tenant.and_then(|tenant| tenant.devices.get(&step.token_id)).and_then(Fact::unknown);
        let Some(answers) = self.answers.get(step.id.as_str()) else { return true };
        let (seen, late): (Vec<Serial>, Vec<Serial>) = answers
            .items
            .done
            .iter()
            .chain(&answers.lost)
            .partition(|serial| self.has(step, profile.as_ref(), serial));
        let Items { throttled, failed: refused, missing, not_accessible, .. } = &answers.items;
        let counts = ItemCounts {
            committed: seen.len(),
            failed: refused.iter().chain(missing).copied().collect(),
            unknown: late.clone(),
            waiting: not_accessible.iter().chain(&answers.absent).copied().collect(),
            cooling: throttled.clone(),
        };
        let was_lost = !answers.lost.is_empty();
        let outcome = if let Some(unread) = unread.filter(|_| !late.is_empty()) {
            Err(format!("it could not be read back: {unread}"))
        } else if !late.is_empty() {
            Err(format!("{} {} not show it", count(late.len(), "device"), form(late.len(), "does", "do")))
        } else if let Some(trouble) = answers.trouble.as_ref().filter(|_| !was_lost) {
            let reason = format!(
                "{} {} not reached: {trouble}",
                count(answers.left.len(), "device"),
                form(answers.left.len(), "was", "were")
            );
            Ok(StepOutcome::Failed { cause: trouble.cause, reason, next: trouble.next.clone() })
        } else if !answers.left.is_empty() {
            let reason = format!(
                "{} {} left; any later apply goes on",
                count(answers.left.len(), "device"),
                form(answers.left.len(), "is", "are")
            );
            Ok(StepOutcome::Pending { reason, until: None })
        } else if let Some(reason) = answers.put_off() {
            Ok(StepOutcome::Pending { reason, until: answers.until })
        } else if !answers.absent.is_empty() {
            Ok(StepOutcome::Pending { reason: not_shown(answers.absent.len()), until: None })
        } else {
            Ok(StepOutcome::Committed)
        };
        self.items.insert(&step.id, counts);
        match outcome {
            Ok(outcome) => {
                if was_lost {
                    self.found.push(step);
                }
                self.sent.remove(step.id.as_str());
                self.outcomes.insert(&step.id, outcome);
                true
            }
            Err(reason) => {
                if !was_lost {
                    self.outcomes.insert(&step.id, StepOutcome::Unconfirmed { reason });
                }
                false
            }
        }
    }

    /// Reads a profile back that was just defined: what devices are given has to be what was wished.
    pub(super) async fn look_at_defined(
        &mut self,
        step: &'r Step,
        object: &ProfileId,
        fields: &Fields,
    ) -> StepOutcome {
        let service = self.exec.services.get(&step.connection);
        let Some(Observer::Direct(observer)) = service.map(|service| &service.observer) else {
            return without_object(step);
        };
        let Some(platform) = step.platform else { return without_object(step) };
        let mut reason = String::new();
        for pause in std::iter::once(0).chain(LATE_PAUSES) {
            if pause > 0 && !self.sleep_until(after(self.exec.clock.now(), Duration::from_secs(pause))).await
            {
                break;
            }
            match observer.profile(object, platform).await {
                Ok(Some(live)) => return self.compare_defined(step, fields, &live.fields),
                Ok(None) => reason = "Apple does not show it yet".to_owned(),
                Err(error) => {
                    let trouble = Trouble::from(error);
                    if trouble.cause == Cause::Credentials {
                        return failed(&trouble);
                    }
                    reason = format!("it could not be read back: {trouble}");
                }
            }
        }
        StepOutcome::Unconfirmed { reason }
    }

    fn compare_defined(&mut self, step: &'r Step, wished: &Fields, live: &Fields) -> StepOutcome {
        let differences = diff::compare(wished, live);
        let is_screen = |change: &diff::FieldChange| {
            change.field.starts_with("setupAssistant.") && change.after.as_text() == Some("hide")
        };
        if differences.iter().all(is_screen) {
            let screens: Vec<String> = differences.iter().map(|change| change.field.to_string()).collect();
            if !screens.is_empty() {
                self.not_taken.insert(&step.id, screens);
            }
            return StepOutcome::Committed;
        }
        let told: Vec<String> = differences
            .iter()
            .map(|change| format!("{} is {}, not {}", change.field, change.before, change.after))
            .collect();
        StepOutcome::Failed {
            cause: Cause::Refused,
            reason: format!("Apple keeps it otherwise than it was defined: {}", told.join("; ")),
            next: "no device was given it; change these fields, and report it if they are right".to_owned(),
        }
    }
}

/// What so many devices wait for that were given to a token's service at Apple.
fn not_shown(many: usize) -> String {
    format!(
        "{} {} not show on the token yet, though given to its service at Apple, or about to be",
        count(many, "device"),
        form(many, "does", "do")
    )
}

/// So many devices lost their profile: counted by the limits.
fn taken(step: &Step, count: usize) -> Vec<Event> {
    if count == 0 {
        return Vec::new();
    }
    vec![Event::Destroyed {
        address: step.address.clone(),
        token: step.address.domain().clone(),
        kind: LimitKind::Unassign,
        count: count as u64,
    }]
}
