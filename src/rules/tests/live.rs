//! What ends, what differs, what is full.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rows;
use crate::diag::Severity::{self, Refuse, Warn};
use crate::manifest::load_text;
use crate::model::TokenId;
use crate::model::clock::Timestamp;
use crate::model::desired::Token;
use crate::model::live::{Complete, Fact, LiveTenant, LiveToken, PushCertificate, VppToken};
use crate::rules::{HORIZON, TenantFacts, TokenFacts, VppFacts, judge_tenant, judge_token, judge_vpp};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn at(text: &str) -> Option<Timestamp> {
    Some(format!("{text}T12:00:00Z").parse().unwrap())
}

fn document(more: &str) -> Token {
    let text = format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata: {{name: a}}\nspec: {{mdm: c{more}}}\n"
    );
    load_text(&[("x.yaml", &text)]).desired.tokens.into_values().next().unwrap()
}

fn token(expires: Option<Timestamp>, apple_id: Option<&str>) -> LiveToken {
    LiveToken {
        id: TokenId("1".to_owned()),
        name: "a".to_owned(),
        apple_id: apple_id.map(str::to_owned),
        expires,
        last_sync_triggered: None,
        last_sync_done: None,
        last_sync_error: 0,
        synced_devices: 0,
        scope_tag_ids: Vec::new(),
        default_ios: Fact::Known(None),
        default_macos: Fact::Known(None),
    }
}

fn of_token(document: &Token, live: &LiveToken, horizon: Duration) -> Vec<(&'static str, Severity, String)> {
    judge_token(&TokenFacts { document, live, now: now(), horizon })
        .into_iter()
        .map(|finding| (finding.rule, finding.severity, finding.message))
        .collect()
}

#[test]
fn t4_another_apple_id_warns_with_the_reason() {
    let live = token(None, Some("ADE@contoso.com"));
    assert_eq!(of_token(&document(""), &live, HORIZON), []);
    assert_eq!(of_token(&document(", appleId: ade@contoso.com"), &live, HORIZON), []);
    let told = of_token(&document(", appleId: other@contoso.com"), &live, HORIZON);
    assert_eq!((told[0].0, told[0].1), ("T-4", Warn));
    assert!(told[0].2.contains("ADE@contoso.com") && told[0].2.contains("other@contoso.com"), "{told:?}");
    assert_eq!(of_token(&document(", appleId: other@contoso.com"), &token(None, None), HORIZON), []);
}

#[test]
fn t6_expiry_warns_from_the_horizon_on_and_is_an_error_once_it_is_over() {
    let document = document("");
    let told = |expires| of_token(&document, &token(expires, None), HORIZON);
    assert_eq!(told(None), []);
    assert_eq!(told(at("2027-01-01")), []);
    let soon = told(at("2026-12-21"));
    assert_eq!((soon.len(), soon[0].0, soon[0].1), (1, "T-6", Warn));
    assert!(soon[0].2.contains("2026-12-21") && soon[0].2.contains("30 days are left"), "{soon:?}");
    assert!(told(at("2026-11-22"))[0].2.contains("1 day is left"));
    let over = told(at("2026-11-21"));
    assert_eq!((over.len(), over[0].0, over[0].1), (1, "T-6", Refuse));
    assert!(over[0].2.contains("expired on 2026-11-21"), "{over:?}");
    let week = Duration::from_secs(7 * 86_400);
    assert_eq!(of_token(&document, &token(at("2026-12-21"), None), week), []);
}

fn tenant(tokens: usize, push: Option<Option<PushCertificate>>) -> LiveTenant {
    let tokens = (0..tokens)
        .map(|number| LiveToken { id: TokenId(number.to_string()), ..token(None, None) })
        .collect();
    LiveTenant {
        tenant_id: "t".to_owned(),
        tokens: Fact::Known(Complete::after_last_page(tokens)),
        scope_tags: None,
        vpp_tokens: None,
        push_certificate: push.map(Fact::Known),
        profiles: BTreeMap::new(),
        devices: BTreeMap::new(),
        account_driven_url: None,
    }
}

fn of_tenant(live: &LiveTenant, documents: usize) -> Vec<(&'static str, Severity)> {
    rows(judge_tenant(&TenantFacts { live, documents, now: now(), horizon: HORIZON }))
}

#[test]
fn t10_an_account_carries_two_thousand_tokens() {
    assert_eq!(of_tenant(&tenant(1_999, None), 0), []);
    assert_eq!(of_tenant(&tenant(2_000, None), 0), [("T-10", Warn)]);
    assert_eq!(of_tenant(&tenant(1, None), 2_001), [("T-10", Warn)]);
}

#[test]
fn t12_the_push_certificate_warns_before_and_after_its_end() {
    let ends = |expires| {
        let push = PushCertificate { apple_id: None, topic: None, expires };
        of_tenant(&tenant(1, Some(Some(push))), 1)
    };
    assert_eq!(ends(at("2027-11-21")), []);
    assert_eq!(ends(at("2026-12-01")), [("T-12", Warn)]);
    assert_eq!(ends(at("2026-01-01")), [("T-12", Warn)]);
    assert_eq!(of_tenant(&tenant(1, Some(None)), 1), [("T-12", Warn)], "there is none");
    assert_eq!(of_tenant(&tenant(1, None), 1), [], "nobody asked");
}

fn vpp(
    state: &str,
    expires: Option<Timestamp>,
    updates_apps: Option<bool>,
    is_new: bool,
) -> Vec<(&'static str, Severity)> {
    let live = VppToken {
        id: "v".to_owned(),
        name: "Apps".to_owned(),
        expires,
        state: state.to_owned(),
        updates_apps,
        apple_id: None,
    };
    rows(judge_vpp(&VppFacts { live: &live, is_new, now: now(), horizon: HORIZON }))
}

#[test]
fn p4_the_vpp_token_s_end_and_state_warn() {
    let far = at("2027-11-21");
    assert_eq!(vpp("valid", far, Some(true), true), []);
    assert_eq!(vpp("valid", at("2026-12-01"), None, true), [("P-4", Warn)]);
    for state in ["invalid", "assignedToExternalMDM", "duplicateLocationId"] {
        assert_eq!(vpp(state, far, None, true), [("P-4", Warn)], "{state}");
    }
    // The service may know of an end that its date does not show.
    assert_eq!(vpp("expired", far, None, false), [("P-4", Warn)]);
}

#[test]
fn p4_an_expired_vpp_token_warns_where_it_stands_and_is_refused_anew() {
    let past = at("2026-01-01");
    assert_eq!(vpp("expired", past, None, false), [("P-4", Warn)]);
    assert_eq!(vpp("expired", past, None, true), [("P-4", Refuse)]);
}

#[test]
fn p34_automatic_updates_that_are_off_warn() {
    assert_eq!(vpp("valid", None, Some(false), true), [("P-34", Warn)]);
    assert_eq!(vpp("valid", None, None, true), []);
}
