//! Which permissions the documents need at each service: no more is ever asked for. PURE.

use serde::Serialize;

use crate::model::desired::{Desired, RouteTo};
use crate::model::{ActionKind, Field, Kind, Name, Realm};

/// A permission, and what it is needed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// Its name, as the portal of the service has it.
    pub permission: &'static str,
    /// What is done with it.
    pub for_what: String,
}

fn need(permission: &'static str, for_what: impl Into<String>) -> Need {
    Need { permission, for_what: for_what.into() }
}

/// What an application needs at Intune (Graph application permissions).
pub fn at_intune(desired: &Desired, connection: &Name) -> Vec<Need> {
    let tokens: Vec<_> =
        desired.tokens.iter().filter(|(_, token)| token.realm == Realm::Mdm(connection.clone())).collect();
    let mut needs = vec![need(
        "DeviceManagementServiceConfig.ReadWrite.All",
        "enrollment tokens, their profiles, and which device has which",
    )];
    if let Some((name, _)) = tokens.iter().find(|(_, token)| !matches!(token.scope_tags, Field::Missing)) {
        needs.push(need(
            "DeviceManagementRBAC.Read.All",
            format!("scope tags by their names (T-5): EnrollmentToken/{name} has `scopeTags`"),
        ));
    }
    let push = match desired.fleet.expiry_warning {
        Some(_) => "the Apple MDM push certificate (T-12), in `status`, `plan` and `watch`",
        None => "the Apple MDM push certificate (T-12), in `status` alone",
    };
    needs.push(need("DeviceManagementManagedDevices.Read.All", push));
    needs.extend(for_acts(desired));
    if desired.fleet.escrow.as_ref().is_some_and(|escrow| escrow.on_enrollment) {
        needs.push(need(
            "DeviceManagementManagedDevices.Read.All",
            "bypass codes of all supervised devices (L-4): the Fleet has `escrow.onEnrollment`",
        ));
    }
    needs
}

/// What acts need at Intune (reference intune-graph section 7.1). Which tenant has a device is not known
/// before it is asked, so every one needs it.
fn for_acts(desired: &Desired) -> Vec<Need> {
    let asked = |is_it: fn(ActionKind) -> bool| {
        desired.actions.iter().find(|(_, action)| is_it(action.content.kind)).map(|(name, _)| name)
    };
    let because = |what: &str, name: &Name| format!("{what}: {}/{name}", Kind::DeviceAction);
    let mut needs = Vec::new();
    if let Some(name) = asked(|_| true) {
        let what = "the records of devices, their codes, and what became of acts";
        needs.push(need("DeviceManagementManagedDevices.Read.All", because(what, name)));
    }
    let privileged =
        |kind| !matches!(kind, ActionKind::EscrowBypassCode | ActionKind::DeleteRecord | ActionKind::Release);
    if let Some(name) = asked(privileged) {
        let what = "everything that is asked of a device";
        needs.push(need("DeviceManagementManagedDevices.PrivilegedOperations.All", because(what, name)));
    }
    if let Some(name) = asked(|kind| matches!(kind, ActionKind::DeleteRecord | ActionKind::HandOver)) {
        let what = "deleting the record of a device";
        needs.push(need("DeviceManagementManagedDevices.ReadWrite.All", because(what, name)));
    }
    let approved = |kind: ActionKind| {
        matches!(
            kind,
            ActionKind::Wipe | ActionKind::Retire | ActionKind::DeleteRecord | ActionKind::HandOver
        )
    };
    if let Some(name) = asked(approved) {
        let what = "how far a multi admin approval is, where Intune asks for one";
        needs.push(need("DeviceManagementRBAC.Read.All", because(what, name)));
    }
    needs
}

