//! The table judge judged: its grammar, its merging, and that its verdicts can fail.

use serde_json::{Value, json};

use crate::support::contract::contracts_folder;
use crate::support::fields::{Certainty, Row, Verdict, at, fill_placeholders, groups, merge, parse, set};

const HEADER: &str =
    "# words\nplatform\tmanifest_path\tmanifest_value\tgraph_member\tgraph_value\tcertainty\tnote\n";

fn table(rows: &str) -> Vec<Row> {
    parse(&format!("{HEADER}{rows}\n")).expect("the table follows the grammar")
}

fn only(row: &str) -> Row {
    table(row).pop().expect("one row")
}

#[test]
fn a_row_is_read_with_its_tokens_and_words() {
    let row = only(
        "macos\ta.b\t[\"x\"]\tm.n\t[]\tobserved\tlacks Zoom | derived | env A=b=c | name example | with {\"u\":{\"v\":1}} | default of old | back",
    );
    assert_eq!(
        (row.line, row.platform.as_str(), row.path.as_str(), row.member.as_str()),
        (3, "macos", "a.b", "m.n")
    );
    assert_eq!((row.value, row.wire, row.certainty), (json!(["x"]), Some(json!([])), Certainty::Observed));
    let note = row.note;
    assert_eq!(
        (note.lacks.as_deref(), note.name.as_deref(), note.derived),
        (Some("Zoom"), Some("example"), true)
    );
    assert_eq!((note.env, note.with), (vec![("A".into(), "b=c".into())], Some(json!({ "u": { "v": 1 } }))));
    assert!(!note.default && !note.back, "words after the tokens are no tokens");
    assert_eq!(note.words, ["default of old", "back"]);
}

#[test]
fn an_empty_wire_cell_means_left_out() {
    let row = only("ios\ta\ttrue\tm\t\tdocumented\t");
    assert_eq!(row.judge_sent(&json!({})), Verdict::Holds);
    assert!(matches!(row.judge_sent(&json!({ "m": null })), Verdict::Fails(_)));
}

#[test]
fn lines_outside_the_grammar_are_refused_with_their_number() {
    for (row, word) in [
        ("ios\ta\t1\tm\t1\tdocumented", "columns"),
        ("ios\ta\tone\tm\t1\tdocumented\t", "no JSON"),
        ("ios\ta\t1\tm\t1\tlikely\t", "certainty"),
    ] {
        let fault = parse(&format!("{HEADER}{row}\n")).expect_err("outside the grammar");
        assert!(fault.starts_with("line 3:") && fault.contains(word), "{fault}");
    }
    assert!(parse("ios\ta\t1\tm\t1\tdocumented\t\n").is_err(), "without a header");
}

#[test]
fn rows_of_one_situation_belong_together_and_two_withs_are_two_situations() {
    let rows = table(
        "ios\t.\t{\"a\":1}\tm\t1\tdocumented\t\nios\tb\t2\tm\t1\tdocumented\t\nios\t.\t{\"a\":1}\tn\t2\tdocumented\t\nios\t.\t{\"a\":1}\tn\t2\tdocumented\twith {\"c\":3}",
    );
    let sizes: Vec<usize> = groups(&rows).iter().map(|group| group.rows.len()).collect();
    assert_eq!(sizes, [2, 1, 1]);
}

#[test]
fn with_is_merged_deeply_and_the_value_is_set_after_it() {
    let rows = table(
        "ios\tp.q\t{}\tm\t1\tdocumented\twith {\"p\":{\"q\":{\"old\":1},\"r\":2},\"s\":null}\nios\t.\t{\"p\":{\"q\":1}}\tm\t1\tdocumented\t",
    );
    let groups = groups(&rows);
    let base = json!({ "keep": true, "p": null, "s": "there" });
    assert_eq!(groups[0].spec(&base), json!({ "keep": true, "p": { "q": {}, "r": 2 }, "s": null }));
    assert_eq!(groups[1].spec(&json!({ "p": { "z": 0 } })), json!({ "p": { "q": 1, "z": 0 } }));
}

