//! The two halves of any service, chosen once and spoken to in the same words.

use std::collections::BTreeMap;

use openssl::x509::X509;
use serde_json::json;

use super::business::{
    Activity, BusinessActuator, BusinessObserver, LogReader, NewService, ReleasePermit, ServiceChange,
};
use super::direct::{self, DirectActuator, DirectObserver, How};
use super::graph::{self, ActBatch, DeviceCall, DeviceRequest, GraphActuator, GraphObserver, WipeBody};
use super::outcome::{ActAnswer, Done, Outcome, Trouble};
use crate::http::meter::Meter;
use crate::ledger::Permit;
use crate::model::act::RecordId;
use crate::model::clock::Timestamp;
use crate::model::live::{Complete, Devices, Fact, LiveProfile, LiveToken, Unknown};
use crate::model::{ProductFamily, Serial, ServiceId, TokenId};
use crate::plan::file::sha256;
use crate::progress::Progress;

/// Reads. It cannot write.
#[derive(Clone, Debug)]
pub enum Observer {
    /// An Intune tenant.
    Graph(GraphObserver),
    /// A direct token.
    Direct(DirectObserver),
    /// An organisation in Apple Business or Apple School Manager.
    Apple(AppleObserver),
}

/// The read half of an organisation: its API, and the host that has the logs of its activities.
#[derive(Clone, Debug)]
pub struct AppleObserver {
    /// The API.
    pub api: BusinessObserver,
    /// The logs: fetched without the bearer.
    pub logs: LogReader,
}

/// Writes.
#[derive(Clone, Debug)]
pub enum Actuator {
    /// An Intune tenant.
    Graph(GraphActuator),
    /// A direct token.
    Direct(DirectActuator),
    /// An organisation in Apple Business or Apple School Manager.
    Apple(BusinessActuator),
}

/// One write.
#[derive(Clone, Debug)]
pub enum Write {
    /// To an Intune tenant.
    Graph(graph::Write),
    /// With a direct token.
    Direct(direct::Write),
    /// To an organisation in Apple Business or Apple School Manager.
    Apple(AppleWrite),
}

