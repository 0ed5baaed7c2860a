//! Device name templates (P-22): the text and its longest expansion.

use super::{Broken, broken, text};
use crate::model::Fields;

/// The most characters, variables included.
const MOST: usize = 63;

/// What the service fills in, and the longest that it becomes: Apple's serials have up to 12
/// characters on today's devices, the device types are iPhone, iPad and iPod.
const VARIABLES: [(&str, usize); 2] = [("SERIAL", 12), ("DEVICETYPE", 6)];

/// Checks `deviceNameTemplate`.
pub fn check(fields: &Fields) -> Option<Broken> {
    let template = text(fields, "deviceNameTemplate")?;
    let written = template.chars().count();
    if written > MOST {
        return broken(
            format!(
                "`deviceNameTemplate` has {written} characters, at most {MOST} are taken, variables included"
            ),
            "shorten it",
        );
    }
    let mut expanded = 0;
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            return broken("`deviceNameTemplate` holds `{{` without its `}}`", "close it, e.g. {{SERIAL}}");
        };
        let Some((_, longest)) = VARIABLES.iter().find(|(known, _)| *known == name) else {
            return broken(
                format!("`deviceNameTemplate` holds the unknown variable {{{{{name}}}}}"),
                "write {{SERIAL}} or {{DEVICETYPE}}, in capitals",
            );
        };
        expanded += before.chars().count() + longest;
        rest = after;
    }
    if rest.contains("}}") {
        return broken(
            "`deviceNameTemplate` holds `}}` without its `{{`",
            "write {{SERIAL}} or {{DEVICETYPE}}",
        );
    }
    expanded += rest.chars().count();
    if expanded > MOST {
        return broken(
            format!(
                "`deviceNameTemplate` becomes up to {expanded} characters long, at most {MOST} are taken"
            ),
            "shorten it",
        );
    }
    None
}
