//! The contract judge judged: what it must refuse, and what it must let pass.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::contract::{Exchange, Judge, contracts_folder};

const TOKEN: &str = "/beta/deviceManagement/depOnboardingSettings/40342229-2229-4034-2922-344029223440";
const PROFILE: &str = "40342229-2229-4034-2922-344029223440_1ec10a60-0a60-1ec1-600a-c11e600ac11e";

fn get(path: &str, query: &str, answer: Value) -> Exchange {
    Exchange {
        method: "GET".into(),
        path: path.into(),
        query: query.into(),
        status: Some(200),
        response_body: Some(answer),
        ..Exchange::default()
    }
}

/// A profile as a client would create it, and the answer.
fn create(body: Value) -> Exchange {
    let mut answer = body.clone();
    answer["id"] = json!(PROFILE);
    Exchange {
        method: "POST".into(),
        path: format!("{TOKEN}/enrollmentProfiles"),
        request_body: Some(body),
        status: Some(201),
        response_body: Some(answer),
        ..Exchange::default()
    }
}

fn profile() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile",
        "displayName": "Standard",
        "description": null,
        "supervisedModeEnabled": true,
        "iTunesPairingMode": "requiresCertificate",
        "sharedIPadMaximumUserCount": 10,
        "managementCertificates": [{ "certificate": "MIIB", "thumbprint": "AB" }],
        "enabledSkipKeys": ["AppStore"],
    })
}

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = profile();
    change(&mut body);
    body
}

/// The violations, which must exist and speak of `word`.
fn refused(judge: &Judge, exchange: &Exchange, word: &str) {
    let faults = judge.exchange(exchange).expect_err("the exchange breaks the contract");
    assert!(faults.iter().any(|fault| fault.contains(word)), "no word of {word:?} in {faults:#?}");
}

#[test]
fn a_profile_create_passes() {
    let Some(judge) = Judge::from_env() else { return };
    assert_eq!(judge.exchange(&create(profile())), Ok(()));
}

#[test]
fn a_misspelled_request_member_is_refused() {
    let Some(judge) = Judge::from_env() else { return };
    refused(
        judge,
        &create(changed(|body| body["supervisedModeEnable"] = json!(true))),
        "supervisedModeEnable",
    );
}

#[test]
fn a_misspelled_member_of_a_nested_request_object_is_refused() {
    let Some(judge) = Judge::from_env() else { return };
    let body = changed(|body| body["managementCertificates"][0]["thumbPrint"] = json!("AB"));
    refused(judge, &create(body), "thumbPrint");
}

#[test]
fn a_member_of_another_subtype_is_refused() {
    let Some(judge) = Judge::from_env() else { return };
    let body = changed(|body| body["@odata.type"] = json!("#microsoft.graph.depMacOSEnrollmentProfile"));
    refused(judge, &create(body), "iTunesPairingMode");
}

#[test]
fn members_of_a_subtype_without_its_name_are_refused() {
    let Some(judge) = Judge::from_env() else { return };
    let body = changed(|body| {
        body.as_object_mut().expect("an object").remove("@odata.type");
    });
    refused(judge, &create(body), "iTunesPairingMode");
}

#[test]
fn a_type_that_does_not_exist_is_refused_in_request_and_answer() {
    let Some(judge) = Judge::from_env() else { return };
    let mut exchange = create(changed(|body| body["@odata.type"] = json!("#microsoft.graph.depIosProfile")));
    refused(judge, &exchange, "depIosProfile");
    exchange.request_body = Some(profile());
    refused(judge, &exchange, "depIosProfile");
}

#[test]
fn a_wrong_type_is_refused_in_request_and_answer() {
    let Some(judge) = Judge::from_env() else { return };
    let mut exchange = create(changed(|body| body["supervisedModeEnabled"] = json!("true")));
    refused(judge, &exchange, "/supervisedModeEnabled");
    exchange.request_body = Some(profile());
    refused(judge, &exchange, "answer at \"/supervisedModeEnabled\"");
}

#[test]
fn null_is_refused_where_the_member_cannot_be_null() {
    let Some(judge) = Judge::from_env() else { return };
    refused(judge, &create(changed(|body| body["isMandatory"] = json!(null))), "/isMandatory");
}

