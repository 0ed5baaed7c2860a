//! What the documents wish: validated, references resolved, every value with its place.
//!
//! Made by `manifest`, read by `rules`, `diff` and `plan`. Nothing here comes from a service.

mod action;
mod apple;
mod cron;
mod fleet;
mod settings;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Family, Field, Fields, Name, Place, Platform, ProductFamily, Realm, SecretRef, Serial};

pub use action::DeviceAction;
pub use apple::{
    AppleService, Chosen, FamilyProfiles, MoveBy, Organisation, Route, RouteTo, Selection, Where,
};
pub use cron::Cron;
pub use fleet::{
    Approvals, Escrow, Fleet, Gates, LedgerRef, Limit, LimitKind, OnCommit, OnDrift, Recipient, Watch,
};
pub use settings::{
    Ade, Authentication, Certificate, CompanyPortal, LocalAdmin, Pairing, PairingMode, PrimaryAccount,
    ProfileSettings, SetupAssistant, SharedIpad, UserAffinity,
};
pub use window::{Window, WindowKind, Zone};

/// All documents of a folder.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The one `Fleet` document.
    pub fleet: Fleet,
    /// `Connection` documents by name.
    pub connections: BTreeMap<Name, Connection>,
    /// `Connection` documents with `appleBusiness` or `appleSchool`, by name. No name is in both maps.
    pub organisations: BTreeMap<Name, Organisation>,
    /// `EnrollmentToken` documents by name.
    pub tokens: BTreeMap<Name, Token>,
    /// `EnrollmentProfile` documents by name.
    pub profiles: BTreeMap<Name, Profile>,
    /// `DeviceAssignment` documents, by name. One whose CSV names the profiles (`profileColumn`) is
    /// several: one for each profile, by its name.
    pub assignments: Vec<Assignment>,
    /// What `DeviceAssignment` documents wish of devices that only Apple's side can pick, or whose
    /// profile only it can tell: `devices.where`, and `profiles` by family. In the plan they become
    /// assignments like those above.
    pub selections: Vec<Selection>,
    /// Where `DeviceAssignment` documents wish devices to be at Apple: `token` of a token with `apple`,
    /// and `unassign`.
    pub routes: Vec<Route>,
    /// `DeviceAction` documents by name.
    pub actions: BTreeMap<Name, DeviceAction>,
    /// Files that contribute nothing although a document names them (a CSV with a bad line), so
    /// that their serials are unknown and not "named by nobody".
    pub unread_files: Vec<PathBuf>,
}

impl Desired {
    /// The assignments of the document with this name: several where its CSV names the profiles.
    pub fn assignments_of(&self, name: &Name) -> impl Iterator<Item = &Assignment> {
        self.assignments.iter().filter(move |assignment| assignment.name == *name)
    }

    /// The token documents of a service: those of a connection, or the one that a direct token is.
    pub fn tokens_at(&self, realm: &Realm) -> impl Iterator<Item = (&Name, &Token)> {
        // There may be thousands of direct tokens, each a service of its own.
        let (direct, held) = match realm {
            Realm::Direct(name) => (self.tokens.get_key_value(name), None),
            Realm::Mdm(_) => (None, Some(self.tokens.iter())),
            // An organisation holds no token.
            Realm::Apple(_) => (None, None),
        };
        direct.into_iter().chain(held.into_iter().flatten()).filter(move |(_, token)| token.realm == *realm)
    }

    /// The display names of the VPP tokens that profiles wish on tokens of a connection.
    pub fn vpp_tokens_of(&self, connection: &Name) -> BTreeSet<&str> {
        let is_here = |token: &Name| {
            self.tokens.get(token).is_some_and(|one| one.realm.connection() == Some(connection))
        };
        self.profiles
            .values()
            .flat_map(|profile| &profile.wished)
            .filter(|(token, _)| is_here(token))
            .filter_map(|(_, fields)| fields.get("companyPortal.vppToken")?.as_text())
            .collect()
    }
}

/// Where a document and its fields stand.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Where the document begins.
    pub document: Place,
    /// Where each written field's value stands, by dotted name below `spec` (`pairing.mode`) or
    /// below the document (`metadata.name`).
    pub fields: BTreeMap<String, Place>,
}

impl Places {
    /// The place of a field, or of its nearest written parent, or of the document.
    pub fn at(&self, field: &str) -> &Place {
        let mut name = field;
        loop {
            if let Some(place) = self.fields.get(name) {
                return place;
            }
            match name.rsplit_once('.') {
                Some((parent, _)) => name = parent,
                None => return &self.document,
            }
        }
    }

    /// Where a serial stands that a `DeviceAssignment` names.
    pub fn of_serial(&self, device: &NamedSerial) -> Place {
        // The lowering leaves the CSV's path here.
        let csv = || self.fields.get("devices.csv.$path");
        let file = match device.source {
            SerialSource::Document => None,
            SerialSource::Csv => csv().map(|place| place.file.clone()),
        };
        let file: Arc<str> = file.unwrap_or_else(|| self.document.file.clone());
        Place { file, line: device.line, column: 1 }
    }
}

