//! Serials in documents and CSV files.

use super::*;
use crate::model::Name;

fn lab(devices: &str) -> [String; 3] {
    let rest = format!("  profile: p\n  devices:\n{devices}");
    [token("t", ""), profile("p", "[t]", ""), assignment("lab", &rest)]
}

fn devices(loaded: &Loaded) -> Vec<String> {
    let lab = loaded.desired.assignments_of(&Name::new("lab").unwrap()).next().unwrap();
    lab.devices.iter().map(|device| format!("{} {}", device.serial, lab.place_of(device))).collect()
}

#[test]
fn spelling_of_serials_is_kept() {
    let loaded = load(&lab("    serials: [01234567, 1E101010, 0x1F0000]\n"));
    assert_eq!(told(&loaded), ["bad-serial x.yaml:20:35"]);
    let loaded = load(&lab(
        "    serials:\n      - 01234567\n      - 1E101010\n      - \"12345678\"\n      - 1_2345678\n      - NO\n",
    ));
    assert_eq!(told(&loaded), ["bad-serial x.yaml:24:9", "bad-serial x.yaml:25:9"]);
    let loaded = load(&lab("    serials:\n      - 01234567\n      - 12345678\n      - 1E101010\n"));
    assert_eq!(devices(&loaded), ["01234567 x.yaml:21:1", "12345678 x.yaml:22:1", "1E101010 x.yaml:23:1"]);
}

#[test]
fn a1_csv_is_read_and_told() {
    let csv = "Serial;Model\n dmqvg1rfk1 ;iPad\nDMQVG1RFK1;iPad\n";
    let loaded = load_with(&lab("    csv: {file: d.csv, column: Serial}\n"), &[("d.csv", csv)]);
    assert_eq!(devices(&loaded), ["DMQVG1RFK1 d.csv:2:1", "DMQVG1RFK1 d.csv:3:1"]);
    assert_eq!(told(&loaded), ["A-1 d.csv"]);
    let note = loaded.diagnostics.iter().find(|d| d.code == "csv-read").unwrap();
    assert!(note.message.contains("`;`"), "{}", note.message);
}

#[test]
fn a1_one_bad_line_and_the_file_contributes_nothing() {
    let loaded = load_with(
        &lab("    csv: {file: d.csv, column: Serial}\n"),
        &[("d.csv", "Serial,Model\nDMQVG1RFK1,iPad\nDMQVG1RFK2")],
    );
    assert_eq!(told(&loaded), ["A-1 d.csv:3:1"]);
    assert_eq!(devices(&loaded), [""; 0]);
    assert_eq!(loaded.desired.unread_files, [std::path::PathBuf::from("d.csv")]);
    assert!(loaded.diagnostics.refuse());
}

#[test]
fn a1_files_outside_and_missing_files_are_refused() {
    for (file, code) in [("../d.csv", "not-allowed"), ("nowhere.csv", "file")] {
        let loaded = load(&lab(&format!("    csv: {{file: {file}, column: Serial}}\n")));
        assert_eq!(only(&loaded).code, code);
        assert_eq!(loaded.desired.unread_files.len(), 1);
    }
}

fn two(first: &str, second: &str) -> Loaded {
    load(&[
        token("a", ""),
        token("b", ""),
        profile("p", "[a, b]", ""),
        profile("q", "[a, b]", ""),
        assignment("x", &format!("  devices: {{serials: [DMQVG1RFK1, DMQVG1RFK2]}}\n{first}")),
        assignment("y", &format!("  devices: {{serials: [DMQVG1RFK2]}}\n{second}")),
    ])
}

#[test]
fn a9_assignments_that_disagree_are_refused_with_both_places() {
    let found = only(&two("  profile: p\n  token: a\n", "  profile: q\n"));
    assert_eq!((found.rule, &found.tokens), (Some("A-9"), &vec![Name::new("a").unwrap()]));
    assert_eq!((found.place.line, found.also[0].line), (39, 31));
    assert!(found.message.contains("DMQVG1RFK2"));
}

