//! `DeviceAction` documents: what is asked for is read whole, or refused.

use super::*;
use crate::model::act::{ActContent, ActOptions, Expect, Obliteration};
use crate::model::desired::DeviceAction;
use crate::model::{ActionKind, Class, Name, SecretRef};

pub fn action(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{name: {name}}}\nspec:\n{spec}"
    )
}

/// A document of an action with everything that every action needs, and `rest`.
pub fn asks(kind: &str, rest: &str) -> String {
    let hand =
        if matches!(kind, "disableActivationLock" | "handOver") { "  physicallyInHand: true\n" } else { "" };
    action(
        "one",
        &format!(
            "  action: {kind}\n  devices: {{serials: [DMQVG1RFK1]}}\n  requestedAt: 2026-11-20T08:00:00Z\n  reason: lost\n{hand}{rest}"
        ),
    )
}

fn one(loaded: &Loaded) -> &DeviceAction {
    let all: Vec<_> = loaded.desired.actions.values().collect();
    assert_eq!(all.len(), 1, "{:#?}", loaded.diagnostics);
    all[0]
}

fn content(kind: &str, rest: &str) -> ActContent {
    let loaded = load(&[asks(kind, rest)]);
    assert_eq!(told(&loaded), [""; 0], "{kind} {rest}");
    one(&loaded).content.clone()
}

fn refused(document: &str) -> Diagnostic {
    let loaded = load(&[document.to_owned()]);
    let found = only(&loaded);
    assert_eq!(found.severity, Severity::Refuse, "{found:?}");
    assert!(loaded.diagnostics.stop_the_folder(), "{found:?}");
    assert!(loaded.desired.actions.is_empty(), "what is refused is not asked for");
    found
}

/// Options that each action needs.
fn needed(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::EnableLostMode => "  options: {message: Lost, phoneNumber: '+49 30 1'}\n",
        ActionKind::Rename => "  options: {name: IPAD-1}\n",
        ActionKind::DeleteSharedIpadUser => "  options: {user: anna@school.example}\n",
        ActionKind::HandOver => "  options: {token: there, profile: ipads}\n",
        _ => "",
    }
}

#[test]
fn r5_every_action_is_read_by_its_word() {
    for kind in ActionKind::ALL.into_iter().filter(|kind| *kind != ActionKind::HandOver) {
        let content = content(kind.word(), needed(kind));
        assert_eq!(content.kind, kind);
        assert_eq!(content.requested_at, "2026-11-20T08:00:00Z".parse().unwrap());
        assert_eq!(content.expires, "2026-11-27T08:00:00Z".parse().unwrap(), "7d by default");
        assert_eq!((content.reason.as_deref(), content.accept_no_bypass_code), (Some("lost"), None));
        assert_eq!((content.physically_in_hand, content.expect.is_empty()), (kind.needs_hand(), true));
    }
}

#[test]
fn r5_labels_of_the_portal_and_names_of_graph_are_aliases() {
    for (alias, kind) in [
        ("remoteLock", ActionKind::Lock),
        ("Remote lock", ActionKind::Lock),
        ("remote LOCK", ActionKind::Lock),
        ("resetPasscode", ActionKind::ClearPasscode),
        ("Remove passcode", ActionKind::ClearPasscode),
        ("rebootNow", ActionKind::Restart),
        ("bypassActivationLock", ActionKind::DisableActivationLock),
        ("removeCompanyData", ActionKind::Retire),
        ("selectiveWipe", ActionKind::Retire),
        ("factoryReset", ActionKind::Wipe),
        ("Wipe", ActionKind::Wipe),
        ("delete", ActionKind::DeleteRecord),
        ("syncDevice", ActionKind::Sync),
    ] {
        let hand = if kind.needs_hand() { "  physicallyInHand: true\n" } else { "" };
        assert_eq!(content(alias, hand).kind, kind, "{alias}");
    }
    for (slip, near) in [("whipe", "wipe"), ("remoteLok", "lock"), ("Lokc", "lock"), ("factoryRest", "wipe")]
    {
        let found = refused(&asks(slip, ""));
        assert_eq!((found.code, found.next), ("unknown-word", format!("did you mean `{near}`?")));
    }
    assert_eq!(refused(&asks("explode", "")).code, "unknown-word");
}

