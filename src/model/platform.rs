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

    /// Every platform.
    pub const ALL: [Platform; 4] = [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos];

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
        Self::ALL.into_iter().find(|platform| platform.word() == word)
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

/// A family of devices, as Apple's enrollment service tells it (`device_family`, reference
/// apple-enrollment-api section 3.5).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Family {
    /// `iPhone`
    Iphone,
    /// `iPad`
    Ipad,
    /// `iPod`
    Ipod,
    /// `Mac`
    Mac,
    /// `AppleTV`
    AppleTv,
    /// `Vision`
    Vision,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 6] =
        [Family::Iphone, Family::Ipad, Family::Ipod, Family::Mac, Family::AppleTv, Family::Vision];

    /// Apple's word.
    pub const fn word(self) -> &'static str {
        match self {
            Family::Iphone => "iPhone",
            Family::Ipad => "iPad",
            Family::Ipod => "iPod",
            Family::Mac => "Mac",
            Family::AppleTv => "AppleTV",
            Family::Vision => "Vision",
        }
    }

    /// The family of Apple's word; `None` for one that this version does not know.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.word() == word)
    }

    /// The platform of its devices.
    pub const fn platform(self) -> Platform {
        match self {
            Family::Iphone | Family::Ipad | Family::Ipod => Platform::Ios,
            Family::Mac => Platform::Macos,
            Family::AppleTv => Platform::Tvos,
            Family::Vision => Platform::Visionos,
        }
    }
}
