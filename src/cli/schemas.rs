//! JSON Schemas: of what commands print, and of the documents.

use std::fs;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::args::SchemaArgs;
use super::error::CommandError;
use super::exit::ExitCode;
use super::journal::JournalJson;
use super::render::act_list::ActsJson;
use super::render::devices::DevicesJson;
use super::render::diagnostics::DiagnosticsJson;
use super::render::doctor::DoctorJson;
use super::render::drift::DriftJson;
use super::render::escrow::EscrowJson;
use super::render::explain::ExplainJson;
use super::render::report::ReportJson;
use super::render::status::StatusJson;
use super::render::watch::WatchEventJson;
use super::token::inspect::TokenJson;
use super::ui::Ui;
use crate::manifest;
use crate::model::Kind;
use crate::plan::file::SavedPlan;

/// A schema and the name of its file: `plan.schema.json`.
pub type Named = (String, Value);

/// What ends the name of every schema's file.
const SUFFIX: &str = ".schema.json";

/// The schemas of everything that commands print as JSON.
pub fn of_outputs() -> Vec<Named> {
    vec![
        of::<SavedPlan>("plan"),
        of::<ReportJson<'_>>("apply-report"),
        of::<DriftJson<'_>>("drift"),
        of::<WatchEventJson<'_>>("watch-event"),
        of::<StatusJson>("status"),
        of::<DevicesJson<'_>>("devices"),
        of::<ActsJson<'_>>("actions"),
        of::<EscrowJson<'_>>("escrow"),
        of::<JournalJson>("journal"),
        of::<DoctorJson>("doctor"),
        of::<DiagnosticsJson<'_>>("diagnostics"),
        of::<ExplainJson>("explain"),
        of::<TokenJson>("server-token"),
    ]
}

/// The schemas of the documents, one per kind, and one for a file that may hold any of them.
pub fn of_documents() -> Vec<Named> {
    let kinds =
        Kind::ALL.into_iter().map(|kind| (format!("{}{SUFFIX}", file_stem(kind)), manifest::schema(kind)));
    kinds.chain([(format!("document{SUFFIX}"), manifest::schema_all())]).collect()
}

/// `EnrollmentToken` is `enrollment-token`.
fn file_stem(kind: Kind) -> String {
    let mut stem = String::new();
    for letter in kind.as_str().chars() {
        if letter.is_ascii_uppercase() && !stem.is_empty() {
            stem.push('-');
        }
        stem.push(letter.to_ascii_lowercase());
    }
    stem
}

fn of<T: JsonSchema>(name: &str) -> Named {
    // What is written, not what would be read: a member that is left out when empty is optional.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    (format!("{name}{SUFFIX}"), generator.into_root_schema_for::<T>().to_value())
}

/// A schema's file as it is written: sorted members, a line end.
pub fn file_text(schema: &Value) -> String {
    // A JSON value always has a text.
    serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"
}

/// `schema`: one schema to standard output, all of them to a folder, or their names.
///
/// # Errors
/// [`ExitCode::Usage`] for a name that no schema has; files that cannot be written.
pub fn run(args: &SchemaArgs, all: &[Named], ui: &Ui) -> Result<ExitCode, CommandError> {
    let chosen: Vec<&Named> = match &args.kind {
        Some(kind) => vec![find(all, kind)?],
        None => all.iter().collect(),
    };
    match (&args.output, &args.kind) {
        (Some(folder), _) => {
            fs::create_dir_all(folder).map_err(|error| CommandError::file("make", folder, &error))?;
            for (name, schema) in &chosen {
                let path = folder.join(name);
                fs::write(&path, file_text(schema))
                    .map_err(|error| CommandError::file("write", &path, &error))?;
            }
            ui.say(format_args!(
                "{} in {}",
                super::render::text::count(chosen.len() as u64, "schema"),
                folder.display()
            ));
        }
        (None, Some(_)) => {
            for (_, schema) in &chosen {
                ui.print(&file_text(schema))?;
            }
        }
        (None, None) => {
            let names: Vec<&str> = all.iter().map(|(name, _)| stem(name)).collect();
            ui.print(&(names.join("\n") + "\n"))?;
        }
    }
    Ok(ExitCode::Done)
}