#[test]
fn the_words_of_actions_and_limits_are_those_of_the_model() {
    use crate::manifest::{kinds, shape::Type};
    use crate::model::desired::LimitKind;
    let Some(Type::Word(words)) = kinds::DEVICE_ACTION.field("action").map(|field| field.ty) else {
        panic!()
    };
    let told: Vec<_> = words.iter().map(|word| word.word).collect();
    assert_eq!(told, ActionKind::ALL.map(ActionKind::word));
    let Some(Type::WordMap(words, _)) = kinds::FLEET.field("limits").map(|field| field.ty) else { panic!() };
    let told: Vec<_> = words.iter().map(|word| word.word).collect();
    assert_eq!(told, LimitKind::all().map(LimitKind::word).collect::<Vec<_>>());
    // No two actions share an alias.
    let Some(Type::Word(words)) = kinds::DEVICE_ACTION.field("action").map(|field| field.ty) else {
        panic!()
    };
    for spelling in words.iter().flat_map(|word| word.labels.iter().chain([&word.word])) {
        assert_eq!(words.iter().filter(|word| word.is_called(spelling)).count(), 1, "{spelling}");
    }
}

#[test]
fn devices_are_named_outright_and_once() {
    let document = |devices: &str, kind: &str| {
        asks(kind, "").replace("devices: {serials: [DMQVG1RFK1]}", &format!("devices: {devices}"))
    };
    let loaded = load(&[document(
        "{serials: [DMQVG1RFK1, DMQVG1RFK2], expect: {model: iPad, user: a@b, name: A}}",
        "wipe",
    )]);
    assert_eq!(told(&loaded), [""; 0]);
    let expect = Expect { model: Some("iPad".into()), user: Some("a@b".into()), name: Some("A".into()) };
    let action = one(&loaded);
    assert_eq!((action.devices.len(), &action.content.expect), (2, &expect));
    assert_eq!(
        action.acts().map(|act| act.to_string()).collect::<Vec<_>>(),
        ["DeviceAction/one DMQVG1RFK1", "DeviceAction/one DMQVG1RFK2"]
    );
    for (devices, kind, code, words) in [
        ("{}", "wipe", "missing-field", "`serials`"),
        ("{serials: []}", "wipe", "missing-field", "names no device"),
        ("{serials: [DMQVG1RFK1, DMQVG1RFK1]}", "sync", "bad-value", "named twice"),
        ("{serials: [dmqvg1rfk1]}", "wipe", "bad-serial", "`dmqvg1rfk1`"),
        ("{serials: [SDMQVG1RFK1]}", "wipe", "bad-serial", "scanned label"),
        ("{serials: [SDMPXQ1RFK1FT]}", "sync", "bad-serial", "scanned label"),
        ("{serials: [DMQVG1RFK1], csv: {file: x}}", "wipe", "unknown-field", "devices.csv"),
        ("{serials: [DMQVG1RFK1], expect: {}}", "wipe", "bad-value", "expects nothing"),
        ("{serials: [DMQVG1RFK1], expect: {modell: x}}", "wipe", "unknown-field", "devices.expect.modell"),
        ("{serials: [DMQVG1RFK1], expect: {model: null}}", "wipe", "bad-value", "cannot be null"),
        ("{serials: [DMQVG1RFK1], where: {models: [x]}}", "sync", "bad-value", "exclude each other"),
        ("{where: {models: [x]}}", "lock", "bad-value", "class disruptive"),
        ("{where: {models: [x]}}", "wipe", "bad-value", "class destructive"),
        ("{where: {models: [x]}}", "sync", "A-1", "no EnrollmentToken says with `apple`"),
    ] {
        let found = load(&[document(devices, kind)]);
        let told = severe(&found);
        assert!(
            told.iter().any(|one| one.code == code && one.message.contains(words)),
            "{devices}: {told:#?}"
        );
        assert!(found.diagnostics.stop_the_folder() && told.iter().all(|one| one.tokens.is_empty()));
    }
    let twice =
        refused(&document("\n    serials:\n    - DMQVG1RFK1\n    - DMQVG1RFK2\n    - DMQVG1RFK1", "lock"));
    assert_eq!((twice.place.line, twice.also[0].line), (10, 8));
}

