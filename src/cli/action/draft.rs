//! The text of a new `DeviceAction`. PURE.

use std::fmt::Write as _;

use crate::model::act::Expect;
use crate::model::clock::Timestamp;
use crate::model::{ActionKind, Name, Serial};

/// Everything that a document for one device says.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// `metadata.name`
    pub name: &'a Name,
    /// `action`
    pub kind: ActionKind,
    /// `devices.serials`
    pub serial: Serial,
    /// `devices.expect`
    pub expect: Expect,
    /// `requestedAt`; written in whole seconds, never earlier.
    pub requested_at: Timestamp,
    /// `expiresAfter`, as durations are written; `None`: the default.
    pub expires_after: Option<String>,
    /// `reason`
    pub reason: Option<&'a str>,
    /// `physicallyInHand`
    pub in_hand: bool,
    /// `acceptNoBypassCode`
    pub accept_no_bypass_code: Option<&'a str>,
    /// `options`, as they were given.
    pub options: &'a [(String, String)],
}

impl Draft<'_> {
    /// The document.
    pub fn text(&self) -> String {
        let mut out = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata:\n  name: {}\nspec:\n  action: {}\n  devices:\n    serials: [{}]\n",
            self.name, self.kind, self.serial
        );
        // Writing to a String does not fail.
        let mut line = |indent: usize, name: &str, text: &str| {
            let _ = writeln!(out, "{:indent$}{name}: {text}", "");
        };
        let Expect { model, user, name } = &self.expect;
        let expected = [("model", model), ("user", user), ("name", name)];
        if expected.iter().any(|(_, text)| text.is_some()) {
            line(4, "expect", "");
            for (name, text) in expected {
                if let Some(text) = text {
                    line(6, name, &scalar(text));
                }
            }
        }
        line(2, "requestedAt", &whole_seconds(self.requested_at).to_string());
        if let Some(span) = &self.expires_after {
            line(2, "expiresAfter", span);
        }
        if let Some(reason) = self.reason {
            line(2, "reason", &scalar(reason));
        }
        if self.in_hand {
            line(2, "physicallyInHand", "true");
        }
        if let Some(why) = self.accept_no_bypass_code {
            line(2, "acceptNoBypassCode", &scalar(why));
        }
        if !self.options.is_empty() {
            line(2, "options", "");
            for (name, value) in self.options {
                line(4, name, &option(name, value));
            }
        }
        // An empty value leaves no blank behind its colon.
        out.replace(": \n", ":\n")
    }
}

/// The instant in whole seconds, rounded up: a request is not older than the ledger that was made right
/// before it.
fn whole_seconds(at: Timestamp) -> Timestamp {
    let up = i64::from(at.subsec_nanosecond() > 0);
    Timestamp::from_second(at.as_second() + up).unwrap_or(at)
}

/// The value of an option: truth and numbers where the option has them, the reference of a secret as it is.
fn option(name: &str, value: &str) -> String {
    let bare = match name {
        "keepDataPlan" => matches!(value, "true" | "false"),
        "minutes" => value.parse::<u32>().is_ok(),
        "pin" => true,
        _ => false,
    };
    if bare { value.to_owned() } else { scalar(value) }
}

/// A text as a YAML scalar: bare where it can be nothing but a text.
pub fn scalar(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '@' | '/');
    let means_another = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | "nan"
    );
    let begins = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if begins && !means_another && text.chars().all(is_bare) && !text.ends_with(' ') {
        return text.to_owned();
    }
    // JSON texts are YAML texts; what YAML wants escaped beyond JSON is.
    let quoted = serde_json::Value::from(text).to_string();
    quoted.chars().fold(String::with_capacity(quoted.len()), |mut out, c| {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
        out
    })
}

/// The name that a document gets by itself: `enable-lost-mode-dmpxk0a1-20261122`.
pub fn name_of(kind: ActionKind, serial: Serial, day: Timestamp) -> String {
    let mut word = String::new();
    for c in kind.word().chars() {
        if c.is_ascii_uppercase() {
            word.push('-');
        }
        word.push(c.to_ascii_lowercase());
    }
    let serial: String = serial.to_string().to_ascii_lowercase();
    format!("{word}-{serial}-{}", day.strftime("%Y%m%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft<'a>(name: &'a Name, options: &'a [(String, String)]) -> Draft<'a> {
        Draft {
            name,
            kind: ActionKind::EnableLostMode,
            serial: Serial::new("DMPXK0A1").unwrap(),
            expect: Expect {
                model: Some("iPad Air".to_owned()),
                user: None,
                name: Some("Front: \"desk\" #2".to_owned()),
            },
            requested_at: "2026-11-22T08:00:00.25Z".parse().unwrap(),
            expires_after: Some("2d".to_owned()),
            reason: Some("no"),
            in_hand: false,
            accept_no_bypass_code: None,
            options,
        }
    }

    #[test]
    fn a_document_says_everything_and_is_read_as_it_was_meant() {
        let name = Name::new("lost-1").unwrap();
        let options = [("message", "Please call: us"), ("phoneNumber", "+49 30 1")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        let text = draft(&name, &options).text();
        insta::assert_snapshot!(text, @r#"
        apiVersion: espalier.dev/v1alpha1
        kind: DeviceAction
        metadata:
          name: lost-1
        spec:
          action: enableLostMode
          devices:
            serials: [DMPXK0A1]
            expect:
              model: iPad Air
              name: "Front: \"desk\" #2"
          requestedAt: 2026-11-22T08:00:01Z
          expiresAfter: 2d
          reason: "no"
          options:
            message: "Please call: us"
            phoneNumber: "+49 30 1"
        "#);
        let fleet = "apiVersion: espalier.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec: {ledger: {id: 11111111-2222-3333-4444-555555555555, sqlite: {path: l.db}}}\n";
        let loaded = crate::manifest::load_text(&[("fleet.yaml", fleet), ("a.yaml", &text)]);
        let action = &loaded.desired.actions[&name];
        assert_eq!(action.content.reason.as_deref(), Some("no"), "{:?}", loaded.diagnostics);
        assert_eq!(action.content.expect.name.as_deref(), Some("Front: \"desk\" #2"));
    }

    #[test]
    fn texts_stay_texts() {
        for text in ["yes", "12", "a: b", "#x", "- x", "", " x", "x ", "ü", "a\nb", "{x}", "\u{2028}"] {
            assert!(scalar(text).starts_with('"'), "{text:?}");
            let back: String = serde_json::from_str(&scalar(text)).unwrap();
            assert_eq!(back, text);
        }
        assert_eq!(scalar("iPad Air"), "iPad Air");
    }

    #[test]
    fn a_name_of_its_own_is_a_name() {
        let serial = Serial::new("DMPXK0A1").unwrap();
        for kind in ActionKind::ALL {
            let name = name_of(kind, serial, Timestamp::UNIX_EPOCH);
            assert!(Name::new(&name).is_ok(), "{name}");
        }
        let name = name_of(ActionKind::EnableLostMode, serial, Timestamp::UNIX_EPOCH);
        assert_eq!(name, "enable-lost-mode-dmpxk0a1-19700101");
    }
}