/// `state` of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// It should exist.
    #[default]
    Present,
    /// It should be deleted, in order and with its checks.
    Absent,
}

/// The fields that several kinds share (manifests.md, "Shared by several kinds").
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `displayName`, else `metadata.name`: the name at the service (P-1). May hold `${name}`.
    pub display_name: String,
    /// `id`: picks the live object when two carry the name.
    pub id: Option<String>,
    /// `formerly`: earlier display names.
    pub formerly: Vec<String>,
    /// `state`.
    pub state: State,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

/// `acknowledge`: a warning or grandfathered finding that the team knows, folded until its date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The requirement row or diagnostic code, e.g. `P-6`.
    pub rule: String,
    /// Why it is accepted.
    pub reason: String,
    /// Until when; afterwards it is shown again.
    pub until: jiff::Timestamp,
    /// Where it stands.
    pub place: Place,
}

/// `Connection`: a tenant and how to sign in.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `intune.tenantId`.
    pub tenant_id: String,
    /// `intune.clientId`.
    pub client_id: String,
    /// `intune.credential`.
    pub credential: Credential,
    /// `intune.cloud`.
    pub cloud: Cloud,
    /// `intune.assignBatch`: serials in one assignment request. No source knows the service's
    /// limit; 100 is what others use (reference intune-graph section 3.2).
    pub assign_batch: usize,
    /// `endpoints`, honoured only where the runner allows it (`ESPALIER_ALLOW=endpoints`).
    pub endpoints: Endpoints,
    /// `policy`: narrows the Fleet's gates for this tenant; only what it writes is in it.
    pub policy: Option<Gates>,
    /// `policy.escrow.recipients`: replaces the Fleet's for this tenant; `None`: the Fleet's.
    pub escrow: Option<Vec<Recipient>>,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

/// `Connection.intune.cloud`: which of Microsoft's separate clouds the tenant lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cloud {
    /// `global`
    #[default]
    Global,
    /// `usGov`: US Government L4 (GCC High).
    UsGov,
    /// `usDod`: US Government L5 (DoD).
    UsDod,
    /// `china`: operated by 21Vianet.
    China,
}

/// How a connection proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `clientSecret`.
    ClientSecret(SecretRef),
    /// `certificate.pem`: the private key and its certificate in one text.
    Certificate(SecretRef),
    /// `federatedTokenFile`: a file whose text is sent as client assertion, read anew at every
    /// sign-in because others renew it.
    FederatedTokenFile(PathBuf),
    /// `githubOidc`: the id token of the GitHub workflow that runs this process.
    GithubOidc,
    /// `managedIdentity`: the identity that Azure gives to this machine or app.
    ManagedIdentity {
        /// The client id of a user-assigned identity; `None`: the machine's own.
        client_id: Option<String>,
    },
}

/// `Connection.endpoints`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Microsoft Graph, scheme and host only.
    pub graph: Option<url::Url>,
    /// Entra's token service, scheme and host only.
    pub login: Option<url::Url>,
}

/// `EnrollmentToken`, held by an MDM or by espalier itself.
#[derive(Clone, Debug)]
pub struct Token {
    /// Shared fields.
    pub identity: Identity,
    /// Who holds it: `mdm`, or espalier itself (`direct`).
    pub realm: Realm,
    /// `direct`: the key pair and the token that espalier holds; `None` for a token of an MDM.
    pub direct: Option<DirectToken>,
    /// `scopeTags`: names, the exact list (T-5).
    pub scope_tags: Field<Vec<String>>,
    /// `appleId` (T-4): compared, never written.
    pub apple_id: Field<String>,
    /// `consentToShareData` (T-3).
    pub consent_to_share_data: Field<bool>,
    /// `apple`: the device management service at Apple that it belongs to.
    pub apple: Option<AppleService>,
    /// `defaultFor`: the product families whose new devices Apple gives to this service; only with
    /// `apple`.
    pub default_for: Field<Vec<ProductFamily>>,
    /// `defaultProfiles`: profile documents of this folder (P-30).
    pub defaults: DefaultProfiles,
    /// `values` for `${name}` in texts of profiles.
    pub values: BTreeMap<String, String>,
    /// `accountDrivenEnrollmentUrl`, direct tokens only; `null`: none.
    pub account_driven_url: Field<url::Url>,
    /// `prune`.
    pub prune: Prune,
}

/// `EnrollmentToken.direct`: what espalier needs to be the holder of a token (T-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectToken {
    /// `privateKey`: the key to which Apple encrypts the token.
    pub private_key: SecretRef,
    /// `certificate`: the file with its certificate, which was uploaded to Apple.
    pub certificate: PathBuf,
    /// `serverToken`
    pub server_token: ServerTokenSource,
}

/// `EnrollmentToken.direct.serverToken`: where the token itself comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerTokenSource {
    /// The `.p7m` file that Apple gave: encrypted, so that it may lie beside the documents.
    File(PathBuf),
    /// A secret with the text of the `.p7m`, or of the token that was in it.
    Secret(SecretRef),
}

