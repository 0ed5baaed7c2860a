//! The read half: each fact whole, or unknown with its reason.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use url::Url;

use super::batch;
use super::client::{Call, GraphClient};
use super::convert::VppNames;
use super::pages::Trail;
use super::wire::{
    self, Kept, ProfileRecord, PushCertificateRecord, ScopeTagRecord, TokenRecord, VppTokenRecord,
};
use super::{Operation, ServiceError, convert};
use crate::http::meter::Meter;
use crate::model::TokenId;
use crate::model::live::{
    Complete, Devices, DevicesBuilder, Fact, LiveProfile, LiveToken, PushCertificate, ScopeTag, VppToken,
};
use crate::progress::Progress;

const TOKENS: [&str; 2] = ["deviceManagement", "depOnboardingSettings"];
const WITH_DEFAULTS: Option<&str> = Some("$expand=defaultIosEnrollmentProfile,defaultMacOsEnrollmentProfile");

/// Reads a tenant. It cannot write.
#[derive(Clone, Debug)]
pub struct GraphObserver(GraphClient);

impl GraphObserver {
    /// The read half of a connection.
    pub fn new(client: GraphClient) -> Self {
        Self(client)
    }

    pub(super) fn client(&self) -> &GraphClient {
        &self.0
    }

    /// What the connection was called for so far, writes included, and what it asked for.
    pub fn meter(&self) -> &Meter {
        self.0.meter()
    }

    /// Reads all enrollment tokens with their default profiles; pseudo tokens (`tokenType` none)
    /// are left out.
    ///
    /// Source: `GET /deviceManagement/depOnboardingSettings`, reference section 2.2.
    pub async fn tokens(&self) -> Fact<Complete<LiveToken>> {
        let url = self.0.url(&TOKENS, WITH_DEFAULTS);
        let read = self.0.list::<Kept<TokenRecord>>(Operation::ReadTokens, url).await;
        fact(
            read.map(|kept| Complete::after_last_page(kept.into_iter().filter_map(convert::token).collect())),
        )
    }

    /// Reads one enrollment token, as for following a sync; `Known(None)` if it is not there.
    ///
    /// Source: `GET /deviceManagement/depOnboardingSettings/{id}`, reference section 2.2.
    pub async fn token(&self, id: &TokenId) -> Fact<Option<LiveToken>> {
        let url = self.0.url(&[TOKENS[0], TOKENS[1], &id.0], WITH_DEFAULTS);
        let body = match self.0.get(Operation::ReadToken, url).await {
            Ok(body) => body,
            Err(error) if error.status == Some(404) => return Fact::Known(None),
            Err(error) => return Fact::Unknown(error.into()),
        };
        let read = wire::read_one::<TokenRecord>(&body).map(convert::token);
        fact(read.map_err(|error| self.unreadable(Operation::ReadToken, &error)))
    }

    /// Reads all scope tags of the tenant.
    ///
    /// Source: `GET /deviceManagement/roleScopeTags`, reference section 6.
    pub async fn scope_tags(&self) -> Fact<Complete<ScopeTag>> {
        let url = self.0.url(&["deviceManagement", "roleScopeTags"], None);
        let read = self.0.list::<Kept<ScopeTagRecord>>(Operation::ReadScopeTags, url).await;
        fact(read.map(|kept| Complete::after_last_page(kept.into_iter().map(convert::scope_tag).collect())))
    }

    /// Reads all VPP tokens of the tenant. From then on this connection shows the VPP token of a
    /// profile by its display name. Their secret `token` is skipped while a page is parsed.
    ///
    /// Source: `GET /deviceAppManagement/vppTokens`, reference section 6.
    pub async fn vpp_tokens(&self) -> Fact<Complete<VppToken>> {
        let url = self.0.url(&["deviceAppManagement", "vppTokens"], None);
        let read = self.0.list::<VppTokenRecord>(Operation::ReadVppTokens, url).await;
        let tokens = read.map(|all| {
            Complete::after_last_page(all.into_iter().map(convert::vpp_token).collect::<Vec<_>>())
        });
        if let Ok(tokens) = &tokens {
            self.0.learn_vpp_names(VppNames::of(tokens));
        }
        fact(tokens)
    }

    /// Reads the Apple MDM push certificate; `Known(None)`: the tenant has none.
    ///
    /// Source: `GET /deviceManagement/applePushNotificationCertificate`, reference section 6.
    pub async fn push_certificate(&self) -> Fact<Option<PushCertificate>> {
        let operation = Operation::ReadPushCertificate;
        let url = self.0.url(&["deviceManagement", "applePushNotificationCertificate"], None);
        let body = match self.0.get(operation, url).await {
            Ok(body) => body,
            Err(error) if error.status == Some(404) => return Fact::Known(None),
            Err(error) => return Fact::Unknown(error.into()),
        };
        // A singleton that is not there may come as an answer without a body.
        if body.is_empty() {
            return Fact::Known(None);
        }
        let read = wire::read_one::<PushCertificateRecord>(&body);
        fact(
            read.map(|kept| convert::push_certificate(kept.known))
                .map_err(|error| self.unreadable(operation, &error)),
        )
    }

