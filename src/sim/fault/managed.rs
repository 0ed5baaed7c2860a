//! Unkindnesses of Intune about managed devices.

use super::{FaultName, Ways};

impl FaultName {
    /// Whether it is a way to answer about managed devices.
    pub(super) fn is_a_way_of_managed(self) -> bool {
        self.adopt_of_managed(&mut Ways::default())
    }

    /// Notes the way; `false` where it is none of these.
    pub(super) fn adopt_of_managed(self, ways: &mut Ways) -> bool {
        match self {
            FaultName::EmptyResults => ways.empty_results = true,
            FaultName::StaleResults => ways.stale_results = true,
            FaultName::NoResultSecrets => ways.no_secrets = true,
            FaultName::GhostRecords => ways.ghost_records = true,
            FaultName::OtherSerial => ways.other_serial = true,
            FaultName::NoSupervision => ways.no_supervision = true,
            _ => return false,
        }
        true
    }
}
