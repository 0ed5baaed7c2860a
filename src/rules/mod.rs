//! The requirement rows as data and code. PURE: imports `model`, `diag`, `escrow`.
//!
//! Each rule is an entry (row, gravity, platforms, what it needs, fields, meaning, next step) with
//! its check beside it; [`catalogue`] lists all entries. A rule over several fields judges what it
//! can see: the stated fields in `validate`, the resulting object (live overlaid by the wishes) in
//! `plan`. A field that is not there is not judged, so that the same table serves both.
//!
//! | file | subject | judged over |
//! |---|---|---|
//! | `profiles`, `company_portal`, `shared_ipad`, `screens`, `certificates`, `template`, `macos`, `apple` | one profile | its fields |
//! | `statements` | what a profile document says, where its canonical form does not tell | the document |
//! | `tokens` | one token | the document |
//! | `at_apple` | moves with a deadline; what is wished at Apple | the document; where it is at hand |
//! | `acts` | what is done to devices; recipients of sealed secrets | the documents |
//! | `live` | tokens, tenants, VPP tokens | live facts |
//! | `elsewhere` | what several objects have in common | where they are at hand |

mod acknowledge;
mod acts;
mod apple;
mod at_apple;
mod catalogue;
mod certificates;
mod company_portal;
mod documents;
mod elsewhere;
mod live;
mod macos;
mod profiles;
mod screens;
mod shared_ipad;
mod statements;
mod template;
mod tokens;

#[cfg(test)]
mod tests;

use crate::diag::Severity;
use crate::model::settings::Side;
use crate::model::{Fields, Platform, Value};
pub use acknowledge::{Acknowledged, Folding, counted, fold_documents};
pub use catalogue::{catalogue, is_known, known};
pub use documents::check_documents;
pub use live::{
    HORIZON, TenantFacts, TokenFacts, VppFacts, has_expired, judge_tenant, judge_token, judge_vpp,
};
pub use macos::without_empty_prefill;
pub use template::{at_its_longest, judge_template};

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The documents alone; in `plan` the resulting object.
    Documents,
    /// What a create would send: the wishes with their defaults.
    Create,
    /// The services' side: which facts.
    Live(&'static str),
}

/// A rule as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleEntry {
    /// The requirement row.
    pub row: &'static str,
    /// How grave it is to break it.
    pub severity: Severity,
    /// The platforms of the profiles that it is for; all of them for what is no profile.
    pub platforms: &'static [Platform],
    /// What carries the profiles that it is for; both for what is no profile.
    pub sides: &'static [Side],
    /// What it looks at.
    pub needs: Needs,
    /// The fields that it reads, below `spec` of their kind; `setupAssistant` stands for all screens.
    pub fields: &'static [&'static str],
    /// What it says, in general.
    pub summary: &'static str,
    /// What to do next.
    pub next: &'static str,
}

impl RuleEntry {
    const fn of(
        severity: Severity,
        row: &'static str,
        fields: &'static [&'static str],
        summary: &'static str,
        next: &'static str,
    ) -> Self {
        let (platforms, sides, needs) = (BOTH, &Side::ALL, Needs::Documents);
        Self { row, severity, platforms, sides, needs, fields, summary, next }
    }

    /// The same for other platforms.
    const fn on(self, platforms: &'static [Platform]) -> Self {
        Self { platforms, ..self }
    }

    /// The same for profiles of one side.
    const fn at(self, sides: &'static [Side]) -> Self {
        Self { sides, ..self }
    }

    /// The same over other things.
    const fn over(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

const BOTH: &[Platform] = &Platform::CLASSIC;
const IOS: &[Platform] = &[Platform::Ios];
const MACOS: &[Platform] = &[Platform::Macos];
const ALL: &[Platform] = &Platform::ALL;
const CLASSIC: &[Side] = &[Side::Classic];
const DIRECT: &[Side] = &[Side::Direct];

const fn refuse(
    row: &'static str,
    fields: &'static [&'static str],
    summary: &'static str,
    next: &'static str,
) -> RuleEntry {
    RuleEntry::of(Severity::Refuse, row, fields, summary, next)
}

