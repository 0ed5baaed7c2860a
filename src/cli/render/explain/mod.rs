//! Explanations: one value for every format, as JSON, text or markdown.

mod actions;
mod markdown;
mod text;

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::JSON_VERSION;
use crate::diag::Severity;
use crate::explain::Topic;
use crate::explain::codes::Code;
use crate::explain::fields::{self, At, Entry};
use crate::explain::portal::{self, AppleNamed, Named};
use crate::explain::rows::{self, Row, Served};
use crate::manifest::kinds;
use crate::manifest::shape::{Field, Word};
use crate::model::screens::{SCREENS, Screen, Wire};
use crate::model::settings::SETTINGS;
use crate::model::{ActionKind, Platform};
use crate::rules::Needs;

pub use actions::{ActionJson, ActionOn, OptionJson};
pub use markdown::{markdown, settings as settings_markdown};
pub use text::{overview, rows as rows_text, settings as settings_text, text};

/// What is explained, by sort. A list that was not asked for is empty.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainJson {
    /// The version of this shape.
    pub version: u32,
    /// Requirement rows.
    pub rows: Vec<RowJson>,
    /// Kinds of documents.
    pub kinds: Vec<KindJson>,
    /// Fields of documents.
    pub fields: Vec<FieldJson>,
    /// Setup Assistant screens.
    pub screens: Vec<ScreenJson>,
    /// Codes of findings, gates, causes and errors.
    pub codes: Vec<CodeJson>,
    /// What can be asked of devices.
    pub actions: Vec<ActionJson>,
}

/// A requirement row.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RowJson {
    /// Its id, e.g. `P-14`.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What holds at Apple, at the MDM or on the device.
    pub fact: &'static str,
    /// What espalier does with it.
    pub does: &'static str,
    /// Where that is done.
    pub served: Vec<ServedJson>,
    /// The rules that serve it.
    pub rules: Vec<RuleJson>,
    /// The fields of documents that it concerns.
    pub fields: &'static [&'static str],
    /// Where the fact comes from.
    pub source: &'static str,
}

/// How a row is served.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServedJson {
    /// By what.
    pub by: ServedBy,
    /// What it does, or tells; empty for rules, which stand in `rules`.
    pub what: &'static str,
}

/// By what a row is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ServedBy {
    /// A rule judges documents or resulting objects.
    Rule,
    /// Something that a command does or holds to.
    Property,
    /// A text that helps to decide or to act.
    Documentation,
    /// A later version.
    Later,
}

/// A rule of a row.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleJson {
    /// How grave it is to break it.
    pub level: &'static str,
    /// What it says.
    pub says: &'static str,
    /// The fields that it reads, below `spec` of their kind.
    pub fields: &'static [&'static str],
    /// What of the services' side it judges; null for one over documents.
    pub live: Option<&'static str>,
}

/// A row by name.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RowName {
    /// Its id.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
}

/// A kind of documents.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindJson {
    /// Its name.
    pub kind: &'static str,
    /// What it is.
    pub text: &'static str,
    /// The fields of its `spec`.
    pub fields: Vec<PartJson>,
}

/// A field within another one, or within a kind.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartJson {
    /// Its path.
    pub path: String,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub text: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether it is of a later version, and refused in this one.
    pub later: bool,
}

/// A field of documents.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldJson {
    /// The path: the kind, then the names below `spec`, or `metadata`.
    pub path: String,
    /// What it means.
    pub text: &'static str,
    /// What it holds, in words.
    pub r#type: String,
    /// The words that it takes; empty where it takes others.
    pub words: Vec<WordJson>,
    /// Whether it has to be there.
    pub required: bool,
    /// What null, and missing on a create, means; null: there is no default.
    pub default: Option<String>,
    /// Why null is refused; null: it is the default.
    pub no_null: Option<&'static str>,
    /// Whether it is of a later version, and refused in this one.
    pub later: bool,
    /// The platforms that have it; empty: it does not depend on the platform.
    pub platforms: Vec<Platform>,
    /// The portal's label; null: the portal has none, or none is known.
    pub portal: Option<&'static str>,
    /// The members at the service.
    pub members: Vec<MemberJson>,
    /// The members of Apple's profile, on direct tokens; empty: it has none.
    pub apple: Vec<AppleMemberJson>,
    /// The requirement rows of the field, of what it lies in, and of what it holds.
    pub rows: Vec<RowName>,
    /// The fields within it.
    pub fields: Vec<PartJson>,
    /// Where this is known from; empty for a field that no service has.
    pub source: &'static str,
}

/// A word that a field takes.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WordJson {
    /// The word.
    pub word: &'static str,
    /// The portal's labels, taken as well.
    pub portal: &'static [&'static str],
    /// Whether it is of a later version, and refused in this one.
    pub later: bool,
}

