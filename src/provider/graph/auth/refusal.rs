//! What a refused sign-in means, and what a person has to do about it.

use serde::Deserialize;
use serde_json::Value;

use crate::http::Answer;
use crate::http::redact::Redactor;
use crate::model::live::Cause;
use crate::provider::graph::{Operation, ServiceError};

const FEDERATED: &str = "no federated credential of the app matches the token: issuer, subject and audience (api://AzureADTokenExchange) are compared letter by letter, upper and lower case included; one that was just added takes some minutes to work";
const OUTDATED: &str =
    "set the machine's clock right; a federated token that has expired has to be written anew by its runner";
const CERTIFICATE: &str = "upload exactly this certificate to the app registration (Certificates & secrets), or refer to the key of one that is there; one that has expired has to be replaced in both places";
const ADMISSION: &str = "a Conditional Access policy for workload identities refuses the app from here: change the policy, or run espalier where it allows";

/// What a person has to do, by the number of Entra's error. Sources: Microsoft's reference of AADSTS
/// codes, and for 7002137 and 7002138 reports of what the service answers.
const ADVICE: &[(&str, &str)] = &[
    ("AADSTS7000215", "the client secret is wrong: use the secret's value, not its id"),
    ("AADSTS7000222", "the client secret has expired: make a new one and replace it"),
    ("AADSTS7000218", "the app was shown no credential: see that the one of the connection is not empty"),
    ("AADSTS7000112", "the app is switched off: enable it in Entra under Enterprise applications"),
    (
        "AADSTS7000229",
        "the app has no service principal in this tenant: let an administrator consent to it there",
    ),
    ("AADSTS90002", "the tenant is not known: check `tenantId` and `cloud`"),
    ("AADSTS900023", "`tenantId` is neither the id nor a domain of a tenant: correct it"),
    ("AADSTS900382", "the app and the tenant are in different clouds: correct `cloud`"),
    ("AADSTS700016", "the app is not in this tenant: check `clientId` and `tenantId`"),
    ("AADSTS700021", "the token was made for another app: check `clientId`"),
    ("AADSTS700023", "the assertion was made out to another cloud's token service: correct `cloud`"),
    ("AADSTS700024", OUTDATED),
    ("AADSTS700027", CERTIFICATE),
    ("AADSTS700030", CERTIFICATE),
    ("AADSTS50012", CERTIFICATE),
    (
        "AADSTS50013",
        "the token's signature is not the issuer's, or it was used before: see that the issuer's keys can be reached by Entra, and let the runner write a fresh token",
    ),
    ("AADSTS50027", "the token is damaged: see what the runner writes to `federatedTokenFile`"),
    ("AADSTS70021", FEDERATED),
    ("AADSTS700211", FEDERATED),
    ("AADSTS700212", FEDERATED),
    ("AADSTS700213", FEDERATED),
    ("AADSTS7002137", FEDERATED),
    ("AADSTS7002138", FEDERATED),
    ("AADSTS53003", ADMISSION),
    ("AADSTS530035", ADMISSION),
    ("AADSTS500011", "this cloud's Graph is not known in the tenant: correct `cloud`"),
    ("AADSTS1002012", "this cloud's token service does not know this Graph: correct `cloud`"),
    ("AADSTS500014", "the service principal of Graph is disabled in this tenant: enable it in Entra"),
    ("AADSTS50196", "Entra saw the same request too often: wait some minutes"),
];

/// The advice for a code; general words for one without.
fn advice(code: Option<&str>) -> &'static str {
    ADVICE
        .iter()
        .find(|(known, _)| Some(*known) == code)
        .map_or("check `tenantId`, `clientId` and the credential of the connection", |(_, advice)| advice)
}

/// The `AADSTS…` number at the head of a description.
fn aadsts(description: &str) -> Option<String> {
    let start = description.find("AADSTS")?;
    let digits = description[start + 6..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| description[start..start + 6 + digits].to_owned())
}

/// Entra refused.
pub(super) fn by_entra(answer: &Answer, redactor: &Redactor) -> ServiceError {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Refusal {
        error: String,
        error_description: String,
        trace_id: Option<String>,
    }
    let body: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = aadsts(&body.error_description);
    // Trace and correlation ids follow on lines of their own; the trace id is kept apart.
    let words = body.error_description.lines().next().unwrap_or_default();
    let words = words.split(" Trace ID:").next().unwrap_or(words);
    let words = if words.trim().is_empty() { body.error.as_str() } else { words };
    let next = match answer.status {
        429 | 500.. => BUSY,
        _ => advice(code.as_deref()),
    };
    let message = clean_or(words, "the token service gave no reason", redactor);
    let mut error = own(answer, message, next);
    error.code = Some(code.unwrap_or(body.error)).filter(|c| !c.is_empty()).map(|c| redactor.clean(&c));
    error.request_id = body.trace_id.map(|id| redactor.clean(&id));
    error
}

