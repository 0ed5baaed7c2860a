//! Parameters of a request: pages and sparse fields.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Ask;
use super::reply::{Refusal, Reply};
use crate::sim::world::mix_text;

/// Rows of a page where none are asked for, and at most.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;
/// The longest cursor that is read, in characters.
const LONGEST: usize = 200;

/// The members that are asked for of a resource.
#[derive(Debug)]
pub(super) struct Fields(Option<Vec<String>>);

impl Fields {
    /// Whether a member is asked for.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|known| known == name))
    }

    /// Whether everything is asked for.
    pub(super) fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a member is asked for by its name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.0.is_some() && self.wants(name)
    }
}

/// A place in a list. It has no memory here, so that the same one may be used again after a lost
/// answer; how long the real ones live is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    /// The position from which on the page's rows are looked for.
    slot: u64,
    /// The position of the last row that was told.
    last: u64,
    /// How many pages were told.
    page: u32,
}

impl Cursor {
    /// As text. `key` is the list's.
    fn write(&self, key: u64) -> String {
        let text = format!("{}:{}:{}", self.slot, self.last, self.page);
        URL_SAFE_NO_PAD.encode(format!("{text}:{:x}", mix_text(key, &text)))
    }

    /// Reads one; `None` for a text that the list never gave out.
    fn read(text: &str, key: u64) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.get(..LONGEST.min(text.len()))?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (text, check) = text.rsplit_once(':')?;
        if format!("{:x}", mix_text(key, text)) != check {
            return None;
        }
        let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
        let mut number = || parts.next().flatten();
        Some(Self { slot: number()?, last: number()?, page: u32::try_from(number()?).ok()? })
    }
}

/// A page of a list that is asked for.
#[derive(Debug)]
pub(super) struct Page {
    cursor: Cursor,
    limit: usize,
    key: u64,
}

/// The parameters of a query, in order.
fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The page of a list that a request asks for, counting from 1; 1 where that cannot be told.
pub(super) fn page_of(seed: u64, path: &str, query: &str) -> u32 {
    let cursor = pairs(query).into_iter().find(|(name, _)| name == "cursor");
    cursor.and_then(|(_, text)| Cursor::read(&text, mix_text(seed, path))).map_or(1, |cursor| cursor.page + 1)
}

impl Ask<'_> {
    /// The parameters, each of which may be there once and has to be among `known`. Whether unknown
    /// ones are refused is not documented.
    fn parameters(&self, known: &[&str]) -> Result<BTreeMap<String, String>, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs(self.query) {
            if !known.contains(&name.as_str()) {
                return Err(Refusal::parameter(&name, format!("The parameter '{name}' is not known here")));
            }
            if parameters.insert(name.clone(), value).is_some() {
                return Err(Refusal::parameter(&name, format!("The parameter '{name}' is there twice")));
            }
        }
        Ok(parameters)
    }

    /// The members that are asked for with `fields[…]`, of those in `known`, where nothing but they
    /// can be asked for.
    pub(super) fn fields(&self, kind: &str, known: &[&str]) -> Result<Fields, Refusal> {
        let name = format!("fields[{kind}]");
        let parameters = self.parameters(&[&name])?;
        read_fields(parameters.get(&name), &name, known)
    }

    /// The page of a list that is asked for, and the members with `fields[…]`. A list without such
    /// has no `kind`.
    pub(super) fn page(&self, kind: Option<(&str, &[&str])>) -> Result<(Page, Fields), Refusal> {
        let name = kind.map(|(kind, _)| format!("fields[{kind}]")).unwrap_or_default();
        let parameters = self.parameters(&["limit", "cursor", &name])?;
        let fields = read_fields(parameters.get(&name), &name, kind.map_or(&[], |(_, known)| known))?;
        let limit = match parameters.get("limit").map(|text| text.parse::<usize>()) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
            Some(_) => {
                let text = format!("The parameter 'limit' has to be a number from 1 to {MOST}");
                return Err(Refusal::parameter("limit", text));
            }
        };
        let key = mix_text(self.seed, self.path);
        let cursor = match parameters.get("cursor") {
            None => Cursor::default(),
            Some(text) => Cursor::read(text, key)
                .ok_or_else(|| Refusal::parameter("cursor", "The parameter 'cursor' is not valid"))?,
        };
        Ok((Page { cursor, limit: limit.min(self.most), key }, fields))
    }

    /// The answer with a page of the rows that `from` a position on are there, each with its position,
    /// in ascending order. `write` writes one as JSON.
    pub(super) fn list<T, R: Iterator<Item = (u64, T)>>(
        &self,
        page: &Page,
        from: impl Fn(u64) -> R,
        mut write: impl FnMut(&mut String, T),
    ) -> Reply {
        let is_later = page.cursor.page > 0;
        let repeated = is_later && self.ways.duplicate_rows;
        let first = if repeated { page.cursor.last } else { page.cursor.slot };
        let missing = usize::from(is_later && self.ways.missing_rows);
        let mut left = from(first).skip(missing);
        let mut body = String::from("{\"data\":[");
        let mut last = page.cursor.last;
        for (told, (slot, row)) in left.by_ref().take(page.limit).enumerate() {
            if told > 0 {
                body.push(',');
            }
            last = slot;
            write(&mut body, row);
        }
        let next = left.next().map(|(slot, _)| Cursor { slot, last, page: page.cursor.page + 1 });
        let next = next.map(|cursor| cursor.write(page.key));
        let total = self.ways.totals.then(|| from(0).count());
        body.push_str("],");
        body.push_str(&self.paging(page, next.as_deref(), total));
        body.push('}');
        Reply::text(200, body.into_bytes())
    }

    /// `links` and `meta` of a list.
    fn paging(&self, page: &Page, next: Option<&str>, total: Option<usize>) -> String {
        let mut links = json!({"self": self.url(self.query)});
        let mut paging = json!({"limit": page.limit});
        if let Some(next) = next {
            let others = || pairs(self.query).into_iter().filter(|(name, _)| name != "cursor");
            let query = |cursor: &str| {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(others());
                if !cursor.is_empty() {
                    query.append_pair("cursor", cursor);
                }
                query.finish()
            };
            let here = self.url(&query(next));
            links["first"] = Value::from(self.url(&query("")));
            links["next"] = Value::from(match self.ways.foreign_next {
                true => here.replacen(self.base, "https://api-business.elsewhere.example", 1),
                false => here,
            });
            paging["nextCursor"] = Value::from(next);
        }
        if let Some(total) = total {
            paging["total"] = Value::from(total);
        }
        format!("\"links\":{links},\"meta\":{{\"paging\":{paging}}}")
    }

    /// This request's address with another query.
    fn url(&self, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{query}", self.base, self.path)
    }
}

fn read_fields(text: Option<&String>, name: &str, known: &[&str]) -> Result<Fields, Refusal> {
    let Some(text) = text else { return Ok(Fields(None)) };
    let names: Vec<String> = text.split(',').map(str::trim).map(str::to_owned).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(Refusal::parameter(name, format!("'{unknown}' is not a valid field name"))),
        None => Ok(Fields(Some(names))),
    }
}

/// The rows of a slice from a position on, each with its position.
pub(super) fn rows_from<T>(rows: &[T], first: u64) -> impl Iterator<Item = (u64, &T)> {
    let from = usize::try_from(first).unwrap_or(usize::MAX).min(rows.len());
    rows[from..].iter().enumerate().map(move |(at, row)| ((from + at) as u64, row))
}
