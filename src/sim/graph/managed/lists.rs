//! Audits of actions (`remoteActionAudit`), and requests for approval.

use serde_json::{Map, Value, json};

use super::filter::{Comparison, Filter};
use crate::sim::device::{Act, ApprovalRequest, Handset, Record};
use crate::sim::graph::Ask;
use crate::sim::graph::query::Query;
use crate::sim::graph::reply::{Refusal, Reply};
use crate::sim::graph::tokens::single;
use crate::sim::world::World;

const AUDITS: &str = "deviceManagement/remoteActionAudits";
const APPROVALS: &str = "deviceManagement/operationApprovalRequests";

const AUDIT_MEMBERS: [&str; 12] = [
    "id",
    "deviceDisplayName",
    "userName",
    "initiatedByUserPrincipalName",
    "action",
    "requestDateTime",
    "deviceOwnerUserPrincipalName",
    "deviceIMEI",
    "actionState",
    "managedDeviceId",
    "deviceActionCategory",
    "bulkDeviceActionId",
];

const APPROVAL_MEMBERS: [&str; 11] = [
    "id",
    "requestId",
    "requestDateTime",
    "lastModifiedDateTime",
    "expirationDateTime",
    "requestor",
    "approver",
    "requestJustification",
    "approvalJustification",
    "status",
    "requiredOperationApprovalPolicyTypes",
];

/// Who asks in the admin centre.
const PERSON: &str = "admin@sim.example";

/// GET the audits of the tenant, in the order of the requests.
pub(in crate::sim::graph) fn audits(world: &World, tenant: usize, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check_audits(&ask.query)?;
    let filtered = [
        ("id", Comparison::Equality),
        ("managedDeviceId", Comparison::Equality),
        ("action", Comparison::Equality),
        ("actionState", Comparison::Equality),
        ("deviceDisplayName", Comparison::Text),
        ("requestDateTime", Comparison::Time),
    ];
    let filter = Filter::read(ask.query.filter.as_deref(), &filtered)?;
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    let all = all(world, tenant).into_iter().filter(|(act, ..)| act.number >= first);
    let rows = all.map(|(act, record, handset)| (act.number, audit_members(world, act, record, handset)));
    let rows = rows.filter(|(_, row)| filter.holds(|name| row[name].as_str().map(str::to_owned)));
    let rows = rows.map(|(number, row)| (number, wanted(row, &ask.query)));
    Ok(ask.query.answer(&ask.url(), AUDITS, ask.page_size, rows))
}

/// GET one audit.
pub(in crate::sim::graph) fn audit(
    world: &World,
    tenant: usize,
    id: &str,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    check_audits(&ask.query)?;
    let all = all(world, tenant).into_iter();
    let mut rows = all.map(|(act, record, handset)| audit_members(world, act, record, handset));
    let row = rows.find(|row| row["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id)));
    let row = row.ok_or_else(|| Refusal::not_found(format!("The audit {id} was not found.")))?;
    Ok(single(wanted(row, &ask.query), &format!("{AUDITS}/$entity")))
}

fn check_audits(query: &Query) -> Result<(), Refusal> {
    query.check_select("remoteActionAudit", |name| AUDIT_MEMBERS.contains(&name))?;
    query.check_expand("remoteActionAudit", &[])
}

/// Everything that was asked in a tenant, also of records that are gone.
fn all(world: &World, tenant: usize) -> Vec<(&Act, &Record, &Handset)> {
    let here = &world.tenants[tenant];
    let records = world.handsets.iter().flat_map(|(_, handset)| {
        handset.records.iter().filter(|record| record.is_of(here)).map(move |record| (record, handset))
    });
    let mut acts: Vec<_> = records
        .flat_map(|(record, handset)| {
            record.acts.iter().filter(|act| !act.silent).map(move |act| (act, record, handset))
        })
        .collect();
    acts.sort_unstable_by_key(|(act, ..)| act.number);
    acts
}

fn audit_members(world: &World, act: &Act, record: &Record, handset: &Handset) -> Map<String, Value> {
    let person = if act.by_person { json!(PERSON) } else { json!("") };
    let values = [
        json!(world.derive_id(&format!("audit/{}", act.number))),
        json!(handset.name),
        person.clone(),
        person,
        json!(act.action.remote_action().unwrap_or("unknown")),
        json!(act.requested),
        json!(handset.user.as_ref().map(|user| &user.principal_name)),
        Value::Null,
        json!(act.state),
        json!(record.id),
        json!("single"),
        Value::Null,
    ];
    AUDIT_MEMBERS.into_iter().map(str::to_owned).zip(values).collect()
}

/// GET the requests for approval.
pub(in crate::sim::graph) fn approvals(
    world: &World,
    tenant: usize,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    check_approvals(&ask.query)?;
    let filtered =
        [("id", Comparison::Equality), ("requestId", Comparison::Equality), ("status", Comparison::Equality)];
    let filter = Filter::read(ask.query.filter.as_deref(), &filtered)?;
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    let requests = world.tenants[tenant].device_desk.approvals.iter().enumerate().skip(first as usize);
    let rows = requests.map(|(at, request)| (at as u64, approval_members(world, request)));
    let rows = rows.filter(|(_, row)| filter.holds(|name| row[name].as_str().map(str::to_owned)));
    let rows = rows.map(|(at, row)| (at, wanted(row, &ask.query)));
    Ok(ask.query.answer(&ask.url(), APPROVALS, ask.page_size, rows))
}

/// GET one request for approval.
pub(in crate::sim::graph) fn approval(
    world: &World,
    tenant: usize,
    id: &str,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    check_approvals(&ask.query)?;
    let mut requests = world.tenants[tenant].device_desk.approvals.iter();
    let request = requests.find(|request| request.id.eq_ignore_ascii_case(id));
    let request = request.ok_or_else(|| Refusal::not_found(format!("The request {id} was not found.")))?;
    Ok(single(wanted(approval_members(world, request), &ask.query), &format!("{APPROVALS}/$entity")))
}

fn check_approvals(query: &Query) -> Result<(), Refusal> {
    query.check_select("operationApprovalRequest", |name| APPROVAL_MEMBERS.contains(&name))?;
    query.check_expand("operationApprovalRequest", &[])
}

fn approval_members(world: &World, request: &ApprovalRequest) -> Map<String, Value> {
    let approver = request.decision.as_ref().map(|_| json!({"user": {"displayName": PERSON}}));
    let values = [
        json!(request.id),
        json!(request.id),
        json!(request.requested),
        json!(request.modified),
        json!(request.expires),
        json!({"application": {"displayName": "espalier"}}),
        json!(approver),
        json!(request.justification),
        json!(request.decision),
        json!(request.status_at(world.now)),
        json!([request.policy]),
    ];
    APPROVAL_MEMBERS.into_iter().map(str::to_owned).zip(values).collect()
}

fn wanted(row: Map<String, Value>, query: &Query) -> Map<String, Value> {
    row.into_iter().filter(|(name, _)| query.wants(name)).collect()
}
