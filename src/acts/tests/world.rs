//! One act, one device, one ledger, all as they should be; each test changes one thing.

use crate::acts::check::{clear, clear_lift, clear_old_record, clear_release, clear_wipe, judge};
use crate::acts::{
    ActBook, ActEvent, ActState, Case, Cleared, Hold, Leg, Safeguard, SafeguardKind, Standing, digest,
};
use crate::model::act::{
    ActContent, ActOptions, Expect, FreshLock, FreshRecord, ManagementState, Os, Ownership, Record, RecordId,
};
use crate::model::clock::Timestamp;
use crate::model::organisation::ActivationLock;
use crate::model::{ActId, ActionKind, Epoch, Name, Sealed, SealedKind, Serial};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The present instant of all tests.
pub fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

/// `now` and so many seconds.
pub fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

pub fn id(action: &str, serial: &str) -> ActId {
    ActId { action: Name::new(action).unwrap(), serial: Serial::new(serial).unwrap() }
}

/// A supervised iPhone of the organisation, enrolled 30 days ago.
pub fn record(serial: &str) -> Record {
    Record {
        id: RecordId(format!("record-{serial}")),
        serial: Serial::new(serial),
        enrolled: Some(later(-30 * 86_400)),
        name: "Anna's iPhone".to_owned(),
        model: "iPhone 15".to_owned(),
        os: Os::Ios,
        os_version: "18.1".to_owned(),
        supervised: Some(true),
        ownership: Ownership::Company,
        user: "anna@contoso.example".to_owned(),
        state: ManagementState::Managed,
        agent: "mdm".to_owned(),
        lost_mode: Some(false),
        enrollment: "appleBulkWithUser".to_owned(),
        profile: "ipads".to_owned(),
        last_sync: Some(later(-3600)),
        results: Vec::new(),
    }
}

pub fn content(kind: ActionKind) -> ActContent {
    ActContent {
        kind,
        expect: Expect::default(),
        requested_at: later(-3600),
        expires: later(7 * 86_400),
        reason: Some("lost".to_owned()),
        physically_in_hand: kind.needs_hand(),
        accept_no_bypass_code: None,
        options: ActOptions::None,
    }
}

pub fn code() -> Sealed {
    Sealed {
        kind: SealedKind::BypassCode,
        cms: "c2VhbGVk".to_owned(),
        recipients: vec!["ab".repeat(32)],
        fingerprint: None,
    }
}

/// One act and everything that it is judged over.
#[derive(Clone, Debug)]
pub struct World {
    pub act: ActId,
    pub content: ActContent,
    pub record: Record,
    pub twins: usize,
    pub book: ActBook,
    pub born: Timestamp,
    pub now: Timestamp,
    pub standing: Standing,
    pub planned: Epoch,
    /// How old the reading of the record is, in seconds.
    pub age: i64,
    pub(super) row: i64,
}

impl World {
    /// An act of this kind with nothing in its way: bound, and not sent.
    pub fn new(kind: ActionKind) -> Self {
        let mut world = Self::unbound(kind);
        world.bind();
        world
    }

    /// The same, never seen by the ledger.
    pub fn unbound(kind: ActionKind) -> Self {
        let act = id("lost", "C02A0001");
        let mut record = record("C02A0001");
        let in_it = [ActionKind::PlaySound, ActionKind::Locate, ActionKind::DisableLostMode];
        record.lost_mode = Some(in_it.contains(&kind));
        if matches!(kind, ActionKind::LogOutSharedIpadUser | ActionKind::DeleteSharedIpadUser) {
            record.os = Os::Ipados;
        }
        Self {
            standing: Standing::of(&act, now()),
            planned: record.epoch().unwrap(),
            act,
            content: content(kind),
            record,
            twins: 0,
            book: ActBook::default(),
            born: later(-400 * 86_400),
            now: now(),
            age: 1,
            row: 10,
        }
    }

    pub fn take(&mut self, at: Timestamp, event: ActEvent) {
        self.row += 1;
        self.book.take(self.row, at, event).unwrap();
    }

    pub fn bind(&mut self) {
        let serials = vec![self.act.serial];
        self.bind_as(&self.act.action.clone(), serials, &self.content.clone());
    }

    pub fn bind_as(&mut self, action: &Name, serials: Vec<Serial>, content: &ActContent) {
        let bound = ActEvent::Bound {
            action: action.clone(),
            kind: content.kind,
            content: digest::content(content),
            requested_at: content.requested_at,
            expires: content.expires,
            serials,
            commit: None,
            gates: None,
        };
        self.take(later(-1800), bound);
    }

