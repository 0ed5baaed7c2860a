use serde_json::{Map, Value as Json, json};

use super::super::convert::{body, content, fields_from};
use crate::model::canonical::whole;
use crate::model::{Fields, Platform, Value};

fn members(value: Json) -> Map<String, Json> {
    value.as_object().cloned().unwrap()
}

fn wish(pairs: &[(&'static str, Value)]) -> Fields {
    let needed = [("displayName", "A"), ("ade.url", "https://mdm.example/"), ("ade.orgMagic", "m")];
    let needed = needed.into_iter().map(|(field, text)| (field.into(), Value::text(text)));
    needed.chain(pairs.iter().map(|(field, value)| ((*field).into(), value.clone()))).collect()
}

#[test]
fn every_truth_value_is_sent_and_nothing_is_left_out() {
    let sent = body(Platform::Ios, &whole(Platform::Ios, &Fields::new(), &wish(&[])));
    assert_eq!(
        Json::Object(sent),
        json!({
            "profile_name": "A", "url": "https://mdm.example/", "org_magic": "m",
            "is_supervised": true, "is_mdm_removable": true, "await_device_configured": true,
            "is_multi_user": false, "allow_pairing": true, "is_mandatory": false,
            "is_return_to_service": false, "do_not_use_profile_from_backup": false,
            "skip_setup_items": [],
        })
    );
}

#[test]
fn each_platform_sends_its_own_members() {
    let sent = |platform| body(platform, &whole(platform, &Fields::new(), &wish(&[])));
    let tvos = sent(Platform::Tvos);
    assert_eq!(tvos.get("auto_advance_setup"), Some(&json!(false)));
    assert!(!tvos.contains_key("allow_pairing") && !tvos.contains_key("is_multi_user"));
    let macos = sent(Platform::Macos);
    assert!(macos.contains_key("allow_pairing") && !macos.contains_key("is_return_to_service"));
    for platform in Platform::ALL {
        assert_eq!(sent(platform).get("is_supervised"), Some(&json!(true)), "{platform}");
    }
}

#[test]
fn p12_locked_is_not_removable_and_sent_as_false() {
    let fields = whole(Platform::Macos, &Fields::new(), &wish(&[("lockedEnrollment", Value::Bool(true))]));
    let sent = body(Platform::Macos, &fields);
    assert_eq!(
        (sent["is_mdm_removable"].clone(), sent["is_supervised"].clone()),
        (json!(false), json!(true))
    );
}

#[test]
fn what_was_applied_last_stays_and_a_wish_of_null_goes() {
    let last = wish(&[
        ("department", Value::text("IT")),
        ("setupAssistant.siri", Value::text("hide")),
        ("pairing.mode", Value::text("allowByCertificate")),
        ("pairing.certificates", Value::List(vec!["AA==".into()])),
        // Another platform's profile had the address before.
        ("ade.language", Value::text("de")),
        ("userAffinity", Value::text("none")),
    ]);
    let both = whole(Platform::Ios, &last, &wish(&[("departmentPhone", Value::text("1"))]));
    assert_eq!(both["department"], Value::text("IT"));
    assert_eq!(both["setupAssistant.siri"], Value::text("hide"));
    assert_eq!(both["setupAssistant.passcode"], Value::text("show"));
    assert!(!both.contains_key("ade.language") && !both.contains_key("userAffinity"));
    let null = wish(&[("department", Value::None), ("pairing.mode", Value::text("denyAll"))]);
    let sent = body(Platform::Ios, &whole(Platform::Ios, &last, &null));
    assert!(!sent.contains_key("department") && !sent.contains_key("supervising_host_certs"));
    assert_eq!(sent["allow_pairing"], json!(false));
}

#[test]
fn keys_are_sorted_and_each_once() {
    let hide = |name| (name, Value::text("hide"));
    let fields = wish(&[
        hide("setupAssistant.zoom"),
        hide("setupAssistant.passcode"),
        hide("setupAssistant.androidMigration"),
        // The Mac's alone.
        hide("setupAssistant.fileVault"),
    ]);
    assert_eq!(body(Platform::Ios, &fields)["skip_setup_items"], json!(["Android", "Passcode", "Zoom"]));
}

#[test]
fn the_service_may_leave_out_what_has_its_default() {
    let read = fields_from(Platform::Ios, &members(json!({ "profile_name": "A", "org_magic": "m" })));
    assert_eq!(read["lockedEnrollment"], Value::Bool(false));
    assert_eq!(read["supervised"], Value::Bool(false));
    assert_eq!(read["pairing.mode"], Value::text("allowAll"));
    assert_eq!(read["department"], Value::None);
    assert_eq!(read["setupAssistant.siri"], Value::text("show"));
}

#[test]
fn what_is_not_ours_is_kept_under_its_name() {
    let plain = whole(Platform::Ios, &Fields::new(), &wish(&[]));
    let changed = |member: &str, value: Json| {
        let mut members = body(Platform::Ios, &plain);
        members.insert(member.to_owned(), value);
        fields_from(Platform::Ios, &members)
    };
    for (member, value, field) in [
        ("skip_setup_items", json!(["NewPane"]), "skip_setup_items.NewPane"),
        ("skip_setup_items", json!(["siri"]), "skip_setup_items.siri"),
        ("skip_setup_items", json!(["FileVault"]), "setupAssistant.fileVault"),
        ("auto_advance_setup", json!(true), "autoAdvance"),
        ("language", json!("de"), "ade.language"),
        ("is_new", json!(true), "is_new"),
        ("supervising_host_certs", json!(["AA=="]), "pairing.certificates"),
    ] {
        let read = changed(member, value);
        assert_ne!(read, plain, "{member}");
        assert!(read.contains_key(field), "{field}: {read:?}");
    }
    // The service spells out every truth value, also those of other platforms and of later years.
    for member in ["auto_advance_setup", "is_new"] {
        assert_eq!(changed(member, json!(false)), plain);
    }
}

#[test]
fn the_content_is_the_same_for_what_is_sent_and_what_comes_back() {
    let sent = body(Platform::Tvos, &whole(Platform::Tvos, &Fields::new(), &wish(&[])));
    let mut shown = sent.clone();
    for member in ["allow_pairing", "is_multi_user", "is_return_to_service"] {
        shown.insert(member.to_owned(), (member == "allow_pairing").into());
    }
    shown.insert("profile_uuid".into(), json!("88FC4E378FE24B4E89CC30FA2AB8C1D0"));
    shown.insert("devices".into(), json!(["C02"]));
    shown.remove("skip_setup_items");
    assert_eq!(content(&shown), content(&sent));
    assert_eq!(
        content(&sent),
        r#"{"await_device_configured":true,"is_supervised":true,"org_magic":"m","profile_name":"A","url":"https://mdm.example/"}"#
    );
    shown.insert("is_mdm_removable".into(), json!(false));
    assert_ne!(content(&shown), content(&sent));
}

#[test]
fn a_recorded_answer_is_read_whole() {
    let Some(contracts) = std::env::var_os("ESPALIER_CONTRACTS") else {
        eprintln!("skipped: ESPALIER_CONTRACTS is not set");
        return;
    };
    let file = std::path::Path::new(&contracts).join("recorded/dep/fetch_profile_response.json");
    let shown = members(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap());
    let read = fields_from(Platform::Ios, &shown);
    for (member, field) in
        [("profile_name", "displayName"), ("url", "ade.url"), ("org_magic", "ade.orgMagic")]
    {
        assert_eq!(read[field].as_text().unwrap_or_default(), shown[member].as_str().unwrap(), "{member}");
    }
    let again = body(Platform::Ios, &read);
    assert_eq!(fields_from(Platform::Ios, &again), read, "nothing is lost between the two forms");
}
