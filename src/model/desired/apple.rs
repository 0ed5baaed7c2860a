//! What documents wish of Apple Business and Apple School Manager.

use super::super::organisation::{Edition, ProductFamily, PurchaseSource};
use super::super::{Family, Field, Name, Place, SecretRef};
use super::{Acknowledgement, Gates, NamedSerial, Places, Recipient, TokenSelector};
use crate::model::clock::Timestamp;

/// `Connection` with `appleBusiness` or `appleSchool`: an organisation and its API account.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Which of the two.
    pub edition: Edition,
    /// `clientId`: `BUSINESSAPI.` or `SCHOOLAPI.` and a UUID.
    pub client_id: String,
    /// `keyId`
    pub key_id: String,
    /// `privateKey`: EC P-256 in PEM.
    pub private_key: SecretRef,
    /// `getPerMinute`; Apple publishes no figure (reference apple-business-api section 15).
    pub get_per_minute: u32,
    /// `postPerHour`, likewise.
    pub post_per_hour: u32,
    /// `sendKeyId`: whether the assertion's header carries the key id.
    pub send_key_id: bool,
    /// `endpoints.business` or `endpoints.school`, scheme and host only; honoured only where the runner
    /// allows it.
    pub api: Option<url::Url>,
    /// `endpoints.account`, likewise.
    pub account: Option<url::Url>,
    /// `policy`: narrows the Fleet's gates for this organisation; only what it writes is in it.
    pub policy: Option<Gates>,
    /// `policy.escrow.recipients`: replaces the Fleet's for this organisation; `None`: the Fleet's.
    pub escrow: Option<Vec<Recipient>>,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

/// `EnrollmentToken.apple`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppleService {
    /// `connection`: an organisation.
    pub connection: Name,
    /// `service`: the name of the device management service there.
    pub service: String,
}

/// `DeviceAssignment.devices.where`: all given conditions must hold; within one, any of its values. An
/// absent condition is `None`; an empty list matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// `orderNumbers`
    pub order_numbers: Option<Vec<String>>,
    /// `models`: the marketing name or the model identifier, without regard to case.
    pub models: Option<Vec<String>>,
    /// `productFamilies`
    pub product_families: Option<Vec<ProductFamily>>,
    /// `purchaseSources`
    pub purchase_sources: Option<Vec<PurchaseSource>>,
    /// `unassigned: true`: only devices of no service.
    pub unassigned: bool,
}

/// The devices that a document picks.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Named outright, in the order of their writing.
    pub named: Vec<NamedSerial>,
    /// `devices.where`
    pub selected: Option<Where>,
}

/// `DeviceAssignment.profiles`: by family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyProfiles {
    /// `iphone`
    pub iphone: Option<Name>,
    /// `ipad`
    pub ipad: Option<Name>,
    /// `mac`
    pub mac: Option<Name>,
    /// `appleTv`
    pub apple_tv: Option<Name>,
    /// `vision`
    pub vision: Option<Name>,
}

impl FamilyProfiles {
    /// Every family gets the same.
    pub fn all_of(profile: &Name) -> Self {
        let one = Some(profile.clone());
        Self { iphone: one.clone(), ipad: one.clone(), mac: one.clone(), apple_tv: one.clone(), vision: one }
    }

    /// The profile of a family; `None`: the document gives it none.
    pub const fn of(&self, family: Family) -> Option<&Name> {
        match family {
            Family::Iphone => self.iphone.as_ref(),
            Family::Ipad => self.ipad.as_ref(),
            Family::Mac => self.mac.as_ref(),
            Family::AppleTv => self.apple_tv.as_ref(),
            Family::Vision => self.vision.as_ref(),
            Family::Ipod => None,
        }
    }

    /// Every profile that is written, with the name of its field.
    pub fn written(&self) -> impl Iterator<Item = (&'static str, &Name)> {
        let fields = [
            ("iphone", &self.iphone),
            ("ipad", &self.ipad),
            ("mac", &self.mac),
            ("appleTv", &self.apple_tv),
            ("vision", &self.vision),
        ];
        fields.into_iter().filter_map(|(field, profile)| Some((field, profile.as_ref()?)))
    }
}

/// Profiles for devices that Apple's side has to pick, or whose family it has to tell.
#[derive(Clone, Debug)]
pub struct Selection {
    /// `metadata.name` of the `DeviceAssignment`.
    pub name: Name,
    /// The devices. Named ones are here only with `profiles`: with one `profile` they are an
    /// [`super::Assignment`].
    pub devices: Chosen,
    /// `profiles`, or one `profile` for all.
    pub profiles: FamilyProfiles,
    /// Whether the document wrote one `profile` for all.
    pub one_for_all: bool,
    /// `token` or `tokens`; `None`: wherever the device is.
    pub selector: Option<TokenSelector>,
    /// The tokens that the selector gives, or all tokens of the profiles, sorted.
    pub tokens: Vec<Name>,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

/// Where devices shall be at Apple.
#[derive(Clone, Debug)]
pub struct Route {
    /// `metadata.name` of the `DeviceAssignment`.
    pub name: Name,
    /// Where to.
    pub to: RouteTo,
    /// The devices.
    pub devices: Chosen,
    /// `moveBy`
    pub move_by: Option<MoveBy>,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTo {
    /// `token`: to the service of that token, which has `apple`.
    Token(Name),
    /// `unassign: true`: to no service.
    Nowhere,
}

/// `moveBy`: a migration with a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveBy {
    /// `deadline`
    pub deadline: Timestamp,
    /// Where it stands.
    pub place: Place,
}

impl super::Desired {
    /// The tokens whose service is in an organisation, with the name of the service.
    pub fn services_of<'d>(
        &'d self,
        organisation: &'d Name,
    ) -> impl Iterator<Item = (&'d Name, &'d super::Token, &'d str)> {
        self.tokens.iter().filter_map(move |(name, token)| {
            let apple = token.apple.as_ref()?;
            (apple.connection == *organisation).then_some((name, token, apple.service.as_str()))
        })
    }

    /// The families that a token document claims; `None` where it does not speak of them.
    pub fn families_of<'d>(&'d self, token: &Name) -> Option<&'d [ProductFamily]> {
        match &self.tokens.get(token)?.default_for {
            Field::Missing => None,
            Field::Null => Some(&[]),
            Field::Set(families) => Some(families),
        }
    }
}