/// GitHub refused an id token.
pub(super) fn by_github(answer: &Answer, redactor: &Redactor) -> ServiceError {
    let words = clean_or(&words_of(&answer.body), "no reason was given", redactor);
    let next = match answer.status {
        429 | 500.. => "GitHub's token service is busy or down: run the job again later",
        _ => {
            "the request token is good within its own job only, and needs `permissions: id-token: write`; run espalier in that job"
        }
    };
    own(answer, format!("GitHub gave no id token: {words}"), next)
}

/// The service of a managed identity refused.
pub(super) fn by_identity(answer: &Answer, whom: &str, redactor: &Redactor) -> ServiceError {
    let said = words_of(&answer.body);
    let words = clean_or(&said, "no reason was given", redactor);
    // What Entra said to Azure is passed on with its number.
    let code = aadsts(&said);
    let next = match answer.status {
        404 | 410 | 429 | 500.. => "the service is being updated or busy: run again later",
        401 | 403 => {
            "the app's IDENTITY_HEADER was refused: leave the variables as Azure sets them, or restart the app"
        }
        _ if code.is_some() => advice(code.as_deref()),
        _ => {
            "give this machine or app a managed identity, and let `managedIdentity.clientId` name one that it has"
        }
    };
    let mut error = own(answer, format!("{whom} gave no token for the managed identity: {words}"), next);
    error.code = code;
    if matches!(answer.status, 404 | 410) {
        error.cause = Cause::Unavailable;
    }
    error
}

const BUSY: &str = "the sign-in service is busy or down: run again later";

fn own(answer: &Answer, message: String, next: &str) -> ServiceError {
    let cause = match answer.status {
        429 => Cause::Throttled,
        400..500 => Cause::Credentials,
        _ => Cause::Unavailable,
    };
    let mut error = ServiceError::own(Operation::SignIn, cause, message, next);
    error.status = Some(answer.status);
    error
}

fn clean_or(words: &str, otherwise: &str, redactor: &Redactor) -> String {
    match redactor.clean(words) {
        empty if empty.trim().is_empty() => otherwise.to_owned(),
        words => words,
    }
}

/// The words of an error whose form nobody has settled: GitHub's and Azure's services use several.
fn words_of(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    ["error_description", "message", "Message", "error"]
        .iter()
        .find_map(|name| text(&body, name))
        .or_else(|| body.get("error").and_then(|error| text(error, "message")))
        .map(|words| words.lines().next().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: Default::default(), body: body.to_owned().into() }
    }

    #[test]
    fn refusals_are_explained_by_their_number() {
        for (code, word) in [
            ("7000215", "wrong"),
            ("7000222", "expired"),
            ("90002", "tenant"),
            ("700016", "clientId"),
            ("70021", "federated"),
            ("70021", "some minutes"),
            ("700213", "letter by letter"),
            ("700027", "upload exactly this certificate"),
            ("700024", "clock"),
            ("53003", "Conditional Access"),
            ("500011", "`cloud`"),
            ("1", "credential"),
        ] {
            let body = format!(
                r#"{{"error":"invalid_client","error_description":"AADSTS{code}: words. Trace ID: t Correlation ID: c","trace_id":"t"}}"#
            );
            let error = by_entra(&answer(401, &body), &Redactor::default());
            assert_eq!(error.code, Some(format!("AADSTS{code}")));
            assert_eq!(error.message, format!("AADSTS{code}: words."));
            assert!(error.next.contains(word), "{code}: {}", error.next);
            assert_eq!(error.cause, Cause::Credentials);
        }
    }

    #[test]
    fn no_code_is_explained_twice() {
        for (at, (code, _)) in ADVICE.iter().enumerate() {
            assert!(ADVICE[at + 1..].iter().all(|(other, _)| other != code), "{code}");
            assert_eq!(aadsts(&format!("{code}: words")).as_deref(), Some(*code));
        }
    }

    #[test]
    fn azure_and_github_are_understood_in_all_their_forms() {
        for body in [
            r#"{"error":"invalid_request","error_description":"Identity not found\r\nmore"}"#,
            r#"{"statusCode":400,"message":"Identity not found"}"#,
            r#"{"error":{"code":"x","message":"Identity not found"}}"#,
        ] {
            let error = by_identity(&answer(400, body), "the metadata service", &Redactor::default());
            assert_eq!(
                error.message,
                "the metadata service gave no token for the managed identity: Identity not found"
            );
            assert!(error.next.contains("managedIdentity.clientId"), "{}", error.next);
            let error = by_github(&answer(401, body), &Redactor::default());
            assert_eq!(error.message, "GitHub gave no id token: Identity not found");
            assert!(error.next.contains("id-token: write"));
        }
        let gone = by_identity(&answer(410, "<html>"), "x", &Redactor::default());
        assert_eq!((gone.cause, gone.message.contains("no reason")), (Cause::Unavailable, true));
        let passed_on = r#"{"error":"unauthorized_client","error_description":"AADSTS700016: no app"}"#;
        let passed_on = by_identity(&answer(400, passed_on), "x", &Redactor::default());
        assert_eq!(passed_on.code.as_deref(), Some("AADSTS700016"));
    }
}
