//! People who sign, and people who look at a device and say what came of an act.

use std::fs;

use espalier::acts::ActState;
use espalier::approval::{Digest, Statement};
use espalier::engine::Narrowing;
use espalier::model::{ActId, Name};
use espalier::progress::NoProgress;

use super::super::chronicle::Signature;
use super::super::paper::LEDGER;
use super::super::{oracle, people};
use super::{Play, after};

impl Play {
    pub(super) async fn sign(&mut self, person: usize, act: usize, ago: i64) {
        self.stage.write(&self.tree);
        let Ok(session) = self.stage.session(Narrowing::Nothing).await else { return };
        let Ok((plan, _)) = session.plan(&NoProgress).await else { return };
        self.chronicle.said.push(format!("{plan:?}"));
        let open: Vec<_> = plan.acts.iter().filter(|act| act.epoch.is_some()).collect();
        let Some(planned) = act.checked_rem(open.len()).map(|at| open[at]) else { return };
        let now = self.stage.now();
        let Some(digest) = Digest::parse(&planned.digest) else { return };
        let ledger = LEDGER.parse().expect("a UUID");
        let statement =
            Statement::new(ledger, digest, &planned.step_id(), after(now, -ago)).expect("one line");
        let folder = self.stage.folder().join("approvals");
        fs::create_dir_all(&folder).expect("a folder of the test's own");
        let name = format!("{}-{}", statement.file_name(), people::PEOPLE[person % 4]);
        let text = statement.to_text();
        fs::write(folder.join(&name), &text).expect("a file of the test's own");
        fs::write(folder.join(format!("{name}.sig")), people::sign(person, &text)).expect("a file");
        self.chronicle.signatures.push(Signature {
            person: person % 4,
            name: planned.id.action.to_string(),
            serial: planned.id.serial,
            at: statement.at(),
            epoch: planned.epoch.as_ref().map(|epoch| (epoch.record.0.clone(), epoch.enrolled)),
        });
    }

    /// A person looks at the device, and says what is true.
    pub(super) async fn resolve(&mut self, at: usize) {
        let hanging: Vec<ActId> = self
            .view()
            .map(|view| {
                let unknown = view.acts.acts().filter(|(_, record)| record.state == ActState::Unknown);
                unknown.map(|(id, _)| id.clone()).collect()
            })
            .unwrap_or_default();
        let Some(id) = at.checked_rem(hanging.len()).map(|at| hanging[at].clone()) else { return };
        let to = match oracle::took_place(&self.chronicle, &self.stage, id.action.as_str(), id.serial) {
            true => ActState::Done,
            false => ActState::Lost,
        };
        let Ok(session) = self.stage.session(Narrowing::Nothing).await else { return };
        let done = session.resolve_act(&id, to, "anna", "She looked at the device");
        if done.is_ok() {
            self.met.push("resolved by a person");
            self.memory().resolved.insert((id.action.to_string(), id.serial));
        }
        self.read_log();
    }

    /// A person cancels what a removed document asked for, without applying.
    pub(super) async fn cancel(&mut self, at: usize) {
        let Some(place) = at.checked_rem(self.removed.len()) else { return };
        let Ok(name) = Name::new(&self.removed[place].0) else { return };
        let Ok(session) = self.stage.session(Narrowing::Nothing).await else { return };
        let cancelled = session.cancel_acts(&name, None, "anna", "It came back by itself");
        // Nothing is sent for it in any run from now on.
        let last = self.chronicle.runs.len().saturating_sub(1);
        for id in cancelled.into_iter().flatten() {
            self.met.push("cancelled by a person");
            self.memory().cancelled.entry((id.action.to_string(), id.serial)).or_insert(last);
        }
        self.read_log();
    }
}
