//! `escrowBypassCode`: the code is read and sealed; nothing is sent to the device.

use super::vault::Found;
use super::{Held, Round};
use crate::acts::{ActState, Case, Hold, Leg, Rule, Safeguard, clear, digest};
use crate::ledger::{LedgerError, Request};
use crate::model::Sealed;
use crate::model::act::CodeRead;
use crate::model::live::Fact;
use crate::plan::file::sha256;

/// What a device says that has no code, with its reason (L-7).
pub(super) const NO_CODE: &str = "the MDM shows no code of it: Activation Lock has to be allowed by a device-restrictions profile before a bypass code exists (L-7), and it is shown for a limited time only";

impl Round<'_> {
    pub(super) async fn escrow(&mut self, at: usize) -> Result<(), LedgerError> {
        let (realm, epoch, serial) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return self.held(at, held),
        };
        let content = match self.content(at) {
            Ok(content) => content,
            Err(held) => return self.held(at, held),
        };
        if let Err(why) = self.courier.vault.check(&realm, self.courier.now()) {
            let hold = Hold::Stop {
                rule: Rule::Safeguard,
                row: Some("L-4"),
                why: format!("its code could not be sealed: {}", why.0),
                next: "name the X.509 certificates of those who may open it in `Fleet.escrow.recipients`"
                    .to_owned(),
            };
            return self.held(at, hold.into());
        }
        let code = match self.courier.graph(&realm) {
            Ok(graph) => graph.bypass_code(&epoch.record, &serial).await,
            Err(unknown) => return self.held(at, unknown.into()),
        };
        let is_null = matches!(code, Fact::Known(CodeRead::Null));
        if let Fact::Unknown(unknown) = code {
            return self.held(at, unknown.into());
        }
        let fresh = match self.fresh(&realm, &epoch, &serial).await {
            Ok(fresh) => fresh,
            Err(held) => return self.held(at, held),
        };
        let view = self.courier.view()?;
        let now = self.courier.now();
        let standing = self.standing(at, &view);
        let content_digest = digest::content(content);
        let act = &self.errands[at].planned.id;
        let case = Case { act, content, digest: &content_digest, book: &view.acts, born: view.born, now };
        let found = Found { code: Some(code), lock: None };
        // What is not shown any more may have been sealed in time.
        let can_open = |sealed: &Sealed| self.courier.vault.is_for_all(&realm, sealed);
        let before = Safeguard::sealed_before(&view.acts, &fresh, can_open).filter(|_| is_null);
        let is_null = is_null && before.is_none();
        let vault = self.courier.vault;
        let safeguard = match before {
            Some(before) => Ok(before),
            None => vault.safeguard(&realm, content, &view.acts, &fresh, &found, now).map_err(Held::from),
        };
        let cleared = safeguard
            .and_then(|safeguard| clear(&case, &epoch, fresh, safeguard, &standing).map_err(Held::from));
        drop(view);
        let cleared = match cleared {
            Ok(_) if is_null => {
                return self.moved(at, Leg::Whole, ActState::Failed, NO_CODE.to_owned(), None, Vec::new());
            }
            Ok(cleared) => cleared,
            Err(held) => return self.held(at, held),
        };
        let request = Request {
            tenant: self.courier.tenants.get(&realm).cloned().unwrap_or_default(),
            token: self.errands[at].planned.token.clone(),
            digest: sha256(&format!("escrowBypassCode {} {serial}", epoch.record)),
            approved_elsewhere: None,
        };
        // The permit is for nothing that is sent: the promise itself holds the code.
        if self.promise(at, cleared, request)?.is_none() {
            return Ok(());
        }
        let view = self.courier.view()?;
        let promise = view.acts.act(&self.errands[at].planned.id).and_then(|act| act.leg(Leg::Whole));
        let told = promise.map(super::following::sealed_by);
        drop(view);
        let Some((to, evidence)) = told else { return Ok(()) };
        self.errands[at].result.sent = true;
        self.moved(at, Leg::Whole, to, evidence, None, Vec::new())
    }
}
