//! The unkindnesses of Apple Business, Apple School, their token endpoint and their storage.

use super::dep::{Device, DeviceHarm};
use super::{Asked, Fault, FaultName, Harm, Suffering, When};
use crate::sim::apple::organization::Fate;

/// Seconds that a reader learns of a change too late, where a fault does not say.
const LAG: u32 = 30;

impl FaultName {
    /// Whether it is a way to answer that strikes once unless told otherwise.
    pub(super) fn is_for_once_of_business(self) -> bool {
        self.fate().is_some()
            || matches!(
                self,
                FaultName::ForeignNext
                    | FaultName::MissingRows
                    | FaultName::CutBody
                    | FaultName::Html429
                    | FaultName::TokenLimit
            )
    }

    /// Whether it is a way to answer and no failure of the request.
    pub(super) fn is_a_way_of_business(self) -> bool {
        self.is_for_once_of_business()
            || matches!(
                self,
                FaultName::SilentSerials
                    | FaultName::KidRefused
                    | FaultName::EmptyRelationship
                    | FaultName::TextMembers
                    | FaultName::ListMembers
                    | FaultName::SourceUid
                    | FaultName::NoInstance
                    | FaultName::Totals
                    | FaultName::LiftLimits
                    | FaultName::StatusLag
                    | FaultName::LinkageLag
                    | FaultName::CountLag
                    | FaultName::RelationshipLag
            )
    }

    /// Whether it can strike the request at all; `None` for faults that are not of these services
    /// alone.
    pub(super) fn is_apt_of_business(self, asked: Asked<'_>) -> Option<bool> {
        let here = matches!(asked.service, "business" | "school");
        let of = |operations: &[&str]| here && operations.contains(&asked.operation);
        if self.fate().is_some() {
            return Some(of(&["create activity"]));
        }
        Some(match self {
            FaultName::SilentSerials => of(&["create activity"]),
            FaultName::KidRefused | FaultName::TokenLimit => asked.service == "account",
            FaultName::EmptyRelationship => of(&["read assigned linkage", "read assigned service"]),
            FaultName::TextMembers | FaultName::ListMembers | FaultName::SourceUid => {
                of(&["list devices", "read device"])
            }
            FaultName::NoInstance => of(&["read service"]),
            FaultName::ForeignNext | FaultName::Totals => here && asked.page.is_some(),
            FaultName::MissingRows => here && asked.page.is_some_and(|page| page > 1),
            FaultName::CutBody => here || asked.service == "storage",
            FaultName::Html429 | FaultName::LiftLimits => here,
            FaultName::StatusLag => of(&["list devices", "read device"]),
            FaultName::LinkageLag => of(&["list linkages"]),
            FaultName::CountLag => of(&["list services", "read service"]),
            FaultName::RelationshipLag => of(&["read assigned linkage", "read assigned service"]),
            FaultName::ActivityGone => of(&["read activity"]),
            FaultName::LogGone | FaultName::LogExpired => asked.service == "storage",
            FaultName::NoSegment | FaultName::Ecv2 if here => false,
            FaultName::Terms if here => true,
            FaultName::ExpiredBearer if asked.service == "account" || asked.service == "storage" => false,
            _ => return None,
        })
    }

    /// What an activity is bound for that it strikes; `None`: it is about something else.
    fn fate(self) -> Option<Fate> {
        Some(match self {
            FaultName::ActivityStopped => Fate::Stopped,
            FaultName::ActivityFailed => Fate::Failed,
            FaultName::ActivityFailure => Fate::Failure,
            FaultName::ActivityLie => Fate::Lie,
            FaultName::ActivityPostProcessing => Fate::PostProcessing,
            FaultName::ActivityStuck => Fate::Stuck,
            _ => return None,
        })
    }
}

impl Fault {
    /// Puts a way of these services into `suffering` and returns `true`; `false` for another fault.
    pub(super) fn adopt_of_business(&self, name: FaultName, when: When, suffering: &mut Suffering) -> bool {
        if let Some(fate) = name.fate() {
            suffering.devices.push(DeviceHarm {
                harm: Device::Bound(fate),
                serials: self.serials.clone(),
                took_place: when == When::After,
            });
            return true;
        }
        let ways = &mut suffering.ways;
        let lag = self.seconds.unwrap_or(LAG);
        match name {
            FaultName::SilentSerials => ways.silent_serials = true,
            FaultName::KidRefused => ways.kid_refused = true,
            FaultName::EmptyRelationship => ways.empty_relationship = true,
            FaultName::TextMembers => ways.text_members = true,
            FaultName::ListMembers => ways.list_members = true,
            FaultName::SourceUid => ways.source_uid = true,
            FaultName::NoInstance => ways.no_instance = true,
            FaultName::ForeignNext => ways.foreign_next = true,
            FaultName::Totals => ways.totals = true,
            FaultName::MissingRows => ways.missing_rows = true,
            FaultName::CutBody => ways.cut_body = true,
            FaultName::LiftLimits => ways.lift_limits = true,
            FaultName::Html429 => ways.limit = Some((429, self.retry_after)),
            FaultName::TokenLimit => ways.limit = Some((self.status.unwrap_or(429), self.retry_after)),
            FaultName::StatusLag => ways.status_lag = lag,
            FaultName::LinkageLag => ways.linkage_lag = lag,
            FaultName::CountLag => ways.count_lag = lag,
            FaultName::RelationshipLag => ways.relationship_lag = lag,
            _ => return false,
        }
        true
    }

    /// The refusal that a fault of these services is; `None` for another fault.
    pub(super) fn told_of_business(name: FaultName) -> Option<Harm> {
        match name {
            FaultName::ActivityGone | FaultName::LogGone => {
                Some(Harm::Told { status: 404, code: "NOT_FOUND" })
            }
            FaultName::LogExpired => Some(Harm::Told { status: 403, code: "EXPIRED" }),
            _ => None,
        }
    }
}
