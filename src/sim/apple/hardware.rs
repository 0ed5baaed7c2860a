//! What a device is: texts that follow from a small number and from the serial.

use serde::{Deserialize, Serialize};

use crate::model::Serial;
use crate::sim::world::{Platform, mix, mix_text};
use Family::{AppleTv, IPad, IPhone, IPod, Mac, Vision, Watch};

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
    /// `Watch`, which belongs to organizations and is unknown to the enrollment service.
    Watch,
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
            Family::Watch => "Watch",
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
            Family::Watch => "watchOS",
        }
    }

    /// As the default families of a device management service spell it.
    pub fn as_default(self) -> &'static str {
        match self {
            Family::IPad => "IPAD",
            Family::IPhone => "IPHONE",
            Family::IPod => "IPOD",
            Family::Mac => "MAC",
            Family::AppleTv => "APPLE_TV",
            Family::Vision => "VISION",
            Family::Watch => "WATCH",
        }
    }

    /// The family that [`Family::as_default`] spells so.
    pub fn of_default(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.as_default() == text)
    }

    /// All of them, in the order of their default spelling.
    pub const ALL: [Family; 7] = [
        Family::AppleTv,
        Family::IPad,
        Family::IPhone,
        Family::IPod,
        Family::Mac,
        Family::Vision,
        Family::Watch,
    ];

    /// The platform as Intune names it; `None` for a watch, which Intune does not get.
    pub fn platform(self) -> Option<Platform> {
        match self {
            Family::IPad | Family::IPhone | Family::IPod => Some(Platform::Ios),
            Family::Mac => Some(Platform::MacOs),
            Family::AppleTv => Some(Platform::TvOs),
            Family::Vision => Some(Platform::VisionOs),
            Family::Watch => None,
        }
    }

    /// The family that a device of a platform gets where nothing else is known of it.
    pub fn of_platform(platform: Platform) -> Self {
        match platform {
            Platform::Ios => Family::IPad,
            Platform::MacOs => Family::Mac,
            Platform::TvOs => Family::AppleTv,
            Platform::VisionOs => Family::Vision,
        }
    }

    /// Whether its devices enroll through the enrollment service at all.
    pub fn enrolls(self) -> bool {
        self != Family::Watch
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
    /// `productType` of an organization's device.
    pub product: &'static str,
    /// `deviceCapacity`
    pub capacity: &'static str,
    /// `partNumber`
    pub part: &'static str,
}

const fn hardware(
    family: Family,
    model: &'static str,
    description: &'static str,
    color: &'static str,
    cellular: bool,
    (product, capacity, part): (&'static str, &'static str, &'static str),
) -> Hardware {
    Hardware { family, model, description, color, cellular, product, capacity, part }
}

/// All models. Rows name them by position: append only.
pub const MODELS: [Hardware; 14] = [
    hardware(IPad, "iPad", "IPAD 10TH GEN WI-FI 64GB SILVER-DEU", "SILVER", false, PRODUCTS[0]),
    hardware(IPad, "iPad Air", "IPAD AIR 11 WI-FI 128GB BLUE-DEU", "BLUE", false, PRODUCTS[1]),
    hardware(
        IPad,
        "iPad Pro 11-inch",
        "IPAD PRO 11 CELL 256GB SPACE BLACK-DEU",
        "SPACE BLACK",
        true,
        PRODUCTS[2],
    ),
    hardware(IPhone, "iPhone 15", "IPHONE 15 BLACK 128GB-DEU", "BLACK", true, PRODUCTS[3]),
    hardware(IPhone, "iPhone SE", "IPHONE SE 64GB STARLIGHT-DEU", "STARLIGHT", true, PRODUCTS[4]),
    hardware(IPod, "iPod touch", "IPOD TOUCH 32GB SPACE GRAY-DEU", "SPACE GRAY", false, PRODUCTS[5]),
    hardware(
        Mac,
        "MacBook Pro",
        "MBP 13.3 SPACE GRAY/2.0GHZ/8GB/256GB-DEU",
        "SPACE GRAY",
        false,
        PRODUCTS[6],
    ),
    hardware(Mac, "MacBook Air", "MBA 13.6 MIDNIGHT/8C CPU/8GB/256GB-DEU", "MIDNIGHT", false, PRODUCTS[7]),
    hardware(Mac, "Mac mini", "MAC MINI/10C CPU/16GB/256GB-DEU", "SILVER", false, PRODUCTS[8]),
    hardware(AppleTv, "Apple TV 4K", "APPLE TV 4K 128GB-DEU", "BLACK", false, PRODUCTS[9]),
    hardware(Vision, "Apple Vision Pro", "APPLE VISION PRO 256GB-DEU", "SILVER", false, PRODUCTS[10]),
    hardware(IPad, "iPad mini", "IPAD MINI CELL 128GB PURPLE-DEU", "PURPLE", true, PRODUCTS[11]),
    hardware(
        Watch,
        "Apple Watch Series 10",
        "APPLE WATCH S10 GPS 46MM JET BLACK-DEU",
        "JET BLACK",
        false,
        PRODUCTS[12],
    ),
    hardware(
        Watch,
        "Apple Watch SE",
        "APPLE WATCH SE CELL 44MM MIDNIGHT-DEU",
        "MIDNIGHT",
        true,
        PRODUCTS[13],
    ),
];

/// `productType`, `deviceCapacity` and `partNumber` of each model. The part numbers are nobody's.
const PRODUCTS: [(&str, &str, &str); 14] = [
    ("iPad13,18", "64GB", "SIMP3FD/A"),
    ("iPad14,8", "128GB", "SIMA1FD/A"),
    ("iPad16,4", "256GB", "SIMR2FD/A"),
    ("iPhone15,4", "128GB", "SIMH5ZD/A"),
    ("iPhone14,6", "64GB", "SIMS3ZD/A"),
    ("iPod9,1", "32GB", "SIMT7FD/A"),
    ("Mac14,7", "256GB", "SIMB1D/A"),
    ("Mac14,2", "256GB", "SIMN2D/A"),
    ("Mac16,10", "256GB", "SIMM4D/A"),
    ("AppleTV14,1", "128GB", "SIMV4FD/A"),
    ("RealityDevice14,1", "256GB", "SIMX1D/A"),
    ("iPad16,2", "128GB", "SIMI7FD/A"),
    ("Watch7,11", "64GB", "SIMW1QA/A"),
    ("Watch6,12", "32GB", "SIMW2QA/A"),
];

/// The model of a family that a serial gets by chance, as a position in [`MODELS`].
pub fn model_of(family: Family, serial: &Serial) -> u8 {
    let of_family = || MODELS.iter().enumerate().filter(|(_, hardware)| hardware.family == family);
    let choice = mix_text(1, serial.as_str()) as usize % of_family().count().max(1);
    of_family().nth(choice).map_or(0, |(at, _)| at as u8)
}

/// The first model of this name, or else one of the family, as a position in [`MODELS`].
pub fn model_named(name: &str, family: Family, serial: &Serial) -> u8 {
    let named = MODELS.iter().position(|hardware| hardware.model == name);
    named.map_or_else(|| model_of(family, serial), |at| at as u8)
}

/// The hardware at a position; that of the first for one that there is not.
pub fn at(position: u8) -> &'static Hardware {
    MODELS.get(usize::from(position)).unwrap_or(&MODELS[0])
}