/// One write to an organisation at Apple. Those over devices begin an activity.
#[derive(Clone, Debug)]
pub enum AppleWrite {
    /// Points devices at a service, wherever they are now.
    Assign {
        /// The service.
        to: ServiceId,
        /// Enrolled devices are asked to migrate by then; `None`: they are not.
        deadline: Option<Timestamp>,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Takes devices off their service.
    Unassign {
        /// The service that they have.
        from: ServiceId,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Changes the deadline of migrations.
    UpdateDeadline {
        /// The new one.
        deadline: Timestamp,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Cancels migrations that have not started.
    CancelMigration {
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Makes a service.
    CreateService {
        /// `serverName`
        name: String,
        /// The certificate that its server tokens are encrypted for.
        certificate: X509,
    },
    /// Renames a service.
    RenameService {
        /// The service.
        id: ServiceId,
        /// Its name from now on.
        name: String,
    },
    /// Changes the families that a service is the default of.
    SetFamilies {
        /// The service.
        id: ServiceId,
        /// Those that it has.
        has: Vec<ProductFamily>,
        /// Those that it shall have.
        shall_have: Vec<ProductFamily>,
    },
    /// Deletes a service.
    DeleteService {
        /// The service.
        id: ServiceId,
    },
}

impl AppleWrite {
    /// The activity that it begins, with its devices; `None` for what is done to a service itself.
    fn activity(&self) -> Option<(Activity, &[Serial])> {
        Some(match self {
            AppleWrite::Assign { to, deadline: None, serials } => {
                (Activity::Assign { to: to.clone() }, serials)
            }
            AppleWrite::Assign { to, deadline: Some(deadline), serials } => {
                (Activity::AssignWithDeadline { to: to.clone(), deadline: *deadline }, serials)
            }
            AppleWrite::Unassign { from, serials } => (Activity::Unassign { from: from.clone() }, serials),
            AppleWrite::UpdateDeadline { deadline, serials } => {
                (Activity::UpdateDeadline { deadline: *deadline }, serials)
            }
            AppleWrite::CancelMigration { serials } => (Activity::CancelMigration, serials),
            AppleWrite::CreateService { .. }
            | AppleWrite::RenameService { .. }
            | AppleWrite::SetFamilies { .. }
            | AppleWrite::DeleteService { .. } => return None,
        })
    }

    async fn send(&self, to: &BusinessActuator) -> Outcome {
        if let Some((activity, serials)) = self.activity() {
            let begun = to.begin(&activity, serials).await;
            return Outcome::of_ended(begun, |id| Done { activity: Some(id), ..Done::default() });
        }
        let (id, change) = match self {
            AppleWrite::CreateService { name, certificate } => {
                let new =
                    NewService { name: name.clone(), certificate: certificate.clone(), may_disown: None };
                let made = to.create_service(&new).await;
                return Outcome::of_ended(made, |made| Done { service: Some(made.id), ..Done::default() });
            }
            AppleWrite::DeleteService { id } => {
                return Outcome::of_ended(to.delete_service(id).await, |()| Done::default());
            }
            AppleWrite::RenameService { id, name } => (id, ServiceChange::Name(name.clone())),
            AppleWrite::SetFamilies { id, has, shall_have } => {
                (id, ServiceChange::Families { has: has.clone(), shall_have: shall_have.clone() })
            }
            AppleWrite::Assign { .. }
            | AppleWrite::Unassign { .. }
            | AppleWrite::UpdateDeadline { .. }
            | AppleWrite::CancelMigration { .. } => return Outcome::NotSent(Trouble::misdirected()),
        };
        Outcome::of_ended(to.change_service(id, &change).await, |()| Done::default())
    }
}

/// An organisation holds no tokens.
fn no_tokens() -> Unknown {
    let Trouble { cause, text, next, .. } = Trouble::misdirected();
    Unknown { cause, reason: text, next }
}

impl Observer {
    /// What the connection was called for so far, writes included, and what it asked for.
    pub fn meter(&self) -> &Meter {
        match self {
            Observer::Graph(graph) => graph.meter(),
            Observer::Direct(direct) => direct.meter(),
            Observer::Apple(apple) => apple.api.meter(),
        }
    }

    /// Reads the tokens; a direct one is known without a call, and an organisation has none.
    pub async fn tokens(&self) -> Fact<Complete<LiveToken>> {
        match self {
            Observer::Graph(graph) => graph.tokens().await,
            Observer::Direct(direct) => Fact::Known(direct.tokens(None, 0)),
            Observer::Apple(_) => Fact::Unknown(no_tokens()),
        }
    }

    /// Reads one token. `Known(None)`: there is none of this id.
    pub async fn token(&self, id: &TokenId) -> Fact<Option<LiveToken>> {
        match self {
            Observer::Graph(graph) => graph.token(id).await,
            Observer::Direct(direct) => Fact::Known(direct.tokens(None, 0).by_id(id).ok().cloned()),
            Observer::Apple(_) => Fact::Unknown(no_tokens()),
        }
    }

    /// Reads the profiles of tokens. A direct token has no list of them: nothing is told.
    pub async fn profiles(&self, tokens: &[TokenId]) -> BTreeMap<TokenId, Fact<Complete<LiveProfile>>> {
        match self {
            Observer::Graph(graph) => graph.profiles(tokens).await,
            Observer::Direct(_) | Observer::Apple(_) => BTreeMap::new(),
        }
    }

    /// Reads the devices of tokens; of a direct one what has changed, where that is enough.
    pub async fn devices(
        &self,
        tokens: &[TokenId],
        progress: &dyn Progress,
    ) -> BTreeMap<TokenId, Fact<Devices>> {
        match self {
            Observer::Graph(graph) => graph.devices(tokens, progress).await,
            Observer::Direct(direct) => {
                let id = direct.token_id();
                match tokens.contains(&id) {
                    true => BTreeMap::from([(id, direct.devices(How::Cheapest, progress).await.devices)]),
                    false => BTreeMap::new(),
                }
            }
            Observer::Apple(_) => BTreeMap::new(),
        }
    }
}

impl Actuator {
    /// Carries out one write.
    pub async fn write(&self, write: &Write) -> Outcome {
        match (self, write) {
            (Actuator::Graph(graph), Write::Graph(write)) => graph.write(write).await.into(),
            (Actuator::Direct(direct), Write::Direct(write)) => direct.write(write).await,
            (Actuator::Apple(apple), Write::Apple(write)) => write.send(apple).await,
            (Actuator::Graph(_) | Actuator::Direct(_) | Actuator::Apple(_), _) => {
                Outcome::NotSent(Trouble::misdirected())
            }
        }
    }
}

/// `sha256:` and hex over a request to a device: the record, what is asked and every member of it. A PIN is
/// in it as its presence alone: a short text could be guessed from a hash.
pub fn digest_of_request(record: &RecordId, call: &DeviceCall) -> String {
    let body = match call {
        DeviceCall::PlaySound { minutes } => json!({ "minutes": minutes }),
        DeviceCall::EnableLostMode { message, phone_number, footnote } => {
            json!({ "message": message, "phoneNumber": phone_number, "footnote": footnote })
        }
        DeviceCall::Rename { name } => json!({ "name": name }),
        DeviceCall::DeleteSharedIpadUser { user } => json!({ "user": user }),
        DeviceCall::Wipe(WipeBody::Bare) => json!("bare"),
        DeviceCall::Wipe(WipeBody::Cellular { keep_data_plan }) => json!({ "keepDataPlan": keep_data_plan }),
        DeviceCall::Wipe(WipeBody::Mac { unlock_code, obliteration }) => {
            json!({ "pin": unlock_code.is_some(), "obliteration": obliteration })
        }
        DeviceCall::Sync
        | DeviceCall::Locate
        | DeviceCall::Lock
        | DeviceCall::DisableLostMode
        | DeviceCall::Restart
        | DeviceCall::ShutDown
        | DeviceCall::LogOutSharedIpadUser
        | DeviceCall::ResetPasscode
        | DeviceCall::BypassActivationLock
        | DeviceCall::Retire
        | DeviceCall::DeleteRecord => json!(null),
    };
    sha256(&json!({ "record": record, "action": call.kind(), "body": body }).to_string())
}

/// What comes of a request that is not the promised one: it never leaves.
fn not_promised(permit: &Permit) -> Trouble {
    let text =
        format!("the request is not the one that entry {} promised for {}", permit.row(), permit.act());
    Trouble {
        operation: "sending a device action".to_owned(),
        message: text.clone(),
        text: format!("{text}; it was not sent"),
        next: "this is a mistake of espalier: report it with `espalier journal`".to_owned(),
        ..Trouble::misdirected()
    }
}

/// `sha256:` and hex over the release of a device.
pub fn digest_of_release(serial: &Serial) -> String {
    sha256(&json!({ "serial": serial, "action": "release" }).to_string())
}

fn is_promised(permit: &Permit, request: &DeviceRequest) -> bool {
    permit.epoch().record == *request.record()
        && permit.request().digest == digest_of_request(request.record(), request.call())
}

impl Actuator {
    /// Sends one request to one device, once: the only way to do so. The permit, which the ledger gave for
    /// its promise, is used up; a request that is not the promised one is not sent.
    ///
    /// ```compile_fail,E0382
    /// # use espalier::{ledger::Permit, provider::Actuator, provider::graph::DeviceRequest};
    /// async fn twice(to: &Actuator, permit: Permit, one: DeviceRequest, other: DeviceRequest) {
    ///     to.act(permit, one).await;
    ///     to.act(permit, other).await;
    /// }
    /// ```
    pub async fn act(&self, permit: Permit, request: DeviceRequest) -> ActAnswer {
        match self {
            Actuator::Graph(_) if !is_promised(&permit, &request) => {
                ActAnswer::NotSent(not_promised(&permit))
            }
            Actuator::Graph(graph) => graph.send_act(request).await,
            Actuator::Direct(_) | Actuator::Apple(_) => ActAnswer::NotSent(Trouble::misdirected()),
        }
    }

    /// Sends requests of class safe and disruptive to as many devices, each once, in one call; what became of
    /// each, in their order. As [`Actuator::act`]: where one of them is not the promised one, none is sent.
    pub async fn acts(&self, each: Vec<(Permit, DeviceRequest)>) -> Vec<ActAnswer> {
        let count = each.len();
        let none = |trouble: Trouble| vec![ActAnswer::NotSent(trouble); count];
        let Actuator::Graph(graph) = self else { return none(Trouble::misdirected()) };
        if let Some((permit, _)) = each.iter().find(|(permit, request)| !is_promised(permit, request)) {
            return none(not_promised(permit));
        }
        match ActBatch::new(each.into_iter().map(|(_, request)| request).collect()) {
            Ok(batch) => graph.send_acts(batch).await,
            Err(error) => {
                none(Trouble { text: format!("{error}; nothing was sent"), ..Trouble::misdirected() })
            }
        }
    }

    /// Releases a device from its organisation at Apple, once, for good: the only way to do so. Both permits are
    /// used up: the ledger's for its promise, and Apple's for what it said of the device and its lock.
    pub async fn release(&self, permit: Permit, release: ReleasePermit, until: Timestamp) -> Outcome {
        let Actuator::Apple(apple) = self else { return Outcome::NotSent(Trouble::misdirected()) };
        let serial = release.serial();
        let is_promised = permit.act().serial == serial
            && permit.epoch().record.0 == serial.as_str()
            && permit.request().digest == digest_of_release(&serial);
        if !is_promised {
            return Outcome::NotSent(not_promised(&permit));
        }
        let begun = apple.release(release, until).await;
        Outcome::of_ended(begun, |id| Done { activity: Some(id), ..Done::default() })
    }
}