    pub fn promised(&self, act: &ActId, leg: Leg, safeguard: SafeguardKind) -> ActEvent {
        ActEvent::Promised {
            act: act.clone(),
            leg,
            tenant: "tenant".to_owned(),
            token: None,
            epoch: self.record.epoch().unwrap(),
            safeguard,
            sealed: None,
            request: "sha256:request".to_owned(),
            approved_elsewhere: None,
            approved_by: Vec::new(),
        }
    }

    pub fn promise(&mut self, at: Timestamp, leg: Leg) {
        let event = self.promised(&self.act.clone(), leg, SafeguardKind::Sealed);
        self.take(at, event);
    }

    pub fn moved(&mut self, at: Timestamp, leg: Leg, to: ActState) {
        let (act, evidence) = (self.act.clone(), "told".to_owned());
        let approval = (to == ActState::ApprovalElsewhere).then(|| "code".to_owned());
        self.take(at, ActEvent::Moved { act, leg, to, evidence, approval });
    }

    /// Another act of the same device, in a state.
    pub fn other(&mut self, action: &str, kind: ActionKind, state: ActState) -> ActId {
        let other = id(action, self.act.serial.as_str());
        let asked = content(kind);
        self.bind_as(&other.action, vec![other.serial], &asked);
        if state != ActState::Waiting {
            let event = self.promised(&other, Leg::Whole, SafeguardKind::Sealed);
            self.take(later(-600), event);
            if state != ActState::Promised {
                let (act, evidence) = (other.clone(), String::new());
                let moved = ActEvent::Moved { act, leg: Leg::Whole, to: state, evidence, approval: None };
                self.take(later(-599), moved);
            }
        }
        other
    }

    pub fn judge(&self) -> Option<Hold> {
        let digest = digest::content(&self.content);
        judge(&self.case(&digest), &self.record, self.twins)
    }

    pub fn case<'a>(&'a self, digest: &'a str) -> Case<'a> {
        let Self { act, content, book, born, now, .. } = self;
        Case { act, content, digest, book, born: *born, now: *now }
    }

    pub fn fresh(&self) -> FreshRecord {
        let read = Timestamp::from_second(self.now.as_second() - self.age).unwrap();
        FreshRecord::just_read(self.record.clone(), self.twins, read)
    }

    /// The sealed code of the act's device, in the life that the record shows.
    pub fn safeguard(&self) -> Safeguard {
        let record = Record { serial: Some(self.act.serial), ..self.record.clone() };
        Safeguard::sealed(&FreshRecord::just_read(record, 0, self.now), code()).unwrap()
    }

    pub fn lock(&self, lock: ActivationLock, ago: i64) -> FreshLock {
        let read = Timestamp::from_second(self.now.as_second() - ago).unwrap();
        FreshLock::just_read(self.act.serial, lock, read)
    }

    pub fn clear(&self) -> Result<Cleared, Hold> {
        self.clear_with(self.safeguard())
    }

    pub fn clear_with(&self, safeguard: Safeguard) -> Result<Cleared, Hold> {
        let digest = digest::content(&self.content);
        clear(&self.case(&digest), &self.planned, self.fresh(), safeguard, &self.standing)
    }

    pub fn clear_lift(&self) -> Result<Cleared, Hold> {
        let digest = digest::content(&self.content);
        clear_lift(&self.case(&digest), &self.planned, self.fresh(), self.safeguard(), &self.standing)
    }

    pub fn clear_wipe(&self, lock: &FreshLock) -> Result<Cleared, Hold> {
        let digest = digest::content(&self.content);
        clear_wipe(&self.case(&digest), &self.planned, self.fresh(), lock, self.safeguard(), &self.standing)
    }

    pub fn clear_old_record(&self, new: &Record) -> Result<Cleared, Hold> {
        let digest = digest::content(&self.content);
        let case = self.case(&digest);
        clear_old_record(&case, &self.planned, self.fresh(), new, self.safeguard(), &self.standing)
    }

    pub fn clear_release(&self, seen: Option<&Record>, lock: &FreshLock) -> Result<Cleared, Hold> {
        let digest = digest::content(&self.content);
        let epoch = self.record.epoch().unwrap();
        let case = self.case(&digest);
        clear_release(&case, &self.planned, epoch, seen, lock, self.safeguard(), &self.standing)
    }

    /// A hand-over whose first checkpoint is behind it.
    pub fn handed_over() -> Self {
        let mut world = Self::new(ActionKind::HandOver);
        world.promise(later(-1200), Leg::Whole);
        world.moved(later(-1199), Leg::Whole, ActState::Sent);
        world
    }
}
