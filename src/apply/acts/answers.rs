//! From what the service answered to where the act stands. PURE.

use crate::acts::{ActState, Rule};
use crate::model::ActionKind;
use crate::model::act::ApprovalCode;
use crate::provider::ActAnswer;

/// Where an answer leaves an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The state.
    pub to: ActState,
    /// What it rests on.
    pub evidence: String,
    /// The approval elsewhere that it waits for.
    pub approval: Option<ApprovalCode>,
    /// What a person has to do.
    pub next: Option<String>,
}

/// Where an answer leaves an act. `by_pin`: the request carries a secret that cannot be proven to be the same
/// when it is sent again.
pub(super) fn told(kind: ActionKind, answer: &ActAnswer, by_pin: bool) -> Told {
    let plain = |to, evidence: String| Told { to, evidence, approval: None, next: None };
    match answer {
        ActAnswer::Accepted { at } => plain(ActState::Sent, format!("accepted at {at}")),
        ActAnswer::ApprovalNeeded { code: Some(code) } if !by_pin => Told {
            to: ActState::ApprovalElsewhere,
            evidence: format!("a second person has to approve request {code} at Intune"),
            approval: Some(code.clone()),
            next: Some(
                "approve it in the Intune admin centre (Tenant administration > Multi Admin Approval); the identical request follows with a later apply"
                    .to_owned(),
            ),
        },
        ActAnswer::ApprovalNeeded { code } => Told {
            next: Some(
                "leave `pin` out where Intune wants a second person's approval, and ask anew under a new name"
                    .to_owned(),
            )
            .filter(|_| by_pin),
            ..plain(
                ActState::Failed,
                match code {
                    Some(code) => format!(
                        "Intune wants request {code} approved, and a request with a PIN is not sent again: what its secret holds by then cannot be proven to be the same"
                    ),
                    None => {
                        "Intune wants it approved and did not say under which id: it was not carried out".to_owned()
                    }
                },
            )
        },
        // What erases or removes may have had its effect behind an error.
        ActAnswer::Refused(trouble) if kind.error_is_unknown() && Rule::ErrorIsUnknown.in_force() => {
            let evidence = format!("answered with an error, behind which it may have taken place: {trouble}");
            Told { next: Some(resolve(trouble.next.as_str())), ..plain(ActState::Unknown, evidence) }
        }
        ActAnswer::Refused(trouble) => {
            Told { next: Some(trouble.next.clone()), ..plain(ActState::Failed, format!("refused: {trouble}")) }
        }
        ActAnswer::NotSent(trouble) => {
            Told { next: Some(trouble.next.clone()), ..plain(ActState::Waiting, format!("not sent: {trouble}")) }
        }
        ActAnswer::Lost(trouble) => {
            let evidence = format!("the answer was lost: {trouble}");
            Told { next: Some(resolve("")), ..plain(ActState::Unknown, evidence) }
        }
    }
}

fn resolve(before: &str) -> String {
    let own = "see what became of the device; later applies look at it too, and what nobody can tell a person says with `espalier action resolve`";
    if before.is_empty() { own.to_owned() } else { format!("{before}; {own}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acts::mutation::Broken;
    use crate::model::clock::Timestamp;
    use crate::provider::Trouble;

    fn trouble() -> Trouble {
        Trouble::misdirected()
    }

    #[test]
    fn every_answer_leaves_a_promised_act_where_the_table_lets_it_go() {
        let answers = [
            ActAnswer::Accepted { at: Timestamp::UNIX_EPOCH },
            ActAnswer::ApprovalNeeded { code: ApprovalCode::new("abc") },
            ActAnswer::ApprovalNeeded { code: None },
            ActAnswer::Refused(trouble()),
            ActAnswer::NotSent(trouble()),
            ActAnswer::Lost(trouble()),
        ];
        for kind in ActionKind::ALL {
            for (answer, by_pin) in answers.iter().flat_map(|answer| [(answer, false), (answer, true)]) {
                let told = told(kind, answer, by_pin);
                assert!(ActState::Promised.may_become(told.to), "{kind} {answer:?}");
                assert_eq!(told.approval.is_some(), told.to == ActState::ApprovalElsewhere);
                assert!(!told.evidence.is_empty());
            }
        }
    }

    #[test]
    fn an_error_answer_to_what_erases_is_unknown_and_to_others_a_failure() {
        let refused = ActAnswer::Refused(trouble());
        for kind in ActionKind::ALL {
            let wanted = if kind.error_is_unknown() { ActState::Unknown } else { ActState::Failed };
            assert_eq!(told(kind, &refused, false).to, wanted, "{kind}");
        }
        let _broken = Broken::rule(Rule::ErrorIsUnknown);
        assert_eq!(told(ActionKind::Wipe, &refused, false).to, ActState::Failed);
    }

    #[test]
    fn a_request_with_a_pin_is_never_sent_again() {
        let wanted = ActAnswer::ApprovalNeeded { code: ApprovalCode::new("abc") };
        assert_eq!(told(ActionKind::Wipe, &wanted, false).to, ActState::ApprovalElsewhere);
        assert_eq!(told(ActionKind::Wipe, &wanted, true).to, ActState::Failed);
    }
}
