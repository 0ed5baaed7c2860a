//! Lists: pages are followed to the last one, or the list is not known at all.

use std::collections::HashSet;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use url::Url;

use super::client::{Call, GraphClient};
use super::wire::Page;
use super::{Operation, ServiceError};
use crate::model::live::Cause;

/// The addresses of one list's pages that were asked for.
pub(super) struct Trail {
    operation: Operation,
    seen: HashSet<String>,
}

impl Trail {
    pub(super) fn new(operation: Operation, first: &Url) -> Self {
        Self { operation, seen: HashSet::from([first.to_string()]) }
    }

    /// Checks a next link: at Graph's origin, and not seen before in this list.
    pub(super) fn follow(&mut self, client: &GraphClient, link: &str) -> Result<Url, ServiceError> {
        let url = client.next_link(self.operation, link)?;
        if self.seen.insert(url.to_string()) {
            return Ok(url);
        }
        let message = "the pages of the list lead back to one that was read already".to_owned();
        let next = "run again; if it lasts, report it to Microsoft's support";
        Err(ServiceError::own(self.operation, Cause::Unavailable, message, next))
    }
}

impl GraphClient {
    /// Reads one URL.
    pub(super) async fn get(&self, operation: Operation, url: Url) -> Result<Bytes, ServiceError> {
        match self.call(&Call::get(operation, url)).await {
            Ok(success) => Ok(success.answer.body),
            Err(failure) => Err(failure.error),
        }
    }

    /// Reads a whole list.
    ///
    /// Lists are asked for without `$top`: some services take it as a limit of the whole result and
    /// give no next link, and a list cut short would look complete.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        operation: Operation,
        first: Url,
    ) -> Result<Vec<T>, ServiceError> {
        let page = self.get(operation, first.clone()).await?;
        self.list_from(operation, &first, page).await
    }

    /// Reads the rest of a list whose first page is at hand.
    pub(super) async fn list_from<T: DeserializeOwned>(
        &self,
        operation: Operation,
        first: &Url,
        mut body: Bytes,
    ) -> Result<Vec<T>, ServiceError> {
        let mut trail = Trail::new(operation, first);
        let mut items = Vec::new();
        loop {
            let page: Page<T> = serde_json::from_slice(&body)
                .map_err(|error| ServiceError::unreadable(operation, &error.to_string(), self.redactor()))?;
            items.extend(page.value);
            let Some(link) = page.next_link else { return Ok(items) };
            body = self.get(operation, trail.follow(self, &link)?).await?;
        }
    }
}
