//! What can be asked of devices, as `explain` tells it: the support table, action by action. PURE.

use serde::Serialize;

use crate::acts::support;
use crate::manifest;
use crate::model::{ActionKind, Class};

/// What can be asked of a device.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionJson {
    /// Its word, as `DeviceAction.action` takes it.
    pub action: &'static str,
    /// How grave it is.
    pub class: Class,
    /// Whether the device's bypass code has to be in escrow first, or a proof that there is none (L-4).
    pub needs_escrow: bool,
    /// Whether the device has to be in somebody's hands: `physicallyInHand` (L-6).
    pub needs_hand: bool,
    /// Its options.
    pub options: Vec<OptionJson>,
    /// What it does on each system.
    pub on: Vec<ActionOn>,
}

/// An option of an action.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OptionJson {
    /// Its name below `options`.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
}

/// An action on a system: a cell of the support table.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionOn {
    /// The system, as its maker writes it.
    pub os: &'static str,
    /// `yes`, `no`, `unknown`, or what it needs: `with supervision`.
    pub verdict: String,
    /// What it does there, or why it cannot.
    pub text: &'static str,
    /// What an older source says otherwise; null where none does.
    pub formerly: Option<&'static str>,
    /// The requirement row.
    pub row: &'static str,
    /// Who says so, and when.
    pub source: String,
}

impl From<ActionKind> for ActionJson {
    fn from(kind: ActionKind) -> Self {
        let options = manifest::options_of(kind).iter();
        let on = support::shown().into_iter().filter(|cell| cell.kind == kind).map(|cell| ActionOn {
            os: cell.os.words(),
            verdict: cell.verdict,
            text: cell.words,
            formerly: Some(cell.formerly).filter(|text| !text.is_empty()),
            row: cell.row,
            source: cell.source,
        });
        Self {
            action: kind.word(),
            class: kind.class(),
            needs_escrow: kind.needs_safeguard(),
            needs_hand: kind.needs_hand(),
            options: options.map(|(name, required)| OptionJson { name, required: *required }).collect(),
            on: on.collect(),
        }
    }
}

impl ActionJson {
    /// The systems on which it does something.
    pub fn systems(&self) -> Vec<&'static str> {
        let can = |on: &&ActionOn| on.verdict == "yes" || on.verdict.starts_with("with ");
        self.on.iter().filter(can).map(|on| on.os).collect()
    }

    /// What has to be there beside the device, in words; empty for nothing.
    pub fn needs(&self) -> Vec<&'static str> {
        let mut needs = Vec::new();
        if self.needs_escrow {
            needs.push(
                "first the device's bypass code is sealed to the escrow, or it is proven that there is none, or `acceptNoBypassCode` says why it may go without (L-4)",
            );
        }
        if self.needs_hand {
            needs.push("`physicallyInHand: true`: the device lies before whoever asks (L-6)");
        }
        needs
    }

    /// Its options in words; those that it needs are marked.
    pub fn options_in_words(&self) -> String {
        let word = |option: &OptionJson| match option.required {
            true => format!("{} (required)", option.name),
            false => option.name.to_owned(),
        };
        self.options.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}
