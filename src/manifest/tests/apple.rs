//! Organisations, services of tokens, and where devices shall be at Apple.

use super::super::schema;
use super::*;
use crate::manifest::Allow;
use crate::model::desired::{Organisation, Route, RouteTo, Selection};
use crate::model::{Edition, Field, Kind, Name, ProductFamily, SecretRef};

const CLIENT: &str = "BUSINESSAPI.3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6";
const KEY: &str = "a0d7c1e2-4b1f-4a57-8d0f-9e6a5b4c3d2e";

pub const ORGANISATION: &str = "\
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: org}
spec:
  appleBusiness:
    clientId: BUSINESSAPI.3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    keyId: a0d7c1e2-4b1f-4a57-8d0f-9e6a5b4c3d2e
    privateKey: {env: KEY}
";

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn names(all: &[Name]) -> Vec<&str> {
    all.iter().map(Name::as_str).collect()
}

fn organisation(kind: &str, rest: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata: {{name: org}}\nspec:\n  {kind}:\n{rest}"
    )
}

/// An account with further fields, eight blanks deep each.
fn account(client: &str, rest: &str) -> String {
    format!("    clientId: {client}\n    keyId: {KEY}\n    privateKey: {{env: KEY}}\n{rest}")
}

fn lowered(kind: &str, rest: &str) -> Organisation {
    let mut loaded = load(&[organisation(kind, rest)]);
    assert_eq!(told(&loaded), [""; 0], "{rest}");
    assert!(!loaded.desired.connections.contains_key(&name("org")));
    loaded.desired.organisations.remove(&name("org")).unwrap()
}

/// A token at Intune with its service.
fn served(token_name: &str, service: &str, rest: &str) -> String {
    token(token_name, &format!("  apple: {{connection: org, service: {service}}}\n{rest}"))
}

/// A fleet with an organisation, two tokens that have services, one that has none, and profiles.
pub(super) fn fleet(documents: &[String]) -> Vec<String> {
    let mut all = vec![
        ORGANISATION.to_owned(),
        served("a", "A", ""),
        served("b", "B", ""),
        token("plain", ""),
        profile("ipads", "[a, b, plain]", ""),
        profile("phones", "[a, b, plain]", ""),
        profile("shared", "[a, b, plain]", "  userAffinity: none\n  sharedIpad: {}\n"),
        profile("macs", "[a, b, plain]", "").replace("platform: ios", "platform: macos"),
        profile("elsewhere", "[plain]", ""),
    ];
    all.extend(documents.iter().cloned());
    all
}

pub(super) fn load_fleet(documents: &[String]) -> Loaded {
    load(&fleet(documents))
}

pub(super) fn load_one(rest: &str) -> Loaded {
    load_fleet(&[assignment("x", rest)])
}

pub(super) fn refused(rest: &str) -> Diagnostic {
    let found = only(&load_one(rest));
    assert!(found.severity == Severity::Refuse && !found.next.is_empty(), "{found:?}");
    found
}

pub(super) fn route(loaded: &Loaded) -> &Route {
    let [route] = loaded.desired.routes.as_slice() else { panic!("{:?}", loaded.desired.routes) };
    route
}

pub(super) fn selection(loaded: &Loaded) -> &Selection {
    let [one] = loaded.desired.selections.as_slice() else { panic!("{:?}", loaded.desired.selections) };
    one
}

pub(super) const ONE: &str = "  devices: {serials: [DMQVG1RFK1]}\n";