#[test]
fn a9_assignments_that_agree_or_never_meet_are_fine() {
    assert_eq!(told(&two("  profile: p\n", "  profile: p\n")), [""; 0]);
    assert_eq!(told(&two("  profile: p\n  token: a\n", "  profile: q\n  token: b\n")), [""; 0]);
}

#[test]
fn a_list_full_of_mistakes_is_told_in_short() {
    let list: String = (0..200).map(|n| format!("      - dmqvg1rf{n:03}\n")).collect();
    let loaded = load(&lab(&format!("    serials:\n{list}")));
    assert_eq!(severe(&loaded).len(), 51);
    assert!(severe(&loaded).iter().any(|d| d.message.contains("150 further")));
}

#[test]
fn a3_a_column_of_the_csv_names_the_profiles() {
    let mut documents =
        lab("    csv: {file: d.csv, column: Serial, profileColumn: Profile, where: {Type: iPad}}\n").to_vec();
    documents.push(profile("q", "[t]", ""));
    let csv = "Serial,Type,Profile\nDMQVG1RFK1,iPad,q\nDMQVG1RFK2,iPad,\nn/a,PC,r\nDMQVG1RFK3,iPad,q\n";
    let loaded = load_with(&documents, &[("d.csv", csv)]);
    assert_eq!(told(&loaded), [""; 0]);
    let parts: Vec<_> = loaded
        .desired
        .assignments
        .iter()
        .map(|one| (one.name.as_str(), one.profile.as_str(), one.devices.len(), one.tokens.len()))
        .collect();
    assert_eq!(parts, [("lab", "p", 1, 1), ("lab", "q", 2, 1)]);
}

#[test]
fn a3_what_a_column_names_has_to_be_there() {
    let documents = lab("    csv: {file: d.csv, column: Serial, profileColumn: Profile}\n");
    for (cell, code, line) in [("nowhere", "unknown-reference", 2), ("Not A Name", "A-3", 2)] {
        let csv = format!("Serial,Profile\nDMQVG1RFK1,{cell}\n");
        let loaded = load_with(&documents, &[("d.csv", csv.as_str())]);
        let found = only(&loaded);
        assert_eq!((found.code, found.place.file.as_ref(), found.place.line), (code, "d.csv", line));
    }
    let without = documents[2].replace("  profile: p\n", "");
    let documents = [documents[0].clone(), documents[1].clone(), without];
    let loaded = load_with(&documents, &[("d.csv", "Serial,Profile\nDMQVG1RFK1,p\nDMQVG1RFK2,\n")]);
    assert_eq!(only(&loaded).place.to_string(), "d.csv:3:1");
    let loaded = load_with(&documents, &[("d.csv", "Serial,Profile\nDMQVG1RFK1,p\n")]);
    assert_eq!(told(&loaded), [""; 0]);
}

#[test]
fn a9_a_csv_that_gives_a_serial_two_profiles_is_refused() {
    let mut documents = lab("    csv: {file: d.csv, column: Serial, profileColumn: Profile}\n").to_vec();
    documents.push(profile("q", "[t]", ""));
    let csv = "Serial,Profile\nDMQVG1RFK1,q\nDMQVG1RFK1,p\n";
    let loaded = load_with(&documents, &[("d.csv", csv)]);
    let found = severe(&loaded).into_iter().find(|one| one.code == "A-9").unwrap();
    assert_eq!((found.place.line, found.also[0].line), (2, 3));
}

#[test]
fn a_profile_is_asked_for_unless_a_column_names_it() {
    let documents =
        lab("    serials: [DMQVG1RFK9]\n    csv: {file: d.csv, column: Serial, profileColumn: Profile}\n");
    let without = documents[2].replace("  profile: p\n", "");
    let documents = [documents[0].clone(), documents[1].clone(), without];
    let loaded = load_with(&documents, &[("d.csv", "Serial,Profile\nDMQVG1RFK1,p\n")]);
    assert_eq!(only(&loaded).code, "missing-field");
}
