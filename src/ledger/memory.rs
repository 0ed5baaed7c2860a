//! A log in memory, for tests and for whoever rehearses without a file.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::LedgerError;
use super::event::Row;
use super::lease::{Exclusion, Holder};
use super::store::LedgerStore;

/// A log in memory. Clones share it, as processes share a file.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    rows: Vec<Row>,
    fence: i64,
    holder: Option<Holder>,
    // Alive while somebody is in.
    inside: Option<std::sync::Weak<()>>,
}

impl MemoryStore {
    /// A log with its first row.
    pub fn new(birth: Row) -> Self {
        Self(Arc::new(Mutex::new(Content { rows: vec![birth], ..Content::default() })))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the store forget who is in, as a lock file that is deleted under its holder.
    #[cfg(test)]
    pub(super) fn lose_the_exclusion(&self) {
        self.content().inside = None;
    }
}

impl LedgerStore for MemoryStore {
    fn place(&self) -> String {
        "in memory".to_owned()
    }

    fn head(&self) -> Result<i64, LedgerError> {
        Ok(self.content().rows.last().map_or(0, |row| row.seq))
    }

    fn first(&self) -> Result<Option<Row>, LedgerError> {
        Ok(self.content().rows.first().cloned())
    }

    fn read(
        &self,
        after: i64,
        visit: &mut dyn FnMut(Row) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let content = self.content();
        let from = content.rows.partition_point(|row| row.seq <= after);
        content.rows[from..].iter().cloned().try_for_each(visit)
    }

    fn append(&self, fence: i64, after: i64, rows: &[Row]) -> Result<(), LedgerError> {
        let mut content = self.content();
        if content.fence != fence || content.rows.last().map_or(0, |row| row.seq) != after {
            return Err(LedgerError::Late);
        }
        content.rows.extend_from_slice(rows);
        Ok(())
    }

    fn exclude(&self) -> Result<Option<Exclusion>, LedgerError> {
        let mut content = self.content();
        if content.inside.as_ref().is_some_and(|guard| guard.strong_count() > 0) {
            return Ok(None);
        }
        let guard = Arc::new(());
        content.inside = Some(Arc::downgrade(&guard));
        Ok(Some(Exclusion::new(guard)))
    }

    fn enter(&self, holder: &Holder) -> Result<i64, LedgerError> {
        let mut content = self.content();
        content.fence += 1;
        content.holder = Some(holder.clone());
        Ok(content.fence)
    }

    fn last_holder(&self) -> Result<Option<Holder>, LedgerError> {
        Ok(self.content().holder.clone())
    }

    fn check(&self) -> Result<Vec<String>, LedgerError> {
        Ok(Vec::new())
    }
}