#[test]
fn an_organisation_is_lowered_with_its_defaults_and_all_that_it_can_say() {
    let one = lowered("appleBusiness", &account(CLIENT, ""));
    assert_eq!((one.edition, one.client_id.as_str(), one.key_id.as_str()), (Edition::Business, CLIENT, KEY));
    assert_eq!((one.get_per_minute, one.post_per_hour, one.send_key_id), (20, 10, true));
    assert_eq!(one.private_key, SecretRef::Env("KEY".to_owned()));
    assert!(one.policy.is_none() && one.api.is_none() && one.account.is_none());
    let school = CLIENT.replace("BUSINESS", "SCHOOL");
    let one = lowered(
        "appleSchool",
        &account(
            &school,
            "    getPerMinute: 60\n    postPerHour: 1\n    sendKeyId: false\n  policy: {limits: {reassign: {count: 5}}}\n",
        ),
    );
    assert_eq!((one.edition, one.get_per_minute, one.post_per_hour), (Edition::School, 60, 1));
    assert!(!one.send_key_id && one.policy.unwrap().limits.len() == 1);
    assert_eq!(one.places.at("appleSchool.getPerMinute").line, 9);
}

#[test]
fn what_is_wrong_with_an_account_is_said_at_its_place_and_not_repeated() {
    let school = CLIENT.replace("BUSINESS", "SCHOOL");
    for (kind, text, line, words, next) in [
        (
            "appleBusiness",
            account(&school, ""),
            6,
            "an API account of Apple School Manager",
            "`appleSchool`?",
        ),
        ("appleSchool", account(CLIENT, ""), 6, "an API account of Apple Business", "`appleBusiness`?"),
        ("appleBusiness", account("planted", ""), 6, "does not begin with `BUSINESSAPI.`", "not the key id"),
        ("appleBusiness", account("BUSINESSAPI.planted", ""), 6, "no UUID after", "copy the client id"),
        (
            "appleBusiness",
            account(CLIENT, "").replace(&format!("keyId: {KEY}"), "keyId: planted"),
            7,
            "no UUID",
            "key id",
        ),
        ("appleBusiness", account(CLIENT, "    getPerMinute: 0\n"), 9, "from 1 to 1000", "within the range"),
        (
            "appleBusiness",
            account(CLIENT, "    postPerHour: 1001\n"),
            9,
            "from 1 to 1000",
            "within the range",
        ),
        ("appleBusiness", account(CLIENT, "    sendKeyId: yes\n"), 9, "true or false only", "without quotes"),
        (
            "appleBusiness",
            account(CLIENT, "").replace("{env: KEY}", "planted"),
            8,
            "only ever referred to",
            "{env: NAME}",
        ),
    ] {
        let loaded = load(&[organisation(kind, &text)]);
        let found = only(&loaded);
        assert!(found.message.contains(words) && found.next.contains(next), "{found:?}");
        assert_eq!(found.place.line, line, "{found:?}");
        assert!(!format!("{found:?}").contains("planted"), "{found:?}");
        assert!(loaded.desired.organisations.is_empty(), "{text}");
    }
    let missing = load(&[organisation("appleBusiness", "    getPerMinute: 5\n")]);
    assert_eq!(told(&missing), vec!["missing-field x.yaml:6:5"; 3]);
    let both = organisation("appleBusiness", &account(CLIENT, ""))
        + "  appleSchool:\n"
        + &account(&CLIENT.replace("BUSINESS", "SCHOOL"), "");
    assert!(only(&load(&[both])).message.contains("exclude each other"));
}

