//! Which live object a document means, and what follows (manifests.md, "Identity").

use super::world::*;
use crate::diff::identity::{By, Claim, holder};
use crate::ledger::How;
use crate::model::desired::State;
use crate::model::live::{Cause, ProfileKind};
use crate::model::{FieldName, Platform, ProfileId, Value};
use crate::plan::{Action, Bookkeeping, Class, Plan, Reason};

/// `kiosk` on `school`, in order.
fn kiosk() -> World {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "department: IT");
    world.settled()
}

fn changed(plan: &Plan, id: &str) -> Vec<String> {
    let changes = match &step(plan, id).action {
        Action::UpdateProfile { changes, .. } | Action::UpdateToken { changes, .. } => changes,
        other => panic!("{other:?} changes nothing"),
    };
    changes.iter().map(|c| format!("{} {} -> {}", c.field, c.before, c.after)).collect()
}

#[test]
fn what_agrees_needs_no_step_and_no_bookkeeping() {
    let plan = kiosk().plan();
    assert!(!plan.has_changes() && plan.blocked.is_empty(), "{plan:#?}");
    assert!(plan.adopted.is_empty() && plan.bookkeeping.is_empty());
}

#[test]
fn by_the_ledgers_id_a_renamed_live_profile_is_recognised_and_renamed_back() {
    let mut world = kiosk();
    world.set("kiosk", "school", "displayName", Value::text("Renamed in the portal"));
    let plan = world.plan();
    assert_eq!(ids(&plan), ["update EnrollmentProfile/kiosk@school"]);
    assert_eq!(
        changed(&plan, "update EnrollmentProfile/kiosk@school"),
        ["displayName \"Renamed in the portal\" -> \"kiosk\""]
    );
    let step = &plan.steps[0];
    assert_eq!((step.reason, step.class), (Reason::Drifted, Class::Safe));
    assert_eq!(step.name, "kiosk", "the name as it will be");
}

#[test]
fn by_the_documents_id_one_of_two_namesakes_is_meant() {
    let mut world = kiosk();
    let twin = stranger("school", "kiosk");
    let id = twin.id.0.clone();
    world.edit_profiles("school", |all| all.push(twin));
    world.profile("kiosk", "[school]", &format!("department: IT\nid: {id}"));
    let plan = world.plan();
    assert_eq!(step(&plan, "adopt EnrollmentProfile/kiosk@school").object, Some(ProfileId(id)));
    // The other one was ours under this address, and nobody names it now.
    assert!(left(&plan, "kiosk").contains("means another one"));
}

#[test]
fn a_documents_id_that_names_nothing_blocks_a_wish_and_satisfies_an_absence() {
    let mut world = kiosk();
    let id = guid("nobody");
    world.profile("kiosk", "[school]", &format!("id: {id}"));
    let plan = world.plan();
    assert_eq!(blocked(&plan).cause, Cause::Manifest);
    assert!(blocked(&plan).reason.contains(&id));
    world.profile("kiosk", "[school]", &format!("id: {id}\nstate: absent"));
    let plan = world.plan();
    assert!(plan.blocked.is_empty() && plan.steps.is_empty(), "{plan:#?}");
}

#[test]
fn by_name_an_equal_profile_is_adopted_without_a_step() {
    let mut world = kiosk();
    world.disown(&at("kiosk", "school"));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(plan.adopted.len(), 1);
    assert_eq!(plan.adopted[0].address, at("kiosk", "school"));
    assert_eq!(plan.adopted[0].object, Some(profile_id("kiosk", "school")));
}

#[test]
fn by_name_a_differing_profile_is_adopted_by_one_disruptive_step_with_the_whole_diff() {
    let mut world = kiosk();
    world.disown(&at("kiosk", "school"));
    world.set("kiosk", "school", "department", Value::text("Sales"));
    world.set("kiosk", "school", "supervised", Value::Bool(false));
    let plan = world.plan();
    assert_eq!(lines(&plan), "adopt EnrollmentProfile/kiosk@school: Adopted, disruptive\n");
    assert_eq!(
        changed(&plan, "adopt EnrollmentProfile/kiosk@school"),
        ["department \"Sales\" -> \"IT\"", "supervised false -> true"]
    );
    assert!(plan.adopted.is_empty());
}

#[test]
fn p1_by_a_former_name_it_is_a_rename_and_not_a_delete_and_create() {
    let mut world = kiosk();
    world.disown(&at("kiosk", "school"));
    world.profile("kiosk", "[school]", "department: IT\ndisplayName: Stand\nformerly: [Booth, kiosk]");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["adopt EnrollmentProfile/kiosk@school"]);
    let rows: Vec<&str> = plan.steps[0].notes.iter().map(|note| note.rule.as_str()).collect();
    assert_eq!(rows, ["P-1", "P-1"], "dynamic groups, and the rename");
}

