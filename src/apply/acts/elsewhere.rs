//! Approval elsewhere: Intune wants a second person to agree there, and the identical request is sent again
//! after that, with all checks (intune-graph section 8.6).

use super::Round;
use super::sending::Ready;
use crate::acts::{ActState, Leg, Rule};
use crate::ledger::LedgerError;
use crate::model::ActionKind;
use crate::model::act::{ApprovalCode, ApprovalState};
use crate::model::live::Fact;
use crate::provider::graph::ApprovalHeader;

impl Round<'_> {
    /// Looks at the approval of an act that waits for one in this run.
    pub(super) async fn ask_again(&mut self, at: usize) -> Result<(), LedgerError> {
        let view = self.courier.view()?;
        let promise = view.acts.act(&self.errands[at].planned.id).and_then(|act| act.promises.last());
        let Some(approval) = promise.and_then(|promise| promise.approval.clone()) else { return Ok(()) };
        drop(view);
        self.again(at, &approval).await
    }

    /// Asks how far an approval is, and sends the identical request once it is given.
    pub(super) async fn again(&mut self, at: usize, approval: &str) -> Result<(), LedgerError> {
        let is_hand_over = self.errands[at].planned.kind == ActionKind::HandOver;
        let Some(code) = ApprovalCode::new(approval) else {
            let evidence = "the id of its approval is none that could be asked for".to_owned();
            let leg = if is_hand_over { self.newest_leg(at)? } else { Leg::Whole };
            return self.moved(at, leg, ActState::Unknown, evidence, None, Vec::new());
        };
        if is_hand_over {
            return self.hand_over_again(at, code).await;
        }
        let (realm, ..) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return self.held(at, held),
        };
        let told = match self.courier.graph(&realm) {
            Ok(graph) => graph.approval(&code).await,
            Err(unknown) => return self.held(at, unknown.into()),
        };
        let over = match told {
            Fact::Unknown(unknown) => return self.held(at, unknown.into()),
            Fact::Known(ApprovalState::NeedsApproval | ApprovalState::Unknown) => {
                let why = format!("a second person has to approve request {code} at Intune");
                self.errands[at].result.waits(why, None);
                return Ok(());
            }
            Fact::Known(ApprovalState::Approved) => None,
            Fact::Known(ApprovalState::Rejected) => Some((ActState::Failed, "was rejected")),
            Fact::Known(ApprovalState::Cancelled) => Some((ActState::Failed, "was cancelled")),
            Fact::Known(ApprovalState::Expired) => Some((ActState::Failed, "expired")),
            // Somebody sent it, and it was not this ledger's run that knows of it.
            Fact::Known(ApprovalState::Completed) => Some((ActState::Unknown, "was used already")),
        };
        if let Some((to, what)) = over {
            let evidence = format!("request {code} {what} at Intune");
            return self.moved(at, Leg::Whole, to, evidence, None, Vec::new());
        }
        let ready = match self.ready(at, Some(code.as_str())).await? {
            Ok(ready) => ready,
            Err(held) => return self.held(at, held),
        };
        if let Err(why) = self.is_identical(at, &ready)? {
            return self.moved(at, Leg::Whole, ActState::Failed, why, None, Vec::new());
        }
        self.errands[at].result.waits = None;
        self.dispatch(at, Leg::Whole, ready, &ApprovalHeader::Again(code)).await
    }

    /// Whether what would be sent is what was approved.
    fn is_identical(&self, at: usize, ready: &Ready) -> Result<Result<(), String>, LedgerError> {
        let view = self.courier.view()?;
        let promise = view.acts.act(&self.errands[at].planned.id).and_then(|act| act.promises.last());
        let differs = promise.is_none_or(|promise| promise.request != ready.request.digest);
        if Rule::Identical.stops(ready.by_pin()) {
            return Ok(Err("a request with a PIN is not sent again: what its secret holds by now cannot be proven to be the same".to_owned()));
        }
        if Rule::Identical.stops(differs) {
            return Ok(Err(
                "the request would be another one than was approved, so it is not sent".to_owned()
            ));
        }
        Ok(Ok(()))
    }
}
