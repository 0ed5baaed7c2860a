//! What a plan wants remembered. PURE.

use crate::model::{Address, Fields, ProfileId, Realm, Serial, ServiceId, TokenId};

/// What the ledger shall know and no service needs to hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Bookkeeping {
    /// What is in force at an address, where the ledger has it otherwise.
    Applied {
        /// The object.
        address: Address,
        /// The managed fields.
        fields: Fields,
    },
    /// An object is gone, and no document asks for it.
    Gone {
        /// The object.
        address: Address,
        /// Why that is known.
        why: String,
    },
    /// Serials that a sync was asked for have appeared.
    NotWaiting {
        /// The token.
        token_id: TokenId,
        /// Its address.
        token: Address,
        /// The serials.
        serials: Vec<Serial>,
    },
    /// A document's profile at Apple is one that was defined earlier, and not the one that the ledger
    /// has for it.
    Resumed {
        /// The object.
        address: Address,
        /// The service.
        connection: Realm,
        /// The token's id.
        token_id: TokenId,
        /// The profile that it is.
        object: ProfileId,
        /// Its display name.
        name: String,
        /// All its fields.
        fields: Fields,
    },
    /// A token's service at Apple, where the ledger has it otherwise or not at all.
    ServiceKnown {
        /// The token's address.
        token: Address,
        /// The organisation: the client id of its connection.
        tenant: String,
        /// The service.
        service: ServiceId,
        /// Its name.
        name: String,
    },
    /// The migrations of these devices have ended, or are nobody's business any more.
    MigrationOver {
        /// The organisation: the client id of its connection.
        tenant: String,
        /// The serials, ascending.
        serials: Vec<Serial>,
    },
    /// Devices that were left in peace have what they were to get, or are to get something else.
    Cooled {
        /// The token.
        token_id: TokenId,
        /// The serials, ascending.
        serials: Vec<Serial>,
    },
}
