//! Explanations as text, 80 columns wide.

use std::fmt::Write as _;

use super::{
    ActionJson, CodeJson, ExplainJson, FieldJson, KindJson, MemberJson, PartJson, RowJson, RowName,
    ScreenJson, ScreenOn, ServedBy, apple_names, member_names,
};
use crate::cli::render::text::{BOLD, HINT, LINE_WIDTH, NOTE, QUIET, clip, labelled, paint, wrapped};
use crate::explain::Overview;
use crate::explain::rows::SECTIONS;

/// The width of labels.
const LABEL: usize = 9;

/// Shows explanations one after the other.
pub fn text(all: &ExplainJson) -> String {
    let ExplainJson { version: _, rows, kinds, fields, screens, codes, actions } = all;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(rows.iter().map(row));
    parts.extend(codes.iter().map(code));
    if let [one] = actions.as_slice() {
        parts.push(action(one));
    }
    parts.extend(kinds.iter().map(kind));
    parts.extend(fields.iter().map(field));
    parts.extend(screens.iter().map(screen));
    if actions.len() > 1 {
        parts.push(table_of_actions(actions));
    }
    parts.join("\n")
}

// Writing to a String does not fail.
fn heading(out: &mut String, name: &str, title: &str) {
    let between = if title.is_empty() { "" } else { "  " };
    let _ = writeln!(out, "{}{between}{title}\n", paint(BOLD, name));
}

fn paragraph(out: &mut String, text: &str) {
    for line in wrapped(text, LINE_WIDTH - 2) {
        let _ = writeln!(out, "  {line}");
    }
}

fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{}", paint(NOTE, title));
}

fn line(out: &mut String, label: &str, text: &str) {
    if !text.is_empty() {
        // The label is padded before it is painted: colours have no width.
        labelled(out, 2, paint(QUIET, format!("{label:LABEL$}")), LABEL, text);
    }
}

fn row(row: &RowJson) -> String {
    let RowJson { id, title, fact, does, served, rules, fields, source } = row;
    let mut out = String::new();
    heading(&mut out, id, title);
    paragraph(&mut out, fact);
    section(&mut out, "What espalier does");
    paragraph(&mut out, does);
    for help in served.iter().filter(|served| served.by == ServedBy::Documentation) {
        section(&mut out, "Good to know");
        paragraph(&mut out, help.what);
    }
    section(&mut out, "Where");
    for rule in rules {
        let over: Vec<&str> = rule.fields.iter().copied().chain(rule.live).collect();
        let over = if over.is_empty() { String::new() } else { format!(" over {}", over.join(", ")) };
        line(&mut out, "rule", &format!("{}{over}: {}", rule.level, rule.says));
    }
    for served in served {
        match served.by {
            // Told rule by rule.
            ServedBy::Rule => {}
            ServedBy::Documentation => line(&mut out, "text", "this page; nothing is judged"),
            ServedBy::Property => line(&mut out, "command", served.what),
            ServedBy::Later => line(&mut out, "later", served.what),
        }
    }
    line(&mut out, "fields", &fields.join(", "));
    line(&mut out, "source", source);
    out
}

fn code(code: &CodeJson) -> String {
    let CodeJson { code, group, means, example, next, exit } = code;
    let mut out = String::new();
    heading(&mut out, code, group);
    paragraph(&mut out, means);
    section(&mut out, "For example");
    for line in example.lines() {
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "\n{}", paint(HINT, "Next"));
    paragraph(&mut out, next);
    if let Some(exit) = exit {
        section(&mut out, "Exit code");
        let _ = writeln!(out, "  {exit}");
    }
    out
}

fn action(action: &ActionJson) -> String {
    let mut out = String::new();
    heading(&mut out, action.action, "action on a device");
    line(&mut out, "class", action.class.word());
    for needs in action.needs() {
        line(&mut out, "needs", needs);
    }
    line(&mut out, "options", &action.options_in_words());
    section(&mut out, "What it does (R-2, R-3)");
    let width = action.on.iter().map(|on| on.os.len()).max().unwrap_or(0);
    for on in &action.on {
        let formerly = on.formerly.map_or(String::new(), |text| format!("; formerly: {text}"));
        let text = format!("{}: {} ({}; {}){formerly}", on.verdict, on.text, on.row, on.source);
        labelled(&mut out, 2, paint(BOLD, format!("{:width$}", on.os)), width, &text);
    }
    let _ = writeln!(out, "\nespalier explain DeviceAction.action lists all of them.");
    out
}

fn table_of_actions(actions: &[ActionJson]) -> String {
    let mut out = String::new();
    heading(&mut out, "Actions on devices", "");
    let width = actions.iter().map(|one| one.action.len()).max().unwrap_or(0);
    for one in actions {
        let on = one.systems();
        let on = if on.is_empty() { "no system".to_owned() } else { on.join(", ") };
        let text = format!("{}: {on}", one.class.word());
        labelled(&mut out, 2, paint(BOLD, format!("{:width$}", one.action)), width, &text);
    }
    let _ = writeln!(out, "\nespalier explain ACTION tells what it does on each, and what it needs.");
    out
}

