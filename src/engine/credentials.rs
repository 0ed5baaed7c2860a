//! From what a `Connection` names to a way to sign in. Effects: reads the environment and files, runs
//! programs. With `--sim` nothing of this is done.

use std::time::Duration;

use super::Settings;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::manifest::secrets;
use crate::model::clock::{self, Timestamp};
use crate::model::desired::{Connection, Credential};
use crate::model::live::{Cause, Unknown};
use crate::model::{Secret, SecretRef};
use crate::provider::graph::{GithubRunner, ManagedIdentity, SignIn, SigningCertificate};

/// From when on an end of validity warns, where `Fleet.expiryWarning` says nothing.
const HORIZON: Duration = Duration::from_secs(30 * 86_400);

/// What the runner gives by environment variables: `None` for one that is not set, or no text.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The way to sign in with a credential.
///
/// # Errors
/// When the credential cannot be had, with what a person has to do.
pub(super) fn sign_in(
    settings: &Settings,
    credential: &Credential,
    variable: Variables<'_>,
) -> Result<SignIn, Unknown> {
    let anywhere = settings.allow.endpoints;
    match credential {
        Credential::ClientSecret(secret) => {
            fetched(settings, secret, "the client secret").map(SignIn::ClientSecret)
        }
        Credential::Certificate(pem) => {
            let pem = fetched(settings, pem, "the certificate")?;
            SigningCertificate::from_pem(&pem).map(SignIn::Certificate).map_err(|error| {
                let next =
                    "give `certificate.pem` one PEM text with an unencrypted RSA key and its certificate";
                lacking(format!("the certificate cannot be used: {error}"), next)
            })
        }
        Credential::FederatedTokenFile(path) => Ok(SignIn::FederatedTokenFile(settings.folder.join(path))),
        Credential::GithubOidc => GithubRunner::from_variables(variable, anywhere)
            .map(SignIn::GithubOidc)
            .map_err(|error| lacking(format!("GitHub's id token cannot be had: {error}"), error.next())),
        Credential::ManagedIdentity { client_id } => {
            ManagedIdentity::from_variables(client_id.clone(), variable, anywhere)
                .map(SignIn::ManagedIdentity)
                .map_err(|error| {
                    lacking(format!("the managed identity cannot be had: {error}"), error.next())
                })
        }
    }
}

fn fetched(settings: &Settings, secret: &SecretRef, what: &str) -> Result<Secret, Unknown> {
    secrets::resolve(secret, &settings.folder, settings.allow).map_err(|error| {
        let next = "give the runner the secret that Connection.intune.credential names";
        lacking(format!("{what} cannot be had: {error}"), next)
    })
}

fn lacking(reason: String, next: &str) -> Unknown {
    Unknown { cause: Cause::Credentials, reason, next: next.to_owned() }
}

/// Warns of a certificate that ends within the horizon (T-12). One that has ended is refused by the
/// sign-in, which says so for its connection.
pub(super) fn expiry(
    sign_in: &SignIn,
    connection: &Connection,
    horizon: Option<Duration>,
    now: Timestamp,
) -> Diagnostics {
    let mut found = Diagnostics::default();
    let SignIn::Certificate(certificate) = sign_in else { return found };
    let end = certificate.not_after();
    if now < end && end <= clock::after(now, horizon.unwrap_or(HORIZON)) {
        let days = clock::between(now, end).as_secs() / 86_400;
        let message = format!(
            "the certificate {} with which this connection signs in expires in {days} days, on {} (T-12)",
            certificate.subject(),
            end.strftime("%Y-%m-%d")
        );
        let place = connection.places.at("intune.credential").clone();
        found.push(Diagnostic::by_row("T-12", Severity::Warn, place, message).next(
            "make a new certificate, upload it to the app registration beside the old one, then replace the PEM",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::WorldChoice;
    use crate::manifest::Allow;

    fn settings(allow: Allow) -> Settings {
        Settings {
            folder: ".".into(),
            allow,
            world: WorldChoice::Real,
            ledger: true,
            wait: Duration::ZERO,
            allow_empty: false,
            command: "test".to_owned(),
            changes_world: false,
            record: None,
            narrowing: crate::engine::Narrowing::Nothing,
        }
    }

    fn refused(credential: &Credential, variable: Variables<'_>) -> Unknown {
        sign_in(&settings(Allow::default()), credential, variable).unwrap_err()
    }

    #[test]
    fn what_a_runner_lacks_is_said_with_the_way_out() {
        let nothing = |_: &str| None;
        let github = refused(&Credential::GithubOidc, &nothing);
        assert!(github.reason.contains("ACTIONS_ID_TOKEN_REQUEST_URL"), "{github}");
        assert!(github.next.contains("`permissions: id-token: write`"), "{}", github.next);
        let identity = Credential::ManagedIdentity { client_id: None };
        let far =
            |name: &str| (name == "AZURE_POD_IDENTITY_AUTHORITY_HOST").then(|| "http://x.example".into());
        let far = refused(&identity, &far);
        assert!(far.next.contains("ESPALIER_ALLOW=endpoints"), "{}", far.next);
        let pem = refused(&Credential::Certificate(SecretRef::Env("ESPALIER_TEST_NOT_SET".into())), &nothing);
        assert!(pem.reason.contains("ESPALIER_TEST_NOT_SET"), "{pem}");
        assert!([github, far, pem].iter().all(|unknown| unknown.cause == Cause::Credentials));
    }

    #[test]
    fn other_hosts_need_the_runners_word() {
        let here = |name: &str| match name {
            "ACTIONS_ID_TOKEN_REQUEST_URL" => Some("http://127.0.0.1:1/idtoken".to_owned()),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN" => Some("planted".to_owned()),
            _ => None,
        };
        assert!(refused(&Credential::GithubOidc, &here).reason.contains("127.0.0.1:1"));
        let allowed = settings(Allow { endpoints: true, ..Allow::default() });
        assert!(matches!(sign_in(&allowed, &Credential::GithubOidc, &here), Ok(SignIn::GithubOidc(_))));
    }
}