#[test]
fn a_wrong_enum_value_is_refused_in_request_and_answer() {
    let Some(judge) = Judge::from_env() else { return };
    let mut exchange = create(changed(|body| body["iTunesPairingMode"] = json!("allowAll")));
    refused(judge, &exchange, "request at \"/iTunesPairingMode\"");
    exchange.request_body = Some(profile());
    refused(judge, &exchange, "answer at \"/iTunesPairingMode\"");
}

#[test]
fn an_integer_out_of_its_range_is_refused() {
    let Some(judge) = Judge::from_env() else { return };
    let body = changed(|body| body["sharedIPadMaximumUserCount"] = json!(3_000_000_000_u64));
    refused(judge, &create(body), "/sharedIPadMaximumUserCount");
}

#[test]
fn unknown_answer_members_pass() {
    let Some(judge) = Judge::from_env() else { return };
    let mut exchange = create(profile());
    exchange.response_body.as_mut().expect("an answer")["addedNextYear"] = json!({ "any": [1] });
    assert_eq!(judge.exchange(&exchange), Ok(()));
}

#[test]
fn an_unknown_query_parameter_is_refused() {
    let Some(judge) = Judge::from_env() else { return };
    let list = |query: &str| get(&format!("{TOKEN}/enrollmentProfiles"), query, json!({ "value": [] }));
    assert_eq!(judge.exchange(&list("$top=100&$select=id,displayName")), Ok(()));
    assert_eq!(judge.exchange(&list("%24top=100")), Ok(()));
    refused(judge, &list("$limit=100"), "$limit");
    refused(judge, &list("$top=many"), "$top");
    let one = get(&format!("{TOKEN}/enrollmentProfiles/{PROFILE}"), "$top=1", profile());
    refused(judge, &one, "$top");
}

#[test]
fn a_next_link_is_followed_and_is_a_url() {
    let Some(judge) = Judge::from_env() else { return };
    let page = |link: &str| {
        let body = json!({ "value": [], "@odata.nextLink": link });
        get(&format!("{TOKEN}/importedAppleDeviceIdentities"), "$skiptoken=abc%3D", body)
    };
    assert_eq!(judge.exchange(&page("https://graph.microsoft.com/beta/x?$skiptoken=2")), Ok(()));
    refused(judge, &page("/beta/x?$skiptoken=2"), "nextLink");
    let tag = get("/beta/deviceManagement/roleScopeTags/0", "$skiptoken=abc", json!({ "id": "0" }));
    refused(judge, &tag, "$skiptoken");
}

#[test]
fn an_unknown_path_or_method_is_refused() {
    let Some(judge) = Judge::from_env() else { return };
    let call = |method: &str, path: String| Exchange { method: method.into(), path, ..Exchange::default() };
    refused(judge, &call("GET", format!("{TOKEN}/profiles")), "no such path");
    refused(judge, &call("GET", format!("{TOKEN}/enrollmentProfiles/")), "no such path");
    refused(judge, &call("GET", TOKEN.replacen("/beta", "", 1)), "no such path");
    refused(judge, &call("GET", TOKEN.replacen("/beta", "/v1.0", 1)), "no such path");
    refused(judge, &call("PUT", format!("{TOKEN}/enrollmentProfiles/{PROFILE}")), "no such method");
    let action = format!("{TOKEN}/enrollmentProfiles/{PROFILE}/setDefaultProfile");
    refused(judge, &call("PATCH", action.clone()), "no such method");
    assert_eq!(judge.exchange(&call("POST", action)), Ok(()));
}

#[test]
fn keys_may_be_percent_encoded_and_literal_segments_win() {
    let Some(judge) = Judge::from_env() else { return };
    let encoded = PROFILE.replace('-', "%2D");
    let exchange = get(&format!("{TOKEN}/enrollmentProfiles/{encoded}"), "", profile());
    assert_eq!(judge.exchange(&exchange), Ok(()));
    assert_eq!(judge.exchange(&get(&format!("{TOKEN}/enrollmentProfiles/$count"), "", json!(3))), Ok(()));
    refused(judge, &get(&format!("{TOKEN}/enrollmentProfiles/$count"), "", profile()), "plain number");
}

