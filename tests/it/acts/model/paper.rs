//! Documents as they are generated: the oracle judges by these, and never by what the product read of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use espalier::model::Serial;
use espalier::model::clock::Timestamp;
use espalier::sim::device::ManagedAction;

use super::people;

/// What a document asks for; the words are those of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Sync,
    PlaySound,
    Locate,
    EscrowBypassCode,
    Lock,
    EnableLostMode,
    DisableLostMode,
    Restart,
    ShutDown,
    Rename,
    LogOutSharedIpadUser,
    ClearPasscode,
    DisableActivationLock,
    Retire,
    DeleteRecord,
    DeleteSharedIpadUser,
    Wipe,
    HandOver,
    Release,
}

/// How grave a kind is, by the table of manifests.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grave {
    Safe,
    Disruptive,
    Destructive,
    Irreversible,
}

impl Kind {
    pub const ALL: [Kind; 19] = [
        Kind::Sync,
        Kind::PlaySound,
        Kind::Locate,
        Kind::EscrowBypassCode,
        Kind::Lock,
        Kind::EnableLostMode,
        Kind::DisableLostMode,
        Kind::Restart,
        Kind::ShutDown,
        Kind::Rename,
        Kind::LogOutSharedIpadUser,
        Kind::ClearPasscode,
        Kind::DisableActivationLock,
        Kind::Retire,
        Kind::DeleteRecord,
        Kind::DeleteSharedIpadUser,
        Kind::Wipe,
        Kind::HandOver,
        Kind::Release,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Sync => "sync",
            Kind::PlaySound => "playSound",
            Kind::Locate => "locate",
            Kind::EscrowBypassCode => "escrowBypassCode",
            Kind::Lock => "lock",
            Kind::EnableLostMode => "enableLostMode",
            Kind::DisableLostMode => "disableLostMode",
            Kind::Restart => "restart",
            Kind::ShutDown => "shutDown",
            Kind::Rename => "rename",
            Kind::LogOutSharedIpadUser => "logOutSharedIpadUser",
            Kind::ClearPasscode => "clearPasscode",
            Kind::DisableActivationLock => "disableActivationLock",
            Kind::Retire => "retire",
            Kind::DeleteRecord => "deleteRecord",
            Kind::DeleteSharedIpadUser => "deleteSharedIpadUser",
            Kind::Wipe => "wipe",
            Kind::HandOver => "handOver",
            Kind::Release => "release",
        }
    }

    pub fn of_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    pub fn grave(self) -> Grave {
        match self {
            Kind::Sync | Kind::PlaySound | Kind::Locate | Kind::EscrowBypassCode => Grave::Safe,
            Kind::Lock
            | Kind::EnableLostMode
            | Kind::DisableLostMode
            | Kind::Restart
            | Kind::ShutDown
            | Kind::Rename
            | Kind::LogOutSharedIpadUser => Grave::Disruptive,
            Kind::Release => Grave::Irreversible,
            _ => Grave::Destructive,
        }
    }

    /// Whether a code, a proof or a waiver has to come first.
    pub fn takes_the_code(self) -> bool {
        matches!(self, Kind::Wipe | Kind::DeleteRecord | Kind::HandOver | Kind::Release)
    }

    /// Whether conditions may pick its devices.
    pub fn may_pick(self) -> bool {
        self.grave() == Grave::Safe
    }

    /// The requests at Intune that a document of this kind may lead to.
    pub fn requests(self) -> &'static [ManagedAction] {
        match self {
            Kind::Sync => &[ManagedAction::SyncDevice],
            Kind::PlaySound => &[ManagedAction::PlayLostModeSound],
            Kind::Locate => &[ManagedAction::LocateDevice],
            Kind::EscrowBypassCode | Kind::Release => &[],
            Kind::Lock => &[ManagedAction::RemoteLock],
            Kind::EnableLostMode => &[ManagedAction::EnableLostMode],
            Kind::DisableLostMode => &[ManagedAction::DisableLostMode],
            Kind::Restart => &[ManagedAction::RebootNow],
            Kind::ShutDown => &[ManagedAction::ShutDown],
            Kind::Rename => &[ManagedAction::SetDeviceName],
            Kind::LogOutSharedIpadUser => &[ManagedAction::LogoutSharedAppleDeviceActiveUser],
            Kind::ClearPasscode => &[ManagedAction::ResetPasscode],
            Kind::DisableActivationLock => &[ManagedAction::BypassActivationLock],
            Kind::Retire => &[ManagedAction::Retire],
            Kind::DeleteRecord => &[ManagedAction::Delete],
            Kind::DeleteSharedIpadUser => &[ManagedAction::DeleteUserFromSharedAppleDevice],
            Kind::Wipe => &[ManagedAction::Wipe],
            Kind::HandOver => {
                &[ManagedAction::BypassActivationLock, ManagedAction::Wipe, ManagedAction::Delete]
            }
        }
    }
}