#[test]
fn an_endpoint_is_that_of_its_service_and_only_where_the_runner_allows_it() {
    let with = |endpoints: &str, allow: bool| {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{ORGANISATION}  endpoints: {endpoints}\n");
        std::fs::write(folder.path().join("fleet.yaml"), FLEET).unwrap();
        std::fs::write(folder.path().join("x.yaml"), text).unwrap();
        crate::manifest::load(folder.path(), Allow { endpoints: allow, ..Allow::default() }).unwrap()
    };
    let all = "{business: http://127.0.0.1:1, account: http://127.0.0.1:2}";
    let loaded = with(all, true);
    assert_eq!(told(&loaded), [""; 0]);
    let one = &loaded.desired.organisations[&name("org")];
    assert_eq!(one.api.as_ref().map(url::Url::as_str), Some("http://127.0.0.1:1/"));
    assert_eq!(one.account.as_ref().map(url::Url::as_str), Some("http://127.0.0.1:2/"));
    assert_eq!(only(&with(all, false)).code, "not-allowed");
    for (endpoints, words) in [
        ("{school: http://a}", "`endpoints.school` is that of the Apple School Manager API"),
        ("{graph: http://a}", "`endpoints.graph` is that of Microsoft Graph"),
        ("{login: http://a}", "this connection is one to Apple Business"),
    ] {
        let found = only(&with(endpoints, true));
        assert!(found.code == "bad-value" && found.message.contains(words), "{found:?}");
        assert!(found.next.contains("`business` and `account`"), "{found:?}");
    }
    let tenant =
        format!("{CONNECTION}  endpoints: {{account: http://a}}\n").replace("name: tenant", "name: t");
    let found = severe(&load_text(&[("f.yaml", FLEET), ("x.yaml", &tenant)]));
    assert!(found.iter().any(|one| one.message.contains("one to Microsoft Intune")), "{found:?}");
    assert_eq!(only(&with("{unlock: http://a}", true)).code, "not-in-this-version");
}

#[test]
fn a_connection_of_the_other_kind_is_told_as_such() {
    let document = |mdm: &str, connection: &str| {
        token("t", &format!("  apple: {{connection: {connection}, service: S}}\n"))
            .replace("mdm: tenant", &format!("mdm: {mdm}"))
    };
    let found = |mdm, connection| only(&load(&[ORGANISATION.to_owned(), document(mdm, connection)]));
    let mdm = found("org", "org");
    assert!(mdm.code == "wrong-connection" && mdm.next == "did you mean `tenant`?", "{mdm:?}");
    assert!(mdm.message.contains("an organisation in Apple Business, which holds no tokens"), "{mdm:?}");
    let apple = found("tenant", "tenant");
    assert!(apple.code == "wrong-connection" && apple.next == "did you mean `org`?", "{apple:?}");
    assert_eq!(apple.also.len(), 1);
    assert_eq!(found("tenant", "orgs").code, "unknown-reference");
    let none = only(&load(&[document("tenant", "tenant")]));
    assert!(none.next.contains("add a Connection with `appleBusiness`"), "{none:?}");
    // What could not be made out is not judged.
    let broken = load(&[organisation("appleBusiness", &account("x", "")), document("tenant", "org")]);
    assert_eq!(only(&broken).place.line, 6);
}

#[test]
fn a_policy_of_an_organisation_protects_tokens_of_its_services() {
    let with = |protected: &str| {
        let organisation = format!("{ORGANISATION}  policy: {{protected: {{tokens: [{protected}]}}}}\n");
        load(&[organisation, served("a", "A", ""), token("plain", "")])
    };
    assert_eq!(told(&with("a")), [""; 0]);
    assert_eq!(only(&with("plain")).code, "policy-elsewhere");
    assert_eq!(only(&with("nobody")).code, "unknown-reference");
}

#[test]
fn a2_a_token_has_its_service_and_its_families_in_both_spellings() {
    let families = "[Mac, APPLE_TV, iPhone, ipod, mac, VISION, watch, IPAD]";
    let loaded =
        load(&[ORGANISATION.to_owned(), served("a", "'Lab MDM'", &format!("  defaultFor: {families}\n"))]);
    assert_eq!(told(&loaded), [""; 0]);
    let lab = &loaded.desired.tokens[&name("a")];
    let apple = lab.apple.as_ref().unwrap();
    assert_eq!((apple.connection.as_str(), apple.service.as_str()), ("org", "Lab MDM"));
    let mut all = ProductFamily::ALL.to_vec();
    all.sort();
    assert_eq!(lab.default_for, Field::Set(all));
    for (written, read) in [("null", Field::Null), ("[]", Field::Set(Vec::new()))] {
        let loaded =
            load(&[ORGANISATION.to_owned(), served("a", "A", &format!("  defaultFor: {written}\n"))]);
        assert_eq!(loaded.desired.tokens[&name("a")].default_for, read);
        assert_eq!(loaded.desired.families_of(&name("a")), Some(&[][..]));
    }
    let found = only(&load(&[ORGANISATION.to_owned(), served("a", "A", "  defaultFor: [ipads]\n")]));
    assert_eq!((found.code, found.next.as_str()), ("unknown-word", "did you mean `ipad`?"));
    assert_eq!(only(&load(&[token("a", "  apple: {connection: org}\n")])).code, "missing-field");
}

