//! The simulator alone, held to the field table of the contracts: what a create or an update sets
//! a read returns, and skip keys follow the booleans. No row is left out.

use serde_json::{Value, json};

use crate::support::contract::{Judge, contracts_folder};
use crate::support::desk::Desk;
use crate::support::fields::{Certainty, Group, Row, Verdict, at, fill_placeholders, groups, parse};
use crate::support::wire;

/// The member that is taken and never shown.
const PASSWORD: &str = "adminAccountPassword";

/// `None` without contracts, said on stderr.
fn rows() -> Option<Vec<Row>> {
    let path = contracts_folder()?.join("fields/graph-classic.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = parse(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let base64 = &wire::certificate().base64;
    fill_placeholders(&mut rows, |_, placeholder| placeholder.starts_with("base64").then(|| base64.clone()));
    Some(rows)
}

/// Rows that hold together on the wire: what the service may return instead of what was written
/// (`back`) is a situation of its own.
fn situations(rows: &[Row]) -> Vec<Group<'_>> {
    let parts = groups(rows).into_iter().flat_map(|group| {
        let (back, written): (Vec<&Row>, Vec<&Row>) = group.rows.into_iter().partition(|row| row.note.back);
        [Group { rows: written }, Group { rows: back }]
    });
    parts.filter(|group| !group.rows.is_empty()).collect()
}

/// Holds a profile that was read to every row of its group. The simulator is of the opinion of the
/// table, whoever is not sure of it.
fn judge(group: &Group<'_>, shown: &Value, faults: &mut Vec<String>) -> usize {
    for row in &group.rows {
        let sure = Row { certainty: Certainty::Documented, ..(*row).clone() };
        let verdict = match at(shown, &row.member) {
            Some(Value::Null) if row.member == PASSWORD => Verdict::Holds,
            Some(_) if row.member != PASSWORD => sure.judge_sent(shown),
            _ => Verdict::Fails(format!("row {}: {} is missing or shown", row.line, row.member)),
        };
        if let Verdict::Fails(fault) = verdict {
            faults.push(fault);
        }
    }
    group.rows.len()
}

#[tokio::test]
async fn a_read_returns_every_row_that_a_create_sets() {
    let Some(rows) = rows() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(|options| options.record = Some(recording.clone())).await;
    let (mut judged, mut faults) = (0, Vec::new());
    for group in situations(&rows) {
        let (status, made) = desk.post_profile(&wire::posted(&group)).await;
        let Some(id) = made["id"].as_str().filter(|_| status == 201) else {
            faults.push(format!("row {}: {status} {made}", group.rows[0].line));
            continue;
        };
        judged += judge(&group, &desk.get_profile(id).await, &mut faults);
        for row in group.rows.iter().filter(|row| row.member == PASSWORD) {
            let password = row.wire.as_ref().and_then(Value::as_str).expect("a password");
            let kept = desk.sim.with_world(|world| {
                world.tenants[0].tokens[0].profile(id).is_some_and(|it| it.has_admin_password(password))
            });
            assert!(kept, "the password was taken");
        }
    }
    desk.sim.stop().await.expect("the simulator stops");
    if let Some(judge) = Judge::from_env() {
        faults.extend(judge.file(&recording));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(judged, rows.len(), "no row is left out");
}

#[tokio::test]
async fn a_read_returns_every_row_that_an_update_sets() {
    let Some(rows) = rows() else { return };
    let desk = Desk::new(|_| {}).await;
    let (mut judged, mut faults) = (0, Vec::new());
    for group in situations(&rows) {
        let (_, made) = desk.post_profile(&wire::base(group.platform())).await;
        let id = made["id"].as_str().expect("a profile").to_owned();
        let (status, shown) = desk.patch_profile(&id, &wire::posted(&group)).await;
        if status != 200 {
            faults.push(format!("row {}: {status} {shown}", group.rows[0].line));
            continue;
        }
        judged += judge(&group, &shown, &mut faults);
        assert_eq!(without_context(desk.get_profile(&id).await), without_context(shown));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(judged, rows.len(), "no row is left out");
}

fn without_context(mut shown: Value) -> Value {
    shown.as_object_mut().expect("an object").remove("@odata.context");
    shown
}

/// Every screen with a skip key of its own, over both platforms: hidden and shown again by the
/// boolean, the key comes and goes.
#[tokio::test]
async fn derived_keys_come_and_go_with_their_booleans() {
    let Some(rows) = rows() else { return };
    let desk = Desk::new(|_| {}).await;
    let mut judged = 0;
    for platform in ["ios", "macos"] {
        let (_, made) = desk.post_profile(&wire::base(platform)).await;
        let id = made["id"].as_str().expect("a profile").to_owned();
        let all = situations(&rows);
        let derived = all
            .iter()
            .filter(|group| group.platform() == platform && group.rows.iter().any(|row| row.note.derived));
        for group in derived {
            let change = json!({ "@odata.type": wire::base(platform)["@odata.type"] });
            let mut change = change.as_object().expect("an object").clone();
            for row in group.rows.iter().filter(|row| !row.note.derived) {
                change.insert(row.member.clone(), row.wire.clone().expect("a boolean"));
            }
            let (status, shown) = desk.patch_profile(&id, &Value::Object(change)).await;
            assert_eq!(status, 200, "{shown}");
            let mut faults = Vec::new();
            judge(group, &shown, &mut faults);
            assert!(faults.is_empty(), "{faults:?}");
            judged += 1;
        }
    }
    let derived = rows.iter().filter(|row| row.note.derived).count();
    assert!(judged == derived && judged >= 80, "{judged} of {derived}");
}
