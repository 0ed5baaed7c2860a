//! The secrets that steps send: found when they are to be sent, and not before.

use std::path::{Path, PathBuf};

use openssl::x509::X509;

use crate::manifest::{Allow, secrets};
use crate::model::desired::Desired;
use crate::model::live::{Cause, Unknown};
use crate::model::{Address, Secret};
use crate::server_token::held::Held;
use crate::server_token::store::Store;

/// What a simulated service gets in the place of a secret.
pub(super) const SIMULATED: &str = "not-the-secret";

/// The secret that a profile's document refers to by `reference`, as the plan has it (`env NAME`).
///
/// # Errors
/// Where the document refers to another one by now, or the secret cannot be had; no error holds any
/// part of it.
pub(super) fn secret_of(
    desired: &Desired,
    address: &Address,
    reference: &str,
    folder: &Path,
    allow: Allow,
) -> Result<Secret, Unknown> {
    let fail = |reason: String, next: &str| Unknown {
        cause: Cause::Credentials,
        reason: format!("{address}: {reason}"),
        next: next.to_owned(),
    };
    let admin = desired.profiles.get(&address.name).and_then(|one| one.settings.local_admin.set());
    let named = admin.and_then(|admin| admin.password.set());
    let Some(secret) = named.filter(|secret| secret.to_string() == reference) else {
        let reason = format!("the documents do not refer to the secret ({reference}) of the plan");
        return Err(fail(reason, "plan again"));
    };
    secrets::resolve(secret, folder, allow).map_err(|error| {
        let reason = format!("localAdmin.password ({reference}) cannot be had: {error}");
        fail(reason, "give the runner the secret that the document refers to")
    })
}

/// The certificate of a direct token, with which a service is made for it at Apple.
///
/// # Errors
/// Where no document of this folder holds the token, or its certificate cannot be had.
pub(super) fn certificate_of(
    desired: &Desired,
    address: &Address,
    folder: &Path,
    allow: Allow,
    pending: PathBuf,
) -> Result<X509, Unknown> {
    let token = &address.name;
    let Some(direct) = desired.tokens.get(token).and_then(|document| document.direct.as_ref()) else {
        return Err(Unknown {
            cause: Cause::Manifest,
            reason: format!("{address} has no `direct`, and so no certificate to make a service with"),
            next: "make the service in Apple's portal with the certificate that the MDM gives out".to_owned(),
        });
    };
    let store = Store::new(pending);
    let held = Held { folder, allow, store: &store, token, direct };
    held.certificate().map_err(|error| Unknown {
        cause: Cause::Credentials,
        reason: format!("the certificate of {address} cannot be had: {error} [{}]", error.code()),
        next: error.next(token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::load_text;
    use crate::model::Name;

    #[test]
    fn a_secret_is_found_by_the_reference_of_the_plan_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("admin.txt"), "hunter22\n").unwrap();
        let document = "
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: macs}
spec:
  tokens: [main]
  platform: macos
  userAffinity: none
  localAdmin: {userName: a, fullName: A, password: {file: admin.txt}}
";
        let desired = load_text(&[("macs.yaml", document)]).desired;
        let name = |text: &str| Name::new(text).unwrap();
        let find = |profile: &str, reference: &str| {
            let address = Address::profile(&name(profile), &name("main"));
            secret_of(&desired, &address, reference, folder.path(), Allow::default())
        };
        assert_eq!(find("macs", "file admin.txt").unwrap().reveal(), "hunter22");
        for (profile, reference) in [("macs", "file other.txt"), ("others", "file admin.txt")] {
            let unknown = find(profile, reference).unwrap_err();
            assert_eq!((unknown.cause, unknown.next.as_str()), (Cause::Credentials, "plan again"));
        }
        std::fs::remove_file(folder.path().join("admin.txt")).unwrap();
        let unknown = find("macs", "file admin.txt").unwrap_err();
        assert!(unknown.reason.contains("EnrollmentProfile/macs@main: localAdmin.password (file admin.txt)"));
    }
}