#[test]
fn a2_a_service_has_one_token_and_a_family_one_default_service() {
    let two = |first: &str, second: &str| {
        let found = only(&load(&[ORGANISATION.to_owned(), first.to_owned(), second.to_owned()]));
        assert_eq!((found.rule, found.also.len(), names(&found.tokens)), (Some("A-2"), 1, vec!["a", "b"]));
        assert!(found.also[0].line < found.place.line, "{found:?}");
        found.message
    };
    let same = two(&served("a", "Lab", ""), &served("b", "Lab", ""));
    assert!(same.contains("both belong to the service \"Lab\" of the Connection `org`"), "{same}");
    let family = two(
        &served("a", "A", "  defaultFor: [mac, ipad]\n"),
        &served("b", "B", "  defaultFor: [iphone, iPad]\n"),
    );
    assert!(family.contains("both claim `ipad`"), "{family}");
    // What goes claims nothing more, but its service is still its own.
    let going = |service: &str| {
        load(&[
            ORGANISATION.to_owned(),
            served("a", "A", "  defaultFor: [ipad]\n"),
            served("b", service, "  defaultFor: [ipad]\n  state: absent\n"),
        ])
    };
    assert_eq!(told(&going("B")), [""; 0]);
    assert_eq!(only(&going("A")).rule, Some("A-2"));
}

#[test]
fn a2_default_families_need_a_service_in_apple_business() {
    let bare = only(&load(&[token("a", "  defaultFor: [ipad]\n"), token("b", "")]));
    assert!(bare.rule == Some("A-2") && bare.message.contains("without `apple`"), "{bare:?}");
    assert_eq!(names(&bare.tokens), ["a"]);
    let school = organisation("appleSchool", &account(&CLIENT.replace("BUSINESS", "SCHOOL"), ""));
    let found = only(&load(&[school, served("a", "A", "  defaultFor: []\n")]));
    assert!(found.rule == Some("A-2") && found.next.contains("in the portal"), "{found:?}");
}

#[test]
fn a2_a_token_with_a_service_is_a_route_beside_its_assignment() {
    let loaded = load_one(&format!("{ONE}  token: a\n  profile: ipads\n"));
    assert_eq!(told(&loaded), [""; 0]);
    let one = route(&loaded);
    assert_eq!((one.name.as_str(), &one.to, one.devices.named.len()), ("x", &RouteTo::Token(name("a")), 1));
    assert!(one.move_by.is_none() && one.devices.selected.is_none());
    assert_eq!(
        one.places.of_serial(&one.devices.named[0]).line,
        loaded.desired.assignments[0].devices[0].line
    );
    assert_eq!(names(&loaded.desired.assignments[0].tokens), ["a"]);
    assert!(loaded.desired.selections.is_empty());
    // A token without a service moves nothing, as ever.
    let plain = load_one(&format!("{ONE}  token: plain\n  profile: ipads\n"));
    assert_eq!((told(&plain).len(), plain.desired.routes.len(), plain.desired.assignments.len()), (0, 0, 1));
    // The token alone, and `tokens`, which leave each device where it is.
    let alone = load_one(&format!("{ONE}  token: b\n"));
    assert_eq!((told(&alone).len(), alone.desired.routes.len(), alone.desired.assignments.len()), (0, 1, 0));
    let labels = load_one(&format!("{ONE}  tokens: {{matchLabels: {{site: a}}}}\n  profile: ipads\n"));
    assert_eq!(
        (told(&labels).len(), labels.desired.routes.len(), labels.desired.assignments.len()),
        (0, 0, 1)
    );
}

