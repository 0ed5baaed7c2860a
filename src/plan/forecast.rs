//! How many calls a plan takes, as it is told. PURE.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Name;
use crate::model::clock::Timestamp;

/// How many calls `apply` will take, and how long about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Calls that write.
    pub writes: u64,
    /// Calls that read the lists back.
    pub reads: u64,
    /// Seconds, from the service's published limits and about half a second a call.
    pub seconds: u64,
    /// By organisation: what goes to Apple Business and Apple School Manager. It is in none of the above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    #[schemars(with = "BTreeMap<String, AppleForecast>")]
    pub apple: BTreeMap<Name, AppleForecast>,
}

/// What `apply` asks of an organisation's API, whose limits are narrow. The logs of activities come from
/// another host, and are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleForecast {
    /// Reads, at least: one look at each activity, and the lists read back.
    pub gets: u64,
    /// Writes: activities, and changes of services.
    pub posts: u64,
    /// Writes that do not fit now, and are left to a later run.
    pub posts_later: u64,
    /// When the next write fits, where none does now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_post: Option<Timestamp>,
    /// Minutes for what fits now, at `getPerMinute`.
    pub minutes: u64,
    /// Minutes until all writes have fitted, at `postPerHour`; 0 where all fit now.
    pub minutes_later: u64,
}
