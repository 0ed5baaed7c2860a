//! Device name templates (P-22): the text, and its expansion for the devices that get it.

use super::{BOTH, Finding, IOS, MACOS, Needs, ProfileRule, RuleEntry, note, refuse, says, text, when};
use crate::model::{Fields, Platform};

/// The most characters, variables included.
const MOST: usize = 63;

/// The longest serial numbers of today's devices; a longer one of an assigned device is looked at
/// by itself.
const SERIAL: usize = 12;

const VARIABLES: [&str; 2] = ["SERIAL", "DEVICETYPE"];

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    says(
        refuse(
            "P-22",
            &["deviceNameTemplate"],
            "`deviceNameTemplate` knows the variables {{SERIAL}} and {{DEVICETYPE}} only",
            "write {{SERIAL}} or {{DEVICETYPE}}, in capitals",
        ),
        unknown_variable,
    ),
    says(
        refuse("P-22", &["deviceNameTemplate"], "`deviceNameTemplate` has at most 63 characters, variables included", "shorten it"),
        too_long,
    ),
    says(
        refuse("P-22", &["deviceNameTemplate"], "`deviceNameTemplate` becomes at most 63 characters long", "shorten it").on(IOS),
        |fields| becomes_too_long(fields, Platform::Ios),
    ),
    says(
        refuse("P-22", &["deviceNameTemplate"], "`deviceNameTemplate` becomes at most 63 characters long", "shorten it").on(MACOS),
        |fields| becomes_too_long(fields, Platform::Macos),
    ),
    when(
        note(
            "P-22",
            &["deviceNameTemplate"],
            "unverified: whether the service names Macs by `deviceNameTemplate`; it carries the member for them",
            "look at the first Mac that enrolls",
        )
        .on(MACOS),
        |fields| text(fields, "deviceNameTemplate").is_some(),
    ),
];

/// The rule over the devices that get a template.
pub const ASSIGNED: RuleEntry = RuleEntry::of(
    crate::diag::Severity::Refuse,
    "P-22",
    &["deviceNameTemplate"],
    "`deviceNameTemplate` becomes at most 63 characters long for every assigned device",
    "shorten it",
)
.on(BOTH)
.over(Needs::Documents);

/// The longest that the service makes of {{DEVICETYPE}}.
const fn device_type(platform: Platform) -> usize {
    match platform {
        // iPhone.
        Platform::Ios => 6,
        // MacBookPro, MacBookAir.
        _ => 10,
    }
}

/// Judges the template of a profile for a device that gets it, by its serial number.
pub fn judge_template(platform: Platform, fields: &Fields, serial: &str) -> Option<Finding> {
    let template = text(fields, "deviceNameTemplate").filter(|_| serial.len() > SERIAL)?;
    let expanded = expanded(template, platform, serial.chars().count())?;
    (expanded > MOST && template.chars().count() <= MOST).then(|| {
        let message = format!(
            "`deviceNameTemplate` becomes {expanded} characters long for the device {serial}, at most {MOST} are taken"
        );
        Finding::of(&ASSIGNED, &message)
    })
}

/// Whether a template is at its longest with the longest serial number, so that the devices that get
/// it have to be looked at.
pub fn at_its_longest(fields: &Fields) -> bool {
    text(fields, "deviceNameTemplate").is_some_and(|template| template.contains("{{SERIAL}}"))
}

fn too_long(fields: &Fields) -> Option<String> {
    let written = text(fields, "deviceNameTemplate")?.chars().count();
    (written > MOST).then(|| {
        format!("`deviceNameTemplate` has {written} characters, at most {MOST} are taken, variables included")
    })
}

fn becomes_too_long(fields: &Fields, platform: Platform) -> Option<String> {
    let template = text(fields, "deviceNameTemplate").filter(|text| text.chars().count() <= MOST)?;
    let expanded = expanded(template, platform, SERIAL).filter(|expanded| *expanded > MOST)?;
    Some(format!("`deviceNameTemplate` becomes up to {expanded} characters long, at most {MOST} are taken"))
}

/// The characters of the expansion; `None` for a template that is not well formed.
fn expanded(template: &str, platform: Platform, serial: usize) -> Option<usize> {
    let mut expanded = 0;
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        expanded += before.chars().count()
            + match name {
                "SERIAL" => serial,
                "DEVICETYPE" => device_type(platform),
                _ => return None,
            };
        rest = after;
    }
    Some(expanded + rest.chars().count())
}

fn unknown_variable(fields: &Fields) -> Option<String> {
    let mut rest = text(fields, "deviceNameTemplate")?;
    while let Some((before, after)) = rest.split_once("{{") {
        if before.contains("}}") {
            break;
        }
        let Some((name, after)) = after.split_once("}}") else {
            return Some("`deviceNameTemplate` holds `{{` without its `}}`".to_owned());
        };
        if !VARIABLES.contains(&name) {
            return Some(format!("`deviceNameTemplate` holds the unknown variable {{{{{name}}}}}"));
        }
        rest = after;
    }
    rest.contains("}}").then(|| "`deviceNameTemplate` holds `}}` without its `{{`".to_owned())
}