/// The numbers of a device's radios and ports, which follow from its serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radios {
    /// The address of its Ethernet port; `None`: it has none.
    pub ethernet: Option<String>,
    /// The address of Wi-Fi.
    pub wifi: String,
    /// The address of Bluetooth.
    pub bluetooth: String,
    /// IMEI, MEID and EID; `None`: it has no modem.
    pub modem: Option<(String, String, String)>,
}

impl Radios {
    /// Those of a device.
    pub fn of(hardware: &Hardware, serial: &Serial) -> Self {
        let chance = mix_text(2, serial.as_str());
        let address = |chance| {
            let mut text = String::with_capacity(17);
            push_address(&mut text, chance);
            text
        };
        let modem = hardware.cellular.then(|| {
            let imei = imei(mix(chance));
            let mut eid = String::from(EID);
            push_digits(&mut eid, mix(chance ^ 3), 24);
            (imei.clone(), imei[..14].to_owned(), eid)
        });
        Self {
            ethernet: has_ethernet(hardware).then(|| address(chance)),
            wifi: address(chance ^ 1),
            bluetooth: address(chance ^ 2),
            modem,
        }
    }
}

/// How every EID begins.
const EID: &str = "89049032";

fn has_ethernet(hardware: &Hardware) -> bool {
    matches!(hardware.family, Family::AppleTv) || hardware.model == "Mac mini"
}

/// Writes the members that protocol version 10 brought, which follow from the serial alone.
pub(in crate::sim) fn push_radios(out: &mut String, hardware: &Hardware, serial: &Serial) {
    let chance = mix_text(2, serial.as_str());
    if has_ethernet(hardware) {
        push_mac(out, "ethernet_mac_address", chance);
    }
    push_mac(out, "wifi_mac_address", chance ^ 1);
    push_mac(out, "bluetooth_mac_address", chance ^ 2);
    if hardware.cellular {
        let imei = imei(mix(chance));
        for text in [",\"imei\":[\"", &imei, "\"],\"meid\":[\"", &imei[..14], "\"],\"eid\":\"", EID] {
            out.push_str(text);
        }
        push_digits(out, mix(chance ^ 3), 24);
        out.push('"');
    }
}

fn push_mac(out: &mut String, name: &str, chance: u64) {
    for text in [",\"", name, "\":\""] {
        out.push_str(text);
    }
    push_address(out, chance);
    out.push('"');
}

/// A locally administered address: it is nobody's.
fn push_address(out: &mut String, chance: u64) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push_str("02");
    let bits = mix(chance);
    for place in 0..5 {
        let byte = (bits >> (8 * place)) as usize % 256;
        out.push(':');
        out.push(char::from(HEX[byte / 16]));
        out.push(char::from(HEX[byte % 16]));
    }
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
