//! The two halves of any service, chosen once and spoken to in the same words.

use std::collections::BTreeMap;

use openssl::x509::X509;

use super::business::{Activity, BusinessActuator, BusinessObserver, LogReader, NewService, ServiceChange};
use super::direct::{self, DirectActuator, DirectObserver, How};
use super::graph::{self, GraphActuator, GraphObserver};
use super::outcome::{Done, Outcome, Trouble};
use crate::http::meter::Meter;
use crate::model::clock::Timestamp;
use crate::model::live::{Complete, Devices, Fact, LiveProfile, LiveToken, Unknown};
use crate::model::{ProductFamily, Serial, ServiceId, TokenId};
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