fn kind(kind: &KindJson) -> String {
    let KindJson { kind, text, fields } = kind;
    let mut out = String::new();
    heading(&mut out, kind, "");
    paragraph(&mut out, text);
    section(&mut out, "Fields of its spec");
    parts(&mut out, fields);
    let _ = writeln!(out, "\nespalier explain {kind}.FIELD tells more of each.");
    out
}

fn parts(out: &mut String, parts: &[PartJson]) {
    let width = parts.iter().map(|part| part.name.chars().count()).max().unwrap_or(0).min(30);
    for part in parts {
        let mark = match (part.later, part.required) {
            (true, _) => " Not in this version.",
            (_, true) => " Required.",
            _ => "",
        };
        labelled(
            out,
            2,
            paint(BOLD, format!("{:width$}", part.name)),
            width,
            &format!("{}{mark}", part.text),
        );
    }
}

fn field(field: &FieldJson) -> String {
    let mut out = String::new();
    heading(&mut out, &field.path, if field.later { "not in this version" } else { "" });
    paragraph(&mut out, field.text);
    out.push('\n');
    line(&mut out, "type", &field.r#type);
    if field.required {
        line(&mut out, "required", "yes");
    }
    match (&field.default, field.later || field.required) {
        (Some(default), _) => line(&mut out, "default", default),
        (None, true) => {}
        (None, false) if field.members.is_empty() => line(&mut out, "default", "none"),
        (None, false) => line(&mut out, "default", "none: what is left out is not compared, and not sent"),
    }
    if let Some(why) = field.no_null.filter(|_| !field.required) {
        line(&mut out, "null", &format!("is refused: {why}"));
    }
    let platforms: Vec<&str> = field.platforms.iter().map(|platform| platform.word()).collect();
    line(&mut out, "platform", &platforms.join(", "));
    line(&mut out, "portal", field.portal.unwrap_or_default());
    members(&mut out, &field.members);
    for (member, name) in field.apple.iter().zip(apple_names(&field.apple)) {
        let on: Vec<&str> = member.platforms.iter().map(|platform| platform.word()).collect();
        line(&mut out, "Apple", &format!("{name}: {}", on.join(", ")));
    }
    line(&mut out, "source", field.source);
    if !field.words.is_empty() {
        section(&mut out, "Words");
        let width = field.words.iter().map(|word| word.word.len()).max().unwrap_or(0);
        for word in &field.words {
            let mut text = word.portal.join(", ");
            if word.later {
                text = "not in this version".to_owned();
            }
            if text.is_empty() {
                let _ = writeln!(out, "  {}", paint(BOLD, word.word));
            } else {
                labelled(&mut out, 2, paint(BOLD, format!("{:width$}", word.word)), width, &text);
            }
        }
    }
    if !field.fields.is_empty() {
        section(&mut out, "Fields");
        parts(&mut out, &field.fields);
    }
    row_names(&mut out, &field.rows);
    out
}

fn members(out: &mut String, members: &[MemberJson]) {
    let mut label = "Graph";
    for member in members {
        let inverted = if member.inverted { " (inverted)" } else { "" };
        for line in broken_at_dots(&format!("{}.{}{inverted}", member.resource, member.member)) {
            let _ = writeln!(out, "  {} {line}", paint(QUIET, format!("{label:LABEL$}")));
            label = "";
        }
    }
}

/// A member's path in lines: a long one is broken after dots, and further lines are indented.
fn broken_at_dots(path: &str) -> Vec<String> {
    let room = LINE_WIDTH - LABEL - 3;
    let mut lines = vec![String::new()];
    for part in path.split_inclusive('.') {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + part.chars().count() > room {
            lines.push(format!("  {part}"));
        } else {
            lines[last] += part;
        }
    }
    lines
}

fn row_names(out: &mut String, rows: &[RowName]) {
    if rows.is_empty() {
        return;
    }
    section(out, "Rows");
    for row in rows {
        labelled(out, 2, paint(BOLD, format!("{:5}", row.id)), 5, row.title);
    }
}

fn screen(screen: &ScreenJson) -> String {
    let ScreenJson { name, portal, apple_key, platforms, edition, rows, source } = screen;
    let mut out = String::new();
    heading(&mut out, name, "Setup Assistant screen");
    paragraph(
        &mut out,
        &format!(
            "Hidden by `setupAssistant: {{hide: [{name}]}}`, shown by `show`; unlisted screens are what `otherwise` says, else unmanaged."
        ),
    );
    out.push('\n');
    line(&mut out, "portal", portal.unwrap_or("not in the portal"));
    line(&mut out, "Apple", apple_key.unwrap_or("no skip key: not expressible in a direct profile"));
    for on in platforms {
        line(&mut out, on.platform.word(), &of_platform(on, *apple_key));
    }
    line(&mut out, "edition", edition);
    line(&mut out, "source", source);
    row_names(&mut out, rows);
    out
}

fn of_platform(on: &ScreenOn, key: Option<&str>) -> String {
    let versions = match (on.first, on.last) {
        (None, _) => "versions not known".to_owned(),
        (Some(first), None) => format!("from {first} on"),
        (Some(first), Some(last)) => format!("{first} to {last}"),
    };
    let carried = match &on.member {
        None => "no classic Intune profile carries it".to_owned(),
        Some(member) if member.member == super::SKIP_KEYS => {
            format!(
                "{} takes {:?}; read back, for it may not be taken",
                member.member,
                key.unwrap_or_default()
            )
        }
        Some(member) => format!("{}.{}, true hides", member.resource, member.member),
    };
    format!("{versions}; {carried}")
}

/// Lists the rows with their levels and where they are served.
pub fn rows(all: &ExplainJson) -> String {
    const TITLE: usize = 44;
    let mut out = String::new();
    for section in SECTIONS {
        let _ = writeln!(out, "{}", paint(BOLD, format_args!("{}  {}", section.letter, section.title)));
        for row in all.rows.iter().filter(|row| row.id.starts_with(section.letter)) {
            let title = clip(row.title, TITLE);
            let _ = writeln!(out, "  {:5} {title:TITLE$} {}", row.id, paint(QUIET, where_served(row)));
        }
        out.push('\n');
    }
    out + "espalier explain ROW tells more of each.\n"
}

/// The levels of its rules, and by what else it is served: `refuse/note, command`.
pub(super) fn where_served(row: &RowJson) -> String {
    let mut levels: Vec<&str> = Vec::new();
    for rule in &row.rules {
        if !levels.contains(&rule.level) {
            levels.push(rule.level);
        }
    }
    let rules = (!levels.is_empty()).then(|| levels.join("/"));
    let mut words: Vec<String> = rules.into_iter().collect();
    for served in &row.served {
        let word = match served.by {
            ServedBy::Rule => continue,
            ServedBy::Property => "command",
            ServedBy::Documentation => "text",
            ServedBy::Later => "later",
        };
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words.join(", ")
}

/// Lists the settings: label in the portal, field, members at Graph and at Apple.
pub fn settings(all: &ExplainJson) -> String {
    let mut out = String::new();
    for field in &all.fields {
        let _ = writeln!(out, "{}", paint(BOLD, field.portal.unwrap_or("Not in the portal")));
        let _ = writeln!(out, "  {}", field.path);
        for member in &field.members {
            let name = member_names(std::iter::once(member)).concat();
            for line in broken_at_dots(&format!("{}.{name}", member.resource)) {
                let _ = writeln!(out, "  {}", paint(QUIET, line));
            }
        }
        for name in apple_names(&field.apple) {
            let _ = writeln!(out, "  {}", paint(QUIET, format!("Apple: {name}")));
        }
    }
    let _ = writeln!(out, "\n{}", paint(BOLD, "Setup Assistant screens"));
    for screen in &all.screens {
        let label = screen.portal.unwrap_or("not in the portal");
        let _ = writeln!(out, "  {:36} {}", screen.name, paint(QUIET, clip(label, LINE_WIDTH - 39)));
    }
    out
}

/// Lists what can be explained.
pub fn overview(all: &Overview) -> String {
    let Overview { sections, kinds, screens, actions, codes } = all;
    let mut out = String::new();
    let list = |out: &mut String, names: &[&str]| {
        for line in wrapped(&names.join(", "), LINE_WIDTH - 2) {
            let _ = writeln!(out, "  {line}");
        }
    };
    let _ = writeln!(out, "{}", paint(BOLD, "Requirement rows (--rows lists them one by one)"));
    for (section, ids) in sections {
        let (first, last) = (ids.first().unwrap_or(&""), ids.last().unwrap_or(&""));
        let _ = writeln!(out, "  {:13} {}", format!("{first} to {last}"), section.title);
    }
    let _ =
        writeln!(out, "\n{}", paint(BOLD, "Kinds and their fields (KIND, KIND.field, or the field alone)"));
    for (kind, names) in kinds {
        labelled(&mut out, 2, format!("{:17}", kind.as_str()), 17, &names.join(", "));
    }
    let _ =
        writeln!(out, "\n{}", paint(BOLD, "Setup Assistant screens (portal labels and Apple's keys, too)"));
    list(&mut out, screens);
    let _ = writeln!(out, "\n{}", paint(BOLD, "Actions on devices"));
    list(&mut out, actions);
    for (group, names) in codes {
        let _ = writeln!(out, "\n{}", paint(BOLD, format_args!("Codes: {}", group.words())));
        list(&mut out, names);
    }
    out + "\nPortal labels and Graph members lead to their fields: --settings lists them.\n"
}
