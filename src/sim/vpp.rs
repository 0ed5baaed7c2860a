//! VPP (Apps and Books) tokens of a tenant (`vppToken`). Plain data, changed by hand only: no
//! program here writes them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::world::{Tenant, back, derive_id};
use crate::model::clock::{Timestamp, after};

/// What every `token` of a VPP token begins with. The service returns it in reads; whoever prints
/// or keeps a text with this in it has leaked a secret.
pub const VPP_SECRET: &str = "sim-vpp-secret-";

/// The bundle id of the Company Portal.
pub const COMPANY_PORTAL: &str = "com.microsoft.CompanyPortal";

/// How many licences of the Company Portal a new token has.
const LICENSES: i32 = 1000;

/// A VPP token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VppToken {
    /// A GUID.
    pub id: String,
    /// Its number in the order of the tenant's VPP tokens.
    pub number: u32,
    /// `displayName`.
    pub name: String,
    /// Every name under which a seed named it.
    pub known_as: BTreeSet<String>,
    /// `appleId`.
    pub apple_id: String,
    /// `expirationDateTime`.
    pub expires: Timestamp,
    /// `lastModifiedDateTime`.
    pub modified: Timestamp,
    /// `lastSyncDateTime`.
    pub synced: Timestamp,
    /// `lastSyncStatus`.
    pub sync_status: VppSyncStatus,
    /// `state`; `None`: `valid` until it expires, `expired` then.
    pub state: Option<VppState>,
    /// `automaticallyUpdateApps`.
    pub automatically_update_apps: bool,
    /// `roleScopeTagIds`.
    pub scope_tag_ids: Vec<String>,
    /// Licences by the app's bundle id; an app that is not here is not in the token.
    pub licenses: BTreeMap<String, Licenses>,
}

/// Licences of an app, as `getLicensesForApp` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Licenses {
    /// `availableLicenseCount`.
    pub available: i32,
    /// `usedLicenseCount`.
    pub used: i32,
}

/// `vppTokenState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VppState {
    /// `unknown`
    Unknown,
    /// `valid`
    Valid,
    /// `expired`
    Expired,
    /// `invalid`
    Invalid,
    /// `assignedToExternalMDM`
    #[serde(rename = "assignedToExternalMDM")]
    AssignedToExternalMdm,
    /// `duplicateLocationId`
    DuplicateLocationId,
}

/// `vppTokenSyncStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VppSyncStatus {
    /// `none`
    None,
    /// `inProgress`
    InProgress,
    /// `completed`
    Completed,
    /// `failed`
    Failed,
}

/// Members of a VPP token to be set, under the service's names; absent ones stay as they are, or
/// get what a new token has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VppMembers {
    /// A new name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The Apple account.
    #[serde(default)]
    pub apple_id: Option<String>,
    /// The end; of a new token, a year from now.
    #[serde(default)]
    pub expiration_date_time: Option<Timestamp>,
    /// Whether apps are updated by themselves; of a new token, true.
    #[serde(default)]
    pub automatically_update_apps: Option<bool>,
    /// The state; never set: `valid`, and `expired` from its end on.
    #[serde(default)]
    pub state: Option<VppState>,
    /// How the last sync ended; of a new token, `completed`.
    #[serde(default)]
    pub last_sync_status: Option<VppSyncStatus>,
    /// All its licences by bundle id; of a new token, 1000 free ones of the Company Portal.
    #[serde(default)]
    pub licenses: Option<BTreeMap<String, Licenses>>,
    /// Names of its scope tags, made where they are missing; of a new token, the built-in one.
    #[serde(default)]
    pub scope_tags: Option<Vec<String>>,
}

impl VppToken {
    /// The state at an instant.
    pub fn state_at(&self, now: Timestamp) -> VppState {
        let by_time = if self.expires <= now { VppState::Expired } else { VppState::Valid };
        self.state.unwrap_or(by_time)
    }

