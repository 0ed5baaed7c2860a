//! A saved plan: to bytes and back, with what makes it refusable. PURE.
//!
//! | guard | covers | guards against |
//! |---|---|---|
//! | digest | format, ledger, narrowing, tenants, steps, acts that would be sent | steps and acts that nobody looked at |
//! | seal | the whole file | a file that was changed by hand |
//! | fingerprint of a step | its canonical *before* | a service that changed meanwhile |
//! | expiry | 24 hours; 1 hour with destructive steps or acts | an old plan |
//! | ledger id | the fleet | another folder's plan |
//!
//! Times, counts and texts are in neither digest nor fingerprint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Acknowledged, Action, Adoption, Blocked, Class, Forecast, Grandfathered, LeftAlone, Plan, PlannedAct,
    Step, Stop, Waiting,
};
use crate::model::clock::{Timestamp, after};
use crate::model::{Name, ProfileId, Realm, Scope, Serial};

/// The version of the file's format.
pub const FORMAT: u32 = 1;

/// How long a saved plan may be applied.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long one with destructive steps may be applied.
pub const LIFETIME_DESTRUCTIVE: Duration = Duration::from_secs(3600);

/// A plan with what it needs to be applied later, or shown. Its JSON is also what
/// `plan --format json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    /// The format's version.
    pub format: u32,
    /// `sha256:` and hex over format, ledger, tenants and steps.
    pub digest: String,
    /// The fleet's ledger; absent without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ledger: Option<uuid::Uuid>,
    /// The git commit of the folder; absent outside git.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// The tokens that the run was narrowed to; absent where it was not.
    #[serde(skip_serializing_if = "Scope::is_whole", default)]
    #[schemars(with = "Vec<String>")]
    pub scope: Scope,
    /// When it was made.
    #[schemars(with = "String")]
    pub created: Timestamp,
    /// When it stops being applicable.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// Tenant id by connection.
    #[schemars(with = "BTreeMap<String, String>")]
    pub tenants: BTreeMap<Realm, String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// See [`Plan::acts`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acts: Vec<PlannedAct>,
    /// See [`Plan::blocked`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked: Vec<Blocked>,
    /// See [`Plan::waiting`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waiting: Vec<Waiting>,
    /// See [`Plan::adopted`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub adopted: Vec<Adoption>,
    /// See [`Plan::left_alone`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_alone: Vec<LeftAlone>,
    /// Warnings and notes of rules.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub findings: Vec<SavedFinding>,
    /// See [`Plan::grandfathered`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub grandfathered: Vec<Grandfathered>,
    /// See [`Plan::acknowledged`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acknowledged: Vec<Acknowledged>,
    /// See [`Plan::stops`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stops: Vec<Stop>,
    /// See [`Plan::forecast`].
    pub forecast: Forecast,
    /// `sha256:` and hex over everything else in the file.
    pub seal: String,
}

/// A finding without its types, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SavedFinding {
    /// The code or row.
    pub code: String,
    /// `refuse`, `warn` or `note`.
    pub severity: String,
    /// The message.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub next: String,
    /// file:line:column.
    pub place: String,
    /// The tokens concerned; empty: all, or none in particular.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[schemars(with = "Vec<String>")]
    pub tokens: Vec<Name>,
}

/// Why a saved plan is not applied (exit 5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is no plan file.
    #[error("this is no plan file of espalier: {0}")]
    Unreadable(String),
    /// Its format is of another version.
    #[error("the plan file has format {0}, this version reads {FORMAT}: plan again")]
    OtherFormat(u32),
    /// Its steps were changed after it was made.
    #[error("the plan file was changed after it was made: its seal does not fit its content; plan again")]
    Tampered,
    /// It is too old.
    #[error("the plan expired at {0}: plan again")]
    Expired(Timestamp),
    /// It was made in the future, so one of the clocks is wrong.
    #[error("the plan was made at {0}, which is in the future: compare the clocks, then plan again")]
    FromTheFuture(Timestamp),
    /// It belongs to another fleet.
    #[error("the plan belongs to ledger {plan}, this folder's is {folder}: apply it in its own folder")]
    OtherLedger {
        /// The plan's.
        plan: String,
        /// The folder's.
        folder: String,
    },
}