fn stem(file: &str) -> &str {
    file.strip_suffix(SUFFIX).or_else(|| file.strip_suffix(".json")).unwrap_or(file)
}

/// The schema that a user means: case and hyphens do not matter, so that `EnrollmentProfile` and
/// `enrollment-profile` are one.
fn find<'a>(all: &'a [Named], wanted: &str) -> Result<&'a Named, CommandError> {
    let folded = |text: &str| stem(text).replace('-', "").to_ascii_lowercase();
    all.iter().find(|(name, _)| folded(name) == folded(wanted)).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| stem(name)).collect();
        CommandError::new(ExitCode::Usage, format!("there is no schema `{wanted}`"))
            .coded("unknown-schema")
            .hint(format!("there are: {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render;
    use crate::model::clock::Timestamp;

    fn assert_fits(name: &str, text: &str) {
        let all = of_outputs();
        let (_, schema) = find(&all, name).unwrap();
        let instance: Value = serde_json::from_str(text).unwrap();
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}\n{text}");
        let mut other = instance;
        other["version"] = "one".into();
        other["format"] = "one".into();
        assert!(!validator.is_valid(&other), "{name} takes anything");
    }

    #[test]
    fn outputs_fit_their_schemas() {
        let plan = render::plan::tests::whole_plan();
        assert_fits("plan", &SavedPlan::new(&plan, None, Timestamp::UNIX_EPOCH).to_json());
        assert_fits("apply-report", &render::report::json(&render::report::tests::report(), "sha256:00"));
        assert_fits(
            "status",
            &render::status::json(
                render::status::tests::rows(),
                render::status::tests::expiring(),
                render::organisations::tests::rows(),
                Vec::new(),
            ),
        );
        let acts: Vec<_> = crate::acts::ActState::ALL.into_iter().map(render::act_list::tests::row).collect();
        assert_fits("actions", &render::act_list::json(&acts));
        let (serial, row) = render::escrow::tests::row();
        assert_fits("escrow", &render::escrow::json(&[(&serial, &row)], &std::collections::BTreeMap::new()));
        assert_fits("journal", &super::super::journal::json(&[]));
        let drift = crate::plan::drift::Drift { plan: plan.clone(), undecided: vec!["x".to_owned()] };
        assert_fits("drift", &render::drift::json(&drift));
        for told in render::watch::tests::all() {
            assert_fits("watch-event", &render::watch::json(&told, Timestamp::UNIX_EPOCH));
        }
        assert_fits("diagnostics", &render::diagnostics::json(&render::diagnostics::tests::findings()));
        assert_fits("explain", &ExplainJson::everything().json());
        let mut devices = Vec::new();
        render::devices::json(
            &mut devices,
            &render::devices::tests::listing(),
            render::devices::tests::rows().into_iter(),
        )
        .unwrap();
        assert_fits("doctor", &render::doctor::json(render::doctor::tests::examined()));
        assert_fits("devices", &String::from_utf8(devices).unwrap());
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let all = vec![("enrollment-profile.schema.json".to_owned(), Value::Null)];
        for name in
            ["EnrollmentProfile", "enrollment-profile", "enrollmentprofile.schema.json", "ENROLLMENT-PROFILE"]
        {
            assert!(find(&all, name).is_ok(), "{name}");
        }
        let control = vec![("sim-control.json".to_owned(), Value::Null)];
        assert!(find(&control, "sim-control").is_ok() && find(&control, "sim-control.json").is_ok());
        let error = find(&all, "Profile").unwrap_err();
        assert_eq!(error.code, ExitCode::Usage);
        assert_eq!(error.hints, ["there are: enrollment-profile"]);
    }
}
