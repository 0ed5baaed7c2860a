//! What people write: documents of acts, the Fleet, commits.

use std::collections::BTreeSet;

use espalier::model::Serial;
use espalier::model::clock::Timestamp;

use super::super::chronicle::Commit;
use super::super::op::{Change, Draft, Expected, Gate};
use super::super::paper::{Act, Approvals, Expect, Kind, Window};
use super::super::scene::{self, TOKENS};
use super::{Play, after};

/// What nothing is that a device is at first.
pub const ANOTHER: &str = "somebody-else@school.example";

impl Play {
    pub(super) fn new_name(&mut self) -> String {
        self.written += 1;
        format!("act-{:02}", self.written)
    }

    pub(super) fn draft(&mut self, draft: Draft) {
        let Draft { kind, device, devices, from_now, expires_after, expected, waiver, to, picks, pin } =
            draft;
        let at = device % self.scene.devices.len();
        let family = self.scene.device(at).family;
        let picks = Some(family).filter(|_| picks && kind.may_pick() && self.scene.apple);
        let serials: BTreeSet<Serial> = match picks {
            None => (0..devices.max(1)).map(|more| self.serial(device + more)).collect(),
            Some(family) => {
                let all = self.scene.devices.iter().filter(|one| one.family == family);
                all.map(|one| one.serial).collect()
            }
        };
        let right = |value: String| (expected == Expected::Right).then_some(value);
        let wrong = |case: Expected| (expected == case).then(|| ANOTHER.to_owned());
        let mut expect = Expect {
            model: wrong(Expected::WrongModel),
            user: right(scene::user(at)).or(wrong(Expected::WrongUser)),
            name: wrong(Expected::WrongName),
        };
        if serials.len() > 1 && expected == Expected::Right {
            let same = (0..devices).all(|more| self.scene.device(device + more).family == family);
            expect.user = None;
            expect.model = same.then(|| scene::model(family).to_owned());
        }
        if picks.is_some() {
            expect = Expect::default();
        }
        let tokens: Vec<&str> = self.scene.tokens().map(|(name, ..)| name).collect();
        let act = Act {
            kind,
            serials,
            expect,
            requested: seconds(after(self.stage.now(), from_now)),
            expires_after,
            reason: "It was asked for at the desk".to_owned(),
            waiver,
            drops_plan: false,
            to: tokens[(to % tokens.len()).max(1)],
            picks,
            pin: pin && kind == Kind::Wipe && family == "Mac",
        };
        let name = self.new_name();
        self.tree.acts.insert(name, act);
    }

    pub(super) fn change(&mut self, at: usize, change: Change) {
        let now = seconds(self.stage.now());
        let Some(act) = self.nth_act(at).and_then(|name| self.tree.acts.get_mut(&name)) else { return };
        match change {
            Change::Reason => act.reason.push('!'),
            Change::Requested => act.requested = now,
            Change::Expires(hours) => act.expires_after = hours,
            Change::Waiver => act.waiver = !act.waiver,
            Change::Expect => act.expect = Expect::default(),
            Change::DropDataPlan => act.drops_plan = true,
        }
    }

    pub(super) fn gate(&mut self, gate: Gate) {
        let serial = |at: usize| self.scene.device(at).serial;
        let fleet = &mut self.tree.fleet;
        match gate {
            Gate::Limit(kind, number) => {
                fleet.limits.insert(kind, number);
            }
            Gate::Protect(at) => {
                fleet.serials.insert(serial(at));
            }
            Gate::Unprotect(at) => {
                fleet.serials.remove(&serial(at));
            }
            Gate::ProtectToken(at) => {
                fleet.tokens.insert(TOKENS[at % 2].0.to_owned());
            }
            Gate::UnprotectTokens => fleet.tokens.clear(),
            Gate::DropApprovals => fleet.approvals = None,
            Gate::Ask(people, count) => {
                let signers = (0..4).filter(|at| people & (1 << at) != 0).collect();
                fleet.approvals = Some(Approvals { signers, count });
            }
            Gate::AddSigner(at) => {
                if let Some(approvals) = &mut fleet.approvals {
                    approvals.signers.insert(at % 4);
                }
            }
            Gate::RemoveSigner(at) => {
                let approvals = fleet.approvals.as_mut();
                if let Some(approvals) = approvals.filter(|one| one.signers.len() > one.count.max(1) as usize)
                {
                    approvals.signers.remove(&(at % 4));
                }
            }
            Gate::DropWindow => fleet.window = None,
            Gate::Window(from, hours) => fleet.window = Some(Window { from, hours }),
            Gate::Escrow(on) => {
                fleet.escrow = on;
                fleet.on_enrollment &= on;
            }
            Gate::OnEnrollment(on) => fleet.on_enrollment = on && fleet.escrow,
        }
    }

    pub(super) fn commit(&mut self, author: usize) {
        if !self.scene.git {
            return;
        }
        self.stage.write(&self.tree);
        let hash = self.stage.commit(author);
        let commit = Commit { hash, parent: self.head, author: author % 4, tree: self.tree.clone() };
        self.chronicle.commits.push(commit);
        self.head = Some(self.chronicle.commits.len() - 1);
    }

    pub(super) fn checkout(&mut self, back: usize) {
        let commits = &self.chronicle.commits;
        let Some(place) = back.checked_rem(commits.len()) else { return };
        let at = commits.len() - 1 - place;
        self.stage.checkout(&commits[at].hash);
        self.tree = commits[at].tree.clone();
        self.head = Some(at);
    }
}

/// Without fractions: documents have none.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("it is in range")
}
