//! Explanations as markdown: for wikis, pull requests and the README's table.

use std::fmt::Write as _;

use super::text::where_served;
use super::{
    ActionJson, ExplainJson, FieldJson, MemberJson, PartJson, RowJson, RowName, ScreenJson, ServedBy,
    apple_names, member_names,
};
use crate::model::Platform;

/// A cell: no bar ends it early, and no line end.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Shows explanations one after the other; many rows as a table.
pub fn markdown(all: &ExplainJson) -> String {
    let ExplainJson { version: _, rows, kinds, fields, screens, codes, actions } = all;
    let mut parts: Vec<String> = Vec::new();
    match rows.as_slice() {
        [one] => parts.push(row(one)),
        [] => {}
        many => parts.push(table_of_rows(many)),
    }
    // Writing to a String does not fail.
    for one in codes {
        let mut out = format!("### `{}`\n\n_{}_\n\n{}\n\n", one.code, one.group, one.means);
        let _ = write!(out, "```text\n{}\n```\n\n**Next:** {}\n", one.example, one.next);
        if let Some(exit) = one.exit {
            let _ = writeln!(out, "\nExit code {exit}.");
        }
        parts.push(out);
    }
    for one in kinds {
        parts.push(format!("### `{}`\n\n{}\n\n{}", one.kind, one.text, table_of_parts(&one.fields)));
    }
    parts.extend(fields.iter().map(field));
    parts.extend(screens.iter().map(screen));
    parts.extend(actions.iter().map(action));
    parts.join("\n")
}

fn action(action: &ActionJson) -> String {
    let mut out = format!("### `{}`\n\nAn action of class {}.\n", action.action, action.class.word());
    for needs in action.needs() {
        let _ = writeln!(out, "It needs: {needs}.");
    }
    if !action.options.is_empty() {
        let _ = writeln!(out, "Options: {}.", action.options_in_words());
    }
    out.push_str("\n| system | can | what it does | row | source |\n|---|---|---|---|---|\n");
    for on in &action.on {
        let formerly = on.formerly.map_or(String::new(), |text| format!(" (formerly: {text})"));
        let _ = writeln!(
            out,
            "| {} | {} | {}{} | {} | {} |",
            on.os,
            cell(&on.verdict),
            cell(on.text),
            cell(&formerly),
            on.row,
            cell(&on.source)
        );
    }
    out
}

fn row(row: &RowJson) -> String {
    let mut out = format!("### {}: {}\n\n{}\n\n{}\n", row.id, row.title, row.fact, row.does);
    for help in row.served.iter().filter(|served| served.by == ServedBy::Documentation) {
        let _ = write!(out, "\n> {}\n", help.what);
    }
    let _ = writeln!(out, "\nServed by: {}.", where_served(row));
    if !row.fields.is_empty() {
        let fields: Vec<String> = row.fields.iter().map(|field| code(field)).collect();
        let _ = writeln!(out, "Fields: {}.", fields.join(", "));
    }
    let _ = writeln!(out, "Source: {}.", row.source);
    out
}

fn table_of_rows(rows: &[RowJson]) -> String {
    let mut out = "| row | about | served by |\n|---|---|---|\n".to_owned();
    for row in rows {
        let _ = writeln!(out, "| {} | {} | {} |", row.id, cell(row.title), where_served(row));
    }
    out
}

fn table_of_parts(parts: &[PartJson]) -> String {
    let mut out = "| field | meaning |\n|---|---|\n".to_owned();
    for part in parts {
        let mark = match (part.later, part.required) {
            (true, _) => " *Not in this version.*",
            (_, true) => " *Required.*",
            _ => "",
        };
        let _ = writeln!(out, "| `{}` | {}{mark} |", part.name, cell(part.text));
    }
    out
}

fn rows_of(out: &mut String, rows: &[RowName]) {
    for row in rows {
        let _ = writeln!(out, "- {}: {}", row.id, row.title);
    }
}

