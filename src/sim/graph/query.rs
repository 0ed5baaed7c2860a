//! Query options and pages.
//!
//! A page's cursor names the next row by a key that never changes, so a list that grows or loses
//! rows between two pages neither repeats nor skips one (unless a fault says so).

use serde::Serialize;
use url::form_urlencoded;

use super::reply::{Refusal, Reply};

/// The options of a read.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// `$select`; `None`: all members.
    pub select: Option<Vec<String>>,
    /// `$expand`.
    pub expand: Vec<String>,
    /// `$filter`, which few lists take.
    pub filter: Option<String>,
    /// `$top`: rows per page.
    top: Option<usize>,
    cursor: Cursor,
    others: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    page: u32,
    next: u64,
    last: u64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { page: 1, next: 0, last: 0 }
    }
}

impl Query {
    /// Reads the raw query.
    ///
    /// # Errors
    /// A refusal for an option that these resources do not take, or a value that is none.
    pub(super) fn read(raw: &str) -> Result<Self, Refusal> {
        let mut query = Query::default();
        let words = |text: &str| text.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>();
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            match name.as_ref() {
                "$select" => query.select = Some(words(&value)),
                "$expand" => query.expand = words(&value),
                "$top" => {
                    let top = value.parse().ok().filter(|top| *top > 0);
                    query.top = Some(top.ok_or_else(|| {
                        Refusal::bad_request(format!("Invalid value '{value}' for $top query option."))
                    })?);
                }
                "$skiptoken" => {
                    query.cursor = Cursor::read(&value)
                        .ok_or_else(|| Refusal::bad_request("The $skiptoken query option is invalid."))?;
                    continue;
                }
                "$filter" => query.filter = Some(value.clone().into_owned()),
                "$count" => {}
                other if other.starts_with('$') => {
                    return Err(Refusal::bad_request(format!("Query option '{other}' is not supported.")));
                }
                _ => {}
            }
            query.others.push((name.into_owned(), value.into_owned()));
        }
        Ok(query)
    }

    /// The page that is asked for, counting from 1.
    pub(super) fn page(&self) -> u32 {
        self.cursor.page
    }

    /// The key of the first row to give.
    pub(super) fn first_key(&self, repeat: bool) -> u64 {
        if repeat && self.cursor.page > 1 { self.cursor.last } else { self.cursor.next }
    }

    /// Answers with a page. `rows` are those from [`Query::first_key`] on, each with its key, in
    /// ascending order; only as many are drawn as the page holds, and one more.
    ///
    /// `url` is the list's own address without a query.
    pub(super) fn answer<R: Serialize>(
        &self,
        url: &str,
        context: &str,
        page_size: usize,
        rows: impl Iterator<Item = (u64, R)>,
    ) -> Reply {
        let size = self.top.map_or(page_size, |top| top.min(page_size)).max(1);
        let mut body = Vec::with_capacity(256 + size.min(1000) * 512);
        let mut value = Vec::with_capacity(size.min(1000) * 512);
        let mut last = 0;
        let mut next = None;
        for (at, (key, row)) in rows.enumerate() {
            if at == size {
                next = Some(key);
                break;
            }
            if at > 0 {
                value.push(b',');
            }
            // Maps with text keys cannot fail to become JSON.
            let _ = serde_json::to_writer(&mut value, &row);
            last = key;
        }
        body.extend_from_slice(b"{\"@odata.context\":");
        let _ = serde_json::to_writer(&mut body, &context_url(context));
        if let Some(next) = next {
            let link = self.link(url, Cursor { page: self.cursor.page.saturating_add(1), next, last });
            body.extend_from_slice(b",\"@odata.nextLink\":");
            let _ = serde_json::to_writer(&mut body, &link);
        }
        body.extend_from_slice(b",\"value\":[");
        body.extend_from_slice(&value);
        body.extend_from_slice(b"]}");
        Reply { status: 200, body, ..Reply::default() }
    }

    fn link(&self, url: &str, cursor: Cursor) -> String {
        let mut link = format!("{url}?");
        for (name, value) in &self.others {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            link.push_str(&format!("{name}={value}&"));
        }
        link.push_str(&format!("$skiptoken={}.{}.{}", cursor.page, cursor.next, cursor.last));
        link
    }

    /// Refuses a `$filter`, for resources that take none.
    pub(super) fn check_no_filter(&self) -> Result<(), Refusal> {
        match self.filter {
            None => Ok(()),
            Some(_) => Err(Refusal::bad_request("Query option '$filter' is not supported.")),
        }
    }

    /// Whether a member is asked for.
    pub(super) fn wants(&self, member: &str) -> bool {
        self.select.as_ref().is_none_or(|select| select.iter().any(|name| name == member))
    }

    /// Refuses a `$select` of members that the type does not have.
    pub(super) fn check_select(&self, kind: &str, has: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        for name in self.select.iter().flatten() {
            if !has(name) {
                return Err(Refusal::bad_request(format!(
                    "Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."
                )));
            }
        }
        Ok(())
    }

    /// Refuses any `$expand` but these.
    pub(super) fn check_expand(&self, kind: &str, known: &[&str]) -> Result<(), Refusal> {
        for name in &self.expand {
            if !known.contains(&name.as_str()) {
                return Err(Refusal::bad_request(format!(
                    "Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."
                )));
            }
        }
        Ok(())
    }
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let cursor = Self {
            page: parts.next()?.parse().ok()?,
            next: parts.next()?.parse().ok()?,
            last: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(cursor)
    }
}

/// The `@odata.context` of an answer.
pub(super) fn context_url(context: &str) -> String {
    format!("https://graph.microsoft.com/beta/$metadata#{context}")
}
