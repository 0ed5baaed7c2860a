//! Renewing a token that Intune holds: its public key, and the file that Apple gave for it (T-1, T-7).
//!
//! A plan cannot express these writes: they are no [`super::Write`], and a person asks for each.
//!
//! Facts: reference intune-graph sections 2.2 and 2.3. What the text of the key looks like and how
//! `depToken` is encoded is not published: both are handled as text, as the portal does.

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Failure};
use super::{GraphActuator, GraphObserver, Operation, ServiceError};
use crate::http::retry::{Effect, Repeat};
use crate::model::TokenId;
use crate::model::live::{Cause, Fact};

#[derive(Deserialize)]
struct Value {
    #[serde(default)]
    value: Option<String>,
}

impl GraphObserver {
    /// Reads the public key for which Apple has to encrypt a token, as the service words it;
    /// `Known(None)`: there is none.
    ///
    /// Source: `GET …/{token}/getEncryptionPublicKey()`, reference section 2.2.
    pub async fn encryption_key(&self, token: &TokenId) -> Fact<Option<String>> {
        let operation = Operation::ReadEncryptionKey;
        let path = ["deviceManagement", "depOnboardingSettings", &token.0, "getEncryptionPublicKey()"];
        let client = self.client();
        let body = match client.get(operation, client.url(&path, None)).await {
            Ok(body) => body,
            Err(error) if error.status == Some(404) => return Fact::Known(None),
            Err(error) => return Fact::Unknown(error.into()),
        };
        match serde_json::from_slice::<Value>(&body) {
            Ok(Value { value }) => Fact::Known(value.filter(|text| !text.trim().is_empty())),
            Err(error) => {
                let detail = format!("line {}, column {}", error.line(), error.column());
                Fact::Unknown(ServiceError::unreadable(operation, &detail, client.redactor()).into())
            }
        }
    }
}

impl GraphActuator {
    /// Makes a new key for a token, and returns its public half as the service words it. Whatever was
    /// under way with the old key has to be begun anew (T-2); the token in use stays in force.
    ///
    /// # Errors
    /// What went wrong; [`Cause::LostAnswer`] where the key may have been made all the same. It is not
    /// sent twice.
    pub async fn generate_encryption_key(&self, token: &TokenId) -> Result<String, ServiceError> {
        let operation = Operation::GenerateEncryptionKey;
        let url = self.token_url(token, &["generateEncryptionPublicKey"]);
        let call = Call::new(operation, Method::POST, url, None, Repeat::Never);
        let answer = self.client().call(&call).await.map_err(told)?.answer;
        let key = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|read| read.value);
        key.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            let detail = "the new key is not in it";
            let error = ServiceError::unreadable(operation, detail, self.client().redactor());
            told(Failure { error, effect: Effect::Unknown })
        })
    }

    /// Gives the tenant the file that Apple made for the token's key, and says whose Apple Account
    /// made it (T-4). The text is sent as it is.
    ///
    /// # Errors
    /// What went wrong; [`Cause::LostAnswer`] where the token may have been taken all the same. It is
    /// not sent twice.
    pub async fn upload_token(
        &self,
        token: &TokenId,
        apple_id: &str,
        file: &str,
    ) -> Result<(), ServiceError> {
        let body = json!({ "appleId": apple_id, "depToken": file }).to_string();
        let url = self.token_url(token, &["uploadDepToken"]);
        let body = Some(Bytes::from(body));
        let call = Call::new(Operation::UploadToken, Method::POST, url, body, Repeat::Never);
        self.client().call(&call).await.map(drop).map_err(told)
    }
}

/// What is said of a write that failed: one in doubt is looked up, not repeated.
fn told(Failure { error, effect }: Failure) -> ServiceError {
    if effect != Effect::Unknown {
        return error;
    }
    let next = match error.operation {
        Operation::UploadToken => {
            "see with `espalier status` whether the token has the new expiry, and upload it again if not"
        }
        _ => "run it again: the key may have been made, and another one replaces it",
    };
    ServiceError { cause: Cause::LostAnswer, next: next.to_owned(), ..error }
}
