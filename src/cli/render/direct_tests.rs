//! How steps towards Apple's enrollment service read.

use super::super::markdown::plan as markdown;
use super::super::text::plain;
use super::*;
use crate::model::live::EnrollmentState;
use crate::model::{Field, Value};
use crate::plan::tests::direct::world::World;

/// A change that devices follow, a default, a new profile, one that goes, a URL, and who waits.
fn world() -> World {
    let mut world = World::new();
    for profile in ["kiosk", "old", "pupils"] {
        world.profile(profile, &["school"], &[]);
    }
    let mut world = world.settled();
    let [kiosk, old, pupils] = ["kiosk", "old", "pupils"].map(|profile| world.object(profile, "school"));
    world.ipads("school", "DLX", 3, Some(&pupils)).ipad("school", "DLY1", Some(kiosk.clone()));
    world.ipad("school", "DLY2", None).ipad("school", "OLD1", Some(old.clone()));
    world.device("school", "DLX000002").state = EnrollmentState::Enrolled;
    world.state("pupils", "department", Value::text("Lakeside IT"));
    world.assign("carts", "kiosk", "school", &["DLY2", "DLY9"]).cool("DLY2", &kiosk, "THROTTLED", 3600, 1);
    world.profile("staff", &["school"], &[("setupAssistant.siri", Value::text("hide"))]);
    world.assign("staff", "staff", "school", &["DLY1"]);
    world.absent("old");
    world.document("school").account_driven_url = Field::Set("https://mdm.example/discover".parse().unwrap());
    world
}

fn saved() -> SavedPlan {
    let world = world();
    SavedPlan::new(&world.plan(), None, world.now)
}

/// The block of lines that begins with a step's first line.
fn block(text: &str, first: &str) -> String {
    let from = text.find(first).unwrap_or_else(|| panic!("no {first} in {text}"));
    let rest = &text[from..];
    rest[..rest.find("\n\n").unwrap_or(rest.len())].to_owned()
}

#[test]
fn a_plan_of_a_direct_token() {
    let text = plain(&text(&saved(), PlanView::default()));
    insta::assert_snapshot!(block(&text, "Destructive"), @r#"
    Destructive
      - unassign EnrollmentProfile/old@school
          take   "old" off 1 device: OLD1
          where  Apple, token school
          why    the document says state: absent
          class  destructive
          felt   at next activation; by 1 device not enrolled yet
          note   P-31: without a profile a device cannot enroll, nor enroll again
                 after a wipe, until it gets one
    "#);
    insta::assert_snapshot!(block(&text, "Updates"), @r#"
    Updates
      ~ replace EnrollmentProfile/pupils@school
          ~ department  (none) -> "Lakeside IT"
          for    00000000000000000000000000000003, which stays as it is
          where  Apple, token school
          why    changed in the documents
          class  safe
          felt   at next activation; 1 enrolled device keeps what it has until it is
                 wiped; 2 take it at activation
          note   P-28: Apple changes no profile: this is a new one; the 3 devices
                 that have a former one are assigned to it, and take it when they
                 are next activated
    "#);
    insta::assert_snapshot!(block(&text, "  ~ set the account-driven URL"), @r#"
      ~ set the account-driven URL of EnrollmentToken/school  "Server of school"
          set    (none) -> https://mdm.example/discover
          where  Apple, token school
          why    not at the service yet
          class  safe
          felt   at once
    "#);
    insta::assert_snapshot!(block(&text, "Actions"), @r#"
    Actions
      + assign EnrollmentProfile/pupils@school
          give   3 devices (an earlier one) -> "pupils": DLX000001, DLX000002,
                 DLX000003
          where  Apple, token school
          why    devices have an earlier one of this document's profiles
          class  safe
          felt   at next activation; 1 enrolled device keeps what it has until it is
                 wiped; 2 take it at activation
          after  replace EnrollmentProfile/pupils@school
          note   A-4: 1 of them is enrolled: it takes the profile only after a wipe
    "#);
    insta::assert_snapshot!(block(&text, "Waiting"), @r"
    Waiting
      = 1 serial for EnrollmentProfile/kiosk@school
          for    Apple throttles them, because they were given profiles too often;
                 they are left in peace for a while (A-3), at the latest
                 2026-11-21T13:00:00Z
          which  DLY2
      = 1 serial for EnrollmentProfile/kiosk@school
          for    Apple has not assigned them to this server, or not yet
          which  DLY9
    ");
    let define = block(&text, "  + define EnrollmentProfile/staff@school");
    assert!(define.contains("+ setupAssistant.hide") && !define.contains("setupAssistant.show"), "{define}");
    assert!(
        text.contains("1 to create, 2 to update, 4 devices to assign, 1 to delete; 2 waiting."),
        "{text}"
    );
}

#[test]
fn the_same_as_markdown() {
    let view = markdown::MarkdownView { show_unmanaged: false, as_wished: None, limit: 60_000, see: "" };
    let text = markdown::text(&saved(), view);
    for line in [
        "<summary>- unassign <code>EnrollmentProfile/old@school</code>, <b>destructive</b></summary>",
        "- **take** `old` off 1 device",
        "- **felt** at next activation; by 1 device not enrolled yet",
        "`OLD1`",
        "<summary>~ replace <code>EnrollmentProfile/pupils@school</code></summary>",
        "- **for** `00000000000000000000000000000003`, which stays as it is",
        "- **set** `(none)` → `https://mdm.example/discover`",
    ] {
        assert!(text.lines().any(|one| one == line), "no {line} in {text}");
    }
    assert!(text.contains("(an earlier one)"), "{text}");
}

#[test]
fn the_same_as_json_tells_relation_and_content() {
    let json: serde_json::Value = serde_json::from_str(&saved().to_json()).unwrap();
    let steps = json["steps"].as_array().unwrap();
    let of = |id: &str| &steps.iter().find(|step| step["id"] == id).unwrap()["action"];
    let replace = of("replace EnrollmentProfile/pupils@school");
    assert_eq!(replace["do"], "define");
    assert!(replace["content"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(replace["changes"].as_array().unwrap().len(), 1);
    assert_eq!(of("assign EnrollmentProfile/pupils@school")["groups"][0]["relation"], "earlier");
    assert_eq!(of("assign EnrollmentProfile/staff@school")["groups"][0].get("relation"), None);
    assert_eq!(of("unassign EnrollmentProfile/old@school")["serials"][0], "OLD1");
}