#[test]
fn p1_former_names_are_filled_as_the_present_one_is() {
    let mut world = kiosk();
    world.disown(&at("kiosk", "school"));
    world.token("school", "contoso", "values: {what: kiosk}");
    world.profile("kiosk", "[school]", "department: IT\ndisplayName: \"${what} 2\"\nformerly: [\"${what}\"]");
    assert_eq!(ids(&world.plan()), ["adopt EnrollmentProfile/kiosk@school"]);
}

#[test]
fn the_present_name_wins_over_a_former_one() {
    let mut world = kiosk();
    world.disown(&at("kiosk", "school"));
    world.edit_profiles("school", |all| all.push(stranger("school", "Booth")));
    world.profile("kiosk", "[school]", "department: IT\nformerly: [Booth]");
    let plan = world.plan();
    assert_eq!(plan.adopted[0].object, Some(profile_id("kiosk", "school")));
    assert_eq!(left(&plan, "Booth"), "no document names it");
}

#[test]
fn two_namesakes_block_with_both_ids_and_neither_is_touched() {
    for more in ["", "state: absent"] {
        let mut world = kiosk();
        world.edit("EnrollmentToken/school", "mdm: contoso", "mdm: contoso\n  prune: all");
        world.disown(&at("kiosk", "school"));
        let twin = stranger("school", "kiosk");
        let both = [profile_id("kiosk", "school").0, twin.id.0.clone()];
        world.edit_profiles("school", |all| all.push(twin));
        world.profile("kiosk", "[school]", more);
        let plan = world.plan();
        assert!(plan.steps.is_empty(), "{more}: {:?}", ids(&plan));
        assert_eq!(blocked(&plan).address, Some(at("kiosk", "school")));
        for id in both {
            assert!(blocked(&plan).reason.contains(&id));
        }
    }
}

#[test]
fn a_namesake_of_a_blocked_document_is_not_pruned_under_its_old_address() {
    let mut world = kiosk();
    world.edit("EnrollmentToken/school", "mdm: contoso", "mdm: contoso\n  prune: created");
    // The document got another name; the ledger still has the object under the old one.
    world.remove("EnrollmentProfile", "kiosk").profile("stand", "[school]", "displayName: kiosk");
    world.edit_profiles("school", |all| all.push(stranger("school", "kiosk")));
    let plan = world.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert_eq!(blocked(&plan).address, Some(at("stand", "school")));
}

#[test]
fn p1_two_documents_of_one_display_name_both_block() {
    let mut world = World::new();
    world.token("office", "contoso", "");
    world.profile("kiosk", "[office]", "displayName: Same");
    world.profile("stand", "[school]", "displayName: Same");
    let mut world = world.settled();
    // The folder's own check sees this too; the plan does not rely on it.
    let mut desired = world.desired();
    let stand = desired.profiles[&name("stand")].clone();
    let kiosk = desired.profiles.get_mut(&name("kiosk")).unwrap();
    (kiosk.tokens, kiosk.wished, kiosk.created) = (stand.tokens, stand.wished, stand.created);
    world.set("stand", "school", "department", Value::text("changed"));
    let plan = world.plan_of(&desired);
    assert_eq!(plan.blocked.len(), 2);
    assert!(plan.blocked.iter().all(|one| one.rule.as_deref() == Some("P-1")));
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
}

#[test]
fn two_documents_that_mean_one_live_profile_by_name_both_block() {
    let mut world = kiosk();
    world.disown(&at("kiosk", "school"));
    world.profile("stand", "[school]", "displayName: Stand\nformerly: [kiosk]");
    world.set("kiosk", "school", "department", Value::text("changed"));
    let plan = world.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    let addresses: Vec<_> = plan.blocked.iter().filter_map(|one| one.address.clone()).collect();
    assert_eq!(addresses, [at("kiosk", "school"), at("stand", "school")]);
    assert!(plan.blocked[0].reason.contains("EnrollmentProfile/stand"));
}

#[test]
fn a_document_that_renames_and_one_that_deletes_the_same_profile_both_block() {
    for (absent, renames) in [("a", "b"), ("b", "a")] {
        let mut world = World::new();
        world.profile(absent, "[school]", "displayName: Old");
        let mut world = world.settled();
        world.profile(absent, "[school]", "displayName: Old\nstate: absent");
        world.profile(renames, "[school]", "displayName: New\nformerly: [Old]");
        let plan = world.plan();
        assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
        assert_eq!(plan.blocked.len(), 2);
    }
}

