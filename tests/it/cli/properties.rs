//! Requirement rows that are properties of commands, seen from outside.

use serde_json::json;

use super::{TOKEN, applied};
use crate::support::world;

#[test]
fn p24_department_and_telephone_are_compared_and_written() {
    let (env, server) = applied();
    let flag = server.flag();
    let name = "Standard iPhone and iPad";
    let members = json!({ "supportDepartment": "Elsewhere", "supportPhoneNumber": null });
    server.portal(&json!({ "do": "patchProfile", "token": TOKEN, "profile": name, "members": members }));
    let plan = env.run(["plan", flag.as_str()]).expect(0).stdout;
    for field in ["~ department ", "departmentPhone"] {
        assert!(plan.contains(field), "{field} in\n{plan}");
    }
    env.run(["apply", flag.as_str(), "--yes"]).expect(0);
    let world = world::state_of(&server.world());
    let profiles = world[TOKEN]["profiles"].as_array().expect("a list");
    let standard = profiles.iter().find(|profile| profile[2]["displayName"] == name).expect("the profile");
    assert_eq!(standard[2]["supportPhoneNumber"], "+49 30 5550100");
    assert!(standard[2]["supportDepartment"].as_str().is_some_and(|text| text.starts_with("Contoso IT")));
    env.run(["plan", flag.as_str(), "--detailed-exitcode"]).expect(0);
}

#[test]
fn p31_devices_without_a_profile_are_listed_and_told_by_the_plan() {
    let (env, server) = applied();
    let flag = server.flag();
    let list = env.run(["devices", flag.as_str(), "--unassigned", "--format", "json"]).expect(0).json();
    let bare = list["devices"].as_array().expect("a list");
    assert!(!bare.is_empty() && bare.iter().all(|device| device["profile"].is_null()), "{list}");
    let plan = env.run(["plan", flag.as_str(), "--format", "json"]).expect(0).stdout;
    assert!(plan.contains("P-31"), "{plan}");
}