#[test]
fn a2_what_moves_nothing_is_refused() {
    let plain = refused(&format!("{ONE}  token: plain\n"));
    assert!(plain.rule == Some("A-2") && plain.message.contains("has no `apple`"), "{plain:?}");
    assert_eq!(names(&plain.tokens), ["plain"]);
    let dangling = refused(&format!("{ONE}  token: palin\n"));
    assert_eq!((dangling.code, dangling.next.as_str()), ("unknown-reference", "did you mean `plain`?"));
    assert_eq!(refused(&format!("{ONE}  token: palin\n  profile: ipads\n")).code, "unknown-reference");
    let nothing = refused(ONE);
    assert!(nothing.code == "missing-field" && nothing.next.contains("`unassign: true`"), "{nothing:?}");
    let labels = refused(&format!("{ONE}  tokens: {{matchLabels: {{site: a}}}}\n"));
    assert_eq!(labels.code, "missing-field");
}

#[test]
fn a2_nothing_moves_to_a_token_that_goes() {
    let moved = |state: &str| {
        load(&[
            ORGANISATION.to_owned(),
            served("a", "A", &format!("  state: {state}\n")),
            assignment("x", &format!("{ONE}  token: a\n")),
        ])
    };
    assert_eq!(told(&moved("present")), [""; 0]);
    let found = only(&moved("absent"));
    assert!(found.rule == Some("A-2") && found.message.contains("whose state is `absent`"), "{found:?}");
}

#[test]
fn a2_unassign_stands_alone_and_needs_an_organisation() {
    let loaded = load_one(&format!("{ONE}  unassign: true\n"));
    assert_eq!(told(&loaded), [""; 0]);
    assert_eq!(route(&loaded).to, RouteTo::Nowhere);
    for (rest, words) in [
        ("profile: ipads", "a device of no service has no profile"),
        ("profiles: {ipad: ipads}", "a device of no service has no profile"),
        ("moveBy: {deadline: 2026-12-01}", "a deadline is for devices that get another service"),
        ("token: a", "exclude each other"),
        ("tokens: {matchLabels: {site: a}}", "exclude each other"),
    ] {
        let found = refused(&format!("{ONE}  unassign: true\n  {rest}\n"));
        assert!(found.code == "bad-value" && found.message.contains(words), "{rest}: {found:?}");
    }
    let column = "  devices: {csv: {file: d.csv, column: S, profileColumn: P}}\n  unassign: true\n";
    let documents = fleet(&[assignment("x", column)]);
    let found = only(&load_with(&documents, &[("d.csv", "S,P\nDMQVG1RFK1,ipads\n")]));
    assert!(found.message.contains("`devices.csv.profileColumn` stands beside `unassign`"), "{found:?}");
    let no = severe(&load_one(&format!("{ONE}  unassign: false\n")));
    assert!(no.iter().any(|one| one.message == "`unassign` takes `true` only"), "{no:?}");
    let without = only(&load(&[assignment("x", &format!("{ONE}  unassign: true\n"))]));
    assert!(without.rule == Some("A-2") && without.message.contains("no Connection has"), "{without:?}");
    assert!(without.tokens.is_empty(), "it stops the folder");
    let picked = load(&[
        ORGANISATION.to_owned(),
        token("plain", ""),
        assignment("x", "  devices: {where: {models: [iPad]}}\n  unassign: true\n"),
    ]);
    assert_eq!(only(&picked).rule, Some("A-1"));
}

