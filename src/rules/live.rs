//! What the services' side of a token, a tenant or a VPP token says (T-4, T-6, T-10, T-12, P-4,
//! P-34). Everything that ends warns from the horizon on.

use std::time::Duration;

use super::{Finding, IOS, Needs, Rule, RuleEntry, refuse, warn};
use crate::model::clock::{Timestamp, after, between};
use crate::model::desired::Token;
use crate::model::live::{Fact, LiveTenant, LiveToken, VppToken};

/// From when on expiry warns, where the Fleet does not say (`Fleet.expiryWarning`).
pub const HORIZON: Duration = Duration::from_secs(30 * 86_400);

/// T-10: tokens of one account.
const MOST_TOKENS: usize = 2_000;

/// A token with its document.
#[derive(Clone, Copy, Debug)]
pub struct TokenFacts<'a> {
    /// The document.
    pub document: &'a Token,
    /// The live token.
    pub live: &'a LiveToken,
    /// The present instant.
    pub now: Timestamp,
    /// From when on expiry warns.
    pub horizon: Duration,
}

/// A tenant.
#[derive(Clone, Copy, Debug)]
pub struct TenantFacts<'a> {
    /// What was read.
    pub live: &'a LiveTenant,
    /// How many token documents there are for it.
    pub documents: usize,
    /// The present instant.
    pub now: Timestamp,
    /// From when on expiry warns.
    pub horizon: Duration,
}

/// A VPP token that a profile names.
#[derive(Clone, Copy, Debug)]
pub struct VppFacts<'a> {
    /// The live VPP token.
    pub live: &'a VppToken,
    /// The profile is made, or comes to name it, with this plan.
    pub is_new: bool,
    /// The present instant.
    pub now: Timestamp,
    /// From when on expiry warns.
    pub horizon: Duration,
}