/// A member at the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberJson {
    /// The platform; null: any.
    pub platform: Option<Platform>,
    /// Graph's type.
    pub resource: &'static str,
    /// The member, with dots for nesting.
    pub member: &'static str,
    /// Whether true means the opposite there.
    pub inverted: bool,
}

/// A member of Apple's profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleMemberJson {
    /// The member.
    pub member: &'static str,
    /// Whether true means the opposite there.
    pub inverted: bool,
    /// The platforms whose profiles have it.
    pub platforms: &'static [Platform],
}

/// A Setup Assistant screen.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScreenJson {
    /// The name in documents, below `setupAssistant`.
    pub name: &'static str,
    /// The portal's label, two joined by ` / ` where the platforms' words differ; null: not in the
    /// portal.
    pub portal: Option<&'static str>,
    /// Apple's skip key; null: not expressible at Apple.
    pub apple_key: Option<&'static str>,
    /// The platforms that have it.
    pub platforms: Vec<ScreenOn>,
    /// The catalogue edition that brought it.
    pub edition: &'static str,
    /// The requirement rows.
    pub rows: Vec<RowName>,
    /// Where this is known from.
    pub source: &'static str,
}

/// A screen on a platform.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScreenOn {
    /// The platform.
    pub platform: Platform,
    /// The first version that has it; null: not known.
    pub first: Option<&'static str>,
    /// The last version that has it; null: still there.
    pub last: Option<&'static str>,
    /// The member of Graph's classic profile: a boolean that hides, or `enabledSkipKeys`, which
    /// takes Apple's key; null: the classic profile does not carry it.
    pub member: Option<MemberJson>,
}

/// A code.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeJson {
    /// The code.
    pub code: &'static str,
    /// Where it is met.
    pub group: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What provokes it, or how it is shown.
    pub example: &'static str,
    /// What to do next.
    pub next: &'static str,
    /// What a command ends with because of it; null: no exit code depends on it.
    pub exit: Option<u8>,
}

/// The member that takes Apple's keys.
const SKIP_KEYS: &str = "enabledSkipKeys";

impl ExplainJson {
    /// Nothing explained yet.
    pub fn new() -> Self {
        Self { version: JSON_VERSION, ..Self::default() }
    }

    /// Adds an explanation.
    pub fn add(&mut self, topic: &Topic) {
        match topic {
            Topic::Row(row) => self.rows.push((*row).into()),
            Topic::Code(code) => self.codes.push((*code).into()),
            Topic::Action(kind) => self.actions.push((*kind).into()),
            Topic::Screen(screen) | Topic::Field(Entry::Screen(screen)) => {
                self.screens.push((*screen).into())
            }
            Topic::Field(Entry::Kind(kind)) => self.kinds.push(KindJson {
                kind: kind.as_str(),
                text: kinds::spec_of(*kind).doc,
                fields: fields::top(*kind).into_iter().map(PartJson::from).collect(),
            }),
            Topic::Field(Entry::Field(at)) => self.fields.push(at.into()),
        }
    }

    /// Every requirement row.
    pub fn all_rows() -> Self {
        Self { rows: rows::all().map(RowJson::from).collect(), ..Self::new() }
    }

    /// Every setting of profiles, and of tokens and assignments those that the portal has too; every
    /// screen.
    pub fn all_settings() -> Self {
        let of_profiles = SETTINGS.iter().map(|setting| format!("EnrollmentProfile.{}", setting.field));
        let of_others = portal::OTHERS.iter().map(|other| other.path.to_owned());
        let paths = of_profiles.chain(of_others);
        let fields = paths.filter_map(|path| match fields::find(&path) {
            Some(Entry::Field(at)) => Some(FieldJson::from(&at)),
            _ => None,
        });
        Self {
            fields: fields.collect(),
            screens: SCREENS.iter().map(ScreenJson::from).collect(),
            ..Self::new()
        }
    }

    /// Everything that can be explained.
    pub fn everything() -> Self {
        let mut all = Self { screens: SCREENS.iter().map(ScreenJson::from).collect(), ..Self::all_rows() };
        fields::all().into_iter().for_each(|entry| all.add(&Topic::from(entry)));
        all.codes = crate::explain::codes::all().map(CodeJson::from).collect();
        all.actions = ActionKind::ALL.into_iter().map(ActionJson::from).collect();
        all
    }

    /// The value as JSON.
    pub fn json(&self) -> String {
        // Plain values only: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Refuse => "refuse",
        Severity::Warn => "warn",
        Severity::Note => "note",
    }
}