impl PlanFileError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "plan-unreadable",
            Self::OtherFormat(_) => "plan-other-format",
            Self::Tampered => "plan-changed",
            Self::Expired(_) => "plan-expired",
            Self::FromTheFuture(_) => "plan-from-the-future",
            Self::OtherLedger { .. } => "plan-other-ledger",
        }
    }
}

impl SavedPlan {
    /// Makes the file's value of a plan.
    pub fn new(plan: &Plan, commit: Option<String>, now: Timestamp) -> Self {
        let destructive = plan.gravest().is_some_and(|class| class >= Class::Destructive);
        let lifetime = if destructive { LIFETIME_DESTRUCTIVE } else { LIFETIME };
        let findings = plan.findings.iter().map(|finding| SavedFinding {
            code: finding.code.to_owned(),
            severity: format!("{:?}", finding.severity).to_lowercase(),
            message: finding.message.clone(),
            next: finding.next.clone(),
            place: finding.place.to_string(),
            tokens: finding.tokens.clone(),
        });
        Self {
            format: FORMAT,
            digest: digest_of(plan),
            ledger: plan.ledger,
            commit,
            scope: plan.scope.clone(),
            created: now,
            expires: after(now, lifetime),
            tenants: plan.tenants.clone(),
            steps: plan.steps.clone(),
            acts: plan.acts.clone(),
            blocked: plan.blocked.clone(),
            waiting: plan.waiting.clone(),
            adopted: plan.adopted.clone(),
            left_alone: plan.left_alone.clone(),
            findings: findings.collect(),
            grandfathered: plan.grandfathered.clone(),
            acknowledged: plan.acknowledged.clone(),
            stops: plan.stops.clone(),
            forecast: plan.forecast.clone(),
            seal: String::new(),
        }
        .sealed()
    }

    fn sealed(mut self) -> Self {
        self.seal = self.seal_of_the_rest();
        self
    }

    fn seal_of_the_rest(&self) -> String {
        let rest = Self { seal: String::new(), ..self.clone() };
        sha256(&serde_json::to_string(&rest).unwrap_or_default())
    }

    /// The file's text. Steps stand on lines of their own, so that two plans can be compared.
    pub fn to_json(&self) -> String {
        // Maps have text keys and all values are plain, so this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a file and checks that it is whole.
    ///
    /// # Errors
    /// [`PlanFileError::Unreadable`], [`PlanFileError::OtherFormat`], [`PlanFileError::Tampered`].
    pub fn from_json(text: &str) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| PlanFileError::Unreadable(error.to_string());
        let version: Version = serde_json::from_str(text).map_err(unreadable)?;
        if version.format != FORMAT {
            return Err(PlanFileError::OtherFormat(version.format));
        }
        let saved: SavedPlan = serde_json::from_str(text).map_err(unreadable)?;
        let destroys = |act: &PlannedAct| act.is_sent() && act.class >= Class::Destructive;
        let destructive = saved.steps.iter().any(|step| step.class >= Class::Destructive)
            || saved.acts.iter().any(destroys);
        let lifetime = if destructive { LIFETIME_DESTRUCTIVE } else { LIFETIME };
        let honest = saved.seal == saved.seal_of_the_rest()
            && saved.digest == digest(saved.ledger, &saved.scope, &saved.tenants, &saved.steps, &saved.acts)
            && saved.expires <= after(saved.created, lifetime);
        if honest { Ok(saved) } else { Err(PlanFileError::Tampered) }
    }

    /// Checks that it may be applied here and now.
    ///
    /// # Errors
    /// [`PlanFileError::Expired`], [`PlanFileError::FromTheFuture`], [`PlanFileError::OtherLedger`].
    pub fn check(&self, folder_ledger: Option<uuid::Uuid>, now: Timestamp) -> Result<(), PlanFileError> {
        if self.ledger != folder_ledger {
            let name = |ledger: Option<uuid::Uuid>| ledger.map_or("none".to_owned(), |id| id.to_string());
            return Err(PlanFileError::OtherLedger { plan: name(self.ledger), folder: name(folder_ledger) });
        }
        if now >= self.expires {
            return Err(PlanFileError::Expired(self.expires));
        }
        // Five minutes of clock skew between the machine that planned and this one.
        if self.created > after(now, Duration::from_secs(300)) {
            return Err(PlanFileError::FromTheFuture(self.created));
        }
        Ok(())
    }