/// What an API account needs in an organisation (reference apple-business-api section 11).
pub fn at_apple(desired: &Desired, organisation: &Name) -> Vec<Need> {
    let mut needs = vec![need(
        "view device management services",
        "services, devices, and which service has which device (A-2)",
    )];
    let is_here = |token: &Name| {
        let apple = desired.tokens.get(token).and_then(|token| token.apple.as_ref());
        apple.is_some_and(|apple| apple.connection == *organisation)
    };
    let moves = desired.routes.iter().find(|route| match &route.to {
        RouteTo::Token(token) => is_here(token),
        // Which organisation has the devices, its lists tell.
        RouteTo::Nowhere => true,
    });
    if let Some(route) = moves {
        needs.push(need(
            "assign devices to device management services",
            format!("moves at Apple (A-2): {}/{} wishes them", Kind::DeviceAssignment, route.name),
        ));
    }
    let defaults = desired
        .tokens
        .iter()
        .find(|(name, token)| is_here(name) && !matches!(token.default_for, Field::Missing));
    if let Some((name, _)) = defaults {
        needs.push(need(
            "manage default platform assignment",
            format!("default services of product families (A-2): EnrollmentToken/{name} has `defaultFor`"),
        ));
    }
    let release = desired.actions.iter().find(|(_, action)| action.content.kind == ActionKind::Release);
    if let Some((name, _)) = release {
        needs.push(need(
            "release devices",
            format!("devices are given up for good: {}/{name}", Kind::DeviceAction),
        ));
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Allow;

    const FOLDER: [(&str, &str); 4] = [
        (
            "fleet.yaml",
            "apiVersion: espalier.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec: {ledger: {id: 11111111-2222-3333-4444-555555555555, sqlite: {path: ledger.sqlite}}}\n",
        ),
        (
            "apple.yaml",
            "apiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata: {name: apple}\nspec:\n  appleBusiness:\n    clientId: BUSINESSAPI.11111111-2222-3333-4444-555555555555\n    keyId: 0b1e2d3c-1111-2222-3333-444455556666\n    privateKey: {env: APPLE_KEY}\n",
        ),
        (
            "tenant.yaml",
            "apiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata: {name: contoso}\nspec:\n  intune:\n    tenantId: 11111111-2222-3333-4444-555555555555\n    clientId: 11111111-2222-3333-4444-555555555556\n    credential: {clientSecret: {env: SECRET}}\n",
        ),
        (
            "token.yaml",
            "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata: {name: main}\nspec:\n  mdm: contoso\n  displayName: Main\n  apple: {connection: apple, service: Main MDM}\n",
        ),
    ];

    fn desired(more: &[(&str, &str)]) -> Desired {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in FOLDER.iter().chain(more) {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let loaded = crate::manifest::load(folder.path(), Allow::default()).unwrap();
        assert!(!loaded.diagnostics.stop_the_folder(), "{:?}", loaded.diagnostics);
        loaded.desired
    }

    fn names(needs: &[Need]) -> Vec<&str> {
        needs.iter().map(|need| need.permission).collect()
    }

    #[test]
    fn a_folder_that_only_looks_needs_to_view_and_nothing_more() {
        let desired = desired(&[]);
        let apple = Name::new("apple").unwrap();
        assert_eq!(names(&at_apple(&desired, &apple)), ["view device management services"]);
        assert_eq!(
            names(&at_intune(&desired, &Name::new("contoso").unwrap())),
            ["DeviceManagementServiceConfig.ReadWrite.All", "DeviceManagementManagedDevices.Read.All"]
        );
    }

    #[test]
    fn a2_moves_and_defaults_need_more_and_the_document_is_named() {
        let token = "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata: {name: main}\nspec:\n  mdm: contoso\n  displayName: Main\n  scopeTags: [North]\n  apple: {connection: apple, service: Main MDM}\n  defaultFor: [ipad]\n";
        let moves = "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata: {name: carts}\nspec:\n  devices: {serials: [C02X0001]}\n  token: main\n";
        let desired = desired(&[("token.yaml", token), ("carts.yaml", moves)]);
        let needs = at_apple(&desired, &Name::new("apple").unwrap());
        assert_eq!(
            names(&needs),
            [
                "view device management services",
                "assign devices to device management services",
                "manage default platform assignment"
            ]
        );
        assert!(needs[1].for_what.ends_with("DeviceAssignment/carts wishes them"), "{needs:?}");
        let intune = at_intune(&desired, &Name::new("contoso").unwrap());
        assert!(names(&intune).contains(&"DeviceManagementRBAC.Read.All"));
    }

    #[test]
    fn acts_need_what_their_kinds_need_and_the_document_is_named() {
        let act = |name: &str, action: &str, more: &str| {
            let text = format!(
                "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{name: {name}}}\nspec:\n  action: {action}\n  devices: {{serials: [C02X0001]}}\n  requestedAt: 2026-11-01T00:00:00Z\n{more}"
            );
            (format!("{name}.yaml"), text)
        };
        let read = "DeviceManagementManagedDevices.Read.All";
        let privileged = "DeviceManagementManagedDevices.PrivilegedOperations.All";
        let write = "DeviceManagementManagedDevices.ReadWrite.All";
        let rbac = "DeviceManagementRBAC.Read.All";
        for (action, more, intune, apple) in [
            ("escrowBypassCode", "", vec![read], false),
            ("sync", "", vec![read, privileged], false),
            ("lock", "  reason: lost\n", vec![read, privileged], false),
            ("wipe", "  reason: lost\n", vec![read, privileged, rbac], false),
            ("deleteRecord", "  reason: sold\n", vec![read, write, rbac], false),
            ("release", "  reason: sold\n", vec![read], true),
        ] {
            let (file, text) = act("one", action, more);
            let desired = desired(&[(&file, &text)]);
            assert_eq!(desired.actions.len(), 1, "{action}");
            let needs = at_intune(&desired, &Name::new("contoso").unwrap());
            let (before, of_acts) = needs.split_at(2);
            assert_eq!(names(before), ["DeviceManagementServiceConfig.ReadWrite.All", read]);
            assert_eq!(names(of_acts), intune, "{action}");
            assert!(of_acts.iter().all(|need| need.for_what.ends_with("DeviceAction/one")), "{of_acts:?}");
            let at_apple = at_apple(&desired, &Name::new("apple").unwrap());
            assert_eq!(names(&at_apple).contains(&"release devices"), apple, "{action}");
        }
    }
}