#[test]
fn a_name_yields_to_an_id_so_that_a_name_can_be_handed_on() {
    for successor in ["aaa", "zzz"] {
        let mut world = kiosk();
        world.profile("kiosk", "[school]", "department: IT\ndisplayName: Old kiosk");
        world.profile(successor, "[school]", "displayName: kiosk");
        let plan = world.plan();
        assert_eq!(ids(&plan), ["update EnrollmentProfile/kiosk@school"]);
        assert_eq!(blocked(&plan).address, Some(at(successor, "school")));
        assert!(blocked(&plan).next.contains("run it again"));
        // The next run, with the name free, makes the successor.
        world.set("kiosk", "school", "displayName", Value::text("Old kiosk"));
        assert_eq!(ids(&world.plan()), [format!("create EnrollmentProfile/{successor}@school")]);
    }
}

#[test]
fn claims_to_one_object_are_settled_by_certainty_and_only_among_like_wishes() {
    let claim = |by, state| Claim { by, state };
    let (kept, gone) = (State::Present, State::Absent);
    assert_eq!(holder(&[claim(By::Name, gone)]), Some(0));
    assert_eq!(holder(&[claim(By::Name, kept), claim(By::Ledger, kept)]), Some(1));
    assert_eq!(holder(&[claim(By::Id, kept), claim(By::FormerName, kept)]), Some(0));
    assert_eq!(holder(&[claim(By::Name, kept), claim(By::FormerName, kept)]), None);
    assert_eq!(holder(&[claim(By::Id, kept), claim(By::Ledger, kept)]), None);
    assert_eq!(holder(&[claim(By::Ledger, gone), claim(By::Name, kept)]), None);
    assert_eq!(holder(&[]), None);
}

#[test]
fn p32_profiles_of_other_kinds_are_never_meant_and_never_touched() {
    for kind in
        [ProfileKind::Classic(Platform::Macos), ProfileKind::Mirror, ProfileKind::Other("x".to_owned())]
    {
        let mut world = kiosk();
        world.edit("EnrollmentToken/school", "mdm: contoso", "mdm: contoso\n  prune: all");
        world.edit_profile("kiosk", "school", |profile| profile.kind = kind.clone());
        let plan = world.plan();
        if kind == ProfileKind::Classic(Platform::Macos) {
            assert_eq!(ids(&plan), ["create EnrollmentProfile/kiosk@school"]);
        } else {
            // It may be the very one in another shape: making a second one would double it.
            assert!(plan.steps.is_empty(), "{kind:?}");
            assert_eq!(blocked(&plan).rule.as_deref(), Some("P-32"), "{kind:?}");
        }
        let left = plan.left_alone.iter().find(|left| left.id == profile_id("kiosk", "school").0).unwrap();
        // What the ledger has as ours was managed; a document that became another platform's leaves it.
        assert_eq!(left.was_managed, matches!(kind, ProfileKind::Classic(_)));
        world.profile("kiosk", "[school]", "state: absent");
        assert!(world.plan().steps.is_empty(), "{kind:?}");
    }
}

#[test]
fn p32_state_absent_with_an_id_of_another_kind_deletes_nothing() {
    let mut world = kiosk();
    world.edit_profile("kiosk", "school", |profile| profile.kind = ProfileKind::Mirror);
    let id = profile_id("kiosk", "school");
    world.profile("kiosk", "[school]", &format!("id: {id}\nstate: absent"));
    assert!(world.plan().steps.is_empty());
}

#[test]
fn deleted_outside_is_made_anew_with_that_reason() {
    let mut world = kiosk();
    world.delete("kiosk", "school");
    let plan = world.plan();
    assert_eq!(lines(&plan), "create EnrollmentProfile/kiosk@school: DeletedOutside, safe\n");
    assert!(plan.bookkeeping.is_empty(), "the create takes the address over");
    world.disown(&at("kiosk", "school"));
    assert_eq!(lines(&world.plan()), "create EnrollmentProfile/kiosk@school: New, safe\n");
}

#[test]
fn under_a_token_that_was_made_anew_the_old_ids_count_for_nothing() {
    let mut world = kiosk();
    world.owned(&at("kiosk", "school")).token_id = token_id("an earlier one");
    world.delete("kiosk", "school");
    assert_eq!(lines(&world.plan()), "create EnrollmentProfile/kiosk@school: New, safe\n");
}

#[test]
fn a_namesake_of_a_lost_profile_is_taken_over_and_not_simply_changed() {
    let mut world = kiosk();
    world.delete("kiosk", "school");
    world.edit_profiles("school", |all| all.push(stranger("school", "kiosk")));
    assert_eq!(lines(&world.plan()), "adopt EnrollmentProfile/kiosk@school: Adopted, disruptive\n");
}

