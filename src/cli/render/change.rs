//! Fields before and after.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;

use anstyle::Style;
use base64::Engine as _;
use similar::{ChangeTag, TextDiff};

use super::alike::TOKENS_SHOWN;
use super::text::{
    ADDED_WORD, CREATE, DELETE, DELETED_WORD, LINE_WIDTH, NOTE, QUIET, UPDATE, clean, count, number, paint,
    some_of, wrapped,
};
use crate::diff::FieldChange;
use crate::model::settings::{Preset, Setting, WRITE_ONLY, setting};
use crate::model::{Fields, Value};

/// Where the fields of a step begin.
const INDENT: usize = 6;

/// The widest column of field names; a longer name moves its own line only.
const NAME_WIDTH: usize = 40;

/// Below this share of common words a text is shown as another one, not as a changed one.
const ALIKE: f32 = 0.3;

/// The field whose values are certificates, in base64 of DER.
const CERTIFICATES: &str = "pairing.certificates";

/// The fields without a default whose values are words of ours, shown without quotes. Those whose
/// default is a word, and screens, are, too.
const WORDS: [&str; 2] = ["authentication", "userAffinity"];

/// The fields that are screens of Setup Assistant, with `hide` or `show` as value.
const SCREENS: &str = "setupAssistant.";

/// What stands beside a field whose texts are each token's own.
const OWN: &str = "each token's own:";

/// Writes the changed fields of an object on several tokens, one below the other. Each token's
/// changes are of the same fields; a text that is a token's own is shown for each.
pub fn changes(out: &mut String, of: &[(&str, &[FieldChange])]) {
    let Some((_, first)) = of.first() else { return };
    let width = width(first.iter().map(|change| change.field.as_ref()));
    for (at, change) in first.iter().enumerate() {
        if of.iter().all(|(_, changes)| changes.get(at) == Some(change)) {
            one_change(out, width, change);
            continue;
        }
        line(out, UPDATE, "~", &change.field, width, OWN);
        let each = of.iter().filter_map(|(token, changes)| {
            let FieldChange { field: _, before, after } = changes.get(at)?;
            Some((*token, (before, after)))
        });
        let each = by_value(each).into_iter().map(|(tokens, (before, after))| {
            (tokens, format!("{} -> {}", value(&change.field, before), value(&change.field, after)))
        });
        own_lines(out, each.collect());
    }
}

fn one_change(out: &mut String, width: usize, change: &FieldChange) {
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
        (Value::Text(was), Value::Text(is)) if !is_word(field) && !is_secret(field) => {
            let (was, is) = words(was, is);
            line(out, UPDATE, "~", field, width, &format!("{was} -> {is}"));
        }
        _ => {
            let text = format!("{} -> {}", value(field, before), value(field, after));
            line(out, UPDATE, "~", field, width, &text);
        }
    }
}

/// Tokens by what they have, in the order of each value's first.
pub fn by_value<'a, V: Eq + Hash + Copy>(each: impl Iterator<Item = (&'a str, V)>) -> Vec<(Vec<&'a str>, V)> {
    let mut all: Vec<(Vec<&str>, V)> = Vec::new();
    let mut known: HashMap<V, usize> = HashMap::new();
    for (token, value) in each {
        let at = *known.entry(value).or_insert_with(|| {
            all.push((Vec::new(), value));
            all.len() - 1
        });
        all[at].0.push(token);
    }
    all
}

/// How many tokens' own values are shown of many; one more is shown rather than counted.
const OWN_SHOWN: usize = 6;

/// What each token has, as a table; of many the first ones, for a paragraph has to be read.
fn own_lines(out: &mut String, each: Vec<(Vec<&str>, String)>) {
    let shown = if each.len() > OWN_SHOWN + 1 { OWN_SHOWN } else { each.len() };
    let more = (each.len() - shown) as u64;
    let each: Vec<(String, String)> = each
        .into_iter()
        .take(shown)
        .map(|(tokens, text)| (clean(&some_of(tokens.iter(), TOKENS_SHOWN)).into_owned(), text))
        .collect();
    let width = width(each.iter().map(|(tokens, _)| tokens.as_str()));
    for (tokens, text) in each {
        let tokens = format!("{tokens:width$}");
        let _ = writeln!(out, "{:INDENT$}    {}  {text}", "", paint(QUIET, tokens));
    }
    if more > 0 {
        let rest = format!("and {} more; `--format json` has them all", number(more));
        let _ = writeln!(out, "{:INDENT$}    {}", "", paint(QUIET, rest));
    }
}

