//! Sealing what devices hold secret, and what stands for a device's code before it is destroyed (L-4).

use std::collections::BTreeMap;

use crate::acts::{ActBook, Hold, Rule, Safeguard, SealedRow};
use crate::escrow::{self, About, Recipient, Recipients};
use crate::model::act::{ActContent, CodeRead, FreshLock, FreshRecord, RecordId};
use crate::model::clock::Timestamp;
use crate::model::live::{Fact, Unknown};
use crate::model::{Realm, Sealed, SealedKind, Secret, Serial};

/// To whom each tenant's secrets are sealed.
#[derive(Debug, Default)]
pub struct Vault(BTreeMap<Realm, Result<Recipients, String>>);

/// Why nothing can be sealed for a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotSealed(pub String);

/// What was found out about a device's code before its record is read for the last time.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What the MDM said of the code; `None`: it was not asked.
    pub code: Option<Fact<CodeRead>>,
    /// What Apple said of the lock; `None`: no organisation knows the device, or it was not asked.
    pub lock: Option<Fact<FreshLock>>,
}

impl Vault {
    /// `of`: the recipients of each tenant, or why they cannot be used; tenants that state none are left out.
    pub fn new(of: BTreeMap<Realm, Result<Recipients, String>>) -> Self {
        Self(of)
    }

    /// Whether anything can be sealed for a tenant.
    pub(super) fn check(&self, realm: &Realm, now: Timestamp) -> Result<&Recipients, NotSealed> {
        let none = "there is nobody to seal it to: neither `Fleet.escrow` nor the connection's policy names recipients";
        match self.0.get(realm) {
            None => Err(NotSealed(none.to_owned())),
            Some(Err(why)) => Err(NotSealed(why.clone())),
            Some(Ok(recipients)) => {
                recipients.check(now).map_err(|error| NotSealed(error.to_string()))?;
                Ok(recipients)
            }
        }
    }

    /// Whether every recipient that the documents name now can open what was sealed before.
    pub(super) fn is_for_all(&self, realm: &Realm, sealed: &Sealed) -> bool {
        let named = self.0.get(realm).and_then(|named| named.as_ref().ok());
        named.is_some_and(|named| named.iter().all(|one| is_to(sealed, one)))
    }

    /// Whether anybody of them can.
    fn is_for_anybody(&self, realm: &Realm, sealed: &Sealed) -> bool {
        let named = self.0.get(realm).and_then(|named| named.as_ref().ok());
        named.is_some_and(|named| named.iter().any(|one| is_to(sealed, one)))
    }

    /// Seals a secret of a device.
    pub(super) fn seal(
        &self,
        realm: &Realm,
        secret: &Secret,
        (serial, record): (Serial, &RecordId),
        kind: SealedKind,
        now: Timestamp,
    ) -> Result<Sealed, NotSealed> {
        let recipients = self.check(realm, now)?;
        let about = About { serial, record: record.clone(), kind, read_at: now };
        escrow::seal(recipients, secret, &about, now).map_err(|error| NotSealed(error.to_string()))
    }

