//! The seam between the ledger's rules and the places that can keep a log.
//!
//! A store keeps rows in order and knows nothing of what they say. It promises three things, and
//! the suite in `suite.rs` holds every store to them: rows are appended all or none; they are
//! durable before `append` returns; and a writer that has not the newest fence, or has not seen
//! the newest row, is refused.

use super::error::LedgerError;
use super::event::Row;
use super::lease::{Exclusion, Holder};

/// A place that keeps a log.
pub trait LedgerStore: Send + Sync {
    /// Where it is, for messages.
    fn place(&self) -> String;

    /// The number of the last row.
    fn head(&self) -> Result<i64, LedgerError>;

    /// The first row; `None` in an empty log.
    fn first(&self) -> Result<Option<Row>, LedgerError>;

    /// Shows every row after number `after`, in order.
    fn read(
        &self,
        after: i64,
        visit: &mut dyn FnMut(Row) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError>;

    /// Appends rows, all or none, durable on return. `after` is the last row that the writer has
    /// seen; `rows` go on from there without a gap.
    ///
    /// # Errors
    /// [`LedgerError::Late`] where `fence` is not the newest, or `after` is not the head.
    fn append(&self, fence: i64, after: i64, rows: &[Row]) -> Result<(), LedgerError>;

    /// Keeps others out until the value is dropped or the process ends; `None` where somebody
    /// else is in.
    fn exclude(&self) -> Result<Option<Exclusion>, LedgerError>;

    /// Names the new holder and gives it the next fence. Only for a caller that is in.
    fn enter(&self, holder: &Holder) -> Result<i64, LedgerError>;

    /// Who entered last; `None` before the first.
    fn last_holder(&self) -> Result<Option<Holder>, LedgerError>;

    /// Looks for damage below the rows; one text per finding.
    fn check(&self) -> Result<Vec<String>, LedgerError>;
}
