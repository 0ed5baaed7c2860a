//! Fields before and after.

use std::fmt::Write as _;

use anstyle::Style;
use base64::Engine as _;
use similar::{ChangeTag, TextDiff};

use super::text::{
    ADDED_WORD, CREATE, DELETE, DELETED_WORD, LINE_WIDTH, NOTE, QUIET, UPDATE, clean, count, paint, some_of,
    wrapped,
};
use crate::diff::FieldChange;
use crate::model::{Fields, Value};

/// Where the fields of a step begin.
const INDENT: usize = 6;

/// The widest column of field names; a longer name moves its own line only.
const NAME_WIDTH: usize = 40;

/// Below this share of common words a text is shown as another one, not as a changed one.
const ALIKE: f32 = 0.3;

/// The field whose values are certificates, in base64 of DER.
const CERTIFICATES: &str = "pairing.certificates";

/// The fields whose values are words of ours, shown without quotes. Screens are, too.
const WORDS: [&str; 3] = ["authentication", "pairing.mode", "userAffinity"];

/// The fields that are screens of Setup Assistant, with `hide` or `show` as value.
const SCREENS: &str = "setupAssistant.";

/// Writes the changed fields of an object, one below the other.
pub fn changes(out: &mut String, changes: &[FieldChange]) {
    let width = width(changes.iter().map(|change| change.field.as_ref()));
    for change in changes {
        let FieldChange { field, before, after } = change;
        match (before, after) {
            (Value::Text(before), Value::Text(after)) if before.contains('\n') || after.contains('\n') => {
                line(out, UPDATE, "~", field, 0, "");
                lines(out, before, after);
            }
            (Value::List(before), Value::List(after)) => {
                line(out, UPDATE, "~", field, 0, "");
                items(out, field, before, after);
            }
            (Value::Text(was), Value::Text(is)) if !is_word(field) => {
                let (was, is) = words(was, is);
                line(out, UPDATE, "~", field, width, &format!("{was} -> {is}"));
            }
            _ => {
                let text = format!("{} -> {}", value(field, before), value(field, after));
                line(out, UPDATE, "~", field, width, &text);
            }
        }
    }
}

/// Writes the fields of a new object. Screens are told by what happens to them, for there are
/// dozens; fields without a value are left out.
pub fn fields(out: &mut String, fields: &Fields) {
    let told: Vec<(&str, &Value)> = fields
        .iter()
        .map(|(field, value)| (field.as_ref(), value))
        .filter(|(field, value)| **value != Value::None && !field.starts_with(SCREENS))
        .collect();
    let screens = [("hide", "setupAssistant.hide"), ("show", "setupAssistant.show")]
        .map(|(word, label)| (label, screens(fields, word)));
    let labels = screens.iter().filter(|(_, screens)| !screens.is_empty()).map(|(label, _)| *label);
    let width = width(told.iter().map(|(field, _)| *field).chain(labels));
    for (field, content) in told {
        match content {
            Value::Text(text) if text.contains('\n') => {
                line(out, CREATE, "+", field, 0, "");
                lines(out, "", text);
            }
            _ => line(out, CREATE, "+", field, width, &value(field, content)),
        }
    }
    for (label, screens) in screens {
        if !screens.is_empty() {
            let text = format!("{}: {}", count(screens.len() as u64, "screen"), some_of(screens.iter(), 6));
            let indent = INDENT + 2 + width + 2;
            let text = wrapped(&text, LINE_WIDTH.saturating_sub(indent)).join(&format!("\n{:indent$}", ""));
            line(out, CREATE, "+", label, width, &text);
        }
    }
}

/// The screens that have this word.
fn screens<'a>(fields: &'a Fields, word: &str) -> Vec<&'a str> {
    fields
        .iter()
        .filter(|(_, value)| value.as_text() == Some(word))
        .filter_map(|(field, _)| field.strip_prefix(SCREENS))
        .collect()
}

/// A value as it is shown beside its field.
pub fn value(field: &str, value: &Value) -> String {
    match value {
        Value::Text(word) if is_word(field) => clean(word).into_owned(),
        Value::List(items) if field == CERTIFICATES => {
            let names: Vec<String> = items.iter().map(|item| certificate(item)).collect();
            format!("[{}]", names.join(", "))
        }
        other => other.to_string(),
    }
}

fn is_word(field: &str) -> bool {
    field.starts_with(SCREENS) || WORDS.contains(&field)
}

/// A certificate by its hash: nobody reads base64.
fn certificate(der_base64: &str) -> String {
    let Ok(der) = base64::engine::general_purpose::STANDARD.decode(der_base64) else {
        return "<certificate that cannot be read>".to_owned();
    };
    let hash = openssl::sha::sha256(&der);
    let hex: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("<certificate sha256 {hex}…>")
}

fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).filter(|width| *width <= NAME_WIDTH).max().unwrap_or(0)
}

fn line(out: &mut String, style: Style, mark: &str, field: &str, width: usize, text: &str) {
    let field = clean(field);
    let space = if text.is_empty() { "" } else { "  " };
    // Writing to a String does not fail.
    let _ = writeln!(out, "{:INDENT$}{} {field:width$}{space}{text}", "", paint(style, mark));
}

