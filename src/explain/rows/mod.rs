//! Every requirement row: what holds at the vendors, what espalier does with it, and where. PURE.
//!
//! `.ci/rows` reads these files as text and holds each row against rules and tests, so that
//! `id: "…"` and `Served::…(` keep their form.

mod activation_lock;
mod assignment;
mod passcode;
mod profiles;
mod reenrollment;
mod sync;
mod tokens;

#[cfg(test)]
mod tests;

use crate::rules::{self, RuleEntry};

/// One requirement row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its id: section and number, e.g. `P-14`.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What holds at Apple, at the MDM or on the device.
    pub fact: &'static str,
    /// What espalier does with it.
    pub does: &'static str,
    /// Where that is done; never empty.
    pub served: &'static [Served],
    /// The fields of documents that it concerns: `KIND.field`.
    pub fields: &'static [&'static str],
    /// Where the fact comes from.
    pub source: Source,
}

/// How a row is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// A rule judges documents, or the objects that would result.
    Rule,
    /// Something that a command does or holds to; says which and what.
    Property(&'static str),
    /// A text that helps to decide or to act; nothing is judged.
    Documentation(&'static str),
    /// Not in this version; says which part of the product brings it.
    Later(&'static str),
}

/// The family of vendor pages that a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Microsoft Intune's guide to Automated Device Enrollment, editions of 2020 and 2023.
    Enrollment,
    /// The same guide for the settings, and Apple's reference of skip keys.
    Screens,
    /// Microsoft Intune's pages on the Apple MDM push certificate.
    PushCertificate,
    /// Microsoft Intune's guide to Activation Lock bypass, editions of 2017 and 2020.
    ActivationLock,
    /// Microsoft Intune's guide to remote lock and passcode reset, edition of 2017.
    LockAndPasscode,
}

impl Source {
    /// The family in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Enrollment => {
                "Microsoft Intune: guide to Apple Automated Device Enrollment, editions of 2020 and 2023"
            }
            Self::Screens => {
                "Microsoft Intune: Setup Assistant screens of the enrollment guide; Apple: skip keys"
            }
            Self::PushCertificate => "Microsoft Intune: the Apple MDM push certificate",
            Self::ActivationLock => {
                "Microsoft Intune: guide to Activation Lock bypass, editions of 2017 and 2020"
            }
            Self::LockAndPasscode => {
                "Microsoft Intune: guide to remote lock and passcode reset, edition of 2017"
            }
        }
    }
}

/// A section of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its letter.
    pub letter: char,
    /// What it is about.
    pub title: &'static str,
}

/// The sections in their order.
pub const SECTIONS: &[Section] = &[
    Section { letter: 'T', title: "Enrollment tokens" },
    Section { letter: 'S', title: "Synchronisation between Apple and the MDM" },
    Section { letter: 'P', title: "Enrollment profiles" },
    Section { letter: 'A', title: "Assignment" },
    Section { letter: 'D', title: "Distribution and re-enrollment" },
    Section { letter: 'L', title: "Activation Lock" },
    Section { letter: 'R', title: "Remote lock and passcode" },
];

/// Every row, by section and number.
pub fn all() -> impl Iterator<Item = &'static Row> {
    [
        tokens::ROWS,
        sync::ROWS,
        profiles::ROWS,
        assignment::ROWS,
        reenrollment::ROWS,
        activation_lock::ROWS,
        passcode::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The row of this id; case and the hyphen do not matter: `p14` is `P-14`.
pub fn find(id: &str) -> Option<&'static Row> {
    let wanted: String = id.trim().chars().filter(|c| *c != '-').collect();
    all().find(|row| {
        let known: String = row.id.chars().filter(|c| *c != '-').collect();
        known.eq_ignore_ascii_case(&wanted)
    })
}

impl Row {
    /// The section's letter.
    pub fn section(&self) -> char {
        self.id.chars().next().unwrap_or(' ')
    }

    /// Every rule that serves it, whatever it judges.
    pub fn rules(&self) -> impl Iterator<Item = RuleEntry> + use<> {
        let id = self.id;
        rules::catalogue().filter(move |rule| rule.row == id)
    }
}