/// What is expected of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    pub model: Option<String>,
    pub user: Option<String>,
    pub name: Option<String>,
}

/// A `DeviceAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub kind: Kind,
    pub serials: BTreeSet<Serial>,
    pub expect: Expect,
    pub requested: Timestamp,
    /// Hours.
    pub expires_after: i64,
    pub reason: String,
    pub waiver: bool,
    /// Of a wipe: whether the data plan goes.
    pub drops_plan: bool,
    /// Of a hand-over: the token to which it leads.
    pub to: &'static str,
    /// The family that conditions pick; `None`: the serials are named. `serials` are all that may be picked.
    pub picks: Option<&'static str>,
    /// Of a wipe of Macs: whether a PIN is set.
    pub pin: bool,
}

impl Act {
    /// Not sent from this instant on.
    pub fn expires(&self) -> Timestamp {
        self.requested
            .checked_add(jiff::SignedDuration::from_hours(self.expires_after))
            .expect("times of tests are in range")
    }

    /// All but the serials, as far as it is written down: what is bound on first sight.
    pub fn content(&self) -> Act {
        let reason = if self.kind.grave() >= Grave::Disruptive { self.reason.clone() } else { String::new() };
        let waiver = self.waiver && self.kind.takes_the_code();
        let drops_plan = self.drops_plan && self.kind == Kind::Wipe;
        Act { serials: BTreeSet::new(), reason, waiver, drops_plan, ..self.clone() }
    }

    fn yaml(&self, name: &str) -> String {
        let Self { kind, serials, expect, requested, expires_after, reason, waiver, drops_plan, to, .. } =
            self;
        let serials: Vec<String> = serials.iter().map(ToString::to_string).collect();
        let devices = match self.picks {
            None => format!("serials: [{}]", serials.join(", ")),
            Some(family) => format!("where: {{productFamilies: [{family}]}}"),
        };
        let mut text = format!(
            "apiVersion: espalier.dev/v1alpha1
kind: DeviceAction
metadata: {{name: {name}}}
spec:
  action: {}
  devices:
    {devices}
",
            kind.word(),
        );
        let pairs = [("model", &expect.model), ("user", &expect.user), ("name", &expect.name)];
        let stated: Vec<String> = pairs
            .iter()
            .filter_map(|(member, value)| Some(format!("{member}: {:?}", value.as_ref()?)))
            .collect();
        if !stated.is_empty() {
            let _ = writeln!(text, "    expect: {{{}}}", stated.join(", "));
        }
        let _ = writeln!(text, "  requestedAt: {requested}\n  expiresAfter: {expires_after}h");
        if kind.grave() >= Grave::Disruptive {
            let _ = writeln!(text, "  reason: {reason:?}");
        }
        if matches!(kind, Kind::HandOver | Kind::DisableActivationLock) {
            text.push_str("  physicallyInHand: true\n");
        }
        if *waiver && kind.takes_the_code() {
            text.push_str("  acceptNoBypassCode: The device is on the desk and nobody is signed in\n");
        }
        match kind {
            Kind::EnableLostMode => {
                text.push_str("  options: {message: Please call, phoneNumber: \"+49 30 5550100\"}\n");
            }
            Kind::Wipe if self.pin => {
                let _ = writeln!(
                    text,
                    "  options: {{keepDataPlan: {}, pin: {{env: NOBODY_READS_IT}}}}",
                    !drops_plan
                );
            }
            Kind::Wipe if *drops_plan => text.push_str("  options: {keepDataPlan: false}\n"),
            Kind::Rename => {
                let _ = writeln!(text, "  options: {{name: Desk-{name}}}");
            }
            Kind::DeleteSharedIpadUser => text.push_str("  options: {user: pupil@school.example}\n"),
            Kind::HandOver => {
                let _ = writeln!(text, "  options: {{token: {to}, profile: phones}}");
            }
            _ => {}
        }
        text
    }
}

