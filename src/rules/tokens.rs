//! Token documents (T-3, T-5). What the live token says stands in [`super::live`].

use super::{Rule, note, warn};
use crate::model::Field;
use crate::model::desired::Token;

/// A rule over a token document: the field that is spoken of, and what is wrong.
pub type TokenRule = Rule<fn(&Token) -> Option<&'static str>>;

/// The rules of this subject.
pub const RULES: &[TokenRule] = &[
    Rule {
        entry: warn(
            "T-3",
            &["consentToShareData"],
            "without consent to send user and device data to Apple, espalier uploads no token: the next renewal cannot be done with it",
            "set `consentToShareData: true` once the organisation consents, or renew in the portal",
        ),
        check: |token| (token.consent_to_share_data == Field::Set(false)).then_some("consentToShareData"),
    },
    Rule {
        entry: note(
            "T-5",
            &["scopeTags"],
            "`scopeTags` leaves out `Default`: administrators who have only that tag no longer see this token, its profiles and its devices",
            "nothing, if that is wished; else add `Default`",
        ),
        check: |token| {
            let Field::Set(tags) = &token.scope_tags else { return None };
            tags.iter().all(|tag| tag != "Default").then_some("scopeTags")
        },
    },
];
