//! The tour: it ends well, shows what it promises, and leaves a folder that works.

use crate::support::TestEnv;

#[test]
fn the_tour_closes_the_loop_and_leaves_its_folder() {
    let env = TestEnv::new();
    let folder = env.documents().join("tour");
    let tour = env.run(["demo", "--keep", &folder.to_string_lossy()]).expect(0);
    let at = |text: &str| {
        tour.stdout.find(text).unwrap_or_else(|| panic!("the tour does not say {text:?}:\n{}", tour.stdout))
    };
    let course = [
        at("Plan: 3 to create, 1 to update, 29 devices to assign, 1 default to set, 0 to delete."),
        at("Apply: 7 committed."),
        at("No changes."),
        at("drifted outside since the last apply"),
        at("Apply: 1 committed."),
        at("at no service"),
        at("committed   move EnrollmentToken/main  3 devices"),
        at("Apply: 3 committed."),
        at("8. Assigned"),
        at("9. An iPad was left on a train."),
        at("enableLostMode"),
        at("11. Nobody found it."),
        at("  - wipe DeviceAction/"),
        at("12. Once more"),
        at("Nothing to do."),
        at("13. It came back"),
        at("Activation Lock bypass code"),
        at("The folder stays"),
    ];
    assert!(course.is_sorted(), "{course:?}:\n{}", tour.stdout);

    let there = folder.to_string_lossy();
    env.run(["plan", &there, "--sim", "--detailed-exitcode"]).expect(0);
    let again = env.run(["demo", "--keep", &there]).expect(64);
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
}
