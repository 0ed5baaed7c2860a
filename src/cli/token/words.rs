//! What people are told: the way through Apple's portal, times, masks. PURE.

use std::path::Path;

use crate::model::clock::{self, Timestamp};
use crate::model::{Name, Secret};

/// Who may do it in the portal (T-13).
pub(super) const ROLE: &str = "In Apple Business Manager or Apple School Manager you need the role Administrator or Device Enrollment Manager (T-13).";

/// What a download does (T-8).
pub(super) const AT_ONCE: &str = "Downloading a server token there at once invalidates the one in use (T-8): download it only when you can import it right after.";

/// The steps between a certificate and its `.p7m`. `certificate` is the file to upload; `None`: the
/// one at Apple stays.
pub(super) fn portal(
    service: &str,
    certificate: Option<&Path>,
    next: &str,
    apple_id: Option<&str>,
) -> String {
    let who = match apple_id {
        Some(apple_id) => format!(" as {apple_id}, with which the token was made (T-4)"),
        None => String::new(),
    };
    let mut steps = vec![format!(
        "Sign in{who}, and open the device management service (\"MDM server\") {service} in the settings; never another one: its devices would have to move and enroll again."
    )];
    if let Some(certificate) = certificate {
        steps.push(format!("Edit it and upload the certificate (public key) {}", certificate.display()));
    }
    steps.push("Download the server token. The old one ends with that.".to_owned());
    steps.push(format!("Import it right away:\n       {next}"));
    let mut text = format!("{ROLE}\n{AT_ONCE}\n\n");
    for (number, step) in (1..).zip(steps) {
        text += &format!("  {number}. {step}\n");
    }
    text
}

/// An instant with the days until then, or since.
pub(super) fn until(now: Timestamp, end: Timestamp) -> String {
    let day = end.strftime("%Y-%m-%d %H:%M UTC");
    let days = days(now, end);
    match days {
        0 if end > now => format!("{day}, within a day"),
        1 => format!("{day}, in 1 day"),
        days if days > 0 => format!("{day}, in {days} days"),
        _ => format!("{day}: it has expired"),
    }
}

/// Whole days until an instant; negative ones since.
pub(super) fn days(now: Timestamp, end: Timestamp) -> i64 {
    let days = |span: std::time::Duration| i64::try_from(span.as_secs() / 86_400).unwrap_or(i64::MAX);
    if end >= now { days(clock::between(now, end)) } else { -days(clock::between(end, now)) - 1 }
}

/// A secret's prefix, where it is one that Apple's have, and its length.
pub(super) fn mask(secret: &Secret) -> (&'static str, usize) {
    let text = secret.reveal();
    let prefix = ["CK_", "CS_", "AT_", "AS_"].into_iter().find(|prefix| text.starts_with(prefix));
    (prefix.unwrap_or_default(), text.chars().count())
}

/// The command that imports a file.
pub(super) fn import(token: &Name, file: &str, folder: &Path, sim: &str) -> String {
    let folder = if folder == Path::new(".") { String::new() } else { format!(" {}", folder.display()) };
    format!("espalier token import {token} {file}{folder}{sim}")
}

/// The flag for the simulator, as it has to be repeated.
pub(super) fn sim_flag(global: &crate::cli::args::GlobalArgs) -> String {
    use crate::cli::values::SimSource;
    match &global.sim {
        None => String::new(),
        Some(SimSource::Folder) => " --sim".to_owned(),
        Some(SimSource::World(path)) => format!(" --sim={}", path.display()),
        Some(SimSource::Url(url)) => format!(" --sim={url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn t6_days_are_counted_whole() {
        let now = at("2026-11-01T08:00:00Z");
        assert_eq!(days(now, at("2026-11-03T07:59:59Z")), 1);
        assert_eq!(days(now, at("2026-11-01T07:59:59Z")), -1);
        assert_eq!(until(now, at("2027-11-01T08:00:00Z")), "2027-11-01 08:00 UTC, in 365 days");
        assert_eq!(until(now, at("2026-11-01T09:00:00Z")), "2026-11-01 09:00 UTC, within a day");
        assert_eq!(until(now, at("2026-10-01T09:00:00Z")), "2026-10-01 09:00 UTC: it has expired");
    }

    #[test]
    fn a_mask_shows_a_known_prefix_and_the_length() {
        assert_eq!(mask(&Secret::new("CK_planted".into())), ("CK_", 10));
        assert_eq!(mask(&Secret::new("planted".into())), ("", 7));
    }

    #[test]
    fn t8_and_t13_stand_before_the_steps() {
        let text = portal("\"School\"", Some(Path::new("c.pem")), "espalier …", Some("it@example.org"));
        assert!(text.contains("(\"MDM server\") \"School\" in the settings"), "{text}");
        for part in ["T-13", "T-8", "T-4", "it@example.org", "c.pem", "4. Import it right away"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