    /// Reads all enrollment profiles of each token. The first pages go 20 to a `$batch`; a failure
    /// makes only its own token unknown.
    ///
    /// Source: `GET …/{token}/enrollmentProfiles`, reference section 3.2.
    pub async fn profiles(&self, tokens: &[TokenId]) -> BTreeMap<TokenId, Fact<Complete<LiveProfile>>> {
        let reads = tokens.chunks(batch::MOST).map(|chunk| async move {
            let firsts = self.first_pages(Operation::ReadProfiles, chunk, "enrollmentProfiles").await;
            join_all(chunk.iter().zip(firsts).map(|(token, first)| async move {
                let read = self.profiles_of(first).await;
                (token.clone(), fact(read))
            }))
            .await
        });
        join_all(reads).await.into_iter().flatten().collect()
    }

    async fn profiles_of(&self, first: FirstPage) -> Result<Complete<LiveProfile>, ServiceError> {
        let kept: Vec<Kept<ProfileRecord>> =
            self.0.list_from(Operation::ReadProfiles, &first.url, first.body?).await?;
        let names = self.0.vpp_names();
        let profiles = kept.into_iter().map(|one| convert::profile(one, &names));
        Ok(Complete::after_last_page(profiles.collect()))
    }

    /// Reads all device identities of each token, several tokens side by side, the pages of one token
    /// in their order. A page is parsed while the next is on its way. A failure makes only its own
    /// token unknown.
    ///
    /// Source: `GET …/{token}/importedAppleDeviceIdentities`, reference section 4.1.
    pub async fn devices(
        &self,
        tokens: &[TokenId],
        progress: &dyn Progress,
    ) -> BTreeMap<TokenId, Fact<Devices>> {
        let reads = tokens.chunks(batch::MOST).map(|chunk| async move {
            let firsts =
                self.first_pages(Operation::ReadDevices, chunk, "importedAppleDeviceIdentities").await;
            join_all(chunk.iter().zip(firsts).map(|(token, first)| async move {
                let read = self.devices_of(token, first, progress).await;
                (token.clone(), fact(read))
            }))
            .await
        });
        join_all(reads).await.into_iter().flatten().collect()
    }

    async fn devices_of(
        &self,
        token: &TokenId,
        first: FirstPage,
        progress: &dyn Progress,
    ) -> Result<Devices, ServiceError> {
        let operation = Operation::ReadDevices;
        let mut trail = Trail::new(operation, &first.url);
        let mut rows = DevicesBuilder::default();
        let mut read = 0;
        let mut expected = None;
        let mut body = first.body?;
        loop {
            let mut next = None;
            let page = wire::read_devices_page(&body, &mut rows, |link| {
                next = Some(trail.follow(&self.0, link).map(|url| self.request_ahead(operation, url)));
            })
            .map_err(|error| self.unreadable(operation, &error))?;
            read += page.rows;
            expected = expected.or(page.count);
            progress.read(token, read, expected);
            let Some(next) = next else { return Ok(rows.after_last_page()) };
            body = self.page_ahead(operation, next?).await?;
        }
    }

    /// The page of a request that was sent ahead.
    pub(super) async fn page_ahead(
        &self,
        operation: Operation,
        mut ahead: JoinSet<Result<Bytes, ServiceError>>,
    ) -> Result<Bytes, ServiceError> {
        match ahead.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => {
                let detail = "the request for the next page was given up";
                Err(ServiceError::unreadable(operation, detail, self.0.redactor()))
            }
        }
    }

    /// Sends the request for a page on a task of its own, given up when the set is dropped.
    pub(super) fn request_ahead(
        &self,
        operation: Operation,
        url: Url,
    ) -> JoinSet<Result<Bytes, ServiceError>> {
        let client = self.0.clone();
        let mut ahead = JoinSet::new();
        ahead.spawn(async move { client.get(operation, url).await });
        ahead
    }

    /// The first page of one list of each token, in their order.
    async fn first_pages(&self, operation: Operation, tokens: &[TokenId], list: &str) -> Vec<FirstPage> {
        let calls: Vec<Call> = tokens
            .iter()
            .map(|token| Call::get(operation, self.0.url(&[TOKENS[0], TOKENS[1], &token.0, list], None)))
            .collect();
        let answers = self.0.batch(&calls).await;
        calls
            .into_iter()
            .zip(answers)
            .map(|(call, answer)| FirstPage {
                url: call.url,
                body: answer.map(|success| success.answer.body).map_err(|failure| failure.error),
            })
            .collect()
    }

    fn unreadable(&self, operation: Operation, error: &serde_json::Error) -> ServiceError {
        ServiceError::unreadable(operation, &error.to_string(), self.0.redactor())
    }
}

struct FirstPage {
    url: Url,
    body: Result<Bytes, ServiceError>,
}

pub(super) fn fact<T>(read: Result<T, ServiceError>) -> Fact<T> {
    match read {
        Ok(fact) => Fact::Known(fact),
        Err(error) => Fact::Unknown(error.into()),
    }
}
