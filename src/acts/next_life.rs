//! What a wiped device comes back to: the token that lists it, and the profile that it gets there (design section 5,
//! "The next life is checked"). PURE.

use crate::model::act::Os;
use crate::model::live::{Fact, Live, LiveDevice, LiveToken};
use crate::model::{Platform, ProfileId, Realm, Serial, TokenId};

/// What awaits a device at its next activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextLife {
    /// It enrolls again.
    Enrolls {
        /// The service of the token.
        realm: Realm,
        /// The token's id.
        token: TokenId,
        /// The token's name at the service.
        token_name: String,
        /// The profile that it gets.
        profile: ProfileId,
        /// It has none of its own and gets the default of its platform (P-30).
        by_default: bool,
    },
    /// It comes back to nobody.
    Nothing {
        /// The requirement row.
        row: &'static str,
        /// Why.
        why: String,
    },
    /// Nobody knows, and a later run may.
    Unknown {
        /// Why.
        why: String,
    },
    /// Nobody looks: the lists of these tokens are read for no document.
    Unread {
        /// The names of the tokens.
        tokens: Vec<String>,
    },
    /// Such a device enrolls through no token.
    NotAsked,
}

/// A row of a token's list.
struct Listed<'a> {
    realm: &'a Realm,
    token: &'a LiveToken,
    device: &'a LiveDevice,
    profile: Option<&'a ProfileId>,
}

/// Looks into the lists of all tokens that were read.
pub fn of(live: &Live, serial: &Serial, os: Os) -> NextLife {
    if matches!(os, Os::Android | Os::Windows) {
        return NextLife::NotAsked;
    }
    let mut listed = Vec::new();
    let (mut unknown, mut unread) = (None, Vec::new());
    for (realm, tenant) in &live.tenants {
        match &tenant.tokens {
            Fact::Unknown(why) => unknown = unknown.or(Some(format!("{realm}: {why}"))),
            Fact::Known(tokens) => {
                for token in tokens.iter() {
                    match tenant.devices.get(&token.id) {
                        None => unread.push(token.name.clone()),
                        Some(Fact::Unknown(why)) => {
                            unknown = unknown.or(Some(format!("the devices of {:?}: {why}", token.name)));
                        }
                        Some(Fact::Known(devices)) => {
                            let Some(device) = devices.find(serial) else { continue };
                            let profile = devices.profile_of(device);
                            listed.push(Listed { realm, token, device, profile });
                        }
                    }
                }
            }
        }
    }
    let (here, released): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|row: &Listed<'_>| !row.device.released);
    let mut tokens: Vec<&TokenId> = here.iter().map(|row| &row.token.id).collect();
    tokens.dedup();
    if tokens.len() > 1 {
        let names: Vec<&str> = here.iter().map(|row| row.token.name.as_str()).collect();
        return NextLife::Unknown { why: format!("several tokens list it: {}", names.join(", ")) };
    }
    match (here.into_iter().next(), unknown) {
        (Some(row), _) => at(&row, os),
        (None, Some(why)) => NextLife::Unknown { why: format!("not every token could be read ({why})") },
        (None, None) if !unread.is_empty() => NextLife::Unread { tokens: unread },
        (None, None) if !released.is_empty() => {
            let why = "it is released at Apple, so that no token brings it back".to_owned();
            NextLife::Nothing { row: "S-6", why }
        }
        (None, None) => {
            let why = "no token lists it, so that it would come back without management".to_owned();
            NextLife::Nothing { row: "P-31", why }
        }
    }
}

fn at(row: &Listed<'_>, os: Os) -> NextLife {
    let enrolls = |profile: &ProfileId, by_default| NextLife::Enrolls {
        realm: row.realm.clone(),
        token: row.token.id.clone(),
        token_name: row.token.name.clone(),
        profile: profile.clone(),
        by_default,
    };
    if let Some(profile) = row.profile {
        return enrolls(profile, false);
    }
    let nothing = || {
        let why = format!("it has no profile on the token {:?}, which has no default for it", row.token.name);
        NextLife::Nothing { row: "P-31", why }
    };
    // A direct token has no default of its own.
    if row.realm.is_direct() {
        return nothing();
    }
    let platform = row.device.platform.or(platform_of(os));
    match platform.and_then(|platform| row.token.default_of(platform)) {
        Some(Fact::Known(Some(default))) => enrolls(default, true),
        Some(Fact::Unknown(why)) => {
            NextLife::Unknown { why: format!("the default profile of {:?}: {why}", row.token.name) }
        }
        Some(Fact::Known(None)) | None => nothing(),
    }
}

/// The platform of the profiles that a device takes.
const fn platform_of(os: Os) -> Option<Platform> {
    match os {
        Os::Ios | Os::Ipados => Some(Platform::Ios),
        Os::Macos => Some(Platform::Macos),
        Os::Tvos => Some(Platform::Tvos),
        Os::Visionos => Some(Platform::Visionos),
        Os::Android | Os::Windows | Os::Other => None,
    }
}