    /// What stands for the device's code: sealed anew, sealed before, a proof, or the document's waiver.
    ///
    /// # Errors
    /// None of them is to be had.
    pub(super) fn safeguard(
        &self,
        realm: &Realm,
        content: &ActContent,
        book: &ActBook,
        fresh: &FreshRecord,
        found: &Found,
        now: Timestamp,
    ) -> Result<Safeguard, Hold> {
        // Who is not named any more may have lost the key, or left with it.
        let before = || Safeguard::sealed_before(book, fresh, |sealed| self.is_for_anybody(realm, sealed));
        let code = match &found.code {
            Some(Fact::Known(CodeRead::Code(code))) => Some(code),
            _ => None,
        };
        let mut unsealed = None;
        if let (Some(code), Some(serial)) = (code, fresh.record().serial) {
            let print = escrow::fingerprint(SealedKind::BypassCode, serial, code);
            let all = |sealed: &Sealed| self.is_for_all(realm, sealed);
            let kept = fresh.record().epoch().and_then(|epoch| book.code_for(&serial, &epoch, all));
            if kept.is_some_and(|kept| print.is_some() && kept.sealed.fingerprint == print)
                && let Some(before) = Safeguard::sealed_before(book, fresh, all)
            {
                return Ok(before);
            }
            let whose = (serial, &fresh.record().id);
            match self.seal(realm, code, whose, SealedKind::BypassCode, now) {
                Ok(sealed) => {
                    if let Some(sealed) = Safeguard::sealed(fresh, sealed) {
                        return Ok(sealed);
                    }
                }
                Err(why) => unsealed = Some(why),
            }
        }
        if let Some(free) = Safeguard::not_needed(content.kind) {
            return Ok(free);
        }
        if let Some(proof) = Safeguard::unsupervised(fresh) {
            return Ok(proof);
        }
        // A code that is shown and cannot be sealed is not the one that was sealed before.
        if unsealed.is_none()
            && let Some(before) = before()
        {
            return Ok(before);
        }
        if let Some(Fact::Known(lock)) = &found.lock
            && let Some(proof) = Safeguard::no_lock(lock, now)
        {
            return Ok(proof);
        }
        if let Some(Fact::Known(code)) = &found.code
            && let Some(waived) = Safeguard::waived(content, code, fresh)
        {
            return Ok(waived);
        }
        let kept = fresh.record().serial.zip(fresh.record().epoch());
        if let Some(kept) = kept.and_then(|(serial, epoch)| book.code_of(&serial, &epoch))
            && unsealed.is_none()
            && !matches!(found.code, Some(Fact::Unknown(_)))
        {
            return Err(sealed_to_others(kept));
        }
        Err(without_safeguard(found, unsealed))
    }
}

fn is_to(sealed: &Sealed, recipient: &Recipient) -> bool {
    sealed.recipients.iter().any(|one| one == recipient.fingerprint())
}

/// The code of this life is sealed, to nobody who is named now, and cannot be sealed anew.
fn sealed_to_others(kept: &SealedRow) -> Hold {
    Hold::Stop {
        rule: Rule::Safeguard,
        row: Some("L-4"),
        why: format!(
            "its Activation Lock bypass code is sealed by entry {} to nobody who is named in `escrow.recipients` now, and cannot be read any more to be sealed anew",
            kept.row
        ),
        next: "have who holds the key open it (`espalier escrow reveal`) and keep it safe; then name that certificate among the recipients again, or say why it may go without in `acceptNoBypassCode` of a new document"
            .to_owned(),
    }
}

fn without_safeguard(found: &Found, unsealed: Option<NotSealed>) -> Hold {
    let unknown =
        |what: &str, unknown: &Unknown| (format!("{what} is not known: {unknown}"), unknown.next.clone());
    let (why, next) = match (&found.code, unsealed) {
        (_, Some(NotSealed(why))) => (
            format!("its Activation Lock bypass code cannot be sealed: {why}"),
            "name the X.509 certificates of those who may open it in `Fleet.escrow.recipients`".to_owned(),
        ),
        (Some(Fact::Unknown(why)), None) => unknown("its Activation Lock bypass code", why),
        (Some(Fact::Known(CodeRead::Null)), None) => (
            "the MDM shows no Activation Lock bypass code of it, which proves nothing: Activation Lock has to be allowed by a device-restrictions profile before a code exists (L-7), and a reset removes it from the MDM"
                .to_owned(),
            "see whether it is locked (`espalier devices --activation-lock`); to go without a code, say why in `acceptNoBypassCode` of a new document"
                .to_owned(),
        ),
        (Some(Fact::Known(CodeRead::Code(_))) | None, None) => match &found.lock {
            Some(Fact::Unknown(why)) => unknown("its Activation Lock", why),
            _ => (
                "whether it is supervised is not known, and nothing stands for its Activation Lock bypass code".to_owned(),
                "run it again; look at the device in the portal if it lasts".to_owned(),
            ),
        },
    };
    Hold::Stop { rule: Rule::Safeguard, row: Some("L-4"), why, next }
}
