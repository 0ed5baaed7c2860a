//! The VPP token of Company Portal: a display name becomes one id, or nothing is planned (P-4).

use super::domain::Domain;
use crate::manifest::suggest;
use crate::model::desired::Profile;
use crate::model::live::{Cause, Fact};
use crate::plan::before::VPP_TOKEN;

/// Names of VPP tokens that a message lists at most.
const LISTED: usize = 10;

/// Why a profile's VPP token is not one that exists exactly once.
pub(super) struct NoVppToken {
    pub cause: Cause,
    pub reason: String,
    pub next: String,
}

impl Domain<'_> {
    /// The id of the VPP token that a profile wishes on this token; `None` where it wishes none.
    pub fn vpp_token(&self, document: &Profile) -> Result<Option<String>, NoVppToken> {
        let wished = document.wished.get(self.name).and_then(|fields| fields.get(VPP_TOKEN));
        let Some(name) = wished.and_then(|name| name.as_text()) else { return Ok(None) };
        let place = document.identity.places.at(VPP_TOKEN);
        let tokens = match &self.tenant.vpp_tokens {
            Some(Fact::Known(tokens)) => tokens,
            Some(Fact::Unknown(why)) => {
                return Err(NoVppToken {
                    cause: why.cause,
                    reason: format!("{place}: the VPP token {name:?} cannot be looked up: {}", why.reason),
                    next: why.next.clone(),
                });
            }
            None => {
                return Err(NoVppToken {
                    cause: Cause::Unavailable,
                    reason: format!("{place}: the VPP tokens were not asked for, so {name:?} is not known"),
                    next: "run it again".to_owned(),
                });
            }
        };
        let no_such = |reason: String, next: String| NoVppToken { cause: Cause::Manifest, reason, next };
        match tokens.named(name, |_| true) {
            Ok(found) => match found.as_slice() {
                [only] => Ok(Some(only.id.clone())),
                several => {
                    let ids: Vec<&str> = several.iter().map(|token| token.id.as_str()).collect();
                    Err(no_such(
                        format!("{place}: {} VPP tokens are named {name:?}: {}", ids.len(), ids.join(", ")),
                        "give one of them another name in the portal (Tenant administration > Connectors and tokens > Apple VPP tokens)".to_owned(),
                    ))
                }
            },
            Err(_) => {
                let mut names: Vec<&str> = tokens.iter().map(|token| token.name.as_str()).collect();
                names.sort_unstable();
                let there = match names.as_slice() {
                    [] => "it has none".to_owned(),
                    names => {
                        let listed: Vec<String> =
                            names.iter().take(LISTED).map(|name| format!("{name:?}")).collect();
                        let rest = match names.len() - listed.len() {
                            0 => String::new(),
                            rest => format!(" and {rest} more"),
                        };
                        format!("it has {}{rest}", listed.join(", "))
                    }
                };
                let next = match suggest::nearest(name, names.iter().copied()) {
                    Some(meant) => format!("did you mean {meant:?}? correct `companyPortal.vppToken`"),
                    None => "write the display name of a VPP token of this tenant, or upload the token in the portal first".to_owned(),
                };
                Err(no_such(format!("{place}: the tenant has no VPP token named {name:?}; {there}"), next))
            }
        }
    }
}