/// Removed and added items of a set; those that stay are a count.
fn items(out: &mut String, field: &str, before: &[String], after: &[String]) {
    let shown = |item: &String| {
        if field == CERTIFICATES { certificate(item) } else { format!("{item:?}") }
    };
    for gone in before.iter().filter(|item| !after.contains(item)) {
        let _ = writeln!(out, "{:INDENT$}    {}", "", paint(DELETE, format_args!("- {}", shown(gone))));
    }
    for new in after.iter().filter(|item| !before.contains(item)) {
        let _ = writeln!(out, "{:INDENT$}    {}", "", paint(CREATE, format_args!("+ {}", shown(new))));
    }
    let kept = before.iter().filter(|item| after.contains(item)).count();
    if kept > 0 {
        let _ = writeln!(out, "{:INDENT$}    {}", "", paint(QUIET, format_args!("= {kept} unchanged")));
    }
}

/// Two one-line texts, quoted; where they are alike, the words that differ stand out.
fn words(before: &str, after: &str) -> (String, String) {
    let diff = TextDiff::from_words(before, after);
    if diff.ratio() < ALIKE {
        return (format!("{before:?}"), format!("{after:?}"));
    }
    let side = |tag: ChangeTag, style: Style| {
        let mut text = String::from("\"");
        for change in diff.iter_all_changes() {
            let word = quoted_inside(change.value());
            if change.tag() == ChangeTag::Equal {
                text.push_str(&word);
            } else if change.tag() == tag {
                let _ = write!(text, "{}", paint(style, word));
            }
        }
        text.push('"');
        text
    };
    (side(ChangeTag::Delete, DELETED_WORD), side(ChangeTag::Insert, ADDED_WORD))
}

/// As between the quotes of a debug text.
fn quoted_inside(text: &str) -> String {
    let quoted = format!("{text:?}");
    quoted[1..quoted.len() - 1].to_owned()
}

/// Two texts of several lines, line by line, with a little around each change.
fn lines(out: &mut String, before: &str, after: &str) {
    let diff = TextDiff::from_lines(before, after);
    for (at, group) in diff.grouped_ops(2).iter().enumerate() {
        if at > 0 {
            let _ = writeln!(out, "{:INDENT$}    {}", "", paint(NOTE, "…"));
        }
        for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
            let (mark, style, word) = match change.tag() {
                ChangeTag::Delete => ("-", DELETE, DELETED_WORD),
                ChangeTag::Insert => ("+", CREATE, ADDED_WORD),
                ChangeTag::Equal => (" ", Style::new(), Style::new()),
            };
            let _ = write!(out, "{:INDENT$}    {} ", "", paint(style, mark));
            for (changed, part) in change.iter_strings_lossy() {
                let style = if changed { word } else { style };
                let _ = write!(out, "{}", paint(style, clean(part.trim_end_matches(['\n', '\r']))));
            }
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::plain;
    use super::*;

    fn change(field: &'static str, before: Value, after: Value) -> FieldChange {
        FieldChange { field: field.into(), before, after }
    }

    fn text(value: &str) -> Value {
        Value::text(value)
    }

    #[test]
    fn each_kind_of_value_shows_before_and_after() {
        let list = |items: &[&str]| Value::List(items.iter().map(|item| (*item).to_owned()).collect());
        let mut out = String::new();
        changes(
            &mut out,
            &[
                change("department", text("IT"), text("Media lab")),
                change("description", text("first\nsecond\nthird"), text("first\n2nd\nthird")),
                change("pairing.certificates", list(&["AAEC"]), list(&["AAEC", "AwQF"])),
                change("scopeTags", list(&["Default", "School"]), list(&["School", "Staff"])),
                change("sharedIpad.maximumCachedUsers", Value::None, Value::Int(5)),
                change("setupAssistant.siri", text("show"), text("hide")),
                change("supervised", Value::Bool(false), Value::Bool(true)),
            ],
        );
        insta::assert_snapshot!(plain(&out), @r#"
              ~ department                     "IT" -> "Media lab"
              ~ description
                    first
                  - second
                  + 2nd
                    third
              ~ pairing.certificates
                  + <certificate sha256 2848698aa4b3…>
                  = 1 unchanged
              ~ scopeTags
                  - "Default"
                  + "Staff"
                  = 1 unchanged
              ~ sharedIpad.maximumCachedUsers  (none) -> 5
              ~ setupAssistant.siri            show -> hide
              ~ supervised                     false -> true
        "#);
    }

    #[test]
    fn words_that_differ_stand_out_in_colour() {
        let (before, after) = words("the old sign", "the new sign");
        assert_eq!(plain(&before), "\"the old sign\"");
        assert_eq!(before, format!("\"the {} sign\"", paint(DELETED_WORD, "old")));
        assert_eq!(after, format!("\"the {} sign\"", paint(ADDED_WORD, "new")));
    }

    #[test]
    fn texts_cannot_steer_the_terminal() {
        let mut out = String::new();
        let evil = "\x1b]0;x\x07";
        changes(
            &mut out,
            &[
                change("department", text(evil), text("b")),
                change("description", text(evil), text("a\nb")),
                change("scopeTags", Value::List(vec![evil.to_owned()]), Value::List(vec![])),
            ],
        );
        assert!(!out.contains("\x1b]") && !out.contains('\x07'), "{out:?}");
    }
}
