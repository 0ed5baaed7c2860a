use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn act(called: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{ name: {called} }} # {called}\nspec:\n  action: sync\n  devices: {{ serials: [DMQVG1RFK1] }}\n  requestedAt: 2026-11-20T08:00:00Z\n  reason: |\n    # no comment\n    x\n"
    )
}

fn out(text: &str, called: &str) -> Result<Without, EditError> {
    without(text, Kind::DeviceAction, &name(called))
}

#[test]
fn one_document_goes_and_the_others_stay_byte_for_byte() {
    let (a, b, c) = (act("a"), act("b"), act("c"));
    let text = format!("{a}---\n{b}---\n{c}");
    for (called, left, removed) in [
        ("a", format!("---\n{b}---\n{c}"), a.clone()),
        ("b", format!("{a}---\n{c}"), format!("---\n{b}")),
        ("c", format!("{a}---\n{b}"), format!("---\n{c}")),
    ] {
        assert_eq!(out(&text, called), Ok(Without { text: left, removed, documents: 2 }), "{called}");
    }
    let alone = out(&a, "a").unwrap();
    assert_eq!((alone.text.as_str(), alone.documents), ("", 0));
}

#[test]
fn comments_of_the_file_and_between_documents_stay() {
    let (a, b) = (act("a"), act("b"));
    let text =
        format!("# Acts of the help desk.\n\n# the first\n{a}\n# what follows is older\n---\n{b}# the end\n");
    let first = out(&text, "a").unwrap();
    assert_eq!(
        first.text,
        format!("# Acts of the help desk.\n\n# what follows is older\n---\n{b}# the end\n")
    );
    assert_eq!(first.removed, format!("# the first\n{a}\n"));
    let second = out(&text, "b").unwrap();
    assert_eq!(
        second.text,
        format!("# Acts of the help desk.\n\n# the first\n{a}\n# what follows is older\n# the end\n")
    );
    let neither = out(&second.text, "a").unwrap();
    assert_eq!(neither.text, "# Acts of the help desk.\n\n# what follows is older\n# the end\n");
    assert_eq!(neither.documents, 0);
}

#[test]
fn ends_of_documents_and_windows_lines_are_kept() {
    let (a, b, c) = (act("a"), act("b"), act("c"));
    // Behind `...` a document needs no `---`, so that its end has to stay.
    let text = format!("{a}---\n{b}...\n{c}");
    assert_eq!(out(&text, "b").unwrap().text, format!("{a}...\n{c}"));
    assert_eq!(out(&text, "a").unwrap().text, format!("---\n{b}...\n{c}"));
    assert_eq!(out(&text, "c").unwrap().text, format!("{a}---\n{b}...\n"));
    let text = format!("\u{feff}{a}---\n{b}").replace('\n', "\r\n");
    assert_eq!(out(&text, "b").unwrap().text, format!("\u{feff}{a}").replace('\n', "\r\n"));
    let unfinished = format!("{a}---\n{}", b.trim_end());
    assert_eq!(out(&unfinished, "b").unwrap().text, a);
}

#[test]
fn what_is_not_meant_is_left_alone() {
    let (a, b) = (act("a"), act("b"));
    assert_eq!(out(&format!("{a}---\n{b}"), "c"), Err(EditError::Missing));
    assert_eq!(without(&a, Kind::DeviceAssignment, &name("a")), Err(EditError::Missing));
    assert_eq!(out(&format!("{a}---\n{a}"), "a"), Err(EditError::Several));
    assert_eq!(out("a: [", "a"), Err(EditError::Missing));
    // A document with a mistake is one.
    let broken = a.replace("action: sync", "action: explode");
    assert_eq!(out(&format!("{broken}---\n{b}"), "a").unwrap().text, format!("---\n{b}"));
    // One that is no YAML is no obstacle.
    assert_eq!(out(&format!("a: [\n---\n{b}"), "b").unwrap().text, "a: [\n");
}

proptest! {
    #[test]
    fn whatever_stands_around_it_stays(parts in prop::collection::vec(select(vec![
        "DOC", "DOC", "---\n", "...\n", "# x\n", "\n", "--- # y\n", "  # z\n", "%YAML 1.2\n", "a: [\n", "\r\n",
    ]), 0..12), at in 0_usize..4) {
        let mut text = String::new();
        let mut count = 0;
        for part in parts {
            match part {
                "DOC" => {
                    text.push_str(&act(&format!("d{count}")));
                    count += 1;
                }
                part => text.push_str(part),
            }
        }
        let called = format!("d{at}");
        let before: Vec<_> = yaml::split(&text).iter().map(identity).collect();
        if let Ok(done) = out(&text, &called) {
            let after: Vec<_> = yaml::split(&done.text).iter().map(identity).collect();
            let meant = Some((Kind::DeviceAction, name(&called)));
            prop_assert_eq!(after.len() + 1, before.len());
            prop_assert_eq!(after, before.iter().filter(|one| **one != meant).cloned().collect::<Vec<_>>());
            let start = text.find(&done.removed).unwrap();
            let rest = format!("{}{}", &text[..start], &text[start + done.removed.len()..]);
            prop_assert_eq!(rest, done.text);
        } else {
            let meant = Some((Kind::DeviceAction, name(&called)));
            let there = before.iter().filter(|one| **one == meant).count();
            prop_assert!(there != 1 || text.contains("a: [") || text.contains("%YAML"), "{text}");
        }
    }
}
