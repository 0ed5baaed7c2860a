//! The digests of acts: what is bound on first sight, and what people approve.

use std::fmt::Write as _;

use serde_json::json;
use uuid::Uuid;

use crate::model::act::ActContent;
use crate::model::{ActId, Epoch};

/// `sha256:` and hex over all that a document asks for, but for its serials: what is bound on first sight.
pub fn content(content: &ActContent) -> String {
    sha256(&content.canonical())
}

/// `sha256:` and hex over the ledger, the tenant, the identity, the content and the life of the device: what an
/// approval is good for. Another life, another tenant or another content is another digest. `content`: its own
/// digest. `epoch`: `None` where the device has no record yet; such a digest is never approved for a life that
/// comes later.
pub fn act(ledger: Uuid, tenant: &str, act: &ActId, content: &str, epoch: Option<&Epoch>) -> String {
    let all = json!({
        "what": "act",
        "ledger": ledger,
        "tenant": tenant.to_ascii_lowercase(),
        "act": act,
        "content": content,
        "epoch": epoch,
    });
    sha256(&all.to_string())
}

/// `sha256:` and the hex of a text's hash.
fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(71);
    hex.push_str("sha256:");
    for byte in openssl::sha::sha256(text.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
