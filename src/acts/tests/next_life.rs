//! What a wiped device comes back to.

use std::collections::BTreeMap;

use crate::acts::next_life::{NextLife, of};
use crate::model::act::Os;
use crate::model::live::{
    Cause, Complete, Devices, DevicesBuilder, EnrollmentState, Fact, Live, LiveTenant, LiveToken, Unknown,
};
use crate::model::{Name, Platform, ProfileId, Realm, Serial, TokenId};

fn unknown() -> Unknown {
    Unknown { cause: Cause::Unavailable, reason: "no answer".to_owned(), next: String::new() }
}

fn token(id: &str, default: Fact<Option<ProfileId>>) -> LiveToken {
    LiveToken {
        id: TokenId(id.to_owned()),
        name: id.to_owned(),
        apple_id: None,
        expires: None,
        last_sync_triggered: None,
        last_sync_done: None,
        last_sync_error: 0,
        synced_devices: 0,
        scope_tag_ids: Vec::new(),
        default_ios: default,
        default_macos: Fact::Known(None),
    }
}

/// The device on a list: with this profile, released or not.
fn list(rows: &[(&str, Option<&str>, bool)]) -> Fact<Devices> {
    let mut builder = DevicesBuilder::default();
    for (serial, profile, released) in rows {
        builder.push(
            Some(*serial),
            *profile,
            EnrollmentState::Enrolled,
            *released,
            true,
            Some(Platform::Ios),
        );
    }
    Fact::Known(builder.after_last_page())
}

fn live(realm: Realm, tokens: Vec<(LiveToken, Option<Fact<Devices>>)>) -> Live {
    let devices: BTreeMap<TokenId, Fact<Devices>> =
        tokens.iter().filter_map(|(token, list)| Some((token.id.clone(), list.clone()?))).collect();
    let tenant = LiveTenant {
        tenant_id: "tenant".to_owned(),
        tokens: Fact::Known(Complete::after_last_page(tokens.into_iter().map(|(token, _)| token).collect())),
        scope_tags: None,
        vpp_tokens: None,
        push_certificate: None,
        profiles: BTreeMap::new(),
        devices,
        account_driven_url: None,
    };
    Live { tenants: BTreeMap::from([(realm, tenant)]), ..Live::default() }
}

fn mdm() -> Realm {
    Realm::Mdm(Name::new("contoso").unwrap())
}

fn none() -> Fact<Option<ProfileId>> {
    Fact::Known(None)
}

fn ask(live: &Live) -> NextLife {
    of(live, &Serial::new("C02A0001").unwrap(), Os::Ios)
}

#[test]
fn a4_its_own_profile_else_the_default() {
    let own = live(mdm(), vec![(token("school", none()), Some(list(&[("C02A0001", Some("p1"), false)])))]);
    assert!(matches!(ask(&own), NextLife::Enrolls { profile, by_default: false, .. } if profile.0 == "p1"));
    let default = Fact::Known(Some(ProfileId("p2".to_owned())));
    let bare = live(mdm(), vec![(token("school", default), Some(list(&[("C02A0001", None, false)])))]);
    assert!(matches!(ask(&bare), NextLife::Enrolls { profile, by_default: true, .. } if profile.0 == "p2"));
}

#[test]
fn p31_without_a_profile_or_a_token_it_comes_back_to_nobody() {
    let rows: [(Live, &str); 4] = [
        (live(mdm(), vec![(token("school", none()), Some(list(&[("C02A0001", None, false)])))]), "P-31"),
        (live(mdm(), vec![(token("school", none()), Some(list(&[("C02A0002", Some("p"), false)])))]), "P-31"),
        (live(mdm(), vec![(token("school", none()), Some(list(&[("C02A0001", Some("p"), true)])))]), "S-6"),
        (
            // A direct token has no default.
            live(
                Realm::Direct(Name::new("school").unwrap()),
                vec![(
                    token("school", Fact::Known(Some(ProfileId("p".to_owned())))),
                    Some(list(&[("C02A0001", None, false)])),
                )],
            ),
            "P-31",
        ),
    ];
    for (at, (live, wanted)) in rows.iter().enumerate() {
        assert!(
            matches!(ask(live), NextLife::Nothing { row, .. } if row == *wanted),
            "{at}: {:?}",
            ask(live)
        );
    }
}

#[test]
fn unknown_is_not_none() {
    let unread = live(mdm(), vec![(token("school", none()), Some(Fact::Unknown(unknown())))]);
    assert!(matches!(ask(&unread), NextLife::Unknown { .. }));
    let default = live(
        mdm(),
        vec![(token("school", Fact::Unknown(unknown())), Some(list(&[("C02A0001", None, false)])))],
    );
    assert!(matches!(ask(&default), NextLife::Unknown { .. }));
    let mut tenant = live(mdm(), Vec::new());
    tenant.tenants.values_mut().for_each(|tenant| tenant.tokens = Fact::Unknown(unknown()));
    assert!(matches!(ask(&tenant), NextLife::Unknown { .. }));
    let two = live(
        mdm(),
        vec![
            (token("a", none()), Some(list(&[("C02A0001", Some("p"), false)]))),
            (token("b", none()), Some(list(&[("C02A0001", Some("p"), false)]))),
        ],
    );
    assert!(matches!(ask(&two), NextLife::Unknown { .. }));
    let not_asked = live(mdm(), vec![(token("other", none()), None)]);
    assert_eq!(ask(&not_asked), NextLife::Unread { tokens: vec!["other".to_owned()] });
}

#[test]
fn what_enrolls_through_no_token_is_not_asked() {
    let nothing = Live::default();
    assert_eq!(of(&nothing, &Serial::new("C02A0001").unwrap(), Os::Windows), NextLife::NotAsked);
}
