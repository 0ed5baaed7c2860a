use super::*;

fn topics(word: &str) -> Vec<String> {
    find(word)
        .unwrap_or_default()
        .iter()
        .map(|topic| match topic {
            Topic::Row(row) => format!("row {}", row.id),
            Topic::Field(entry) => format!("field {}", entry.path()),
            Topic::Screen(screen) => format!("screen {}", screen.name),
            Topic::Code(code) => format!("code {}", code.code),
            Topic::Action(kind) => format!("action {kind}"),
        })
        .collect()
}

#[test]
fn words_are_found_as_people_have_them_at_hand() {
    for (word, wanted) in [
        ("P-14", "row P-14"),
        ("EnrollmentProfile", "field EnrollmentProfile"),
        ("enrollmentprofile.sharedipad", "field EnrollmentProfile.sharedIpad"),
        ("EnrollmentProfile.spec.sharedIpad", "field EnrollmentProfile.sharedIpad"),
        (
            "EnrollmentProfile.sharedIpad.maximumCachedUsers",
            "field EnrollmentProfile.sharedIpad.maximumCachedUsers",
        ),
        ("sharedIpad", "field EnrollmentProfile.sharedIpad"),
        ("sharedIpad.maximumCachedUsers", "field EnrollmentProfile.sharedIpad.maximumCachedUsers"),
        ("maximumCachedUsers", "field EnrollmentProfile.sharedIpad.maximumCachedUsers"),
        ("passcode", "screen passcode"),
        ("Touch ID and Face ID", "screen touchIdAndFaceId"),
        ("EnrollmentProfile.setupAssistant.passcode", "screen passcode"),
        ("EnrollmentProfile.setupAssistant.hide.passcode", "screen passcode"),
        ("EnrollmentProfile.setupAssistant.hide", "field EnrollmentProfile.setupAssistant.hide"),
        ("EnrollmentToken.metadata.labels", "field EnrollmentToken.metadata.labels"),
        ("Fleet.limits.update.percent", "field Fleet.limits.update.percent"),
        ("Connection.intune.credential.clientSecret", "field Connection.intune.credential.clientSecret"),
        ("EnrollmentProfile.tokens.matchLabels", "field EnrollmentProfile.tokens.matchLabels"),
        ("profileRemovalDisabled", "field EnrollmentProfile.lockedEnrollment"),
        ("Locked Enrollment", "field EnrollmentProfile.lockedEnrollment"),
        ("autoRotationPeriodInDays", "field EnrollmentProfile.localAdmin.rotateEveryDays"),
        ("tokenName", "field EnrollmentToken.displayName"),
        ("passCodeDisabled", "screen passcode"),
        ("unknown-field", "code unknown-field"),
        ("ledger-missing", "code ledger-missing"),
    ] {
        assert_eq!(topics(word), [wanted], "{word}");
    }
    let several = topics("prune");
    assert_eq!(several, ["field EnrollmentToken.prune"]);
    assert!(topics("displayName").len() > 1);
}

#[test]
fn actions_on_devices_are_found_and_their_field_lists_them() {
    for word in ["wipe", "handover", "release", "lock"] {
        let found = topics(word);
        assert!(found[0].eq_ignore_ascii_case(&format!("action {word}")), "{found:?}");
    }
    let found = topics("DeviceAction.action");
    assert_eq!(found[0], "field DeviceAction.action");
    assert_eq!(found.len(), 1 + ActionKind::ALL.len(), "{found:?}");
    assert_eq!(find("wippe").unwrap_err().near.as_deref(), Some("wipe"));
}

#[test]
fn a_slip_gets_a_proposal_and_a_stranger_none() {
    for (word, near) in [
        ("P-41", "P-1"),
        ("sharedIpda", "sharedIpad"),
        ("EnrollmentProfile.sharedIpda", "EnrollmentProfile.sharedIpad"),
        ("EnrolmentProfile.sharedIpad", "EnrollmentProfile.sharedIpad"),
        ("EnrollmentProfile.sharedIpad.cachedUsers", "EnrollmentProfile.sharedIpad"),
        ("unknwon-field", "unknown-field"),
        ("ledger-mising", "ledger-missing"),
        ("pascode", "passcode"),
    ] {
        let unknown = find(word).unwrap_err();
        assert!(unknown.near.is_some(), "{word}");
        if word != "P-41" {
            assert_eq!(unknown.near.as_deref(), Some(near), "{word}");
        }
    }
    for word in ["", "colourfulness", "EnrollmentProfile.zzzzzzzzzz"] {
        let unknown = find(word).unwrap_err();
        assert_eq!(unknown.near, None, "{word}");
    }
}

#[test]
fn every_name_of_the_overview_can_be_explained() {
    let Overview { sections, kinds, screens, actions, codes } = overview();
    let mut words: Vec<String> = sections.into_iter().flat_map(|(_, ids)| ids).map(str::to_owned).collect();
    for (kind, names) in kinds {
        words.push(kind.as_str().to_owned());
        words.extend(names.into_iter().map(|name| format!("{kind}.{name}")));
    }
    words.extend(screens.into_iter().chain(actions).map(str::to_owned));
    words.extend(codes.into_iter().flat_map(|(_, codes)| codes).map(str::to_owned));
    words.extend(fields::all().iter().map(|entry| entry.path().to_owned()));
    assert!(words.len() > 250, "{}", words.len());
    for word in words {
        assert!(find(&word).is_ok(), "{word}");
    }
}

#[test]
fn a_field_knows_its_rows_those_around_it_and_those_within() {
    let ids = |path: &str| fields::rows_of(path).iter().map(|row| row.id).collect::<Vec<_>>();
    let all = ids("EnrollmentProfile.sharedIpad");
    assert!(all.contains(&"P-14") && all.contains(&"P-19"), "{all:?}");
    let one = ids("EnrollmentProfile.sharedIpad.maximumCachedUsers");
    assert!(one.contains(&"P-14") && one.contains(&"P-15") && !one.contains(&"P-16"), "{one:?}");
    assert!(ids("EnrollmentProfile.pairing.mode").contains(&"P-21"));
    assert!(!ids("EnrollmentProfile.department").contains(&"P-14"));
    assert!(ids("EnrollmentProfile.departmentPhone").contains(&"P-24"));
}
