//! How grave something is that is done.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How grave a step or an act is (design section 4).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// Creating and assigning; an act that nobody feels.
    Safe,
    /// Felt by enrolled devices, or an adoption with changes.
    Disruptive,
    /// Deleting.
    Destructive,
    /// Cannot be undone by anybody.
    Irreversible,
}

impl Class {
    /// Every class, the gravest last.
    pub const ALL: [Class; 4] = [Class::Safe, Class::Disruptive, Class::Destructive, Class::Irreversible];

    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            Class::Safe => "safe",
            Class::Disruptive => "disruptive",
            Class::Destructive => "destructive",
            Class::Irreversible => "irreversible",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
