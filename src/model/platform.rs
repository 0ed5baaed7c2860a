//! The platforms that enroll through a token (P-32).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A platform, by the word of `EnrollmentProfile.platform`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Platform {
    /// `ios`: iPhone and iPad.
    Ios,
    /// `macos`: Mac.
    Macos,
    /// `tvos`: Apple TV.
    Tvos,
    /// `visionos`: Apple Vision.
    Visionos,
}

impl Platform {
    /// The platforms that Intune has classic profiles for.
    pub const CLASSIC: [Platform; 2] = [Platform::Ios, Platform::Macos];

    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Platform::Ios => "ios",
            Platform::Macos => "macos",
            Platform::Tvos => "tvos",
            Platform::Visionos => "visionos",
        }
    }

    /// The platform of a word in documents.
    pub fn from_word(word: &str) -> Option<Self> {
        [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos]
            .into_iter()
            .find(|platform| platform.word() == word)
    }

    /// The devices, for people.
    pub const fn devices(self) -> &'static str {
        match self {
            Platform::Ios => "iPhone and iPad",
            Platform::Macos => "Mac",
            Platform::Tvos => "Apple TV",
            Platform::Visionos => "Apple Vision",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
