//! VPP tokens (`vppToken`, reference section 6): read here, changed by hand only.

use serde_json::{Map, Value, json};

use super::Ask;
use super::query::{Query, context_url};
use super::reply::{Refusal, Reply};
use super::tokens::single;
use crate::model::clock::Timestamp;
use crate::sim::vpp::VppToken;
use crate::sim::world::Tenant;

const KIND: &str = "vppToken";
const CONTEXT: &str = "deviceAppManagement/vppTokens";

/// The organization that all of a tenant's VPP tokens are of.
const ORGANIZATION: &str = "Simulated Organization";

const MEMBERS: [&str; 19] = [
    "id",
    "organizationName",
    "vppTokenAccountType",
    "appleId",
    "expirationDateTime",
    "lastSyncDateTime",
    "token",
    "lastModifiedDateTime",
    "state",
    "tokenActionResults",
    "lastSyncStatus",
    "automaticallyUpdateApps",
    "countryOrRegion",
    "dataSharingConsentGranted",
    "displayName",
    "locationName",
    "claimTokenManagementFromExternalMdm",
    "appleDeviceAppDeliveryProtocolType",
    "roleScopeTagIds",
];

/// GET the list.
pub(super) fn list(tenant: &Tenant, now: Timestamp, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check(&ask.query)?;
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    let rows = tenant.vpp_tokens.iter().filter(|token| u64::from(token.number) >= first);
    let rows = rows.map(|token| (u64::from(token.number), row(token, now, &ask.query)));
    Ok(ask.query.answer(&ask.url(), CONTEXT, ask.page_size, rows))
}

/// GET one.
pub(super) fn get(tenant: &Tenant, now: Timestamp, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check(&ask.query)?;
    let token = tenant.vpp_tokens.iter().find(|token| token.id.eq_ignore_ascii_case(id));
    let token = token.ok_or_else(|| Refusal::not_found(format!("The VPP token {id} was not found.")))?;
    Ok(single(row(token, now, &ask.query), &format!("{CONTEXT}/$entity")))
}

/// GET `getLicensesForApp`: one row per token that holds the app, expired ones among them. Tokens
/// without it have none; no source says otherwise.
pub(super) fn licenses(tenant: &Tenant, bundle: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    let rows = tenant.vpp_tokens.iter().filter(|token| u64::from(token.number) >= first);
    let rows = rows.filter_map(|token| {
        let licenses = token.licenses.get(bundle)?;
        let row = json!({
            "vppTokenId": token.id,
            "appleId": token.apple_id,
            "organizationName": ORGANIZATION,
            "availableLicenseCount": licenses.available,
            "usedLicenseCount": licenses.used,
        });
        Some((u64::from(token.number), row))
    });
    let context = "Collection(microsoft.graph.vppTokenLicenseSummary)";
    Ok(ask.query.answer(&ask.url(), context, ask.page_size, rows))
}

/// GET `getExpiringVppTokenCount`.
pub(super) fn expiring(tenant: &Tenant, before: &str) -> Result<Reply, Refusal> {
    let before: Timestamp = before.parse().map_err(|_| {
        Refusal::bad_request(format!("The value '{before}' of 'expiringBeforeDateTime' is no instant."))
    })?;
    let count = tenant.vpp_tokens.iter().filter(|token| token.expires < before).count();
    Ok(Reply::json(200, &json!({"@odata.context": context_url("Edm.Int32"), "value": count})))
}

fn check(query: &Query) -> Result<(), Refusal> {
    query.check_select(KIND, |name| MEMBERS.contains(&name))?;
    query.check_expand(KIND, &[])
}

fn row(token: &VppToken, now: Timestamp, query: &Query) -> Map<String, Value> {
    let values = [
        json!(token.id),
        json!(ORGANIZATION),
        json!("business"),
        json!(token.apple_id),
        json!(token.expires),
        json!(token.synced),
        json!(token.secret()),
        json!(token.modified),
        json!(token.state_at(now)),
        json!([]),
        json!(token.sync_status),
        json!(token.automatically_update_apps),
        json!("us"),
        json!(true),
        json!(token.name),
        json!(token.name),
        json!(false),
        json!("default"),
        json!(token.scope_tag_ids),
    ];
    MEMBERS
        .into_iter()
        .zip(values)
        .filter(|(name, _)| query.wants(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
