//! Paths to operations.

use crate::sim::calls::CallKind;

/// An operation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Session,
    Account,
    Fetch,
    Sync,
    Details,
    Disown,
    Define,
    Profile,
    Assign,
    Remove,
    Lock,
    Replacement,
    BetaTokens,
    Discovery,
    SetDiscovery,
    ClearDiscovery,
    /// A path that there is, with a method that it does not take.
    WrongMethod,
    Unknown,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub operation: Operation,
    /// The operation's id.
    pub name: &'static str,
    pub kind: CallKind,
}

const fn route(operation: Operation, name: &'static str, kind: CallKind) -> Route {
    Route { operation, name, kind }
}

/// Path, method, operation. The paths are those that `GET /account` lists.
const ROUTES: [(&str, &str, Route); 17] = {
    use CallKind::{Read, Write};
    use Operation as O;
    [
        ("/session", "GET", route(O::Session, "session.get", Read)),
        ("/account", "GET", route(O::Account, "account.get", Read)),
        ("/server/devices", "POST", route(O::Fetch, "server.devices.post", Read)),
        ("/devices/sync", "POST", route(O::Sync, "devices.sync.post", Read)),
        ("/devices", "POST", route(O::Details, "devices.post", Read)),
        ("/devices/disown", "POST", route(O::Disown, "devices.disown.post", Write)),
        ("/profile", "POST", route(O::Define, "profile.post", Write)),
        ("/profile", "GET", route(O::Profile, "profile.get", Read)),
        ("/profile/devices", "DELETE", route(O::Remove, "profile.devices.delete", Write)),
        ("/profile/devices", "POST", route(O::Assign, "profile.devices.post", Write)),
        ("/profile/devices", "PUT", route(O::Assign, "profile.devices.put", Write)),
        ("/device/activationlock", "POST", route(O::Lock, "device.activationlock.post", Write)),
        ("/device/replacementDetails", "GET", route(O::Replacement, "device.replacementDetails.get", Read)),
        ("/os-beta-enrollment/tokens", "GET", route(O::BetaTokens, "os-beta-enrollment.tokens.get", Read)),
        (DISCOVERY, "GET", route(O::Discovery, "account-driven-enrollment.profile.get", Read)),
        (DISCOVERY, "POST", route(O::SetDiscovery, "account-driven-enrollment.profile.post", Write)),
        (DISCOVERY, "DELETE", route(O::ClearDiscovery, "account-driven-enrollment.profile.delete", Write)),
    ]
};

const DISCOVERY: &str = "/account-driven-enrollment/profile";

/// Finds the operation of a request.
pub(super) fn find(method: &str, path: &str) -> Route {
    let mut there = ROUTES.iter().filter(|(known, _, _)| *known == path).peekable();
    if there.peek().is_none() {
        return route(Operation::Unknown, "unknown", CallKind::Read);
    }
    match there.find(|(_, known, _)| *known == method) {
        Some((_, _, found)) => *found,
        None => route(Operation::WrongMethod, "unknown", CallKind::Read),
    }
}

/// Every path with the methods that it takes, in the order of the table.
pub(super) fn paths() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut paths: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for (path, method, _) in &ROUTES {
        match paths.last_mut() {
            Some((last, methods)) if last == path => methods.push(method),
            _ => paths.push((path, vec![method])),
        }
    }
    paths
}