fn field(field: &FieldJson) -> String {
    let mut out = format!("### `{}`\n\n{}\n\n| | |\n|---|---|\n", field.path, field.text);
    let mut line = |label: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "| {label} | {} |", cell(text));
        }
    };
    line("type", &field.r#type);
    let words: Vec<String> =
        field.words.iter().filter(|word| !word.later).map(|word| code(word.word)).collect();
    line("words", &words.join(", "));
    line("required", if field.required { "yes" } else { "" });
    line("default", field.default.as_deref().unwrap_or_default());
    line("null", &field.no_null.map(|why| format!("refused: {why}")).unwrap_or_default());
    let platforms: Vec<&str> = field.platforms.iter().map(|platform| platform.word()).collect();
    line("platform", &platforms.join(", "));
    line("portal", field.portal.unwrap_or_default());
    let members: Vec<String> =
        field.members.iter().map(|member| format!("`{}.{}`", member.resource, member.member)).collect();
    line("Graph", &members.join(", "));
    line("Apple", &apple_names(&field.apple).iter().map(|name| code(name)).collect::<Vec<_>>().join(", "));
    line("version", if field.later { "not in this one" } else { "" });
    if !field.fields.is_empty() {
        let _ = write!(out, "\n{}", table_of_parts(&field.fields));
    }
    if !field.rows.is_empty() {
        out.push('\n');
        rows_of(&mut out, &field.rows);
    }
    out
}

fn screen(screen: &ScreenJson) -> String {
    let mut out = format!("### `{}`\n\nSetup Assistant screen.\n\n", screen.name);
    out += "| platform | versions | Graph |\n|---|---|---|\n";
    for on in &screen.platforms {
        let versions = match (on.first, on.last) {
            (None, _) => "not known".to_owned(),
            (Some(first), None) => format!("from {first} on"),
            (Some(first), Some(last)) => format!("{first} to {last}"),
        };
        let member = on.member.as_ref().map(|member| code(member.member)).unwrap_or_default();
        let _ = writeln!(out, "| {} | {versions} | {member} |", on.platform.word());
    }
    let _ = writeln!(out, "\nPortal: {}.", screen.portal.unwrap_or("not there"));
    let _ = writeln!(out, "Apple's key: {}.\n", screen.apple_key.map_or("none".to_owned(), code));
    rows_of(&mut out, &screen.rows);
    out
}

/// The members on one platform, or those of any.
fn members_on(members: &[MemberJson], platform: Platform) -> String {
    let on = members.iter().filter(|member| member.platform.is_none_or(|one| one == platform));
    cell_of(&member_names(on))
}

fn cell_of(names: &[String]) -> String {
    let code_of = |name: &String| match name.strip_suffix(" (inverted)") {
        Some(name) => format!("not `{name}`"),
        None => code(name),
    };
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.iter().map(code_of).collect::<Vec<_>>().join("<br>")
    }
}

/// The table "portal setting, field, Graph member", the screens folded.
pub fn settings(all: &ExplainJson) -> String {
    let (profiles, others): (Vec<&FieldJson>, Vec<&FieldJson>) =
        all.fields.iter().partition(|field| field.path.starts_with("EnrollmentProfile."));
    let mut out =
        "| portal setting | field of `EnrollmentProfile` | iPhone, iPad | Mac | direct token |\n|---|---|---|---|---|\n"
            .to_owned();
    for field in profiles {
        let name = field.path.trim_start_matches("EnrollmentProfile.");
        let _ = writeln!(
            out,
            "| {} | `{name}` | {} | {} | {} |",
            cell(field.portal.unwrap_or("–")),
            members_on(&field.members, Platform::Ios),
            members_on(&field.members, Platform::Macos),
            cell_of(&apple_names(&field.apple)),
        );
    }
    out += "\n| portal setting | field | Graph |\n|---|---|---|\n";
    for field in others {
        let members: Vec<String> =
            field.members.iter().map(|member| format!("`{}.{}`", member.resource, member.member)).collect();
        let portal = cell(field.portal.unwrap_or("–"));
        let _ = writeln!(out, "| {portal} | `{}` | {} |", field.path, members.join("<br>"));
    }
    let _ = write!(
        out,
        "\n<details>\n<summary>The {} screens of Setup Assistant</summary>\n\n",
        all.screens.len()
    );
    out +=
        "| portal setting | `setupAssistant` | iPhone, iPad | Mac | Apple's key |\n|---|---|---|---|---|\n";
    for screen in &all.screens {
        let on = |platform| {
            let member =
                screen.platforms.iter().find(|on| on.platform == platform).and_then(|on| on.member.as_ref());
            member.map_or("–".to_owned(), |member| code(member.member))
        };
        let _ = writeln!(
            out,
            "| {} | `{}` | {} | {} | {} |",
            cell(screen.portal.unwrap_or("–")),
            screen.name,
            on(Platform::Ios),
            on(Platform::Macos),
            screen.apple_key.map_or("–".to_owned(), code),
        );
    }
    out + "\n</details>\n"
}
