//! No code, PIN or place stands anywhere in the clear.

use super::super::chronicle::Chronicle;
use super::super::stage::Stage;

/// Where a secret was found.
pub fn broken(chronicle: &Chronicle, stage: &Stage) -> Vec<String> {
    let mut all: Vec<(String, String)> = stage
        .left_behind()
        .into_iter()
        .map(|(path, content)| (path.display().to_string(), String::from_utf8_lossy(&content).into_owned()))
        .collect();
    all.extend(chronicle.said.iter().map(|said| ("what was said".to_owned(), said.clone())));
    let mut broken = Vec::new();
    for secret in &chronicle.secrets {
        for (place, text) in all.iter().filter(|(_, text)| text.contains(secret.as_str())) {
            let at = text.find(secret.as_str()).unwrap_or(0);
            let around: String = text.chars().skip(at.saturating_sub(80)).take(200).collect();
            broken.push(format!("the secret {secret:?} stands in {place}: …{around}…"));
        }
    }
    broken
}