#[test]
fn nothing_at_apple_is_built_on_what_is_broken() {
    let loaded = load(&[
        ORGANISATION.to_owned(),
        served("a", "A", "  nonsense: 1\n"),
        served("b", "B", ""),
        profile("ipads", "[a, b]", ""),
        assignment("x", &format!("{ONE}  token: a\n")),
        assignment("y", "  devices: {serials: [DMQVG1RFK2]}\n  profiles: {ipad: ipads}\n"),
        assignment("z", "  devices: {serials: [DMQVG1RFK3]}\n  unassign: true\n  nonsense: 1\n"),
    ]);
    assert_eq!(told(&loaded).len(), 2, "{:?}", told(&loaded));
    assert!(loaded.desired.routes.is_empty());
    assert_eq!(names(&selection(&loaded).tokens), ["b"]);
    assert_eq!((loaded.doubtful.routes.len(), loaded.doubtful.tokens.len()), (1, 1));
}

#[test]
fn acknowledgements_of_wishes_at_apple_are_followed() {
    let until = "reason: known, until: 2030-01-01";
    let found = only(&load_one(&format!("{ONE}  token: a\n  acknowledge: [{{rule: A-99, {until}}}]\n")));
    assert_eq!(found.code, "unknown-rule");
    let organisation = format!("{ORGANISATION}  acknowledge: [{{rule: A-11, {until}}}]\n");
    let loaded = load(&[
        organisation,
        served("a", "A", ""),
        assignment("x", &format!("{ONE}  token: a\n  moveBy: {{deadline: 2026-12-01T00:00:00Z}}\n")),
    ]);
    let now = "2026-12-02T00:00:00Z".parse().unwrap();
    let found = crate::rules::check_documents(&loaded.desired, now);
    assert!(found.iter().any(|one| one.code == "A-11"));
    let kept = crate::rules::fold_documents(found, &loaded.desired, now);
    assert!(kept.iter().all(|one| one.code != "A-11"), "{kept:?}");
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let document = |kind: Kind, spec: serde_json::Value| {
        serde_json::json!({ "apiVersion": "espalier.dev/v1alpha1", "kind": kind.as_str(),
            "metadata": { "name": "t" }, "spec": spec })
    };
    let is_valid = |kind: Kind, spec: serde_json::Value| {
        jsonschema::validator_for(&schema(kind)).unwrap().is_valid(&document(kind, spec))
    };
    let account = serde_json::json!({ "clientId": CLIENT, "keyId": KEY, "privateKey": { "env": "K" } });
    assert!(is_valid(Kind::Connection, serde_json::json!({ "appleBusiness": account })));
    assert!(!is_valid(Kind::Connection, serde_json::json!({ "appleBusiness": { "clientId": CLIENT } })));
    assert!(!is_valid(
        Kind::Connection,
        serde_json::json!({ "appleBusiness": account, "appleSchool": account })
    ));
    let service = serde_json::json!({ "connection": "org", "service": "Lab" });
    let token = serde_json::json!({ "mdm": "t", "apple": service, "defaultFor": ["ipad", "appleTv"] });
    assert!(is_valid(Kind::EnrollmentToken, token));
    let devices = serde_json::json!({ "where": { "productFamilies": ["ipad"], "unassigned": true } });
    for (rest, valid) in [
        (serde_json::json!({ "token": "a", "moveBy": { "deadline": "2026-12-01T00:00:00Z" } }), true),
        (serde_json::json!({ "unassign": true }), true),
        (serde_json::json!({ "profiles": { "ipad": "p" }, "tokens": { "matchLabels": { "a": "b" } } }), true),
        (serde_json::json!({ "profiles": { "watch": "p" } }), false),
        (serde_json::json!({ "token": "a", "unassign": true }), false),
        (serde_json::json!({ "profile": "a", "profiles": { "ipad": "p" } }), false),
    ] {
        let mut spec = rest;
        spec["devices"] = devices.clone();
        assert_eq!(is_valid(Kind::DeviceAssignment, spec.clone()), valid, "{spec}");
    }
}
