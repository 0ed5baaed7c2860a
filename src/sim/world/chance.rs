//! Chance that is none: ids and numbers that follow from a seed and a path of words.

use uuid::Uuid;

/// The id that follows from a seed and a path of words.
pub fn derive_id(seed: u64, path: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("espalier-sim/{seed}/{path}").as_bytes())
}

/// Mixes a number well: the finaliser of SplitMix64, enough for deterministic chance.
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Mixes a text into a number (FNV-1a, then [`mix`]).
pub fn mix_text(seed: u64, text: &str) -> u64 {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    mix(seed ^ hash)
}
