//! Ledgers that are copied away, put back, or somebody else's; and the end of a story.

use std::fs;

use espalier::engine::{EngineError, Narrowing};
use espalier::ledger::Ledger;

use super::super::op::Op;
use super::super::oracle;
use super::super::stage::{Outcome, Way};
use super::{Copy, Play};

impl Play {
    pub(super) async fn put_back(&mut self, declared: bool) {
        let Some(Copy { bytes, applied, begun, memory }) = self.copies.last().cloned() else { return };
        fs::write(self.stage.ledger(), bytes).expect("a file of the test's own");
        self.lineage += 1;
        (self.applied, self.begun) = (applied, begun);
        self.chronicle.memories.push(memory);
        self.read_log();
        self.chronicle
            .log
            .iter_mut()
            .filter(|row| row.lineage == self.lineage)
            .for_each(|row| row.copied = true);
        if declared {
            if let Ok(session) = self.stage.session(Narrowing::Nothing).await {
                let said = session.ledger_restored("anna", "The disk was full", false);
                assert!(said.is_ok(), "{said:?}");
                self.met.push("restore declared");
            } else {
                // Documents that cannot be read keep nobody from saying it later: here it counts as unsaid.
                self.chronicle.put_back = true;
            }
        } else {
            self.chronicle.put_back = true;
            self.met.push("restore not declared");
        }
        self.read_log();
    }

    /// Somebody else's ledger in the place of this one's: nothing may run.
    pub(super) async fn other_ledger(&mut self) {
        let path = self.stage.ledger();
        let Ok(kept) = fs::read(&path) else { return };
        let calls = self.counts();
        fs::remove_file(&path).expect("a file of the test's own");
        let other = Some("11111111-2222-4333-8444-555555555555".parse().expect("a UUID"));
        let made = Ledger::create(&path, other, self.stage.now());
        drop(made.expect("a ledger"));
        let outcome = self.stage.apply(Narrowing::Nothing, &Way::Plain, None).await;
        let exit = match &outcome {
            Outcome::Refused(error) => error.exit_code(),
            Outcome::Report(report) => report.exit_code(),
            Outcome::Died => 255,
        };
        let is_the_folder =
            matches!(&outcome, Outcome::Refused(error) if matches!(**error, EngineError::Manifests { .. }));
        if exit != 10 && !is_the_folder {
            self.chronicle
                .said
                .push(format!("{}with another fleet's ledger the exit was {exit}", oracle::BROKEN));
        }
        if self.counts() != calls {
            self.chronicle
                .said
                .push(format!("{}something was sent with another fleet's ledger", oracle::BROKEN));
        }
        self.met.push("another ledger");
        fs::write(&path, kept).expect("a file of the test's own");
    }

    /// Lets the world come to rest: faults are over, documents in order, time passes.
    pub async fn rest(&mut self) {
        self.tree.broken = false;
        if self.scene.git
            && let Some(newest) = self.begun.or(self.applied.as_ref().and_then(|applied| applied.commit))
            && !self.head.is_some_and(|head| self.chronicle.descends(head, newest))
        {
            let back = self.chronicle.commits.len() - 1 - newest;
            self.checkout(back);
        }
        for seconds in [7 * 3600, 4 * 86_400] {
            self.stage.pass(seconds).await;
            self.op(&Op::Apply { death: None, fault: None }).await;
        }
    }
}
