//! The simulator against the field table of another hand: what a create sets a read returns, and
//! skip keys follow the booleans. Read from `ESPALIER_CONTRACTS`; skipped, and said so, without
//! (a failure with `ESPALIER_REQUIRE_REAL=1`).

use super::*;

struct Row {
    platform: String,
    path: String,
    wish: String,
    member: String,
    value: Value,
    notes: Vec<String>,
}

fn rows() -> Option<Vec<Row>> {
    let Some(folder) = std::env::var_os("ESPALIER_CONTRACTS") else {
        let required = std::env::var_os("ESPALIER_REQUIRE_REAL").is_some_and(|value| value == "1");
        assert!(!required, "ESPALIER_REQUIRE_REAL=1, but ESPALIER_CONTRACTS is not set");
        eprintln!("skipped: ESPALIER_CONTRACTS is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join("fields/graph-classic.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let rows = lines.filter_map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let value = serde_json::from_str(cells.get(4)?).ok()?;
        let notes = cells.get(6).unwrap_or(&"").split(" | ").map(str::to_owned).collect();
        let text = |at: usize| cells[at].to_owned();
        Some(Row { platform: text(0), path: text(1), wish: text(2), member: text(3), value, notes })
    });
    Some(rows.collect())
}

/// A body with these members set; a dot in a name is a nested object.
fn body(platform: &str, members: &[(&str, Value)]) -> Value {
    let kind = if platform == "ios" { "depIOSEnrollmentProfile" } else { "depMacOSEnrollmentProfile" };
    let mut body = json!({
        "@odata.type": format!("#microsoft.graph.{kind}"), "displayName": "x", "isMandatory": true,
    });
    for (name, value) in members {
        let place = name.split('.').fold(&mut body, |place, part| &mut place[part]);
        *place = value.clone();
    }
    body
}

async fn stored(desk: &Desk, body: Value) -> Value {
    let (status, made) = desk.ask("POST", &desk.below("/enrollmentProfiles"), Some(body.clone())).await;
    assert_eq!(status, 201, "{body}: {made}");
    let path = desk.below(&format!("/enrollmentProfiles/{}", made["id"].as_str().unwrap()));
    desk.get(&path).await
}

#[tokio::test]
async fn a_read_returns_every_row_that_a_create_sets() {
    let Some(rows) = rows() else { return };
    let desk = Desk::new().await;
    let has = |row: &Row, word: &str| row.notes.iter().any(|note| note == word);
    let mut checked = 0;
    for row in &rows {
        let placeholder = row.value.to_string().contains('<');
        let keys = row.member == "enabledSkipKeys";
        if row.member == "@odata.type" || placeholder || keys || has(row, "write only") {
            continue;
        }
        let read = stored(&desk, body(&row.platform, &[(&row.member, row.value.clone())])).await;
        let found = row.member.split('.').fold(&read, |place, part| &place[part]);
        assert_eq!(found, &row.value, "{} {}", row.platform, row.member);
        checked += 1;
    }
    assert!(checked > 200, "only {checked} rows");
}

#[tokio::test]
async fn skip_keys_follow_the_derived_rows() {
    let Some(rows) = rows() else { return };
    let desk = Desk::new().await;
    let mut checked = 0;
    for row in rows.iter().filter(|row| row.member == "enabledSkipKeys") {
        let derived = row.notes.iter().any(|note| note == "derived");
        let twin = rows.iter().find(|other| {
            (&other.platform, &other.path, &other.wish) == (&row.platform, &row.path, &row.wish)
                && other.member != row.member
        });
        let sent = match twin {
            Some(twin) if derived => body(&row.platform, &[(&twin.member, twin.value.clone())]),
            _ => body(&row.platform, &[("enabledSkipKeys", row.value.clone())]),
        };
        let read = stored(&desk, sent).await;
        let keys = read["enabledSkipKeys"].as_array().unwrap();
        for key in row.value.as_array().unwrap() {
            assert!(keys.contains(key), "{} {}: {key}", row.platform, row.wish);
        }
        for lacking in row.notes.iter().filter_map(|note| note.strip_prefix("lacks ")) {
            assert!(!keys.contains(&json!(lacking)), "{} {}: {lacking}", row.platform, row.wish);
        }
        checked += 1;
    }
    assert!(checked > 100, "only {checked} rows");
}
