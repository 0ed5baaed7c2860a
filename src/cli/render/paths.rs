//! Where a file of the documents' folder lies for those who read findings elsewhere: relative to
//! the root of the repository, with forward slashes. PURE.

use std::fmt::Write as _;

/// The way from the root of the repository to the documents' folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// With the folder's path below the root, with `/` between its parts; empty for the root itself.
    pub fn new(folder: &str) -> Self {
        let parts: Vec<&str> = folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        Self(parts.join("/"))
    }

    /// The path of a file below the root; the folder itself for an empty one, and a path that leads
    /// out of the folder as it is.
    pub fn path(&self, file: &str) -> String {
        match (self.0.as_str(), file) {
            ("", "") => ".".to_owned(),
            (folder, "") => folder.to_owned(),
            ("", file) => file.to_owned(),
            (_, file) if file.starts_with('/') => file.to_owned(),
            (folder, file) => format!("{folder}/{file}"),
        }
    }

    /// The path as a URI reference (RFC 3986): everything but unreserved characters and slashes is
    /// percent-encoded.
    pub fn uri(&self, file: &str) -> String {
        let mut uri = String::new();
        for byte in self.path(file).bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                // Writing to a String does not fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        uri
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_below_the_folder() {
        for (folder, file, path) in [
            ("", "a.yaml", "a.yaml"),
            (".", "a.yaml", "a.yaml"),
            ("fleet/", "sub/a.yaml", "fleet/sub/a.yaml"),
            ("./a/b", "", "a/b"),
            ("", "", "."),
            ("fleet", "/elsewhere/a.csv", "/elsewhere/a.csv"),
        ] {
            assert_eq!(Prefix::new(folder).path(file), path);
        }
    }

    #[test]
    fn a_uri_has_no_sign_of_its_own() {
        assert_eq!(Prefix::new("my fleet").uri("a#b:c%é?.yaml"), "my%20fleet/a%23b%3Ac%25%C3%A9%3F.yaml");
    }
}
