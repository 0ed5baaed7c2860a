//! Refusals can quote an answer or a request. What stands behind the name of a member that holds a secret
//! is taken out of a text, whoever knows that secret. PURE.

use std::ops::Range;

/// Members of devices and of their results that hold a secret, or tell where somebody is (reference
/// intune-graph section 0, fact 5); in small letters.
const SECRET: [&str; 8] = [
    "activationlockbypasscode",
    "unlockpin",
    "passcode",
    "macosunlockcode",
    "adminaccountpassword",
    "latitude",
    "longitude",
    "deptoken",
];

/// What stands in the place of a value.
const INSTEAD: &str = "[secret]";

/// More of a text is not looked at, in bytes: far more than is kept of it.
const LONGEST: usize = 64 << 10;

/// The text without the values of such members, as they stand in JSON, in JSON within a text, and in
/// `name=value` or `name: value`. What is beyond 64 KiB is left off.
pub(super) fn without_secret_members(text: &str) -> String {
    let mut rest = &text[..text.floor_char_boundary(LONGEST)];
    let mut clean = String::with_capacity(rest.len());
    // The names are ASCII, so that small letters keep their places.
    while let Some(value) = next_value(rest) {
        let (before, found) = rest.split_at(value.start);
        clean.push_str(before);
        clean.push_str(INSTEAD);
        rest = found.get(value.len()..).unwrap_or_default();
    }
    clean.push_str(rest);
    clean
}

/// Where the first such value stands.
fn next_value(text: &str) -> Option<Range<usize>> {
    let small = text.to_ascii_lowercase();
    let names = SECRET.iter().flat_map(|name| small.match_indices(name));
    let mut ends: Vec<usize> = names.map(|(at, name)| at + name.len()).collect();
    ends.sort_unstable();
    ends.into_iter().find_map(|end| value_behind(text, end))
}

/// The value behind a name that ends at `end`: after `:` or `=`, with quotes and backslashes in between.
fn value_behind(text: &str, end: usize) -> Option<Range<usize>> {
    let is_quote = |sign: char| matches!(sign, '"' | '\'' | '`');
    let is_between = |sign: char| sign.is_whitespace() || sign == '\\' || is_quote(sign);
    let to_sign = text.get(end..)?.trim_start_matches(is_between).strip_prefix([':', '='])?;
    let value = to_sign.trim_start_matches(is_between);
    let opening = &to_sign[..to_sign.len() - value.len()];
    let long = match opening.chars().last().filter(|sign| is_quote(*sign)) {
        // In plain JSON a quote behind a backslash is part of the value; in JSON within a text it ends it.
        Some(quote) => {
            let nested = opening.contains('\\');
            let ends = |(at, _): &(usize, &str)| nested || !value[..*at].ends_with('\\');
            value.match_indices(quote).find(ends).map_or(value.len(), |(at, _)| at)
        }
        None => {
            let ends = |sign: char| is_between(sign) || matches!(sign, ',' | '}' | ']' | ';' | '&' | ')');
            value.find(ends).unwrap_or(value.len())
        }
    };
    let found = value.get(..long)?;
    let start = text.len() - value.len();
    (long > 0 && found != "null" && found != INSTEAD).then(|| start..start + long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_members_disappear_in_every_form() {
        for text in [
            r#"{"activationLockBypassCode":"PLANTED-1"}"#,
            r#"{\"unlockPin\": \"PLANTED-1\", \"x\": 1}"#,
            r#"{\\\"passcode\\\":\\\"PLANTED-1\\\"}"#,
            "macOsUnlockCode = 'PLANTED-1'",
            "UnlockPin: PLANTED-1; and UNLOCKPIN=PLANTED-1",
            r#"{"latitude":PLANTED-1,"longitude":PLANTED-1}"#,
            "depToken=PLANTED-1&x=y",
            "passcode unlockPin: PLANTED-1",
            r#"{"passcode":"one PLANTED-1 \" PLANTED"}"#,
            r#"{\"passcode\":\"one PLANTED-1 two\", \"x\":1}"#,
        ] {
            let clean = without_secret_members(text);
            assert!(!clean.contains("PLANTED") && clean.contains(INSTEAD), "{text} -> {clean}");
        }
        assert_eq!(
            without_secret_members(r#"a {"unlockPin":"1","name":"iPad"} b"#),
            r#"a {"unlockPin":"[secret]","name":"iPad"} b"#
        );
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["the passcode is not compliant", "", "ä passcode", r#"{"unlockPin":null}"#, "passcode:"]
        {
            assert_eq!(without_secret_members(text), text);
        }
    }
}
