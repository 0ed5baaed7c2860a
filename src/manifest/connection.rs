//! `Connection` documents: to [`Connection`] the tenant, its cloud, how to sign in; to
//! [`Organisation`] an organisation at Apple.

use super::document::Document;
use super::lower::{Context, acknowledge};
use super::value::{self, Object, Read};
use crate::model::desired::{Cloud, Connection, Credential, Endpoints, Gates, Organisation, Recipient};
use crate::model::{Edition, SecretRef};

/// The services that `endpoints` can lead elsewhere, with the words for them.
const SERVICES: [(&str, &str); 5] = [
    ("graph", "Microsoft Graph"),
    ("login", "Entra's token service"),
    ("business", "the Apple Business API"),
    ("school", "the Apple School Manager API"),
    ("account", "Apple's token service"),
];

/// The field of a connection to an organisation, the name of its API's endpoint, and how its client
/// ids begin (reference apple-business-api section 2.1).
const fn words_of(edition: Edition) -> (&'static str, &'static str, &'static str) {
    match edition {
        Edition::Business => ("appleBusiness", "business", "BUSINESSAPI."),
        Edition::School => ("appleSchool", "school", "SCHOOLAPI."),
    }
}

/// Adds what a document describes; nothing where what a connection needs was refused.
pub fn lower(document: Document, context: &mut Context) {
    let name = document.name.clone();
    for edition in [Edition::Business, Edition::School] {
        if document.spec.items.contains_key(words_of(edition).0) {
            if let Some(organisation) = organisation(document, edition, context) {
                context.desired.organisations.insert(name, organisation);
            }
            return;
        }
    }
    if let Some(connection) = tenant(document, context) {
        context.desired.connections.insert(name, connection);
    }
}

fn tenant(document: Document, context: &mut Context) -> Option<Connection> {
    let spec = &document.spec;
    let intune = spec.object("intune")?;
    foreign_endpoints(spec, &["graph", "login"], "Microsoft Intune", context);
    let credential = credential(intune.object("credential")?, context);
    let endpoints = endpoints(spec, context);
    let (policy, escrow) = policy(spec, context);
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
        escrow,
        acknowledge: acknowledge(spec),
        places: document.places,
    })
}

fn organisation(document: Document, edition: Edition, context: &mut Context) -> Option<Organisation> {
    let (field, api, _) = words_of(edition);
    let spec = &document.spec;
    let account = spec.object(field)?;
    foreign_endpoints(spec, &[api, "account"], edition.words(), context);
    let client_id = client_id(account, edition, context);
    let key_id = key_id(account, field, context);
    let private_key = secret(account, "privateKey", context);
    let endpoints = allowed_endpoints(spec, context);
    let elsewhere = |name| endpoints.and_then(|endpoints| url(endpoints, name));
    let (api, account_host) = (elsewhere(api), elsewhere("account"));
    let (policy, escrow) = policy(spec, context);
    let per = |name, default| {
        account.int(name).set().and_then(|count| u32::try_from(*count).ok()).unwrap_or(default)
    };
    Some(Organisation {
        edition,
        client_id: client_id?,
        key_id: key_id?,
        private_key: private_key?,
        get_per_minute: per("getPerMinute", 20),
        post_per_hour: per("postPerHour", 10),
        send_key_id: account.bool("sendKeyId").set().copied().unwrap_or(true),
        api,
        account: account_host,
        policy,
        escrow,
        acknowledge: acknowledge(spec),
        places: document.places,
    })
}

/// `policy`: the gates that it narrows, and the recipients that it replaces.
fn policy(spec: &Object, context: &mut Context) -> (Option<Gates>, Option<Vec<Recipient>>) {
    let Some(policy) = spec.object("policy") else { return (None, None) };
    let gates = context.gates(policy, Gates::unbounded());
    (Some(gates), context.escrow(policy).map(|escrow| escrow.recipients))
}

/// The client id of an API account, which tells the edition by its beginning. It is not repeated: what
/// stands there may be the key.
fn client_id(account: &Object, edition: Edition, context: &mut Context) -> Option<String> {
    let item = account.items.get("clientId")?;
    let Read::Text(written) = &item.read else { return None };
    let (field, _, prefix) = words_of(edition);
    let other = match edition {
        Edition::Business => Edition::School,
        Edition::School => Edition::Business,
    };
    let (other_field, _, other_prefix) = words_of(other);
    let (message, next) = if let Some(id) = written.strip_prefix(prefix) {
        if value::guid(id).is_ok() {
            return Some(written.clone());
        }
        let next = "copy the client id from the API account's page in Apple's portal";
        (format!("`{field}.clientId` has no UUID after `{prefix}`"), next.to_owned())
    } else if written.starts_with(other_prefix) {
        let message = format!(
            "`{field}.clientId` begins with `{other_prefix}`: it is an API account of {}",
            other.words()
        );
        (message, format!("did you mean `{other_field}`?"))
    } else {
        let next = "copy the client id, not the key id, from the API account's page in Apple's portal";
        (format!("`{field}.clientId` does not begin with `{prefix}`"), next.to_owned())
    };
    context.refuse("bad-value", &item.place, message, next);
    None
}

fn key_id(account: &Object, field: &str, context: &mut Context) -> Option<String> {
    let item = account.items.get("keyId")?;
    let Read::Text(written) = &item.read else { return None };
    if value::guid(written).is_ok() {
        return Some(written.clone());
    }
    let message = format!("`{field}.keyId` is no UUID");
    let next = "copy the key id from the API account's page in Apple's portal: 8-4-4-4-12 hex digits";
    context.refuse("bad-value", &item.place, message, next);
    None
}

/// Refuses endpoints that a connection of this kind does not go to.
fn foreign_endpoints(spec: &Object, own: &[&str], whose: &str, context: &mut Context) {
    let Some(endpoints) = spec.object("endpoints") else { return };
    for (name, service) in SERVICES.iter().filter(|(name, _)| !own.contains(name)) {
        if let Some(item) = endpoints.items.get(name) {
            let message =
                format!("`endpoints.{name}` is that of {service}, and this connection is one to {whose}");
            let own: Vec<String> = own.iter().map(|name| format!("`{name}`")).collect();
            let next = format!("remove it; this connection goes to {}", own.join(" and "));
            context.refuse("bad-value", &item.place, message, next);
        }
    }
}

fn endpoints(spec: &Object, context: &mut Context) -> Endpoints {
    match allowed_endpoints(spec, context) {
        Some(endpoints) => Endpoints { graph: url(endpoints, "graph"), login: url(endpoints, "login") },
        None => Endpoints::default(),
    }
}

/// `endpoints`, where the runner allows them.
fn allowed_endpoints<'s>(spec: &'s Object, context: &mut Context) -> Option<&'s Object> {
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
            None
        }
        endpoints => endpoints,
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