/// A rule over a token: what it says, if it is broken.
pub type TokenRule = Rule<fn(&TokenFacts<'_>) -> Option<String>>;

/// A rule over a tenant, likewise.
pub type TenantRule = Rule<fn(&TenantFacts<'_>) -> Option<String>>;

/// A rule over a VPP token, likewise.
pub type VppRule = Rule<fn(&VppFacts<'_>) -> Option<String>>;

/// The rules over tokens. A refusal concerns what needs Apple, not what is read or written at the
/// MDM.
pub const TOKENS: &[TokenRule] = &[
    Rule {
        entry: live(
            warn(
                "T-4",
                &["appleId"],
                "the token was made with another Apple ID than the document names: its renewal needs the one that made it",
                "renew it with the Apple ID that made it, or correct `appleId`",
            ),
            "the token's Apple ID",
        ),
        check: |token| {
            let wished = token.document.apple_id.set()?;
            let live = token.live.apple_id.as_ref().filter(|live| !live.is_empty())?;
            (!live.eq_ignore_ascii_case(wished)).then(|| {
                format!(
                    "the token was made with the Apple ID {live}, the document names {wished}: a renewal has to use the one that made it"
                )
            })
        },
    },
    Rule {
        entry: live(
            warn("T-6", &[], "the enrollment token expires within `Fleet.expiryWarning`", RENEW),
            "the token's expiry",
        ),
        check: |token| soon("the enrollment token", token.live.expires, token.now, token.horizon),
    },
    Rule {
        entry: live(
            refuse(
                "T-6",
                &[],
                "the enrollment token has expired: nothing is synced with Apple until it is renewed",
                RENEW,
            ),
            "the token's expiry",
        ),
        check: |token| {
            let what = "the enrollment token";
            let message = ended(what, token.live.expires, token.now)?;
            Some(format!("{message}: nothing is synced with Apple until it is renewed"))
        },
    },
];

/// The rules over tenants.
pub const TENANTS: &[TenantRule] = &[
    Rule {
        entry: live(
            warn(
                "T-10",
                &[],
                "an account carries 2,000 enrollment tokens at most",
                "split the fleet over several accounts, or delete tokens that are not used",
            ),
            "the list of tokens",
        ),
        check: |tenant| {
            let there = tenant.live.tokens.known().map_or(0, |tokens| tokens.len());
            let tokens = there.max(tenant.documents);
            (tokens >= MOST_TOKENS)
                .then(|| format!("the account has {tokens} enrollment tokens, and {MOST_TOKENS} is the most"))
        },
    },
    Rule {
        entry: live(
            warn("T-12", &[], "the Apple MDM push certificate expires within `Fleet.expiryWarning`", PUSH),
            "the push certificate",
        ),
        check: |tenant| soon(PUSH_WHAT, push(tenant.live), tenant.now, tenant.horizon),
    },
    Rule {
        entry: live(
            warn("T-12", &[], "the Apple MDM push certificate has expired: no device can be managed", PUSH),
            "the push certificate",
        ),
        check: |tenant| {
            let message = ended(PUSH_WHAT, push(tenant.live), tenant.now)?;
            Some(format!("{message}: no device can be managed until it is renewed"))
        },
    },
    Rule {
        entry: live(
            warn(
                "T-12",
                &[],
                "the tenant has no Apple MDM push certificate: no device can enroll",
                MAKE_PUSH,
            ),
            "the push certificate",
        ),
        check: |tenant| {
            let read = tenant.live.push_certificate.as_ref().and_then(Fact::known)?;
            read.is_none()
                .then(|| "the tenant has no Apple MDM push certificate: no device can enroll".to_owned())
        },
    },
];

/// The rules over VPP tokens that profiles name.
pub const VPP: &[VppRule] = &[
    Rule {
        entry: vpp(
            warn(
                "P-4",
                VPP_FIELDS,
                "the VPP token expires within `Fleet.expiryWarning`: devices are blocked then",
                RENEW_VPP,
            ),
            "the VPP token's expiry",
        ),
        check: |vpp| {
            let message = soon(&name(vpp), vpp.live.expires, vpp.now, vpp.horizon)?;
            Some(format!("{message}; devices cannot get Company Portal afterwards and are blocked"))
        },
    },
    Rule {
        entry: vpp(
            warn("P-4", VPP_FIELDS, "the VPP token has expired: devices are blocked", RENEW_VPP),
            "the VPP token's expiry",
        ),
        check: |vpp| gone(vpp).filter(|_| !vpp.is_new),
    },
    Rule {
        entry: vpp(
            refuse(
                "P-4",
                VPP_FIELDS,
                "a VPP token that has expired is not given to a profile anew: its devices would be blocked",
                RENEW_VPP,
            ),
            "the VPP token's expiry",
        ),
        check: |vpp| gone(vpp).filter(|_| vpp.is_new),
    },
    Rule {
        entry: vpp(
            warn(
                "P-4",
                VPP_FIELDS,
                "the VPP token is not usable: devices cannot get Company Portal and are blocked",
                "look at the token in the portal (Tenant administration > Connectors > Apple VPP tokens)",
            ),
            "the VPP token's state",
        ),
        check: |vpp| {
            // An expired one is told with its date.
            let usable = matches!(vpp.live.state.as_str(), "valid" | "unknown" | "");
            let told = vpp.live.state == "expired" && has_expired(vpp.live.expires, vpp.now);
            (!usable && !told).then(|| {
                format!(
                    "{} has the state {}: devices cannot get Company Portal and are blocked",
                    name(vpp),
                    vpp.live.state
                )
            })
        },
    },
    Rule {
        entry: vpp(
            warn(
                "P-34",
                VPP_FIELDS,
                "the VPP token does not update apps by itself, which Company Portal needs: its App Store version does not work on these devices",
                "turn on automatic app updates in the VPP token, and make Company Portal a required app with device licences",
            ),
            "the VPP token's automatic updates",
        ),
        check: |vpp| {
            (vpp.live.updates_apps == Some(false)).then(|| {
                format!(
                    "{} has automatic app updates off; Company Portal has to be a required app with device licences that updates itself",
                    name(vpp)
                )
            })
        },
    },
];

const RENEW: &str = "renew it with the Apple ID that made it (`espalier token renew` shows the way; in Intune's portal: Devices > Enrollment > Apple > Enrollment program tokens); the new token from Apple ends the present one at once";
const PUSH: &str =
    "renew it with the Apple account that made it; with another one every device has to enroll again";
const MAKE_PUSH: &str = "make one in the portal (Devices > Enrollment > Apple > Apple MDM push certificate)";
const PUSH_WHAT: &str = "the Apple MDM push certificate";
const RENEW_VPP: &str =
    "renew it in Apple's portal and upload it (Tenant administration > Connectors > Apple VPP tokens)";
const VPP_FIELDS: &[&str] = &["companyPortal.vppToken"];

const fn live(entry: RuleEntry, facts: &'static str) -> RuleEntry {
    entry.over(Needs::Live(facts))
}

const fn vpp(entry: RuleEntry, facts: &'static str) -> RuleEntry {
    entry.on(IOS).over(Needs::Live(facts))
}

/// Judges a token.
pub fn judge_token(facts: &TokenFacts<'_>) -> Vec<Finding> {
    judge(TOKENS, |check| check(facts))
}

/// Judges a tenant.
pub fn judge_tenant(facts: &TenantFacts<'_>) -> Vec<Finding> {
    judge(TENANTS, |check| check(facts))
}

/// Judges a VPP token that a profile names.
pub fn judge_vpp(facts: &VppFacts<'_>) -> Vec<Finding> {
    judge(VPP, |check| check(facts))
}

fn judge<C>(rules: &[Rule<C>], say: impl Fn(&C) -> Option<String>) -> Vec<Finding> {
    rules.iter().filter_map(|rule| Some(Finding::of(&rule.entry, &say(&rule.check)?))).collect()
}

/// Whether something with this end has ended. One without an end has not.
pub fn has_expired(expires: Option<Timestamp>, now: Timestamp) -> bool {
    expires.is_some_and(|expires| expires <= now)
}

fn push(tenant: &LiveTenant) -> Option<Timestamp> {
    tenant.push_certificate.as_ref().and_then(Fact::known)?.as_ref()?.expires
}

fn name(vpp: &VppFacts<'_>) -> String {
    format!("the VPP token {:?}", vpp.live.name)
}

fn gone(vpp: &VppFacts<'_>) -> Option<String> {
    let message = ended(&name(vpp), vpp.live.expires, vpp.now)?;
    Some(format!("{message}: devices cannot get Company Portal and are blocked"))
}

fn day(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%d").to_string()
}

fn ended(what: &str, expires: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let expires = expires.filter(|_| has_expired(expires, now))?;
    Some(format!("{what} expired on {}", day(expires)))
}

fn soon(what: &str, expires: Option<Timestamp>, now: Timestamp, horizon: Duration) -> Option<String> {
    let expires = expires.filter(|expires| *expires > now && *expires <= after(now, horizon))?;
    let days = between(now, expires).as_secs() / 86_400;
    let left = match days {
        0 => "less than a day is left".to_owned(),
        1 => "1 day is left".to_owned(),
        days => format!("{days} days are left"),
    };
    Some(format!("{what} expires on {}: {left}", day(expires)))
}
