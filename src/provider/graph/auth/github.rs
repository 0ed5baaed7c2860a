//! GitHub's id token of the running workflow, as proof at Entra.
//!
//! The runner hands two variables to the job: where to ask, and a request token to ask with. Source:
//! reference intune-graph section 7.

use serde::Deserialize;
use url::Url;

use crate::http::{Answer, is_loopback};
use crate::model::Secret;

/// The variable with the address to ask.
const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// The variable with the token to ask with.
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// What Entra wants the id token to be made out to.
const AUDIENCE: &str = "api://AzureADTokenExchange";
/// The hosts of github.com's runners end so. A broader name would take in hosts that serve what
/// users uploaded.
const HOSTS: &str = ".actions.githubusercontent.com";

/// Where a workflow asks for its id token.
#[derive(Clone, Debug)]
pub struct GithubRunner {
    url: Url,
    token: Secret,
}

/// Why a process cannot ask for an id token.
#[derive(Debug, thiserror::Error)]
pub enum GithubError {
    /// A variable is missing.
    #[error("{0} is not set: this is no GitHub workflow, or one that may not ask for an id token")]
    Missing(&'static str),
    /// The address is none.
    #[error("{URL} is no address")]
    NoAddress,
    /// The address is not GitHub's.
    #[error("{URL} leads to {0}, which is no host of GitHub's runners")]
    Elsewhere(String),
}

impl GithubError {
    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            GithubError::Missing(_) => {
                "add `permissions: id-token: write` to the workflow or the job (with `contents: read` beside it), and run espalier within that job"
            }
            GithubError::NoAddress => "leave the runner's variables as GitHub sets them",
            GithubError::Elsewhere(_) => {
                "the request token goes to https hosts below actions.githubusercontent.com only; where GitHub runs on hosts of its own, let the runner allow it with ESPALIER_ALLOW=endpoints"
            }
        }
    }
}

impl GithubRunner {
    /// Takes the runner's variables. With `anywhere` the address may be any host's, in the clear
    /// on this machine only.
    ///
    /// # Errors
    /// See [`GithubError`].
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
        anywhere: bool,
    ) -> Result<Self, GithubError> {
        let given = |name| variable(name).filter(|text| !text.trim().is_empty());
        let url = given(URL).ok_or(GithubError::Missing(URL))?;
        let token = given(TOKEN).ok_or(GithubError::Missing(TOKEN))?;
        let url = Url::parse(&url).map_err(|_| GithubError::NoAddress)?;
        let encrypted = url.scheme() == "https";
        let is_githubs = url.port().is_none() && url.domain().is_some_and(|host| host.ends_with(HOSTS));
        if !(encrypted && is_githubs || anywhere && (encrypted || is_loopback(&url))) {
            return Err(GithubError::Elsewhere(url.origin().ascii_serialization()));
        }
        Ok(Self { url, token: Secret::new(token.trim().to_owned()) })
    }

    /// The request token.
    pub(super) fn token(&self) -> &Secret {
        &self.token
    }

    /// The request for an id token.
    pub(super) fn request(&self, http: &reqwest::Client) -> reqwest::RequestBuilder {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        http.get(url).bearer_auth(self.token.reveal()).header("accept", "application/json")
    }
}

/// Reads the id token out of a 200 answer. The error quotes nothing of it.
pub(super) fn id_token(answer: &Answer) -> Result<Secret, String> {
    #[derive(Deserialize)]
    struct Given {
        value: Secret,
    }
    serde_json::from_slice(&answer.body)
        .map(|Given { value }| value)
        .map_err(|error| format!("no id token at line {} column {}", error.line(), error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(url: &str, anywhere: bool) -> Result<GithubRunner, GithubError> {
        let variable = |name: &str| match name {
            URL => Some(url.to_owned()),
            TOKEN => Some("planted".to_owned()),
            _ => None,
        };
        GithubRunner::from_variables(&variable, anywhere)
    }

    #[test]
    fn the_request_token_goes_to_github_only() {
        assert!(
            runner("https://run-1.eu.actions.githubusercontent.com/7//idtoken/a?api-version=2.0", false)
                .is_ok()
        );
        for elsewhere in [
            "http://run-1.actions.githubusercontent.com/x",
            "https://actions.githubusercontent.com.example/x",
            "https://evilactions.githubusercontent.com/x",
            "https://raw.githubusercontent.com/x",
            "https://x.actions.githubusercontent.com:8443/x",
            "https://x.actions.githubusercontent.com@example.com/x",
            "http://127.0.0.1:8080/x",
        ] {
            let error = runner(elsewhere, false).unwrap_err();
            assert!(matches!(error, GithubError::Elsewhere(_)), "{elsewhere}: {error}");
            assert!(error.next().contains("ESPALIER_ALLOW=endpoints"));
            assert!(!format!("{error} {error:?}").contains("planted"));
        }
        assert!(runner("http://127.0.0.1:8080/x", true).is_ok());
        assert!(runner("https://github.corp.example/x", true).is_ok());
        assert!(runner("http://github.corp.example/x", true).is_err());
    }

    #[test]
    fn a_workflow_that_may_not_ask_is_told_what_it_lacks() {
        let error = GithubRunner::from_variables(&|_| None, false).unwrap_err();
        assert!(error.to_string().contains(URL), "{error}");
        assert!(error.next().contains("`permissions: id-token: write`"), "{}", error.next());
        let error = GithubRunner::from_variables(&|name| (name == URL).then(|| "https://x".into()), true);
        assert!(error.unwrap_err().to_string().contains(TOKEN));
    }

    #[test]
    fn the_audience_is_added_to_the_address() {
        let runner =
            runner("https://x.actions.githubusercontent.com/idtoken?api-version=2.0", false).unwrap();
        let request = runner.request(&reqwest::Client::new()).build().unwrap();
        assert_eq!(request.url().query(), Some("api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange"));
        assert_eq!(request.headers()["authorization"], "Bearer planted");
        assert!(!format!("{runner:?}").contains("planted"));
    }
}
