//! What is asked of a device: bodies validated strictly, quotas, the second person, and 204.

use serde_json::{Map, Value};

use super::find;
use crate::sim::apple::Family;
use crate::sim::device::action::Particulars;
use crate::sim::device::{Approval, Gate, ManagedAction};
use crate::sim::graph::Ask;
use crate::sim::graph::reply::{Refusal, Reply};
use crate::sim::world::World;

/// POST an action, or DELETE the record. What the device does about it is seen later only.
pub(in crate::sim::graph) fn act(
    world: &mut World,
    tenant: usize,
    id: &str,
    action: ManagedAction,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let (found, ghost) = find(world, tenant, id, ask)?;
    let family = world.handset(&found.serial).map_or(Family::default(), |handset| handset.family);
    let particulars = read(action, family, ask.body)?;
    let gate = Gate {
        action,
        record: id,
        digest: digest(ask),
        justification: ask.justification,
        code: ask.approval_code,
    };
    let used_up = match world.ask_for_approval(tenant, &gate) {
        Approval::Open(used_up) => used_up,
        Approval::Asked(code) => {
            let status = world.tenants[tenant].device_desk.behaviour.approval_status;
            return Err(Refusal::needs_approval(status, code));
        }
        Approval::NoJustification => {
            return Err(Refusal::told(
                "The operation requires approval: the header x-msft-approval-justification is missing or is \
                 no text in base64.",
            ));
        }
        Approval::Busy => {
            return Err(Refusal::conflict("An approval request for this object is open already."));
        }
        Approval::Other => {
            return Err(Refusal::told("The approval code does not belong to this request."));
        }
        Approval::Over(status) => {
            let status = serde_json::to_value(status).unwrap_or_default();
            return Err(Refusal::told(format!(
                "The approval request is {}.",
                status.as_str().unwrap_or("over")
            )));
        }
    };
    if let Some(quota) = world.exceeded_quota(tenant, action) {
        let status = world.tenants[tenant].device_desk.behaviour.quota_status;
        return Err(Refusal::over_quota(
            status,
            format!("The tenant has reached the limit of {quota} '{}' actions per day.", action.route()),
        ));
    }
    if let Some(code) = used_up {
        world.use_up_approval(tenant, &code);
    }
    match ghost {
        true => world.accept_for_nobody(found, id, action),
        false => {
            world.accept_action(tenant, found, action, particulars, false);
        }
    }
    Ok(Reply::no_content())
}

/// What makes two requests the same: method, path and body.
fn digest(ask: &Ask<'_>) -> String {
    let body = match serde_json::from_slice::<Value>(ask.body) {
        Ok(Value::Object(members)) if members.is_empty() => String::new(),
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    };
    let text = format!("{} {} {body}", ask.method, ask.path.to_ascii_lowercase());
    openssl::sha::sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the body of an action.
fn read(action: ManagedAction, family: Family, body: &[u8]) -> Result<Particulars, Refusal> {
    let members = match body {
        [] => Map::new(),
        body => match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(members)) => members,
            _ => return Err(Refusal::bad_request("Unable to read JSON request payload.")),
        },
    };
    let known: &[&str] = match action {
        ManagedAction::Wipe => &[
            "keepEnrollmentData",
            "keepUserData",
            "macOsUnlockCode",
            "obliterationBehavior",
            "persistEsimDataPlan",
            "useProtectedWipe",
        ],
        ManagedAction::EnableLostMode => &["message", "phoneNumber", "footer"],
        ManagedAction::PlayLostModeSound => &["durationInMinutes"],
        ManagedAction::SetDeviceName => &["deviceName"],
        ManagedAction::DeleteUserFromSharedAppleDevice => &["userPrincipalName"],
        _ => &[],
    };
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::bad_request(format!(
            "The parameter '{name}' in the request payload is not a valid parameter for the operation '{}'.",
            action.route()
        )));
    }
    // Null is as good as absent: every parameter is nullable.
    let members: Map<String, Value> = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let mut particulars = Particulars::default();
    match action {
        ManagedAction::Wipe => particulars.keeps_data_plan = read_wipe(family, &members)?,
        ManagedAction::EnableLostMode => {
            for name in known {
                text(&members, name)?;
            }
            let has = |name: &str| text(&members, name).is_ok_and(|text| text.is_some_and(|t| !t.is_empty()));
            if !has("message") && !has("phoneNumber") {
                return Err(Refusal::told("Lost mode needs a message or a phone number."));
            }
        }
        ManagedAction::PlayLostModeSound => {
            let minutes = text(&members, "durationInMinutes")?;
            let fits = |text: &str| text.parse::<u32>().is_ok_and(|minutes| (1..=60).contains(&minutes));
            if minutes.as_deref().is_some_and(|text| !fits(text)) {
                return Err(Refusal::told("durationInMinutes is no number of minutes."));
            }
        }
        ManagedAction::SetDeviceName => {
            let name = text(&members, "deviceName")?.unwrap_or_default();
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let only_digits = name.chars().all(|c| c.is_ascii_digit());
            if name.len() > 63 || only_digits || !name.chars().all(legal) {
                return Err(Refusal::told(
                    "deviceName has letters, digits and hyphens, and not digits alone.",
                ));
            }
            particulars.name = Some(name);
        }
        ManagedAction::DeleteUserFromSharedAppleDevice => {
            let user = text(&members, "userPrincipalName")?.filter(|text| !text.is_empty());
            particulars.user = Some(user.ok_or_else(|| Refusal::told("userPrincipalName is missing."))?);
        }
        _ => {}
    }
    Ok(particulars)
}

/// Reads the members of a wipe: only those of the device's platform are taken (quirk 13). Returns
/// `persistEsimDataPlan`.
fn read_wipe(family: Family, members: &Map<String, Value>) -> Result<Option<bool>, Refusal> {
    let apt: &[&str] = match family {
        Family::IPad | Family::IPhone | Family::IPod => &["persistEsimDataPlan"],
        Family::Mac => &["macOsUnlockCode", "obliterationBehavior"],
        _ => &[],
    };
    if let Some(name) = members.keys().find(|name| !apt.contains(&name.as_str())) {
        return Err(Refusal::told(format!("The parameter '{name}' is not valid for the device's platform.")));
    }
    let pin = text(members, "macOsUnlockCode")?;
    if pin.is_some_and(|pin| pin.len() != 6 || !pin.chars().all(|c| c.is_ascii_digit())) {
        return Err(Refusal::told("macOsUnlockCode has six digits."));
    }
    let behaviour = text(members, "obliterationBehavior")?;
    let known = ["default", "doNotObliterate", "obliterateWithWarning", "always"];
    if behaviour.is_some_and(|text| !known.contains(&text.as_str())) {
        return Err(Refusal::bad_request("Invalid value of 'obliterationBehavior'."));
    }
    match members.get("persistEsimDataPlan") {
        None => Ok(None),
        Some(Value::Bool(keeps)) => Ok(Some(*keeps)),
        Some(_) => Err(Refusal::bad_request("Invalid ODataActionParameter 'persistEsimDataPlan'")),
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad_request(format!("Invalid ODataActionParameter '{name}'"))),
    }
}
