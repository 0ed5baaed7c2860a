//! What a device is: texts that follow from a small number and from the serial.

use serde::{Deserialize, Serialize};

use crate::model::Serial;
use crate::sim::world::{mix, mix_text};

/// `device_family`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Family {
    /// `iPad`
    #[serde(rename = "iPad")]
    #[default]
    IPad,
    /// `iPhone`
    #[serde(rename = "iPhone")]
    IPhone,
    /// `iPod`
    #[serde(rename = "iPod")]
    IPod,
    /// `Mac`
    Mac,
    /// `AppleTV`
    #[serde(rename = "AppleTV")]
    AppleTv,
    /// `Vision`
    Vision,
}

impl Family {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::IPad => "iPad",
            Family::IPhone => "iPhone",
            Family::IPod => "iPod",
            Family::Mac => "Mac",
            Family::AppleTv => "AppleTV",
            Family::Vision => "Vision",
        }
    }

    /// `os`; for an iPad it depends on the protocol version.
    pub fn os(self, version: u32) -> &'static str {
        match self {
            Family::IPad if version >= 7 => "iPadOS",
            Family::IPad | Family::IPhone | Family::IPod => "iOS",
            Family::Mac => "OSX",
            Family::AppleTv => "tvOS",
            Family::Vision => "visionOS",
        }
    }
}

/// A model of a family. No text needs an escape in JSON.
#[derive(Debug)]
pub struct Hardware {
    /// `device_family`
    pub family: Family,
    /// `model`
    pub model: &'static str,
    /// `description`
    pub description: &'static str,
    /// `color`
    pub color: &'static str,
    /// Whether it has a modem: `imei`, `meid`, `eid`.
    pub cellular: bool,
}

const fn hardware(
    family: Family,
    model: &'static str,
    description: &'static str,
    color: &'static str,
    cellular: bool,
) -> Hardware {
    Hardware { family, model, description, color, cellular }
}

/// All models. Rows name them by position: append only.
pub const MODELS: [Hardware; 12] = [
    hardware(Family::IPad, "iPad", "IPAD 10TH GEN WI-FI 64GB SILVER-DEU", "SILVER", false),
    hardware(Family::IPad, "iPad Air", "IPAD AIR 11 WI-FI 128GB BLUE-DEU", "BLUE", false),
    hardware(Family::IPad, "iPad Pro 11-inch", "IPAD PRO 11 CELL 256GB SPACE BLACK-DEU", "SPACE BLACK", true),
    hardware(Family::IPhone, "iPhone 15", "IPHONE 15 BLACK 128GB-DEU", "BLACK", true),
    hardware(Family::IPhone, "iPhone SE", "IPHONE SE 64GB STARLIGHT-DEU", "STARLIGHT", true),
    hardware(Family::IPod, "iPod touch", "IPOD TOUCH 32GB SPACE GRAY-DEU", "SPACE GRAY", false),
    hardware(Family::Mac, "MacBook Pro", "MBP 13.3 SPACE GRAY/2.0GHZ/8GB/256GB-DEU", "SPACE GRAY", false),
    hardware(Family::Mac, "MacBook Air", "MBA 13.6 MIDNIGHT/8C CPU/8GB/256GB-DEU", "MIDNIGHT", false),
    hardware(Family::Mac, "Mac mini", "MAC MINI/10C CPU/16GB/256GB-DEU", "SILVER", false),
    hardware(Family::AppleTv, "Apple TV 4K", "APPLE TV 4K 128GB-DEU", "BLACK", false),
    hardware(Family::Vision, "Apple Vision Pro", "APPLE VISION PRO 256GB-DEU", "SILVER", false),
    hardware(Family::IPad, "iPad mini", "IPAD MINI CELL 128GB PURPLE-DEU", "PURPLE", true),
];

/// The model of a family that a serial gets by chance, as a position in [`MODELS`].
pub fn model_of(family: Family, serial: &Serial) -> u8 {
    let of_family = || MODELS.iter().enumerate().filter(|(_, hardware)| hardware.family == family);
    let choice = mix_text(1, serial.as_str()) as usize % of_family().count().max(1);
    of_family().nth(choice).map_or(0, |(at, _)| at as u8)
}

/// The hardware at a position; that of the first for one that there is not.
pub fn at(position: u8) -> &'static Hardware {
    MODELS.get(usize::from(position)).unwrap_or(&MODELS[0])
}

/// Writes the members that protocol version 10 brought, which follow from the serial alone.
pub(in crate::sim) fn push_radios(out: &mut String, hardware: &Hardware, serial: &Serial) {
    let chance = mix_text(2, serial.as_str());
    if matches!(hardware.family, Family::AppleTv) || hardware.model == "Mac mini" {
        push_mac(out, "ethernet_mac_address", chance);
    }
    push_mac(out, "wifi_mac_address", chance ^ 1);
    push_mac(out, "bluetooth_mac_address", chance ^ 2);
    if hardware.cellular {
        let imei = imei(mix(chance));
        for text in [",\"imei\":[\"", &imei, "\"],\"meid\":[\"", &imei[..14], "\"],\"eid\":\"89049032"] {
            out.push_str(text);
        }
        push_digits(out, mix(chance ^ 3), 24);
        out.push('"');
    }
}

fn push_mac(out: &mut String, name: &str, chance: u64) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push_str(",\"");
    out.push_str(name);
    // A locally administered address: it is nobody's.
    out.push_str("\":\"02");
    let bits = mix(chance);
    for place in 0..5 {
        let byte = (bits >> (8 * place)) as usize % 256;
        out.push(':');
        out.push(char::from(HEX[byte / 16]));
        out.push(char::from(HEX[byte % 16]));
    }
    out.push('"');
}

fn push_digits(out: &mut String, mut chance: u64, digits: usize) {
    for place in 0..digits {
        if place % 18 == 17 {
            chance = mix(chance);
        }
        out.push(char::from(b'0' + (chance % 10) as u8));
        chance /= 10;
    }
}

/// 15 digits, the last of which is Luhn's.
fn imei(chance: u64) -> String {
    let mut text = String::with_capacity(15);
    text.push_str("35");
    push_digits(&mut text, chance, 12);
    let sum: u32 = text
        .bytes()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    text.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    text
}