impl From<&'static Row> for RowJson {
    fn from(row: &'static Row) -> Self {
        let Row { id, title, fact, does, served, fields, source } = *row;
        let served = served.iter().map(|served| match *served {
            Served::Rule => ServedJson { by: ServedBy::Rule, what: "" },
            Served::Property(what) => ServedJson { by: ServedBy::Property, what },
            Served::Documentation(what) => ServedJson { by: ServedBy::Documentation, what },
            Served::Later(what) => ServedJson { by: ServedBy::Later, what },
        });
        let served = served.collect();
        let rules = row.rules().map(|rule| RuleJson {
            level: level(rule.severity),
            says: rule.summary,
            fields: rule.fields,
            live: match rule.needs {
                Needs::Live(facts) => Some(facts),
                Needs::Documents | Needs::Create => None,
            },
        });
        let rules = rules.collect();
        Self { id, title, fact, does, served, rules, fields, source: source.words() }
    }
}

fn names_of(rows: Vec<&'static Row>) -> Vec<RowName> {
    rows.into_iter().map(|row| RowName { id: row.id, title: row.title }).collect()
}

impl From<At> for PartJson {
    fn from(at: At) -> Self {
        let Field { name, doc, required, later, .. } = at.field;
        Self { path: at.path, name, text: doc, required, later }
    }
}

impl From<&'static Word> for WordJson {
    fn from(word: &'static Word) -> Self {
        Self { word: word.word, portal: word.labels, later: word.later }
    }
}

impl From<Named> for MemberJson {
    fn from(named: Named) -> Self {
        let Named { platform, resource, member, inverted } = named;
        Self { platform, resource, member, inverted }
    }
}

impl From<AppleNamed> for AppleMemberJson {
    fn from(named: AppleNamed) -> Self {
        let AppleNamed { member, inverted, platforms } = named;
        Self { member, inverted, platforms }
    }
}

impl From<&At> for FieldJson {
    fn from(at: &At) -> Self {
        let Field { ty, doc, required, no_null, later, default, .. } = at.field;
        let names = portal::names(at);
        const GRAPH: &str =
            "Microsoft Graph: reference of the members; Microsoft Intune: labels of the admin centre";
        const APPLE: &str = "Apple: reference of the enrollment service's profile";
        let source = match (names.members.is_empty(), names.apple.is_empty()) {
            (true, true) => "",
            (false, _) => GRAPH,
            (true, false) => APPLE,
        };
        Self {
            path: at.path.clone(),
            text: doc,
            r#type: fields::type_words(ty),
            words: fields::words(ty).iter().map(WordJson::from).collect(),
            required,
            default: names.default.or_else(|| default.map(str::to_owned)),
            no_null,
            later,
            platforms: names.platforms,
            portal: names.portal,
            members: names.members.into_iter().map(MemberJson::from).collect(),
            apple: names.apple.into_iter().map(AppleMemberJson::from).collect(),
            rows: names_of(at.rows()),
            fields: at.children().into_iter().map(PartJson::from).collect(),
            source,
        }
    }
}

impl From<&'static Screen> for ScreenJson {
    fn from(screen: &'static Screen) -> Self {
        let all = [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos];
        let on =
            |platform| {
                let (first, last) = match platform {
                    Platform::Ios => screen.ios_versions,
                    Platform::Macos => screen.macos_versions,
                    Platform::Tvos => (screen.tvos_first, None),
                    Platform::Visionos => (screen.visionos_first, None),
                };
                let member = match screen.wire(platform) {
                    Wire::None => None,
                    Wire::Member(member) => Some(member),
                    Wire::SkipKeys => Some(SKIP_KEYS),
                };
                let member = member.zip(portal::classic_type(platform)).map(|(member, resource)| {
                    MemberJson { platform: Some(platform), resource, member, inverted: false }
                });
                ScreenOn { platform, first, last, member }
            };
        Self {
            name: screen.name,
            portal: screen.label,
            apple_key: screen.key,
            platforms: all.into_iter().filter(|platform| screen.is_on(*platform)).map(on).collect(),
            edition: screen.edition,
            rows: names_of(fields::rows_of(&format!("EnrollmentProfile.setupAssistant.{}", screen.name))),
            source: rows::Source::Screens.words(),
        }
    }
}

impl From<&'static Code> for CodeJson {
    fn from(code: &'static Code) -> Self {
        let Code { code, group, means, example, next, exit } = *code;
        Self { code, group: group.words(), means, example, next, exit }
    }
}

/// The names of a screen's or field's members, each once, inverted ones marked.
fn member_names<'m>(members: impl Iterator<Item = &'m MemberJson>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for member in members {
        let name =
            if member.inverted { format!("{} (inverted)", member.member) } else { member.member.to_owned() };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The names of the members of Apple's profile, inverted ones marked.
fn apple_names(members: &[AppleMemberJson]) -> Vec<String> {
    let name = |member: &AppleMemberJson| match member.inverted {
        true => format!("{} (inverted)", member.member),
        false => member.member.to_owned(),
    };
    members.iter().map(name).collect()
}