#[test]
fn safe_actions_pick_devices_at_apples_side() {
    use super::apple::ORGANISATION;
    const SERVED: &str = "  apple: {connection: org, service: A}\n";
    let document = asks("sync", "").replace("{serials: [DMQVG1RFK1]}", "{where: {productFamilies: [iPad]}}");
    let loaded = load(&[ORGANISATION.to_owned(), token("main", SERVED), document.clone()]);
    assert_eq!(told(&loaded), [""; 0]);
    assert!(one(&loaded).selected.is_some() && one(&loaded).devices.is_empty());
    for (condition, words) in [("{}", "asks for nothing"), ("{unassigned: false}", "`true` only")] {
        let text = document.replace("{productFamilies: [iPad]}", condition);
        let found = only(&load(&[ORGANISATION.to_owned(), token("main", SERVED), text]));
        assert!(found.message.contains(words), "{found:?}");
    }
    let expects = document.replace("[iPad]}}", "[iPad]}, expect: {model: iPad}}");
    let found = only(&load(&[ORGANISATION.to_owned(), token("main", SERVED), expects]));
    assert!(found.message.contains("it guards serial numbers"), "{found:?}");
}

#[test]
fn times_are_exact_and_bounded() {
    let with = |written: &str| content("sync", &format!("  expiresAfter: {written}\n")).expires;
    assert_eq!(with("90m"), "2026-11-20T09:30:00Z".parse().unwrap());
    assert_eq!(with("90d"), "2027-02-18T08:00:00Z".parse().unwrap());
    assert_eq!(with("null"), with("7d"));
    for wrong in ["0d", "91d", "7"] {
        assert_eq!(
            refused(&asks("wipe", &format!("  expiresAfter: {wrong}\n"))).code,
            "bad-value",
            "{wrong}"
        );
    }
    for wrong in ["2026-11-20", "2026-11-20T08:00", "yesterday"] {
        let found = refused(&asks("wipe", "").replace("2026-11-20T08:00:00Z", wrong));
        assert!(found.message.starts_with("`requestedAt`: it is not a time in RFC 3339"), "{found:?}");
    }
    let missing = refused(&asks("wipe", "").replace("  requestedAt: 2026-11-20T08:00:00Z\n", ""));
    assert_eq!(missing.code, "missing-field");
}

#[test]
fn a_reason_is_asked_from_class_disruptive_up() {
    for kind in ActionKind::ALL.into_iter().filter(|kind| *kind != ActionKind::HandOver) {
        let text = asks(kind.word(), needed(kind)).replace("  reason: lost\n", "");
        if kind.class() == Class::Safe {
            let loaded = load(&[text]);
            assert_eq!(told(&loaded), [""; 0]);
            assert_eq!(one(&loaded).content.reason, None);
        } else {
            let found = refused(&text);
            assert_eq!((found.code, found.next.as_str()), ("missing-field", "add `reason: …`"), "{kind}");
        }
    }
    for blank in ["''", "'  '", "null"] {
        assert_eq!(
            refused(&asks("wipe", "").replace("reason: lost", &format!("reason: {blank}"))).code,
            "bad-value"
        );
    }
}

#[test]
fn l6_the_hand_and_l4_the_waiver_belong_to_some_actions() {
    for kind in ActionKind::ALL.into_iter().filter(|kind| *kind != ActionKind::HandOver) {
        let waived =
            asks(kind.word(), &format!("{}  acceptNoBypassCode: none was ever made\n", needed(kind)));
        if kind.needs_safeguard() {
            assert!(one(&load(&[waived])).content.accept_no_bypass_code.is_some());
        } else {
            let found = refused(&waived);
            assert!(found.next.contains("`deleteRecord`, `wipe`, `handOver`, `release`"), "{found:?}");
        }
        if !kind.needs_hand() {
            let found = refused(&asks(kind.word(), &format!("{}  physicallyInHand: true\n", needed(kind))));
            assert!(found.next.contains("`disableActivationLock`, `handOver`"), "{found:?}");
        }
    }
    assert_eq!(refused(&asks("wipe", "  acceptNoBypassCode: ' '\n")).code, "bad-value");
}