    /// `token`: the secret that the service returns in reads. It follows from the id and is kept
    /// nowhere.
    pub fn secret(&self) -> String {
        format!("{VPP_SECRET}{}", self.id)
    }

    /// Whether this is its id, its name, or a name that a seed used.
    pub fn answers_to(&self, key: &str) -> bool {
        self.id.eq_ignore_ascii_case(key) || self.name == key || self.known_as.contains(key)
    }
}

impl Tenant {
    /// Makes a VPP token; another one of its name may be there. `id` absent: derived.
    pub fn add_vpp_token(
        &mut self,
        seed: u64,
        now: Timestamp,
        name: &str,
        id: Option<&str>,
        members: VppMembers,
    ) {
        let number = self.vpp_tokens.iter().map(|token| token.number).max().unwrap_or(0) + 1;
        let derived = || derive_id(seed, &format!("{}/vpp/{number}/{name}", self.id.to_lowercase()));
        let an_hour_ago = back(now, 1);
        self.vpp_tokens.push(VppToken {
            id: id.map_or_else(|| derived().to_string(), str::to_owned),
            number,
            name: name.to_owned(),
            known_as: BTreeSet::from([name.to_owned()]),
            apple_id: "apps.books@sim.example".to_owned(),
            expires: after(now, std::time::Duration::from_secs(365 * 86_400)),
            modified: now,
            synced: an_hour_ago,
            sync_status: VppSyncStatus::Completed,
            state: None,
            automatically_update_apps: true,
            scope_tag_ids: vec!["0".to_owned()],
            licenses: BTreeMap::from([(
                COMPANY_PORTAL.to_owned(),
                Licenses { available: LICENSES, used: 0 },
            )]),
        });
        self.change_vpp_token(self.vpp_tokens.len() - 1, now, members);
    }

    /// Sets members of the VPP token at this position.
    pub fn change_vpp_token(&mut self, at: usize, now: Timestamp, members: VppMembers) {
        let tags: Option<Vec<String>> =
            members.scope_tags.map(|names| names.iter().map(|name| self.scope_tag(name)).collect());
        let Some(token) = self.vpp_tokens.get_mut(at) else { return };
        set(&mut token.name, members.display_name);
        set(&mut token.apple_id, members.apple_id);
        set(&mut token.expires, members.expiration_date_time);
        set(&mut token.automatically_update_apps, members.automatically_update_apps);
        set(&mut token.sync_status, members.last_sync_status);
        set(&mut token.licenses, members.licenses);
        set(&mut token.scope_tag_ids, tags.filter(|tags| !tags.is_empty()));
        if members.state.is_some() {
            token.state = members.state;
        }
        token.modified = now;
    }

    /// Removes the VPP token at this position for good. Profiles that name it go on naming it.
    pub fn remove_vpp_token(&mut self, at: usize) {
        if at < self.vpp_tokens.len() {
            let gone = self.vpp_tokens.remove(at);
            self.removed_vpp_tokens.extend(gone.known_as);
            self.removed_vpp_tokens.extend([gone.name, gone.id]);
        }
    }

    /// Makes what a seed names and the tenant lacks; a removed one does not come back.
    pub(super) fn seed_vpp_token(&mut self, seed: u64, now: Timestamp, wish: &super::seed::SeedVppToken) {
        let known = |token: &VppToken| match &wish.id {
            Some(id) => token.id.eq_ignore_ascii_case(id),
            None => token.answers_to(&wish.name),
        };
        // Two of one name are told apart by their ids.
        let gone = wish.id.as_ref().unwrap_or(&wish.name);
        if self.removed_vpp_tokens.contains(gone) {
            return;
        }
        match self.vpp_tokens.iter_mut().find(|token| known(token)) {
            Some(token) => {
                token.known_as.insert(wish.name.clone());
            }
            None => self.add_vpp_token(seed, now, &wish.name, wish.id.as_deref(), wish.members.clone()),
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