#[test]
fn sets_are_compared_by_contains_and_lacks() {
    let contains = only("ios\th\t[\"x\"]\tkeys\t[\"X\"]\tdocumented\tcontains");
    assert_eq!(contains.judge_sent(&json!({ "keys": ["Y", "X"] })), Verdict::Holds);
    assert!(matches!(contains.judge_sent(&json!({ "keys": ["Y"] })), Verdict::Fails(_)));
    assert!(matches!(contains.judge_sent(&json!({})), Verdict::Fails(_)));
    let lacks = only("ios\th\t[\"x\"]\tkeys\t[]\tdocumented\tlacks X");
    assert_eq!(lacks.judge_sent(&json!({ "keys": ["Y"] })), Verdict::Holds);
    assert!(matches!(lacks.judge_sent(&json!({ "keys": ["X"] })), Verdict::Fails(_)));
}

#[test]
fn derived_members_may_be_left_out_and_must_agree_where_sent() {
    let row = only("ios\th\t[\"x\"]\tkeys\t[\"X\"]\tobserved\tcontains | derived");
    assert_eq!(row.judge_sent(&json!({})), Verdict::Holds);
    assert!(matches!(row.judge_sent(&json!({ "keys": [] })), Verdict::Fails(_)));
}

#[test]
fn false_is_not_left_out_and_an_unverified_mismatch_is_only_reported() {
    let sure = only("ios\ta\tfalse\tm\tfalse\tdocumented\t");
    assert!(matches!(sure.judge_sent(&json!({})), Verdict::Fails(_)));
    let unsure = only("ios\ta\tfalse\tm\tfalse\tunverified\t");
    assert!(matches!(unsure.judge_sent(&json!({})), Verdict::Reported(_)));
}

#[test]
fn back_rows_are_not_written_and_only_telling_rows_read_back() {
    let rows = table("ios\ta\tnull\tm\t\"0\"\tobserved\tback\nios\ta\tnull\tn\t1\tobserved\tdefault");
    let group = &groups(&rows)[0];
    assert_eq!(group.judge_sent(&json!({ "n": 1 })), [Verdict::Holds]);
    assert!(group.is_written() && group.reads_back());
    assert_eq!(group.wire(), json!({ "m": "0" }));
    assert_eq!(group.expected_fragment(), json!({ "a": null }));
}

#[test]
fn dots_part_nested_members_but_not_annotations() {
    let mut body = json!({ "a": { "b": { "old": 1 } } });
    set(&mut body, "a.b", json!({ "new": 2 }));
    set(&mut body, "@odata.type", json!("t"));
    assert_eq!(body, json!({ "a": { "b": { "new": 2 } }, "@odata.type": "t" }));
    assert_eq!(at(&body, "a.b.new"), Some(&json!(2)));
    assert_eq!(at(&body, "@odata.type"), Some(&json!("t")));
    merge(&mut body, &json!({ "a": { "b": null } }));
    assert_eq!(at(&body, "a.b"), Some(&Value::Null));
}

#[test]
fn placeholders_are_filled_and_named_members_compared() {
    let mut rows = table("ios\tc\t[\"h.cer\"]\tcerts\t[{\"certificate\":\"<base64>\"}]\tdocumented\t");
    fill_placeholders(&mut rows, |row, placeholder| {
        (row.path == "c" && placeholder == "base64").then(|| "QQ==".into())
    });
    assert_eq!(
        rows[0].judge_sent(&json!({ "certs": [{ "certificate": "QQ==", "thumbprint": "1" }] })),
        Verdict::Holds
    );
    assert!(matches!(
        rows[0].judge_sent(&json!({ "certs": [{ "certificate": "QUE=" }] })),
        Verdict::Fails(_)
    ));
    assert!(matches!(rows[0].judge_sent(&json!({ "certs": [] })), Verdict::Fails(_)));
}

#[test]
fn the_table_of_the_contracts_is_read_whole() {
    let Some(folder) = contracts_folder() else { return };
    let path = folder.join("fields/graph-classic.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = parse(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let data_lines =
        text.lines().filter(|line| line.starts_with("ios\t") || line.starts_with("macos\t")).count();
    assert_eq!(rows.len(), data_lines);
    assert!(groups(&rows).iter().any(|group| group.rows.len() > 1 && group.platform() == "ios"));
    assert!(groups(&rows).iter().any(|group| group.name() == Some("example")));
    assert!(groups(&rows).iter().any(|group| group.env() == [("EXAMPLE_ADMIN_PASSWORD", "sample-only")]));
}