const fn warn(
    row: &'static str,
    fields: &'static [&'static str],
    summary: &'static str,
    next: &'static str,
) -> RuleEntry {
    RuleEntry::of(Severity::Warn, row, fields, summary, next)
}

const fn note(
    row: &'static str,
    fields: &'static [&'static str],
    summary: &'static str,
    next: &'static str,
) -> RuleEntry {
    RuleEntry::of(Severity::Note, row, fields, summary, next)
}

/// An entry with its check.
#[derive(Clone, Copy, Debug)]
pub struct Rule<C> {
    /// The rule as data.
    pub entry: RuleEntry,
    /// The check.
    pub check: C,
}

/// A check over the fields of one profile.
#[derive(Clone, Copy, Debug)]
pub enum OverFields {
    /// Whether it is broken; the summary is the message.
    When(fn(&Fields) -> bool),
    /// What it says, if it is broken.
    Says(fn(&Fields) -> Option<String>),
}

/// A rule over the fields of one profile.
pub type ProfileRule = Rule<OverFields>;

const fn when(entry: RuleEntry, check: fn(&Fields) -> bool) -> ProfileRule {
    Rule { entry, check: OverFields::When(check) }
}

const fn says(entry: RuleEntry, check: fn(&Fields) -> Option<String>) -> ProfileRule {
    Rule { entry, check: OverFields::Says(check) }
}

/// A rule that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The requirement row.
    pub rule: &'static str,
    /// How grave.
    pub severity: Severity,
    /// The fields that were read.
    pub fields: &'static [&'static str],
    /// What the rule says in general: the same for the same rule.
    pub summary: &'static str,
    /// What is wrong and why; names the row.
    pub message: String,
    /// What to do next.
    pub next: String,
}

impl Finding {
    fn of(entry: &RuleEntry, message: &str) -> Self {
        Self {
            rule: entry.row,
            severity: entry.severity,
            fields: entry.fields,
            summary: entry.summary,
            message: format!("{message} ({})", entry.row),
            next: entry.next.to_owned(),
        }
    }
}

/// Every rule over the fields of one profile, those over creates included.
pub fn table() -> impl Iterator<Item = &'static ProfileRule> {
    [
        profiles::RULES,
        company_portal::RULES,
        shared_ipad::RULES,
        certificates::RULES,
        template::RULES,
        screens::RULES,
        macos::RULES,
        apple::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Judges the fields of a classic profile: the stated ones, or a resulting object.
pub fn judge(platform: Platform, fields: &Fields) -> Vec<Finding> {
    judge_on(Side::Classic, platform, fields)
}

/// Judges the fields of a profile of either side: the stated ones, or a resulting object.
pub fn judge_on(side: Side, platform: Platform, fields: &Fields) -> Vec<Finding> {
    judge_by(Needs::Documents, side, platform, fields)
}

/// What the creation of a classic profile needs and `created` does not have (P-2, P-3, P-19). `created`
/// is the form with the defaults filled in. Apple's profiles have no such rule: what they need, they
/// need always.
pub fn required_on_create(platform: Platform, created: &Fields) -> Vec<Finding> {
    judge_by(Needs::Create, Side::Classic, platform, created)
}

fn judge_by(needs: Needs, side: Side, platform: Platform, fields: &Fields) -> Vec<Finding> {
    table()
        .filter(|rule| {
            rule.entry.needs == needs
                && rule.entry.platforms.contains(&platform)
                && rule.entry.sides.contains(&side)
        })
        .filter_map(|Rule { entry, check }| match check {
            OverFields::When(check) => check(fields).then(|| Finding::of(entry, entry.summary)),
            OverFields::Says(check) => check(fields).map(|message| Finding::of(entry, &message)),
        })
        .collect()
}

fn is(fields: &Fields, name: &str, value: bool) -> bool {
    fields.get(name).and_then(Value::as_bool) == Some(value)
}

/// Whether a field is known to be nothing; one that is not there is not known.
fn is_none(fields: &Fields, name: &str) -> bool {
    fields.get(name) == Some(&Value::None)
}

fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name).and_then(Value::as_text)
}

fn int(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name).and_then(Value::as_int)
}