#[test]
fn what_changed_tells_the_reason() {
    let id = "update EnrollmentProfile/kiosk@school";
    let mut world = kiosk();
    world.set("kiosk", "school", "department", Value::text("Sales"));
    assert_eq!(step(&world.plan(), id).reason, Reason::Drifted);
    let mut both = world.clone();
    both.profile("kiosk", "[school]", "department: IT\nlockedEnrollment: true");
    assert_eq!(step(&both.plan(), id).reason, Reason::Differs);
    let mut world = kiosk();
    world.profile("kiosk", "[school]", "department: HR");
    assert_eq!(step(&world.plan(), id).reason, Reason::ManifestChanged);
    world.owned(&at("kiosk", "school")).applied.clear();
    assert_eq!(step(&world.plan(), id).reason, Reason::Differs);
}

#[test]
fn a_field_that_is_left_out_is_no_longer_managed_and_told_once() {
    let mut world = kiosk();
    world.profile("kiosk", "[school]", "");
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    let messages: Vec<&str> = plan.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["department of \"kiosk\" is no longer managed, stays \"IT\""]);
    let [Bookkeeping::Applied { address, fields }] = plan.bookkeeping.as_slice() else {
        panic!("{:?}", plan.bookkeeping)
    };
    world.owned(address).applied = fields.clone();
    let plan = world.plan();
    assert!(plan.findings.is_empty() && plan.bookkeeping.is_empty());
}

#[test]
fn p18_p20_members_that_a_setting_cancels_are_not_told_as_unmanaged() {
    let mut world = World::new();
    world.profile("ipads", "[school]", "sharedIpad: {maximumCachedUsers: 10}");
    let mut world = world.settled();
    world.profile("ipads", "[school]", "sharedIpad: null");
    let plan = world.plan();
    assert_eq!(changed(&plan, "update EnrollmentProfile/ipads@school"), ["sharedIpad true -> false"]);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
}

#[test]
fn what_is_proven_gone_and_wished_by_nobody_leaves_the_ledger() {
    let mut world = kiosk();
    world.remove("EnrollmentProfile", "kiosk");
    world.delete("kiosk", "school");
    let plan = world.plan();
    assert!(matches!(
        plan.bookkeeping.as_slice(),
        [Bookkeeping::Gone { address, .. }] if *address == at("kiosk", "school")
    ));
    // Not read, not gone.
    world.tenant().profiles.clear();
    assert!(world.plan().bookkeeping.is_empty());
}

#[test]
fn ids_are_one_id_in_every_spelling() {
    let mut world = kiosk();
    let bare = profile_id("kiosk", "school").key().to_uppercase();
    world.owned(&at("kiosk", "school")).object = Some(ProfileId(bare.clone()));
    world.owned(&at("kiosk", "school")).how = How::Adopted;
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.adopted.is_empty() && plan.bookkeeping.is_empty());
    world.profile("kiosk", "[school]", &format!("department: IT\nid: ECV2_{}_{bare}", guid("school")));
    assert!(world.plan().steps.is_empty() && world.plan().blocked.is_empty());
}

#[test]
fn a_screen_named_in_a_map_is_a_field_of_its_own() {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "setupAssistant: {hide: [siri], show: [restore]}");
    let mut world = world.settled();
    world.edit_profile("kiosk", "school", |live| {
        live.fields.insert(FieldName::Borrowed("setupAssistant.siri"), Value::text("show"));
        live.fields.insert(FieldName::Borrowed("setupAssistant.zoom"), Value::text("hide"));
    });
    assert_eq!(
        changed(&world.plan(), "update EnrollmentProfile/kiosk@school"),
        ["setupAssistant.siri \"show\" -> \"hide\""]
    );
}

#[test]
fn p32_profiles_of_two_platforms_may_share_a_display_name() {
    let mut world = kiosk();
    world.document(
        "EnrollmentProfile",
        "macs",
        "tokens: [school]\ndisplayName: Staff\nplatform: macos\nuserAffinity: none",
    );
    world.document(
        "EnrollmentProfile",
        "phones",
        "tokens: [school]\ndisplayName: Staff\nplatform: ios\nuserAffinity: none",
    );
    let plan = world.plan();
    assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
    assert_eq!(
        ids(&plan),
        ["create EnrollmentProfile/macs@school", "create EnrollmentProfile/phones@school"]
    );
}

#[test]
fn p32_a_document_of_another_platform_means_a_new_profile_and_none_that_was_deleted() {
    let mut world = kiosk();
    world.document("EnrollmentProfile", "kiosk", "tokens: [school]\nplatform: macos\nuserAffinity: none");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["create EnrollmentProfile/kiosk@school"]);
    assert_eq!(plan.steps[0].reason, Reason::New);
    assert!(left(&plan, "kiosk").contains("means another one"), "the one of the former platform stays");
}
