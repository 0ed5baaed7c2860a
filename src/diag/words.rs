//! Words that findings, plans and logs share. PURE.

use std::fmt::Display;

/// A count with its noun: `1 device`, `0 devices`, `12500 devices`. The noun is given in the singular
/// and takes an `s`; thousands are not parted, for `cli` alone sets numbers for the eye.
pub fn count<N: Display + PartialEq + From<u8>>(many: N, noun: &str) -> String {
    let plural = if many == N::from(1) { "" } else { "s" };
    format!("{many} {noun}{plural}")
}

/// The form of a verb, or of any word, that goes with a count: `form(1, "is", "are")` is `is`.
pub fn form<'w, N: PartialEq + From<u8>>(many: N, one: &'w str, several: &'w str) -> &'w str {
    if many == N::from(1) { one } else { several }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_all_others_are_not() {
        assert_eq!(count(1_u64, "device"), "1 device");
        assert_eq!(count(0_usize, "device"), "0 devices");
        assert_eq!(count(12_500_u64, "device"), "12500 devices");
        assert_eq!(form(1_usize, "is", "are"), "is");
        assert_eq!(form(0_u64, "is", "are"), "are");
    }
}