#[test]
fn bodies_come_where_they_are_described_and_nowhere_else() {
    let Some(judge) = Judge::from_env() else { return };
    let sync = |body: Option<Value>| Exchange {
        method: "POST".into(),
        path: format!("{TOKEN}/syncWithAppleDeviceEnrollmentProgram"),
        request_body: body,
        status: Some(204),
        ..Exchange::default()
    };
    assert_eq!(judge.exchange(&sync(None)), Ok(()));
    refused(judge, &sync(Some(json!({}))), "knows none");
    let mut lacking = create(profile());
    lacking.request_body = None;
    refused(judge, &lacking, "lacks its body");
    let mut lacking = create(profile());
    lacking.response_body = None;
    refused(judge, &lacking, "without the body");
}

#[test]
fn a_patch_may_answer_200_or_204_and_204_has_no_body() {
    let Some(judge) = Judge::from_env() else { return };
    let mut exchange = create(profile());
    exchange.method = "PATCH".into();
    exchange.path = format!("{TOKEN}/enrollmentProfiles/{PROFILE}");
    exchange.status = Some(200);
    assert_eq!(judge.exchange(&exchange), Ok(()));
    exchange.status = Some(204);
    refused(judge, &exchange, "204 came with a body");
    exchange.response_body = None;
    assert_eq!(judge.exchange(&exchange), Ok(()));
}

#[test]
fn an_assignment_takes_a_list_of_serials() {
    let Some(judge) = Judge::from_env() else { return };
    let assign = |ids: Value| Exchange {
        method: "POST".into(),
        path: format!("{TOKEN}/enrollmentProfiles/{PROFILE}/updateDeviceProfileAssignment"),
        request_body: Some(json!({ "deviceIds": ids })),
        status: Some(204),
        ..Exchange::default()
    };
    assert_eq!(judge.exchange(&assign(json!(["C02AAAA1", "C02AAAA2"]))), Ok(()));
    refused(judge, &assign(json!("C02AAAA1")), "/deviceIds");
    let mut misspelled = assign(json!([]));
    misspelled.request_body = Some(json!({ "deviceIDs": [] }));
    refused(judge, &misspelled, "deviceIDs");
}

#[test]
fn errors_have_the_described_form_and_redirects_do_not_exist() {
    let Some(judge) = Judge::from_env() else { return };
    let answered = |status: u16, body: Option<Value>| Exchange {
        method: "DELETE".into(),
        path: format!("{TOKEN}/enrollmentProfiles/{PROFILE}"),
        status: Some(status),
        response_body: body,
        ..Exchange::default()
    };
    let error = json!({ "error": { "code": "ResourceNotFound", "message": "no", "innerError": { "request-id": "1" } } });
    assert_eq!(judge.exchange(&answered(404, Some(error.clone()))), Ok(()));
    assert_eq!(judge.exchange(&answered(503, None)), Ok(()));
    refused(judge, &answered(404, Some(json!({ "error": { "code": "ResourceNotFound" } }))), "message");
    refused(judge, &answered(404, None), "error body");
    refused(judge, &answered(302, None), "not described");
    let mut worded = error;
    worded["error"]["innerError"] = json!("text");
    refused(judge, &answered(404, Some(worded)), "innerError");
}

#[test]
fn items_of_a_collection_are_held_to_the_type_that_each_names() {
    let Some(judge) = Judge::from_env() else { return };
    let path = format!("{TOKEN}/enrollmentProfiles");
    let list = |item: Value| get(&path, "", json!({ "value": [profile(), item] }));
    assert_eq!(judge.exchange(&list(json!({ "displayName": "untyped" }))), Ok(()));
    let wrong =
        json!({ "@odata.type": "#microsoft.graph.depMacOSEnrollmentProfile", "autoAdvanceSetupEnabled": 1 });
    refused(judge, &list(wrong), "/value/1/autoAdvanceSetupEnabled");
    let token = json!({ "tokenName": "main", "defaultIosEnrollmentProfile": changed(|body| body["isDefault"] = json!("y")) });
    let expanded = get(
        "/beta/deviceManagement/depOnboardingSettings",
        "$expand=defaultIosEnrollmentProfile",
        json!({ "value": [token] }),
    );
    refused(judge, &expanded, "isDefault");
}

