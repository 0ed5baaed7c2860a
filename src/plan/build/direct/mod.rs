//! A token that espalier holds itself: what Apple's enrollment service shall have.
//!
//! | room | purpose |
//! |---|---|
//! | `lineage` | which document each profile there belongs to, through all its successors |
//! | `profiles` | what each document's profile comes to: there already, there again, to be taken over, to be defined |
//! | `devices` | which device gets which profile: named, by default, or because its document's profile has a successor |
//!
//! Apple's profiles have no list, no update and no deletion. So nothing is ever deleted here: a profile
//! that nobody wishes is forgotten once no device has it. `prune` therefore changes nothing on such a
//! token, and a token itself goes in Apple's portal only.

mod devices;
mod lineage;
mod profiles;

use std::time::Duration;

use super::super::{Action, Bookkeeping, Class, Note, Reason, Waiting, When};
use super::apple::{ACTIVITY_HORIZON, Stands};
use super::domain::Domain;
use super::serials::Serials;
use super::waiting::{self, Wanted, Wants};
use crate::model::clock::Timestamp;
use crate::model::desired::State;
use crate::model::live::{Cause, Fact};
use crate::model::{Address, Field, Kind, Name, Serial};
use lineage::Lineage;

/// Devices in one request of an assignment (reference apple-enrollment-api section 3.9).
pub(super) const DEVICES_PER_REQUEST: u64 = 1_000;

/// Plans everything on a direct token but what waits for serials.
pub(super) fn plan<'a>(domain: &mut Domain<'a>, serials: &mut Serials<'a>) {
    let token = Address::token(domain.name);
    if domain.is_absent() {
        // Where a service can be deleted through its organisation, its deletion says the rest.
        if domain.document.apple.is_some() {
            return;
        }
        let reason =
            "a device management service at Apple is deleted by a person: no program can do it".to_owned();
        let next = "assign its devices to another service in Apple Business Manager or Apple School Manager and delete it there; then remove this document".to_owned();
        domain.block(Some(token), Cause::Manifest, Some("T-9"), reason, next);
        return;
    }
    let planned = profiles::plan(domain);
    devices::plan(domain, serials, &planned);
    forget(domain, &planned.lineage);
    plan_url(domain, token);
}

/// What was planned of the profile documents of a token.
struct Planned<'a> {
    lineage: Lineage<'a>,
    /// The documents whose profile is one of Shared iPad.
    shared: std::collections::BTreeSet<&'a Name>,
}

/// So long after it was pointed at a server may a device be missing in the server's list.
const LAG: Duration = ACTIVITY_HORIZON;

/// Serials that the token does not have. Reading it is all the sync there is.
pub(super) fn wait<'a>(domain: &mut Domain<'a>, wants: Wants<'a>) {
    let earliest = Timestamp::from_second(domain.input.now.as_second() - LAG.as_secs() as i64).ok();
    for (profile, Wanted { there, moved }) in wants {
        let was_moved = |serial: &Serial| {
            domain.whole.apple.is_some_and(|apple| apple.moved_since(serial, domain.name, earliest))
        };
        let (lately, there): (Vec<Serial>, Vec<Serial>) = there.into_iter().partition(was_moved);
        let is_at_apple = domain.document.apple.is_some() && !there.is_empty() && {
            matches!(domain.whole.stands(&there[0], domain.name), Stands::At(_))
        };
        let reason = match () {
            () if is_at_apple => "Apple has assigned them to this server, whose list does not show them yet",
            () if domain.input.sees_every_token() => "Apple has not assigned them to this server, or not yet",
            () => "not on this token; a narrowed run does not know whether another one has them",
        };
        let mut say = |serials: &[Serial], reason: &str| {
            domain.waiting.push(Waiting {
                token: Some(domain.name.clone()),
                profile: Some(profile.clone()),
                assignment: None,
                serials: serials.to_vec(),
                reason: reason.to_owned(),
                until: None,
            });
        };
        if !there.is_empty() {
            say(&there, reason);
        }
        if !lately.is_empty() {
            say(&lately, "moved at Apple a moment ago; the server's list shows them soon");
        }
        for serials in moved.values() {
            say(serials, "moved at Apple by this plan; the server's list shows them soon after");
        }
        if !lately.is_empty() {
            waiting::assign_after(domain, profile, lately, None, None);
        }
        for (moved_by, serials) in moved {
            waiting::assign_after(domain, profile, serials, None, Some(moved_by));
        }
    }
}

/// Takes out of the ledger what no document asks for and no device has: at Apple nothing can be
/// deleted, and what was defined stays known.
fn forget(domain: &mut Domain<'_>, lineage: &Lineage<'_>) {
    let mut gone = Vec::new();
    let holders = lineage.all_holders(domain);
    for (address, owned) in domain.whole.owned_under(&domain.live.id).iter().copied() {
        let (Kind::EnrollmentProfile, Some(object)) = (address.kind, &owned.object) else { continue };
        let document = domain.input.desired.profiles.get(&address.name);
        let is_here = address.token.as_ref() == Some(domain.name);
        let document = document.filter(|one| is_here && one.tokens.contains(domain.name));
        let state = document.map(|one| one.identity.state);
        let heir = lineage.document_of(object).filter(|heir| **heir != address.name || !is_here);
        let why = match (state, heir) {
            (Some(State::Present), _) => continue,
            (_, Some(heir)) if state.is_none() => format!("EnrollmentProfile/{heir} has it now"),
            (Some(State::Absent), _) if holders.contains_key(&address.name) => continue,
            (None, _) if domain.holders_of(object).all() > 0 => continue,
            _ => "no device of the token has it; at Apple it stays, for nothing can be deleted there"
                .to_owned(),
        };
        gone.push(Bookkeeping::Gone { address: address.clone(), why });
    }
    domain.bookkeeping.extend(gone);
}

/// The URL for account-driven enrollment.
fn plan_url(domain: &mut Domain<'_>, address: Address) {
    let to = match &domain.document.account_driven_url {
        Field::Missing => return,
        Field::Null => None,
        Field::Set(url) => Some(url.to_string()),
    };
    let block = |domain: &mut Domain<'_>, cause: Cause, reason: &str, next: &str| {
        let reason = format!("the URL for account-driven enrollment is not known: {reason}");
        domain.block(Some(Address::token(domain.name)), cause, None, reason, next.to_owned());
    };
    let from = match &domain.tenant.account_driven_url {
        Some(Fact::Known(from)) => from,
        Some(Fact::Unknown(why)) => return block(domain, why.cause, &why.reason, &why.next),
        None => return block(domain, Cause::Unavailable, "it was not asked for", "run it again"),
    };
    // The service may have it in another spelling of the same URL.
    let spelled = |url: &String| url::Url::parse(url).map_or_else(|_| url.clone(), |url| url.to_string());
    if from.as_ref().map(spelled) == to || domain.blocked_by_lost_answer(&address) {
        return;
    }
    let reason = if from.is_none() { Reason::New } else { Reason::Differs };
    let is_taken_away = to.is_none();
    let action = Action::SetAccountDrivenUrl { from: from.clone(), to };
    let name = domain.live.name.clone();
    let mut step = domain.step(address, None, &name, action, reason);
    step.effect.when = When::Now;
    if is_taken_away {
        step.class = Class::Disruptive;
        step.notes.push(Note::new("A-2", "without it nobody can enroll by account with this server"));
    }
    domain.steps.push(step);
}
