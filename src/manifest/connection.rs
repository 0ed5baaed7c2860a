//! `Connection` documents to [`Connection`]: the tenant, its cloud, how to sign in.

use super::document::Document;
use super::lower::{Context, acknowledge};
use super::value::{Object, Read};
use crate::model::SecretRef;
use crate::model::desired::{Cloud, Connection, Credential, Endpoints, Gates};

/// Lowers one document; `None` where what a connection needs was refused.
pub fn lower(document: Document, context: &mut Context) -> Option<Connection> {
    let spec = &document.spec;
    let intune = spec.object("intune")?;
    let credential = credential(intune.object("credential")?, context);
    let endpoints = endpoints(spec, context);
    let policy = spec.object("policy").map(|policy| context.gates(policy, Gates::unbounded()));
    let batch = intune.int("assignBatch").set().and_then(|batch| usize::try_from(*batch).ok());
    Some(Connection {
        tenant_id: intune.text("tenantId").set()?.clone(),
        client_id: intune.text("clientId").set()?.clone(),
        credential: credential?,
        cloud: match intune.word("cloud").set() {
            Some(&"usGov") => Cloud::UsGov,
            Some(&"usDod") => Cloud::UsDod,
            Some(&"china") => Cloud::China,
            _ => Cloud::Global,
        },
        assign_batch: batch.unwrap_or(100),
        endpoints,
        policy,
        acknowledge: acknowledge(spec),
        places: document.places,
    })
}

fn endpoints(spec: &Object, context: &mut Context) -> Endpoints {
    match spec.object("endpoints") {
        Some(endpoints) if !context.allow.endpoints => {
            let message =
                "`endpoints` sends credentials to other hosts, which the runner does not allow".to_owned();
            context.refuse(
                "not-allowed",
                &endpoints.place,
                message,
                "remove it, or let the runner allow it with ESPALIER_ALLOW=endpoints",
            );
            Endpoints::default()
        }
        Some(endpoints) => Endpoints { graph: url(endpoints, "graph"), login: url(endpoints, "login") },
        None => Endpoints::default(),
    }
}

fn credential(credential: &Object, context: &mut Context) -> Option<Credential> {
    if credential.items.contains_key("clientSecret") {
        return secret(credential, "clientSecret", context).map(Credential::ClientSecret);
    }
    if credential.items.contains_key("certificate") {
        return secret(credential.object("certificate")?, "pem", context).map(Credential::Certificate);
    }
    if credential.object("githubOidc").is_some() {
        return Some(Credential::GithubOidc);
    }
    if let Some(identity) = credential.object("managedIdentity") {
        // One whose client id was refused is not the machine's own.
        return match identity.items.get("clientId").map(|item| &item.read) {
            None => Some(Credential::ManagedIdentity { client_id: None }),
            Some(Read::Text(id)) => Some(Credential::ManagedIdentity { client_id: Some(id.clone()) }),
            Some(_) => None,
        };
    }
    context.path(credential, "federatedTokenFile").map(Credential::FederatedTokenFile)
}

/// A secret's reference, if the runner allows where it leads.
fn secret(object: &Object, name: &str, context: &mut Context) -> Option<SecretRef> {
    let item = object.items.get(name)?;
    let Read::Secret(secret) = &item.read else { return None };
    context.secret(secret.clone(), &item.place)
}

fn url(object: &Object, name: &str) -> Option<url::Url> {
    match object.items.get(name).map(|item| &item.read) {
        Some(Read::Url(url)) => Some(url.clone()),
        _ => None,
    }
}