#[test]
fn recorded_answers_of_the_resources_built_pass() {
    let (Some(judge), Some(folder)) = (Judge::from_env(), contracts_folder()) else { return };
    let token = TOKEN.trim_start_matches("/beta");
    let resources = [
        ("intune-enrollment-deponboardingsetting", "/deviceManagement/depOnboardingSettings".to_owned()),
        ("intune-enrollment-depiosenrollmentprofile", format!("{token}/enrollmentProfiles")),
        ("intune-enrollment-enrollmentprofile", format!("{token}/enrollmentProfiles")),
        ("intune-enrollment-importedappledeviceidentity", format!("{token}/importedAppleDeviceIdentities")),
        ("intune-enrollment-depmacosenrollmentprofile", format!("{token}/enrollmentProfiles")),
        ("intune-rbac-rolescopetag", "/deviceManagement/roleScopeTags".to_owned()),
        ("intune-onboarding-vpptoken", "/deviceAppManagement/vppTokens".to_owned()),
    ];
    let mut judged = 0;
    for (page, collection) in &resources {
        for (example, method, key) in
            [("list", "GET", ""), ("get", "GET", "/x_1"), ("update", "PATCH", "/x_1"), ("create", "POST", "")]
        {
            let Some(document) = recorded(&folder, &format!("{page}-{example}")) else { continue };
            judged += 1;
            // The pages wrap a single object in `value`, which the service does not.
            let answer = if example == "get" { document["value"].clone() } else { document };
            let exchange = Exchange {
                method: "GET".into(),
                path: format!("/beta{collection}{key}"),
                status: Some(200),
                response_body: Some(answer.clone()),
                ..Exchange::default()
            };
            assert_eq!(judge.exchange(&exchange), Ok(()), "{page}-{example} as the answer of a GET");
            if method != "GET" {
                let echoed = Exchange { method: method.into(), request_body: Some(answer), ..exchange };
                assert_eq!(
                    judge.exchange(&echoed),
                    Ok(()),
                    "{page}-{example} as request and answer of {method}"
                );
            }
        }
    }
    let function = |base: &str, call: &str| format!("/beta{base}/{call}");
    let tokens = "/deviceManagement/depOnboardingSettings";
    let expiring = "getExpiringVppTokenCount(expiringBeforeDateTime='2026-11-02T08:00:00Z')";
    let licenses = "getLicensesForApp(bundleId='com.microsoft.CompanyPortal')";
    for (name, path) in [
        (
            "intune-onboarding-vpptoken-getlicensesforapp",
            function("/deviceAppManagement/vppTokens", licenses),
        ),
        ("intune-enrollment-deponboardingsetting-getexpiringvpptokencount", function(tokens, expiring)),
        (
            "intune-devices-applepushnotificationcertificate-get",
            "/beta/deviceManagement/applePushNotificationCertificate".to_owned(),
        ),
    ] {
        let mut document = recorded(&folder, name).unwrap_or_else(|| panic!("{name} is recorded"));
        if name.ends_with("certificate-get") {
            document = document["value"].take();
        }
        assert_eq!(judge.exchange(&get(&path, "", document)), Ok(()), "{name}");
        judged += 1;
    }
    assert!(judged >= 24, "only {judged} recorded answers were found");
}

/// A recorded answer; not every page of the source shows every example.
fn recorded(folder: &std::path::Path, name: &str) -> Option<Value> {
    let path: PathBuf = folder.join("recorded/graph").join(format!("{name}.response.json"));
    let text = std::fs::read_to_string(&path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

#[test]
fn a_recording_is_judged_line_by_line() {
    let Some(judge) = Judge::from_env() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let lines = [
        json!({ "service": "login", "method": "POST", "path": "/t/oauth2/v2.0/token", "status": 200 }),
        json!({ "service": "graph", "method": "POST", "path": "/beta/$batch", "status": 200, "requestBody": {}, "responseBody": {} }),
        json!({ "service": "graph", "method": "GET", "path": "/deviceManagement/roleScopeTags?$top=5", "status": 200, "responseBody": { "value": [] }, "batch": true }),
        json!({ "service": "graph", "method": "GET", "path": "/beta/deviceManagement/roleScopeTags", "query": "$top=5", "status": null }),
        json!({ "service": "graph", "method": "GET", "path": "/beta/deviceManagement/scopeTags", "query": "", "status": 200 }),
        json!({ "service": "graph", "method": "POST", "path": "/beta/deviceManagement/roleScopeTags", "requestBody": {}, "requestHeaders": {} }),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&recording, text + "{cut").expect("a recording");
    let faults = judge.file(&recording);
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("line 5: GET /beta/deviceManagement/scopeTags"), "{faults:#?}");
    assert!(faults[2].starts_with("line 7: not JSON"), "{faults:#?}");
    assert!(faults[1].contains("application/json"), "{faults:#?}");
}
