//! A story that went wrong is told as shortly as possible: operations are left out for as long as it goes wrong
//! without them.

use super::op::Op;
use super::play::{Played, play};
use super::scene::Scene;

/// How many stories are tried at most.
const TRIES: usize = 120;

/// The shortest story found that still goes wrong, and what goes wrong in it.
pub async fn shrink(scene: &Scene, ops: &[Op], played: Played) -> (Vec<Op>, Played) {
    let mut best = (ops.to_vec(), played);
    let mut tries = 0;
    let mut span = best.0.len().div_ceil(2);
    while span > 0 && tries < TRIES {
        let mut from = 0;
        while from < best.0.len() && tries < TRIES {
            let mut shorter = best.0.clone();
            shorter.drain(from..(from + span).min(shorter.len()));
            tries += 1;
            let played = play(scene, &shorter).await;
            if played.broken.is_empty() {
                from += span;
            } else {
                best = (shorter, played);
            }
        }
        span = if span == 1 { 0 } else { span.div_ceil(2) };
    }
    best
}
