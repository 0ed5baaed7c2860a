//! Gates as documents state them: the Fleet's, and those with which a `Connection` narrows them for
//! its tenant. PURE.

use serde::{Deserialize, Serialize};

use super::Name;
use super::desired::{Desired, Gates};

/// All gates of a folder, or of the last one that was applied in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedGates {
    /// The Fleet's.
    pub fleet: Gates,
    /// The tenants', in the order of their connections.
    pub policies: Vec<Policy>,
}

/// `Connection.policy`: what narrows the Fleet's gates for one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The connection that states it.
    pub connection: Name,
    /// Its tenant, as the connection spells it.
    pub tenant: String,
    /// Only what it states.
    pub gates: Gates,
}

impl StatedGates {
    /// What documents state.
    pub fn of(desired: &Desired) -> Self {
        let policies = desired.connections.iter().filter_map(|(name, connection)| {
            let gates = connection.policy.clone()?;
            Some(Policy { connection: name.clone(), tenant: connection.tenant_id.clone(), gates })
        });
        let of_organisations = desired.organisations.iter().filter_map(|(name, organisation)| {
            let gates = organisation.policy.clone()?;
            Some(Policy { connection: name.clone(), tenant: organisation.client_id.clone(), gates })
        });
        let mut policies: Vec<Policy> = policies.chain(of_organisations).collect();
        policies.sort_by(|a, b| a.connection.cmp(&b.connection));
        Self { fleet: desired.fleet.gates.clone(), policies }
    }

    /// The stricter of both, for the fleet and for every tenant.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let mut policies = self.policies.clone();
        for theirs in &other.policies {
            let same =
                |ours: &&mut Policy| (&ours.connection, &ours.tenant) == (&theirs.connection, &theirs.tenant);
            match policies.iter_mut().find(same) {
                Some(ours) => ours.gates = ours.gates.stricter(&theirs.gates),
                None => policies.push(theirs.clone()),
            }
        }
        policies.sort_by(|a, b| (&a.connection, &a.tenant).cmp(&(&b.connection, &b.tenant)));
        Self { fleet: self.fleet.stricter(&other.fleet), policies }
    }
}

impl Policy {
    /// Whether it is about a tenant: by its connection's name or by the tenant's id, so that neither
    /// a new name nor a second connection shakes it off.
    pub fn is_about<'t>(&self, connection: &Name, tenants: impl IntoIterator<Item = &'t str>) -> bool {
        self.connection == *connection
            || tenants.into_iter().any(|tenant| tenant.eq_ignore_ascii_case(&self.tenant))
    }
}
