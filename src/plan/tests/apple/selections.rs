//! Selections: what Apple tells decides who gets what.

use super::world::*;
use crate::model::desired::{Chosen, FamilyProfiles, NamedSerial, SerialSource, Where};
use crate::model::live::EnrollmentState;
use crate::model::organisation::{ProductFamily, PurchaseSource};
use crate::model::{Platform, Value};
use crate::plan::tests::world::{blocked, ids, name, profile_id, serial};

fn order(text: &str) -> Where {
    Where { order_numbers: Some(vec![text.to_owned()]), ..Where::default() }
}

#[test]
fn a1_conditions_pick_devices_of_no_service_or_of_this_folder_and_never_foreign_ones() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "Office").ipad("C02A0003", "Jamf").ipad("C02A0004", "");
    fleet.device("C02A0004").order = "ORDER2";
    fleet.select("carts", "main", "school", order("order1"));
    let plan = fleet.plan();
    let moved: Vec<String> =
        ids(&plan).iter().filter(|id| id.starts_with("move")).flat_map(|id| serials_of(&plan, id)).collect();
    assert_eq!(moved, ["C02A0001", "C02A0002"]);
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    let mut all = order("ORDER1");
    all.purchase_sources = Some(vec![PurchaseSource::Reseller]);
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").select("carts", "main", "school", all);
    assert!(fleet.plan().steps.is_empty(), "all conditions have to hold");
}

#[test]
fn a1_models_go_by_name_and_identifier() {
    for (model, is_picked) in [("ipad air", true), ("IPAD14,1", true), ("iPad", false)] {
        let mut fleet = Fleet::new();
        let models = Where { models: Some(vec![model.to_owned()]), ..Where::default() };
        fleet.ipad("C02A0001", "").select("carts", "main", "school", models);
        assert_eq!(!fleet.plan().steps.is_empty(), is_picked, "{model}");
    }
}

#[test]
fn a1_a_file_that_could_not_be_read_may_name_what_is_selected() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").select("carts", "main", "school", order("ORDER1"));
    fleet.lay_out();
    let mut desired = fleet.desired();
    desired.unread_files.push("carts.csv".into());
    let plan = fleet.base.plan_of(&desired);
    assert!(plan.steps.is_empty() && blocked(&plan).reason.contains("carts.csv"));
}

#[test]
fn a3_the_profile_goes_by_the_family_and_an_unknown_one_is_told() {
    let mut fleet = Fleet::new();
    for (one, family) in [
        ("C02A0001", Some(ProductFamily::Ipad)),
        ("C02A0002", Some(ProductFamily::Iphone)),
        ("C02A0003", None),
        ("C02A0004", Some(ProductFamily::Watch)),
    ] {
        fleet.held(one, "School", EnrollmentState::NotContacted).device(one).family = family;
    }
    let profiles =
        FamilyProfiles { ipad: Some(name("kiosk")), iphone: Some(name("main")), ..FamilyProfiles::default() };
    let all = ["C02A0001", "C02A0002", "C02A0003", "C02A0004", "C02NEW01"];
    let named =
        all.iter().map(|one| NamedSerial { serial: serial(one), line: 1, source: SerialSource::Document });
    let chosen = Chosen { named: named.collect(), selected: None };
    fleet.selection("carts", profiles, &["school"], chosen);
    let plan = fleet.plan();
    // All have `main` already.
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/kiosk@school"]);
    assert_eq!(serials_of(&plan, ids(&plan)[0]), ["C02A0001"]);
    assert!(blocked(&plan).reason.contains("C02A0003"));
    assert!(plan.left_alone.iter().any(|one| one.name.starts_with("1 watch ")));
    assert!(waits(&plan, "C02NEW01").reason.contains("not in the organisation yet"));
}

#[test]
fn a9_selections_that_give_two_profiles_block_the_device_and_named_beats_selected() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::NotContacted);
    fleet.held("C02A0002", "School", EnrollmentState::NotContacted);
    for one in ["C02A0001", "C02A0002"] {
        fleet.base.edit_device("school", one, |device| device.profile = None);
    }
    fleet.select("first", "main", "school", order("ORDER1")).select(
        "second",
        "kiosk",
        "school",
        order("ORDER1"),
    );
    fleet.assign("named", "kiosk", &["school"], &["C02A0002"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "assign EnrollmentProfile/kiosk@school"), ["C02A0002"]);
    let apart = blocked(&plan);
    assert_eq!(apart.rule.as_deref(), Some("A-9"));
    assert!(apart.reason.contains("first.yaml:7") && apart.reason.contains("C02A0001"), "{}", apart.reason);
}

#[test]
fn p14_a_profile_of_shared_ipad_is_refused_to_a_phone_and_the_rest_goes_on() {
    let mut fleet = Fleet::new();
    fleet.base.profile("cart", "[school]", "sharedIpad: {maximumCachedUsers: 5}");
    let mut live = crate::plan::tests::world::live_profile(
        profile_id("cart", "school"),
        fleet.base.desired().profiles[&name("cart")].created[&name("school")].clone(),
    );
    live.fields.insert("sharedIpad".into(), Value::Bool(true));
    fleet.base.edit_profiles("school", |all| all.push(live));
    fleet.held("C02A0001", "School", EnrollmentState::NotContacted);
    fleet.held("C02A0002", "School", EnrollmentState::NotContacted);
    fleet.ipad("C02A0003", "School").ipad("C02A0004", "");
    for one in ["C02A0002", "C02A0003"] {
        fleet.device(one).family = Some(ProductFamily::Iphone);
    }
    fleet.bring("carts", "cart", "school", &["C02A0001", "C02A0002", "C02A0003", "C02A0004"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "assign EnrollmentProfile/cart@school"), ["C02A0001"]);
    assert_eq!(serials_of(&plan, "sync EnrollmentToken/school"), ["C02A0004"]);
    let refused: Vec<&str> = plan
        .blocked
        .iter()
        .filter(|one| one.rule.as_deref() == Some("P-14"))
        .map(|one| one.reason.as_str())
        .collect();
    assert_eq!(refused.len(), 2, "{:#?}", plan.blocked);
    assert!(
        refused.iter().any(|one| one.contains("C02A0002"))
            && refused.iter().any(|one| one.contains("C02A0003"))
    );
}

#[test]
fn p32_the_family_at_apple_tells_the_platform_before_the_mdm_has_the_device() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "School").device("C02A0001").family = Some(ProductFamily::Mac);
    fleet.assign("carts", "main", &["school"], &["C02A0001"]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert!(plan.left_alone.iter().any(|one| one.why.contains("P-32")));
    assert_eq!(ProductFamily::Mac.platform(), Some(Platform::Macos));
}
