//! PEM texts as people keep them: several blocks in one file, in any order. PURE.

/// The labels and whole texts of the PEM blocks; one that does not end reaches to the text's end.
pub(super) fn blocks(text: &str) -> Vec<(&str, &str)> {
    const BEGIN: &str = "-----BEGIN ";
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let block = &rest[start..];
        let Some((label, _)) = block[BEGIN.len()..].split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let length = block.find(&end).map_or(block.len(), |at| at + end.len());
        found.push((label, &block[..length]));
        rest = &block[length..];
    }
    found
}