/// Writes the fields of a new object on several tokens. Screens are told by what happens to them,
/// for there are dozens; fields without a value are left out. A text that is a token's own is shown
/// for each.
pub fn fields(out: &mut String, of: &[(&str, &Fields)]) {
    let Some((_, fields)) = of.first() else { return };
    let told: Vec<(&str, &Value)> = fields
        .iter()
        .map(|(field, value)| (field.as_ref(), value))
        .filter(|(field, value)| {
            let is_empty =
                **value == Value::None && !of.iter().any(|(_, all)| all.get(*field) != Some(value));
            !is_empty && !field.starts_with(SCREENS)
        })
        .collect();
    let screens = [("hide", "setupAssistant.hide"), ("show", "setupAssistant.show")]
        .map(|(word, label)| (label, screens(fields, word)));
    let labels = screens.iter().filter(|(_, screens)| !screens.is_empty()).map(|(label, _)| *label);
    let width = width(told.iter().map(|(field, _)| *field).chain(labels));
    for (field, content) in told {
        if of.iter().any(|(_, fields)| fields.get(field) != Some(content)) {
            line(out, CREATE, "+", field, width, OWN);
            let each = of.iter().filter_map(|(token, fields)| Some((*token, fields.get(field)?)));
            let each = by_value(each).into_iter().map(|(tokens, content)| (tokens, value(field, content)));
            own_lines(out, each.collect());
            continue;
        }
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
        // Where the secret is, not what it is.
        Value::Text(reference) if is_secret(field) => format!("({})", clean(reference)),
        Value::List(items) if field == CERTIFICATES => {
            let names: Vec<String> = items.iter().map(|item| certificate(item)).collect();
            format!("[{}]", names.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether the values of a field are places of secrets.
fn is_secret(field: &str) -> bool {
    WRITE_ONLY.contains(&field)
}

/// Whether the values of a field are words of ours, and no texts of users.
pub fn is_word(field: &str) -> bool {
    let is_word = |setting: &Setting| matches!(setting.preset, Preset::Word(_));
    field.starts_with(SCREENS) || WORDS.contains(&field) || setting(field).is_some_and(is_word)
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

/// Writes changed fields as the lines of a diff block, without colours; a text that is a token's
/// own is shown for each.
pub fn diff_changes(out: &mut String, of: &[(&str, &[FieldChange])]) {
    let Some((_, first)) = of.first() else { return };
    for (at, FieldChange { field, before, after }) in first.iter().enumerate() {
        let each = of.iter().filter_map(|(token, changes)| {
            let change = changes.get(at)?;
            Some((*token, (&change.before, &change.after)))
        });
        let each = by_value(each);
        if let [_] = each.as_slice() {
            diff_value(out, "-", field, before);
            diff_value(out, "+", field, after);
            continue;
        }
        for (tokens, (before, after)) in each {
            let field = format!("{field} on {}", some_of(tokens.iter(), TOKENS_SHOWN));
            diff_value(out, "-", &field, before);
            diff_value(out, "+", &field, after);
        }
    }
}

/// Writes the fields of new objects as the lines of a diff block. See [`fields`].
pub fn diff_fields(out: &mut String, of: &[(&str, &Fields)]) {
    let Some((_, first)) = of.first() else { return };
    for field in first.keys().filter(|field| !field.starts_with(SCREENS)) {
        let each = by_value(of.iter().filter_map(|(token, fields)| Some((*token, fields.get(field)?))));
        let is_one = each.len() == 1;
        for (tokens, value) in each {
            if is_one && *value != Value::None {
                diff_value(out, "+", field, value);
            } else if !is_one {
                diff_value(out, "+", &format!("{field} on {}", some_of(tokens.iter(), TOKENS_SHOWN)), value);
            }
        }
    }
    for word in ["hide", "show"] {
        let screens = screens(first, word);
        if !screens.is_empty() {
            let _ = writeln!(out, "+ {SCREENS}{word}: {}", clean(&screens.join(", ")));
        }
    }
}

/// A field's value, each line of it behind the mark: nothing in it can end the block.
fn diff_value(out: &mut String, mark: &str, name: &str, content: &Value) {
    let name = clean(name).replace('\n', " ");
    match content {
        Value::Text(text) if text.contains('\n') => {
            let _ = writeln!(out, "{mark} {name}: |");
            for line in text.split('\n') {
                let _ = writeln!(out, "{mark}   {}", clean(line));
            }
        }
        content => {
            let field = name.split(" on ").next().unwrap_or_default();
            let _ = writeln!(out, "{mark} {name}: {}", clean(&value(field, content)).replace('\n', " "));
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
            &[(
                "school",
                &[
                    change("department", text("IT"), text("Media lab")),
                    change("description", text("first\nsecond\nthird"), text("first\n2nd\nthird")),
                    change("pairing.certificates", list(&["AAEC"]), list(&["AAEC", "AwQF"])),
                    change("scopeTags", list(&["Default", "School"]), list(&["School", "Staff"])),
                    change("sharedIpad.maximumCachedUsers", Value::None, Value::Int(5)),
                    change("setupAssistant.siri", text("show"), text("hide")),
                    change("supervised", Value::Bool(false), Value::Bool(true)),
                ],
            )],
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
    fn texts_of_each_tokens_own_are_all_shown() {
        let of = |own: &str| {
            [
                change("department", text("IT"), text("Media lab")),
                change("description", text("old"), text(own)),
            ]
        };
        let (aspen, birch, cedar) = (of("for Aspen"), of("for others"), of("for others"));
        let mut out = String::new();
        changes(&mut out, &[("aspen", &aspen), ("birch", &birch), ("cedar", &cedar)]);
        let new = |own: &str| Fields::from([("description".into(), Value::text(own))]);
        fields(&mut out, &[("aspen", &new("")), ("birch", &new("for Birch"))]);
        insta::assert_snapshot!(plain(&out), @r#"
              ~ department   "IT" -> "Media lab"
              ~ description  each token's own:
                  aspen         "old" -> "for Aspen"
                  birch, cedar  "old" -> "for others"
              + description  each token's own:
                  aspen  (none)
                  birch  "for Birch"
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
            &[(
                "school",
                &[
                    change("department", text(evil), text("b")),
                    change("description", text(evil), text("a\nb")),
                    change("scopeTags", Value::List(vec![evil.to_owned()]), Value::List(vec![])),
                ],
            )],
        );
        assert!(!out.contains("\x1b]") && !out.contains('\x07'), "{out:?}");
    }
}
