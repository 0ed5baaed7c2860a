//! The two halves of any service, chosen once and spoken to in the same words.

use std::collections::BTreeMap;

use super::direct::{self, DirectActuator, DirectObserver, How};
use super::graph::{self, GraphActuator, GraphObserver};
use super::outcome::Outcome;
use crate::http::meter::Meter;
use crate::model::TokenId;
use crate::model::live::{Complete, Devices, Fact, LiveProfile, LiveToken};
use crate::progress::Progress;

/// Reads. It cannot write.
#[derive(Clone, Debug)]
pub enum Observer {
    /// An Intune tenant.
    Graph(GraphObserver),
    /// A direct token.
    Direct(DirectObserver),
}

/// Writes.
#[derive(Clone, Debug)]
pub enum Actuator {
    /// An Intune tenant.
    Graph(GraphActuator),
    /// A direct token.
    Direct(DirectActuator),
}

/// One write.
#[derive(Clone, Debug)]
pub enum Write {
    /// To an Intune tenant.
    Graph(graph::Write),
    /// With a direct token.
    Direct(direct::Write),
}

impl Observer {
    /// What the connection was called for so far, writes included, and what it asked for.
    pub fn meter(&self) -> &Meter {
        match self {
            Observer::Graph(graph) => graph.meter(),
            Observer::Direct(direct) => direct.meter(),
        }
    }

    /// Reads the tokens; a direct one is known without a call.
    pub async fn tokens(&self) -> Fact<Complete<LiveToken>> {
        match self {
            Observer::Graph(graph) => graph.tokens().await,
            Observer::Direct(direct) => Fact::Known(direct.tokens(None, 0)),
        }
    }

    /// Reads one token. `Known(None)`: there is none of this id.
    pub async fn token(&self, id: &TokenId) -> Fact<Option<LiveToken>> {
        match self {
            Observer::Graph(graph) => graph.token(id).await,
            Observer::Direct(direct) => Fact::Known(direct.tokens(None, 0).by_id(id).ok().cloned()),
        }
    }

    /// Reads the profiles of tokens. A direct token has no list of them: nothing is told.
    pub async fn profiles(&self, tokens: &[TokenId]) -> BTreeMap<TokenId, Fact<Complete<LiveProfile>>> {
        match self {
            Observer::Graph(graph) => graph.profiles(tokens).await,
            Observer::Direct(_) => BTreeMap::new(),
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
        }
    }
}

impl Actuator {
    /// Carries out one write.
    pub async fn write(&self, write: &Write) -> Outcome {
        match (self, write) {
            (Actuator::Graph(graph), Write::Graph(write)) => graph.write(write).await.into(),
            (Actuator::Direct(direct), Write::Direct(write)) => direct.write(write).await,
            (Actuator::Graph(_), Write::Direct(_)) | (Actuator::Direct(_), Write::Graph(_)) => {
                Outcome::NotSent(super::outcome::Trouble::misdirected())
            }
        }
    }
}
