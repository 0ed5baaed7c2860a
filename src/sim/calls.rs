//! What was asked of the services, counted by operation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a call only reads. Signing in counts as a read; a `$batch` is a write if any of its
/// requests is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    /// Changes nothing.
    Read,
    /// May change something.
    Write,
}

/// How often one operation was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// `graph`, `login`, `github`, `imds`, `identity`, `dep` (Apple's enrollment service), `business`,
    /// `school`, `account` (their token endpoint) or `storage`.
    pub service: String,
    /// The operation's id, e.g. `deviceManagement.depOnboardingSettings.get`; `token`, `idToken`,
    /// `identityToken`; at Apple `session.get`, `devices.sync.post`, in Business and School
    /// `list devices`, `create activity`; `$batch`; `unknown` for what the service does not have.
    pub operation: String,
    /// Read or write.
    pub kind: CallKind,
    /// How often.
    pub count: u64,
    /// The requests within, for a `$batch`; they are not counted again elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Call>,
}

type Key = (&'static str, &'static str, CallKind);

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Calls {
    counts: BTreeMap<Key, (u64, BTreeMap<Key, u64>)>,
}

impl Calls {
    /// Counts a call by itself.
    pub(super) fn count(&mut self, service: &'static str, operation: &'static str, kind: CallKind) {
        self.counts.entry((service, operation, kind)).or_default().0 += 1;
    }

    /// Counts a `$batch` and, within it, its requests.
    pub(super) fn count_batch(&mut self, kind: CallKind, parts: &[(&'static str, CallKind)]) {
        let (count, within) = self.counts.entry(("graph", "$batch", kind)).or_default();
        *count += 1;
        for (operation, kind) in parts {
            *within.entry(("graph", operation, *kind)).or_default() += 1;
        }
    }

    /// Everything, sorted by service, operation and kind.
    pub(super) fn list(&self) -> Vec<Call> {
        let call = |key: &Key, count: u64, parts: Vec<Call>| Call {
            service: key.0.to_owned(),
            operation: key.1.to_owned(),
            kind: key.2,
            count,
            parts,
        };
        self.counts
            .iter()
            .map(|(key, (count, parts))| {
                let parts = parts.iter().map(|(key, count)| call(key, *count, Vec::new())).collect();
                call(key, *count, parts)
            })
            .collect()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
    }
}

/// The text of `.espalier/sim/calls.json`: a JSON list of [`Call`], one per line.
pub fn to_json(calls: &[Call]) -> String {
    let lines: Vec<String> =
        calls.iter().map(|call| format!("  {}", serde_json::to_string(call).unwrap_or_default())).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}