#[test]
fn options_belong_to_their_action() {
    let options = |kind: &str, written: &str| content(kind, &format!("  options: {written}\n")).options;
    let wipe = |keep_data_plan, pin: Option<SecretRef>, obliteration| ActOptions::Wipe {
        keep_data_plan,
        pin,
        obliteration,
        return_to_service: None,
    };
    assert_eq!(content("wipe", "").options, wipe(true, None, None));
    assert_eq!(options("wipe", "{}"), wipe(true, None, None));
    assert_eq!(options("wipe", "{keepDataPlan: null}"), wipe(true, None, None));
    assert_eq!(
        options("wipe", "{keepDataPlan: false, pin: {env: PIN}, obliteration: always}"),
        wipe(false, Some(SecretRef::Env("PIN".into())), Some(Obliteration::Always))
    );
    assert_eq!(options("playSound", "{minutes: 5}"), ActOptions::PlaySound { minutes: Some(5) });
    assert_eq!(
        options("enableLostMode", "{message: Lost, phoneNumber: '+49 30 1', footnote: please}"),
        ActOptions::LostMode {
            message: "Lost".into(),
            phone_number: "+49 30 1".into(),
            footnote: Some("please".into())
        }
    );
    assert_eq!(options("rename", "{name: IPAD-0042}"), ActOptions::Rename { name: "IPAD-0042".into() });
    assert_eq!(
        options("deleteSharedIpadUser", "{user: anna@school.example}"),
        ActOptions::SharedIpadUser { user: "anna@school.example".into() }
    );
    for (kind, written, code, words) in [
        ("wipe", "{name: x}", "bad-value", "it is of `rename`"),
        ("wipe", "{footnote: x}", "bad-value", "it is of `enableLostMode`"),
        ("sync", "{minutes: 5}", "bad-value", "it is of `playSound`"),
        ("retire", "{keepDataPlan: true}", "bad-value", "it is of `wipe`"),
        ("wipe", "{token: x}", "bad-value", "it is of `handOver`"),
        ("wipe", "{returnToService: true}", "unknown-field", "Microsoft Intune carries no such option"),
        ("lock", "{message: Lost}", "bad-value", "not carried by Microsoft Intune"),
        ("lock", "{phoneNumber: '1'}", "bad-value", "`enableLostMode` shows"),
        ("wipe", "{pin: 123456}", "plain-secret", "plain value"),
        ("wipe", "{pin: null}", "bad-value", "cannot be null"),
        ("wipe", "{obliteration: often}", "unknown-word", "often"),
        ("enableLostMode", "{message: Lost}", "missing-field", "add `phoneNumber"),
        ("enableLostMode", "{message: ' ', phoneNumber: '1'}", "bad-value", "empty"),
        ("rename", "{}", "missing-field", "add `name"),
        ("rename", "{name: Anna's iPad}", "bad-value", "other signs"),
        ("rename", "{name: '0042'}", "bad-value", "digits only"),
        ("rename", "{name: '{{serialnumber}}'}", "bad-value", "other signs"),
        ("deleteSharedIpadUser", "{user: anna}", "bad-value", "principal name"),
        ("playSound", "{minutes: 0}", "bad-value", "from 1 to 60"),
        ("playSound", "{minutes: 61}", "bad-value", "from 1 to 60"),
    ] {
        let found = refused(&asks(kind, &format!("  options: {written}\n")));
        assert_eq!(found.code, code, "{kind} {written}: {found:?}");
        assert!(found.message.contains(words) || found.next.contains(words), "{kind} {written}: {found:?}");
    }
    for kind in ["enableLostMode", "rename", "deleteSharedIpadUser"] {
        let missing = load(&[asks(kind, "")]);
        assert!(severe(&missing).iter().all(|one| one.code == "missing-field"), "{kind}");
        assert!(missing.desired.actions.is_empty());
    }
    let exec = load(&[asks("wipe", "  options: {pin: {exec: [pass, pin]}}\n")]);
    assert_eq!((only(&exec).code, exec.desired.actions.len()), ("not-allowed", 0));
}