    /// The plan, to be shown or applied.
    pub fn into_plan(self) -> Plan {
        Plan {
            ledger: self.ledger,
            scope: self.scope,
            tenants: self.tenants,
            steps: self.steps,
            acts: self.acts,
            blocked: self.blocked,
            waiting: self.waiting,
            adopted: self.adopted,
            left_alone: self.left_alone,
            findings: Vec::new(),
            grandfathered: self.grandfathered,
            acknowledged: self.acknowledged,
            stops: self.stops,
            forecast: self.forecast,
            bookkeeping: Vec::new(),
        }
    }
}

/// The digest of a plan: `sha256:` and hex.
///
/// It covers format, ledger, what the run was narrowed to, tenants and, of each step, id, address, connection, ids, class and
/// action (fields before and after, serials): no times, counts or texts. The steps' order and what
/// they need follow from that. Of each act that would be sent it covers identity, kind, class, connection, the life
/// of the device and, by the act's own digest, ledger, tenant and content.
pub fn digest(
    ledger: Option<uuid::Uuid>,
    scope: &Scope,
    tenants: &BTreeMap<Realm, String>,
    steps: &[Step],
    acts: &[PlannedAct],
) -> String {
    let mut rows: Vec<serde_json::Value> = steps
        .iter()
        .map(|step| {
            let mut row = json!([
                step.id,
                step.address,
                step.connection,
                step.token_id,
                step.object,
                step.class,
                without_texts(&step.action),
                step.fingerprint,
                step.needs,
            ]);
            // The name that a service gets stands nowhere else.
            if let (Action::Service(_), Some(row)) = (&step.action, row.as_array_mut()) {
                row.push(json!(step.name));
            }
            row
        })
        .collect();
    rows.sort_by_cached_key(serde_json::Value::to_string);
    let mut all = json!({ "format": FORMAT, "ledger": ledger, "tenants": tenants, "steps": rows });
    let mut sent: Vec<serde_json::Value> = acts
        .iter()
        .filter(|act| act.is_sent())
        .map(|act| json!([act.id, act.kind, act.class, act.connection, act.epoch, act.digest]))
        .collect();
    if !sent.is_empty() {
        sent.sort_by_cached_key(serde_json::Value::to_string);
        all["acts"] = json!(sent);
    }
    if !scope.is_whole() {
        all["scope"] = json!(scope);
    }
    sha256(&all.to_string())
}

/// An action without the display names that only explain it: the ids beside them tell the same.
fn without_texts(action: &Action) -> Action {
    let mut action = action.clone();
    match &mut action {
        Action::SetDefault { from: _, from_name } => *from_name = None,
        Action::Assign { groups, after_sync: _ } => {
            groups.iter_mut().for_each(|group| group.from_name = None);
        }
        Action::Service(at_apple) => *at_apple = at_apple.without_texts(),
        _ => {}
    }
    action
}

/// The digest of a plan.
pub fn digest_of(plan: &Plan) -> String {
    digest(plan.ledger, &plan.scope, &plan.tenants, &plan.steps, &plan.acts)
}

/// `sha256:` and the hex of a text's hash.
pub fn sha256(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(71);
    hex.push_str("sha256:");
    for byte in openssl::sha::sha256(text.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The hash of what a step saw before: the object's id and every normalised member that the step
/// compares or that a rule, gate or class of it read. Volatile members (last sync, counts) are
/// never in it.
pub fn fingerprint(before: &serde_json::Value) -> String {
    sha256(&before.to_string())
}

/// The serials of an assignment with the profile that each has now.
pub fn assigned_rows(action: &Action) -> impl Iterator<Item = (&Serial, Option<&ProfileId>)> {
    let groups = match action {
        Action::Assign { groups, .. } => groups.as_slice(),
        _ => &[],
    };
    groups.iter().flat_map(|group| group.serials.iter().map(|serial| (serial, group.from.as_ref())))
}
