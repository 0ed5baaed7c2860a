//! Every request held to the description of the service by others: its path, method, query and body. In
//! requests nothing may stand that the description does not know.

use std::collections::BTreeSet;

use super::*;

/// The description, where the contracts are at hand.
fn description() -> Option<Json> {
    let path = contracts()?.join("graph-beta-intune-subset.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let options = serde_saphyr::options! { strict_booleans: true };
    Some(serde_saphyr::from_str_with_options(&text, options).unwrap())
}

/// The members of a schema with what they inherit.
fn members(openapi: &Json, schema: &Json) -> BTreeSet<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return members(openapi, openapi.pointer(target.trim_start_matches('#')).unwrap());
    }
    let own = schema["properties"].as_object().into_iter().flat_map(|own| own.keys().cloned());
    let parts = schema["allOf"].as_array().into_iter().flatten();
    own.chain(parts.flat_map(|part| members(openapi, part))).collect()
}

/// Whether a value of a body is what the description wants there.
fn fits(openapi: &Json, schema: &Json, value: &Json) -> bool {
    let choices = schema["anyOf"].as_array().or(schema["allOf"].as_array());
    if let Some(choices) = choices {
        return choices.iter().any(|choice| fits(openapi, choice, value));
    }
    if let Some(target) = schema["$ref"].as_str() {
        return fits(openapi, openapi.pointer(target.trim_start_matches('#')).unwrap(), value);
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.contains(value);
    }
    match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        _ => false,
    }
}

#[tokio::test]
async fn every_request_to_a_device_is_described() {
    let Some(openapi) = description() else { return };
    for (call, ..) in calls() {
        let fixture = Fixture::start(in_turn(vec![Reply::Empty(204)])).await;
        fixture.actuator().send_act(request(call)).await;
        let sent = &fixture.calls()[0];
        let (method, path) = sent.line.split_once(' ').unwrap();
        let path = path.strip_prefix("/beta").unwrap().replace("r-1", "{managedDevice-id}");
        let operation = &openapi["paths"][&path][method.to_ascii_lowercase()];
        assert!(operation.is_object(), "{}", sent.line);
        let schema = operation.pointer("/requestBody/content/application~1json/schema");
        assert_eq!(schema.is_some(), !sent.body.is_empty(), "{}", sent.line);
        let Some(schema) = schema else { continue };
        for (name, value) in sent.json().as_object().unwrap() {
            let member = &schema["properties"][name];
            assert!(member.is_object(), "{path} knows no {name}");
            assert!(fits(&openapi, member, value), "{path}: {name} is {value}");
        }
    }
}

#[tokio::test]
async fn every_read_asks_for_what_is_described() {
    let Some(openapi) = description() else { return };
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => refusal(403),
    })
    .await;
    let (observer, id, serial) = (fixture.observer(), record("r-1"), serial("SN1"));
    observer.records().await.unknown().unwrap();
    observer.fresh(&id, &serial).await.unknown().unwrap();
    observer.bypass_code(&id, &serial).await.unknown().unwrap();
    observer.action_secrets(&id, &serial).await.unknown().unwrap();
    observer.audits(Timestamp::MIN).await.unknown().unwrap();
    observer.approval(&code("c-1")).await.unknown().unwrap();
    let mut asked = Vec::new();
    for seen in fixture.calls() {
        match seen.json()["requests"].as_array() {
            Some(parts) => asked.extend(parts.iter().map(|part| part["url"].as_str().unwrap().to_owned())),
            None => asked.push(seen.line.strip_prefix("GET /beta").unwrap().to_owned()),
        }
    }
    assert_eq!(asked.len(), 7);
    let device = &openapi["components"]["schemas"]["microsoft.graph.managedDevice"];
    let known = members(&openapi, device);
    for asked in asked {
        let (path, query) = asked.split_once('?').unwrap();
        let path = path.replace("r-1", "{managedDevice-id}");
        let operation = &openapi["paths"][&path]["get"];
        assert!(operation.is_object(), "{asked}");
        let names: Vec<&str> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap();
            assert!(names.contains(&name), "{asked}: {names:?}");
            if name == "$select" {
                for member in value.split(',') {
                    assert!(known.contains(member), "no member {member}");
                }
            }
        }
    }
}