#[test]
fn a2_and_a3_a_hand_over_leads_to_a_token_with_its_service() {
    use super::apple::ORGANISATION;
    const SERVED: &str = "  apple: {connection: org, service: A}\n";
    let over = |token: &str, profile: &str| {
        asks("handOver", &format!("  options: {{token: {token}, profile: {profile}}}\n"))
    };
    let beside = |document: String, gone: &str| {
        load(&[
            ORGANISATION.to_owned(),
            token("there", &format!("{SERVED}{gone}")),
            token("plain", ""),
            profile("ipads", "[there]", ""),
            profile("others", "[plain]", ""),
            profile("old", "[there]", "  state: absent\n"),
            document,
        ])
    };
    let loaded = beside(over("there", "ipads"), "");
    assert_eq!(told(&loaded), [""; 0]);
    let name = |text| Name::new(text).unwrap();
    assert_eq!(
        one(&loaded).content.options,
        ActOptions::HandOver { token: name("there"), profile: name("ipads") }
    );
    assert!(one(&loaded).content.physically_in_hand);
    for (token, profile, code, words) in [
        ("ther", "ipads", "unknown-reference", "did you mean `there`?"),
        ("there", "ipdas", "unknown-reference", "did you mean `ipads`?"),
        ("plain", "others", "A-2", "has no `apple`"),
        ("there", "others", "A-3", "do not select that token"),
        ("there", "old", "A-3", "whose state is `absent`"),
    ] {
        let found = only(&beside(over(token, profile), ""));
        assert!(
            found.code == code && (found.message.contains(words) || found.next.contains(words)),
            "{found:?}"
        );
        assert!(found.tokens.is_empty(), "an act is stopped with the folder: {found:?}");
    }
    let going = beside(over("there", "ipads"), "  state: absent\n");
    assert!(
        severe(&going).iter().any(|one| one.code == "A-2" && one.message.contains("`absent`")),
        "{going:#?}"
    );
    let missing = beside(asks("handOver", "  options: {token: there}\n"), "");
    assert_eq!(only(&missing).next, "add `profile: …` to `options`");
}

#[test]
fn what_other_kinds_have_is_refused_with_the_way_out() {
    for field in ["displayName: x", "id: x", "formerly: [x]", "state: absent"] {
        let found = refused(&asks("wipe", &format!("  {field}\n")));
        assert_eq!(found.code, "unknown-field");
        assert!(found.next.starts_with("remove"), "{found:?}");
    }
    let known = load(&[asks("wipe", "  acknowledge: [{rule: L-4, reason: known, until: 2027-01-31}]\n")]);
    assert_eq!((told(&known).len(), one(&known).acknowledge.len()), (0, 1));
    let labelled = asks("wipe", "").replace("{name: one}", "{name: one, labels: {ticket: '4711'}}");
    assert_eq!(told(&load(&[labelled])), [""; 0]);
    let unknown = load(&[asks("wipe", "  acknowledge: [{rule: X-1, reason: known, until: 2027-01-31}]\n")]);
    assert_eq!(only(&unknown).code, "unknown-rule");
}

#[test]
fn a_document_with_a_mistake_asks_for_nothing() {
    let loaded = load(&[asks("wipe", "  reson: x\n")]);
    assert_eq!(only(&loaded).code, "unknown-field");
    assert!(loaded.desired.actions.is_empty() && loaded.doubtful.actions.len() == 1);
    // Neither of two with one name does.
    let twice = load(&[asks("wipe", ""), asks("lock", "")]);
    assert_eq!((only(&twice).code, twice.desired.actions.len()), ("same-name", 0));
}
