//! What `espalier explain` knows: requirement rows, fields, screens and codes, found by the words
//! that people have at hand. PURE: imports `model`, `diag`, `rules`, and the tables of `manifest`.

pub mod codes;
pub mod fields;
pub mod portal;
pub mod rows;

#[cfg(test)]
mod tests;

use crate::manifest::suggest;
use crate::model::screens::{self, Screen};
use crate::model::{ActionKind, Kind};
use codes::Code;
use fields::Entry;
use rows::Row;

/// Something that can be explained.
#[derive(Clone, Debug)]
pub enum Topic {
    /// A requirement row.
    Row(&'static Row),
    /// A kind of documents, or a field of one.
    Field(Entry),
    /// A Setup Assistant screen.
    Screen(&'static Screen),
    /// A code of a finding, a gate, a cause or an error.
    Code(&'static Code),
    /// What can be asked of a device.
    Action(ActionKind),
}

impl From<Entry> for Topic {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Screen(screen) => Self::Screen(screen),
            entry => Self::Field(entry),
        }
    }
}

/// A word that nothing is called by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to explain by the name `{word}`")]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// What may have been meant.
    pub near: Option<String>,
}

/// Everything of this name: a row (`P-14`, `p14`), a code, a kind, a field by its path
/// (`EnrollmentProfile.sharedIpad`) or by its bare name, a screen by name, portal label or Apple's
/// key, a field by its portal label or member at the service, or an action on devices (`wipe`); the field
/// `DeviceAction.action` comes with all of them. Never empty.
///
/// # Errors
/// [`Unknown`], with the nearest name if one is near.
pub fn find(word: &str) -> Result<Vec<Topic>, Unknown> {
    let word = word.trim();
    if let Some(row) = rows::find(word) {
        return Ok(vec![Topic::Row(row)]);
    }
    let mut found: Vec<Topic> = codes::find(word).map(Topic::Code).into_iter().collect();
    found.extend(action(word).map(Topic::Action));
    match fields::find(word) {
        Some(entry) => {
            let is_of_actions = entry.path() == ACTION;
            found.push(entry.into());
            if is_of_actions {
                found.extend(ActionKind::ALL.map(Topic::Action));
            }
        }
        None => {
            found.extend(screens::lookup(word).map(Topic::Screen));
            found.extend(fields::called(word).into_iter().map(Topic::Field));
            if found.is_empty() {
                found.extend(portal::called(word).into_iter().map(Topic::from));
            }
        }
    }
    if found.is_empty() { Err(Unknown { word: word.to_owned(), near: near(word) }) } else { Ok(found) }
}

/// The field that takes the word of an action.
const ACTION: &str = "DeviceAction.action";

/// The action of this word; case does not matter.
fn action(word: &str) -> Option<ActionKind> {
    ActionKind::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))
}

/// The known word nearest to one that nothing is called by.
fn near(word: &str) -> Option<String> {
    let mut known: Vec<String> = rows::all().map(|row| row.id.to_owned()).collect();
    known.extend(codes::all().map(|code| code.code.to_owned()));
    known.extend(ActionKind::ALL.iter().map(|kind| kind.word().to_owned()));
    known.extend(screens::SCREENS.iter().map(|screen| screen.name.to_owned()));
    for entry in fields::all() {
        known.extend(entry.name().map(str::to_owned));
        known.push(entry.path().to_owned());
    }
    // A path goes wrong in one of its parts: the part is compared with its siblings.
    fields::nearest(word)
        .or_else(|| suggest::nearest(word, known.iter().map(String::as_str)).map(str::to_owned))
}

/// What can be explained, by sort: for an overview.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The sections of the rows, each with its rows' ids.
    pub sections: Vec<(rows::Section, Vec<&'static str>)>,
    /// The kinds, each with the names of its fields.
    pub kinds: Vec<(Kind, Vec<&'static str>)>,
    /// The screens' names.
    pub screens: Vec<&'static str>,
    /// The words of the actions on devices.
    pub actions: Vec<&'static str>,
    /// The groups of codes, each with its codes.
    pub codes: Vec<(codes::Group, Vec<&'static str>)>,
}

/// Everything that can be explained.
pub fn overview() -> Overview {
    let of_section = |section: &rows::Section| {
        let ids = rows::all().filter(|row| row.section() == section.letter).map(|row| row.id).collect();
        (*section, ids)
    };
    let of_group =
        |group| (group, codes::all().filter(|code| code.group == group).map(|code| code.code).collect());
    Overview {
        sections: rows::SECTIONS.iter().map(of_section).collect(),
        kinds: Kind::ALL.into_iter().map(|kind| (kind, fields::names_of(kind))).collect(),
        screens: screens::SCREENS.iter().map(|screen| screen.name).collect(),
        actions: ActionKind::ALL.iter().map(|kind| kind.word()).collect(),
        codes: [codes::Group::Document, codes::Group::Plan, codes::Group::Error].map(of_group).to_vec(),
    }
}
