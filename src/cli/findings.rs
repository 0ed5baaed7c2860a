//! Findings in every format, with paths as the readers of each format look for them.

use std::path::Path;

use super::render::paths::Prefix;
use super::render::snippet::Snippets;
use super::render::{annotations, diagnostics, sarif};
use super::values::FindingsFormat;
use crate::diag::Diagnostics;
use crate::manifest::Sources;

/// Shows findings over a folder.
pub fn shown(findings: &Diagnostics, sources: &Sources, folder: &Path, format: FindingsFormat) -> String {
    let text = |file: &str| sources.get(file).map(|text| text.to_string());
    let mut lines = Snippets::new(&text);
    match format {
        FindingsFormat::Text => diagnostics::text(findings, &text),
        FindingsFormat::Json => diagnostics::json(findings),
        FindingsFormat::Sarif => sarif::json(findings, &prefix(folder), &mut lines, &help),
        FindingsFormat::Github => annotations::github(findings, &prefix(folder), &mut lines),
        FindingsFormat::Gitlab => annotations::gitlab(findings, &prefix(folder)),
    }
}

/// What is known of a code beyond its findings: nothing but these, so each rule has their advice.
fn help(_code: &str) -> Option<String> {
    None
}

/// The way to the folder from the root of its git repository, else from the current folder. Where
/// it lies below neither, paths are relative to it.
fn prefix(folder: &Path) -> Prefix {
    let Ok(folder) = folder.canonicalize() else { return Prefix::default() };
    let root = folder.ancestors().find(|parent| parent.join(".git").exists()).map(Path::to_owned);
    let root = root.or_else(|| std::env::current_dir().and_then(|here| here.canonicalize()).ok());
    let below = root.and_then(|root| folder.strip_prefix(root).ok().map(Path::to_owned));
    let parts: Vec<String> = below
        .iter()
        .flat_map(|below| below.components())
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    Prefix::new(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_root_of_the_repository() {
        let root = tempfile::tempdir().expect("a folder");
        let fleet = root.path().join("a/fleet");
        std::fs::create_dir_all(&fleet).expect("a folder");
        assert_eq!(prefix(&fleet), Prefix::default(), "below neither a repository nor the current folder");
        std::fs::create_dir(root.path().join(".git")).expect("a folder");
        assert_eq!(prefix(&fleet).path("x.yaml"), "a/fleet/x.yaml");
        assert_eq!(prefix(root.path()).path("x.yaml"), "x.yaml");
    }
}
