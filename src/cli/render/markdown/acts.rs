//! Acts on devices as markdown. PURE.

use super::escape::{code, html, prose};
use super::{Block, SHORT, folded, names, row};
use crate::cli::render::acts::{ActGroup, devices_in_words, mark, rows};
use crate::cli::render::step::Gated;
use crate::cli::render::text::count;
use crate::model::Class;

/// How many devices a list names; the JSON has all.
const DEVICES_SHOWN: usize = 200;

/// A group of acts of which the same is said.
pub(super) fn act_block(group: &ActGroup<'_>, gated: &Gated<'_>) -> Block {
    let first = group.first();
    let subject = format!("DeviceAction/{} {}", first.id.action, devices_in_words(group));
    let mut summary = format!("{} {} {}", mark(first).0, first.kind, html(&subject, SHORT));
    if first.class > Class::Safe {
        summary.push_str(&format!(", <b>{}</b>", first.class));
    }
    let is_gated = group.acts.iter().any(|act| !gated.gates(&act.step_id()).is_empty());
    if is_gated {
        summary.push_str(", <b>stopped by a gate</b>");
    }
    let mut body = String::new();
    // The first line says how grave it is, and the devices have a list of their own.
    let told = rows(group, gated).into_iter().filter(|row| row.label != "class" && row.label != "which");
    for told in told {
        let text = if told.label == "digest" { code(&told.text) } else { prose(&told.text) };
        body.push_str(&format!("- {}\n", row(told.label, &text)));
    }
    body.push('\n');
    if !group.is_one() {
        let each: Vec<String> = group
            .acts
            .iter()
            .take(DEVICES_SHOWN)
            .map(|act| match &act.device {
                None => act.id.serial.to_string(),
                Some(device) => {
                    format!("{} {} {}", act.id.serial, device.name, device.user).trim_end().into()
                }
            })
            .collect();
        let all = count(group.acts.len() as u64, "device");
        let what =
            if each.len() == group.acts.len() { all } else { format!("the first {DEVICES_SHOWN} of {all}") };
        body.push_str(&names(&what, &each));
    }
    folded(&summary, first.class >= Class::Destructive, &body)
}
