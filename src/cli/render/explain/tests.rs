use super::*;
use crate::cli::render::text::{LINE_WIDTH, plain};
use crate::explain;

fn explained(word: &str) -> ExplainJson {
    let mut all = ExplainJson::new();
    explain::find(word).unwrap().iter().for_each(|topic| all.add(topic));
    all
}

fn shown(word: &str) -> String {
    plain(&text(&explained(word)))
}

#[test]
fn a_row_tells_fact_deed_help_and_source() {
    insta::assert_snapshot!(shown("A-10"), @r#"
    A-10  device enrollment managers

      Accounts of device enrollment managers cannot enroll this way.

    What espalier does
      Nothing to judge: documents name no users.

    Good to know
      A device enrollment manager (an Intune account that may enroll many devices)
      cannot sign in during Setup Assistant of a device that belongs to a token. Use
      an ordinary licensed account, or a profile with `userAffinity: none`.

    Where
      text      this page; nothing is judged
      fields    EnrollmentProfile.userAffinity
      source    Microsoft Intune: guide to Apple Automated Device Enrollment,
                editions of 2020 and 2023
    "#);
}

#[test]
fn a_field_tells_type_default_names_and_members() {
    insta::assert_snapshot!(shown("EnrollmentProfile.primaryAccount.create"), @r#"
    EnrollmentProfile.primaryAccount.create

      Creates it; true by default. False needs `localAdmin`.

      type      true or false
      default   true
      platform  macos
      portal    Create a local primary account
      Graph     depMacOSEnrollmentProfile.skipPrimarySetupAccountCreation (inverted)
      source    Microsoft Graph: reference of the members; Microsoft Intune: labels
                of the admin centre
    "#);
    insta::assert_snapshot!(shown("localAdmin.rotateAfterRetrievalHours"), @r#"
    EnrollmentProfile.localAdmin.rotateAfterRetrievalHours

      Hours until it is changed after somebody looked it up, 1 to 24; null is never.

      type      whole number, 1 to 24
      default   none
      platform  macos
      portal    Rotate the password after its retrieval, in hours
      Graph     depMacOSEnrollmentProfile.
                  depProfileAdminAccountPasswordRotationSetting.
                  depProfileDelayAutoRotationSetting.
                  onRetrievalAutoRotatePasswordEnabled
                depMacOSEnrollmentProfile.
                  depProfileAdminAccountPasswordRotationSetting.
                  depProfileDelayAutoRotationSetting.
                  onRetrievalDelayAutoRotatePasswordInHours
      source    Microsoft Graph: reference of the members; Microsoft Intune: labels
                of the admin centre
    "#);
}

#[test]
fn a_screen_tells_platforms_versions_and_members() {
    insta::assert_snapshot!(shown("wallpaper"), @r#"
    wallpaper  Setup Assistant screen

      Hidden by `setupAssistant: {hide: [wallpaper]}`, shown by `show`; unlisted
      screens are what `otherwise` says, else unmanaged.

      portal    Wallpaper
      Apple     Wallpaper
      macos     14.1 to 15; depMacOSEnrollmentProfile.chooseYourLockScreenDisabled,
                true hides
      edition   2026-10
      source    Microsoft Intune: Setup Assistant screens of the enrollment guide;
                Apple: skip keys

    Rows
      P-25  the screens of Setup Assistant
      P-36  what hiding a screen means
    "#);
}

#[test]
fn a_code_tells_meaning_example_and_next_step() {
    insta::assert_snapshot!(shown("two-fleets"), @r#"
    two-fleets  finding about documents

      The folder has more than one `Fleet`, and so two ledgers and two sets of
      limits.

    For example
      kind: Fleet                 # in two files

    Next
      Keep one of them.

    Exit code
      3
    "#);
}

#[test]
fn every_explanation_fits_into_eighty_columns() {
    let everything = ExplainJson::everything();
    let pages = [
        text(&everything),
        rows_text(&everything),
        overview(&explain::overview()),
        settings_text(&ExplainJson::all_settings()),
    ];
    for page in pages {
        for line in plain(&page).lines() {
            // What is quoted stays together: examples, and what is to be copied.
            assert!(line.chars().count() <= LINE_WIDTH || line.contains(['`', '[', '{']), "{line}");
            assert_eq!(line.trim_end(), line, "a space at the end");
        }
    }
}

#[test]
fn every_setting_and_screen_is_in_the_table() {
    let table = settings_markdown(&ExplainJson::all_settings());
    for setting in SETTINGS {
        assert!(table.contains(&format!("| `{}` |", setting.field)), "{}", setting.field);
        for member in setting.ios.names().into_iter().chain(setting.macos.names()) {
            assert!(table.contains(&format!("`{member}`")), "{member}");
        }
    }
    for screen in SCREENS {
        assert!(table.contains(&format!("| `{}` |", screen.name)), "{}", screen.name);
    }
    let columns = |line: &str| line.matches('|').count();
    for lines in table.lines().collect::<Vec<_>>().windows(2) {
        if lines.iter().all(|line| line.starts_with('|')) {
            assert_eq!(columns(lines[0]), columns(lines[1]), "{lines:?}");
        }
    }
}

/// The markers of the generated part of the README.
const BEGIN: &str = "<!-- settings: written by `ESPALIER_ACCEPT=1 cargo test --lib readme` -->\n";
const END: &str = "<!-- end of settings -->";

#[test]
fn readme_has_the_table_of_settings() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the begin of the table");
    let (theirs, after) = rest.split_once(END).expect("the README has the end of the table");
    let ours = format!("\n{}\n", settings_markdown(&ExplainJson::all_settings()));
    if std::env::var_os("ESPALIER_ACCEPT").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{ours}{END}{after}")).unwrap();
    } else {
        assert!(theirs == ours, "the README's table is out of date: run this test with ESPALIER_ACCEPT=1");
    }
}