/// `EnrollmentToken.defaultProfiles` (P-30). At Intune, the profile of newly synced devices by
/// platform; of a direct token, the profile of every device that no assignment claims, by family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultProfiles {
    /// `ios`
    pub ios: Field<Name>,
    /// `macos`
    pub macos: Field<Name>,
    /// `tvos`, direct tokens only.
    pub tvos: Field<Name>,
    /// `visionos`, direct tokens only.
    pub visionos: Field<Name>,
    /// `iphone`, direct tokens only: before `ios`.
    pub iphone: Field<Name>,
    /// `ipad`, direct tokens only: before `ios`.
    pub ipad: Field<Name>,
    /// `mac`, direct tokens only: before `macos`.
    pub mac: Field<Name>,
    /// `appleTv`, direct tokens only: before `tvos`.
    pub apple_tv: Field<Name>,
    /// `vision`, direct tokens only: before `visionos`.
    pub vision: Field<Name>,
}

impl DefaultProfiles {
    /// The wish for a platform.
    pub fn of(&self, platform: Platform) -> &Field<Name> {
        match platform {
            Platform::Ios => &self.ios,
            Platform::Macos => &self.macos,
            Platform::Tvos => &self.tvos,
            Platform::Visionos => &self.visionos,
        }
    }

    /// The wish for a family of devices: its own, else that for its platform; `null` wishes none.
    pub fn of_family(&self, family: Family) -> Option<&Name> {
        let own = match family {
            Family::Iphone => &self.iphone,
            Family::Ipad => &self.ipad,
            Family::Mac => &self.mac,
            Family::AppleTv => &self.apple_tv,
            Family::Vision => &self.vision,
            Family::Ipod => &Field::Missing,
        };
        match own {
            Field::Set(profile) => Some(profile),
            Field::Null => None,
            Field::Missing => self.of(family.platform()).set(),
        }
    }

    /// The wishes by platform, for platforms with a written one.
    pub fn written(&self) -> impl Iterator<Item = (Platform, &Name)> {
        Platform::ALL.into_iter().filter_map(|platform| Some((platform, self.of(platform).set()?)))
    }

    /// Every profile that is written, with the name of its field.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Name)> {
        let fields = [
            ("ios", &self.ios),
            ("macos", &self.macos),
            ("tvos", &self.tvos),
            ("visionos", &self.visionos),
            ("iphone", &self.iphone),
            ("ipad", &self.ipad),
            ("mac", &self.mac),
            ("appleTv", &self.apple_tv),
            ("vision", &self.vision),
        ];
        fields.into_iter().filter_map(|(field, wish)| Some((field, wish.set()?)))
    }
}

/// `EnrollmentToken.prune`: which profiles that no document names may be deleted (T-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prune {
    /// None.
    #[default]
    Never,
    /// Those that espalier created.
    Created,
    /// Adopted ones too. Never one that it neither created nor adopted.
    All,
}

/// `EnrollmentProfile`.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Shared fields.
    pub identity: Identity,
    /// `platform` (P-32).
    pub platform: Platform,
    /// `rollout.first`: tokens that are applied and read back before the others, in their order.
    /// Empty: the first of `tokens`.
    pub rollout_first: Vec<Name>,
    /// What users wrote as `tokens`.
    pub selector: TokenSelector,
    /// The tokens that the selector gives, sorted; only tokens that exist as documents.
    pub tokens: Vec<Name>,
    /// The settings.
    pub settings: ProfileSettings,
    /// By token: the canonical form of what is wished there, `${name}` filled in; missing fields
    /// are left out, `null` ones carry their default. `displayName` is always in it.
    pub wished: BTreeMap<Name, Fields>,
    /// As `wished`, but with the defaults of the field table for missing fields: what a create
    /// sends. Unlisted screens stay out.
    pub created: BTreeMap<Name, Fields>,
}

/// A choice of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSelector {
    /// By name.
    Names(Vec<Name>),
    /// By `matchLabels`: all given labels must be equal.
    Labels(BTreeMap<String, String>),
}

/// `DeviceAssignment`.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// `metadata.name`.
    pub name: Name,
    /// `profile`: a profile document.
    pub profile: Name,
    /// `token` or `tokens`; `None` where neither is given: wherever the serial is.
    pub selector: Option<TokenSelector>,
    /// The tokens that the selector gives, or all tokens of the profile, sorted.
    pub tokens: Vec<Name>,
    /// The serials, named outright, in the order of their writing.
    pub devices: Vec<NamedSerial>,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

/// A serial with the place that names it. Small, for there can be 200,000 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedSerial {
    /// The serial.
    pub serial: Serial,
    /// The line in the file that `source` tells.
    pub line: u32,
    /// Whether it stands in the document or in its CSV.
    pub source: SerialSource,
}

/// Which file a serial stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialSource {
    /// In the document itself.
    Document,
    /// In its CSV file (place of the field `devices.csv.file`).
    Csv,
}

impl Assignment {
    /// Where a serial stands.
    pub fn place_of(&self, device: &NamedSerial) -> Place {
        self.places.of_serial(device)
    }
}
