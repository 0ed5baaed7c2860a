//! Migrations as time passes. That a device starts at its deadline is Apple's word; that it takes
//! ten minutes then is made up.

use super::{Lock, MigrationStatus};
use crate::model::clock::Timestamp;
use crate::sim::world::World;

/// How long a migration takes once it has begun, in seconds.
const TAKES: i64 = 600;

impl World {
    /// Lets migrations begin at their deadline, and end.
    pub(super) fn pass_migrations(&mut self, to: Timestamp) {
        let to = to.as_second();
        for here in &mut self.organizations {
            let mut arrived = Vec::new();
            for (serial, migration) in here.roster.migrations() {
                if migration.status == MigrationStatus::Requested && migration.deadline <= to {
                    migration.status = MigrationStatus::Started;
                    migration.since = migration.since.max(migration.deadline);
                }
                if migration.status == MigrationStatus::Started && migration.since + TAKES <= to {
                    migration.status = MigrationStatus::Success;
                    migration.since += TAKES;
                    arrived.push(*serial);
                }
            }
            // The Activation Lock of the old MDM does not survive it.
            for serial in arrived {
                let lock = &mut here.roster.extras_mut(&serial).lock;
                if *lock == Lock::Mdm {
                    *lock = Lock::None;
                }
                self.handsets.drop_mdm_lock(&serial);
            }
        }
    }
}
