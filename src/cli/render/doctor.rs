//! What `doctor` found: a paragraph per service.

use serde::Serialize;

use super::JSON_VERSION;
use super::text::{BOLD, CREATE, ERROR, HINT, NOTE, QUIET, labelled, paint};
use crate::cli::permissions::Need;
use crate::model::Realm;
use crate::model::live::Cause;

/// A service that the documents name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Examined {
    /// The `Connection` document; `direct:` and the token for one that espalier itself holds, `apple:` and
    /// the connection for an organisation.
    #[schemars(with = "String")]
    pub connection: Realm,
    /// What kind of service it is, for people.
    pub service: &'static str,
    /// `keyId` of an organisation's API account; null for others.
    pub key_id: Option<String>,
    /// The permissions that the documents need, and no others.
    pub needs: Vec<Need>,
    /// What came of signing in and of the first list.
    pub sign_in: SignIn,
}

/// What came of signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SignIn {
    /// It worked, and the first list could be read.
    Good {
        /// What was seen.
        told: String,
    },
    /// It did not, or the list was refused.
    Bad {
        /// The kind of trouble; decides the exit code.
        cause: Cause,
        /// What is the matter.
        reason: String,
        /// What to do next.
        next: String,
    },
    /// Nothing was asked of it.
    NotTried {
        /// Why.
        reason: String,
    },
}

impl SignIn {
    /// The kind of trouble, where there is one.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            SignIn::Bad { cause, .. } => Some(*cause),
            SignIn::Good { .. } | SignIn::NotTried { .. } => None,
        }
    }
}

/// Shows what was found. The text has colours; see [`super::text`].
pub fn text(all: &[Examined]) -> String {
    if all.is_empty() {
        return "No document names a service.\n".to_owned();
    }
    let mut out = String::new();
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        paragraph(&mut out, one);
    }
    out
}

fn paragraph(out: &mut String, one: &Examined) {
    let Examined { connection, service, key_id, needs, sign_in } = one;
    let (mark, style) = match sign_in {
        SignIn::Good { .. } => ("+", CREATE),
        SignIn::Bad { .. } => ("!", ERROR),
        SignIn::NotTried { .. } => ("=", NOTE),
    };
    let subject = format!("{} ({service})", connection.document());
    out.push_str(&format!("{} {}\n", paint(style, mark), paint(BOLD, subject)));
    let mut row = |label: &str, text: &str| labelled(out, 2, paint(QUIET, label), 7, text);
    if let Some(key) = key_id {
        row("key", key);
    }
    match sign_in {
        SignIn::Good { told } => row("sign-in", told),
        SignIn::NotTried { reason } => row("sign-in", &format!("not tried: {reason}")),
        SignIn::Bad { cause: _, reason, next: _ } => row("sign-in", reason),
    }
    if let SignIn::Bad { next, .. } = sign_in {
        labelled(out, 2, paint(HINT, "next"), 7, next);
    }
    let mut label = "needs";
    for need in needs {
        labelled(out, 2, paint(QUIET, label), 7, &format!("`{}`: {}", need.permission, need.for_what));
        label = "";
    }
}

/// The findings as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorJson {
    /// The version of this shape.
    pub version: u32,
    /// One per service that the documents name.
    pub services: Vec<Examined>,
}

/// Shows what was found as JSON.
pub fn json(services: Vec<Examined>) -> String {
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&DoctorJson { version: JSON_VERSION, services }).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;
    use crate::model::Name;

    pub(in crate::cli) fn examined() -> Vec<Examined> {
        let name = |text| Name::new(text).unwrap();
        let need = |permission, for_what: &str| Need { permission, for_what: for_what.to_owned() };
        vec![
            Examined {
                connection: Realm::Mdm(name("contoso")),
                service: "Microsoft Intune",
                key_id: None,
                needs: vec![need("DeviceManagementServiceConfig.ReadWrite.All", "enrollment tokens")],
                sign_in: SignIn::Good { told: "signed in; 3 tokens are visible".to_owned() },
            },
            Examined {
                connection: Realm::Apple(name("acme")),
                service: "Apple Business",
                key_id: Some("0b1e2d3c-1111-2222-3333-444455556666".to_owned()),
                needs: vec![
                    need("view device management services", "services and devices (A-2)"),
                    need("assign devices to device management services", "moves at Apple (A-2)"),
                ],
                sign_in: SignIn::Bad {
                    cause: Cause::Credentials,
                    reason: "this machine's clock is 7 minutes ahead of Apple's".to_owned(),
                    next: "set the clock, then run it again".to_owned(),
                },
            },
            Examined {
                connection: Realm::Direct(name("lab")),
                service: "Apple's enrollment service",
                key_id: None,
                needs: Vec::new(),
                sign_in: SignIn::NotTried { reason: "no document of this run needs it".to_owned() },
            },
        ]
    }

    #[test]
    fn a_paragraph_per_service_with_what_the_documents_need() {
        insta::assert_snapshot!(plain(&text(&examined())), @r#"
        + Connection/contoso (Microsoft Intune)
          sign-in signed in; 3 tokens are visible
          needs   `DeviceManagementServiceConfig.ReadWrite.All`: enrollment tokens

        ! Connection/acme (Apple Business)
          key     0b1e2d3c-1111-2222-3333-444455556666
          sign-in this machine's clock is 7 minutes ahead of Apple's
          next    set the clock, then run it again
          needs   `view device management services`: services and devices (A-2)
                  `assign devices to device management services`: moves at Apple (A-2)

        = EnrollmentToken/lab (Apple's enrollment service)
          sign-in not tried: no document of this run needs it
        "#);
        assert_eq!(text(&[]), "No document names a service.\n");
    }

    #[test]
    fn only_what_is_bad_decides_the_exit_code() {
        let causes: Vec<_> = examined().iter().map(|one| one.sign_in.cause()).collect();
        assert_eq!(causes, [None, Some(Cause::Credentials), None]);
    }
}