/// `Fleet.approvals`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvals {
    pub signers: BTreeSet<usize>,
    pub count: u32,
}

/// For how many hours a signature is good.
pub const VALID_FOR: i64 = 72;

/// `Fleet.windows`: open each day from this hour on, in UTC, for so many hours; for destructive acts and graver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: i64,
    pub hours: i64,
}

/// The `Fleet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Numbers per token and 24 hours, by kind.
    pub limits: BTreeMap<Kind, u64>,
    pub serials: BTreeSet<Serial>,
    pub tokens: BTreeSet<String>,
    pub approvals: Option<Approvals>,
    pub window: Option<Window>,
    pub escrow: bool,
    pub on_enrollment: bool,
}

/// The kinds that have a limit, and the number where a Fleet is silent (manifests.md, `Fleet`).
pub const LIMITED: [(Kind, u64); 6] = [
    (Kind::ClearPasscode, 5),
    (Kind::Retire, 5),
    (Kind::DeleteRecord, 5),
    (Kind::Wipe, 1),
    (Kind::HandOver, 5),
    (Kind::Release, 1),
];

impl Fleet {
    /// The number that bounds a kind; `None`: nothing does.
    pub fn limit(&self, kind: Kind) -> Option<u64> {
        let usual = LIMITED.iter().find(|(limited, _)| *limited == kind).map(|(_, number)| *number);
        self.limits.get(&kind).copied().or(usual)
    }

    fn yaml(&self) -> String {
        let mut text = format!(
            "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {{name: school}}
spec:
  ledger: {{id: {LEDGER}, sqlite: {{path: ledger.db}}}}
"
        );
        if self.escrow {
            let _ = writeln!(
                text,
                "  escrow: {{recipients: [escrow.pem], onEnrollment: {}}}",
                self.on_enrollment
            );
        }
        if !self.limits.is_empty() {
            let of = |(kind, number): (&Kind, &u64)| format!("{}: {{count: {number}}}", kind.word());
            let limits: Vec<String> = self.limits.iter().map(of).collect();
            let _ = writeln!(text, "  limits: {{{}}}", limits.join(", "));
        }
        let serials: Vec<String> = self.serials.iter().map(ToString::to_string).collect();
        let tokens: Vec<String> = self.tokens.iter().cloned().collect();
        let mut protected = Vec::new();
        if !serials.is_empty() {
            protected.push(format!("serials: [{}]", serials.join(", ")));
        }
        if !tokens.is_empty() {
            protected.push(format!("tokens: [{}]", tokens.join(", ")));
        }
        if !protected.is_empty() {
            let _ = writeln!(text, "  protected: {{{}}}", protected.join(", "));
        }
        if let Some(Approvals { count, .. }) = &self.approvals {
            let _ =
                writeln!(text, "  approvals: {{signers: signers, count: {count}, validFor: {VALID_FOR}h}}");
        }
        if let Some(Window { from, hours }) = &self.window {
            let _ = writeln!(
                text,
                "  windows: [{{allow: \"0 {from} * * *\", for: {hours}h, timezone: UTC, classes: [destructive, irreversible]}}]"
            );
        }
        text
    }
}

/// The fleet's ledger.
pub const LEDGER: &str = "6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40";

/// All documents of a folder that stories change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub fleet: Fleet,
    pub acts: BTreeMap<String, Act>,
    /// A document that cannot be read lies among them.
    pub broken: bool,
}

impl Tree {
    /// The files that are always there, by name. `fixed`: the documents that no story changes.
    pub fn files(&self, fixed: &str) -> Vec<(&'static str, String)> {
        let signers = self.fleet.approvals.iter().flat_map(|approvals| approvals.signers.iter().copied());
        let broken = "apiVersion: espalier.dev/v1alpha1\nkind: Fleet\nspec: [\n";
        vec![
            ("fleet.yaml", format!("{}---\n{fixed}", self.fleet.yaml())),
            ("broken.yaml", if self.broken { broken.to_owned() } else { String::new() }),
            ("signers", people::signers(signers)),
            ("escrow.pem", people::RECIPIENT.clone()),
        ]
    }

    /// The documents of acts, by name.
    pub fn act_files(&self) -> impl Iterator<Item = (&String, String)> {
        self.acts.iter().map(|(name, act)| (name, act.yaml(name)))
    }
}
