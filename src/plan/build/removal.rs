//! What goes, in order, and what stays and why (T-9, `prune`, `state: absent`).

use super::super::{Action, Class, LeftAlone, Note, Reason, before};
use super::domain::Domain;
use crate::diag::words::{count, form};
use crate::ledger::How;
use crate::model::desired::Prune;
use crate::model::live::{Cause, LiveProfile, ProfileKind};
use crate::model::{Address, Platform, ProfileId};

/// Plans deletions under the token, then of the token.
pub(super) fn plan(domain: &mut Domain<'_>) {
    let mut deleted = Vec::new();
    for profile in domain.unnamed_profiles() {
        let wish = wish_for(domain, profile);
        match &wish {
            Wish::Delete(address, reason) => {
                if domain.blocked_by_lost_answer(address) {
                    continue;
                }
                match obstacle(domain, profile) {
                    None => deleted.push(plan_delete(domain, profile, address.clone(), *reason)),
                    Some(Obstacle { cause, why, next }) if *reason == Reason::StateAbsent => {
                        domain.block(Some(address.clone()), cause, Some("T-9"), why, next);
                    }
                    Some(obstacle) => {
                        leave(domain, profile, &format!("to be pruned, but {}", obstacle.why), true);
                    }
                }
            }
            Wish::Leave { why, was_managed } => leave(domain, profile, why, *was_managed),
        }
    }
    for profile in domain.profiles.iter() {
        let why = match &profile.kind {
            ProfileKind::Classic(_) | ProfileKind::Direct => continue,
            ProfileKind::Mirror => {
                "the mirror of a new-generation enrollment policy, which is managed elsewhere"
            }
            ProfileKind::Other(_) => "not a classic profile",
        };
        leave(domain, profile, why, false);
    }
    if domain.is_absent() {
        plan_token_delete(domain, &deleted);
    }
}

/// What shall happen to a live profile that no document on this token wishes.
enum Wish {
    Delete(Address, Reason),
    Leave { why: String, was_managed: bool },
}

fn wish_for(domain: &Domain<'_>, profile: &LiveProfile) -> Wish {
    let leave = |why: String, was_managed: bool| Wish::Leave { why, was_managed };
    if domain.held.contains(&profile.id) {
        return leave("a document that is blocked means it, or may mean it".to_owned(), true);
    }
    if let Some(name) = domain.doomed.get(&profile.id) {
        return Wish::Delete(Address::profile(name, domain.name), Reason::StateAbsent);
    }
    let owners = domain.whole.owners_of(&domain.live.id, &profile.id);
    let profiles = &domain.input.desired.profiles;
    let described = owners.iter().find_map(|(address, _)| profiles.get_key_value(&address.name));
    if let Some((name, document)) = described {
        let why = if domain.is_absent() && document.tokens.contains(domain.name) {
            format!(
                "EnrollmentProfile/{name} still wishes it; remove that document, or write `state: absent` into it"
            )
        } else if document.tokens.contains(domain.name) {
            format!("EnrollmentProfile/{name} means another one on this token now")
        } else {
            format!(
                "EnrollmentProfile/{name} does not select this token any more; to delete it here, write a document with `state: absent`, or remove that document"
            )
        };
        return leave(why, true);
    }
    let Some((address, owned)) = owners.first() else {
        return leave("no document names it".to_owned(), false);
    };
    let allowed = match (domain.document.prune, owned.how) {
        (Prune::All, _) | (Prune::Created, How::Created) => true,
        (Prune::Created, How::Adopted) | (Prune::Never, _) => false,
    };
    if allowed {
        Wish::Delete((*address).clone(), Reason::Pruned)
    } else {
        let why = format!(
            "no document names it any more (it was {address}), and `prune` of EnrollmentToken/{} does not allow its deletion",
            domain.name
        );
        leave(why, true)
    }
}

/// Why a profile cannot be deleted now.
struct Obstacle {
    cause: Cause,
    why: String,
    next: String,
}

/// Why a profile cannot be deleted by this plan: it is a default or devices have it, and the plan
/// does not change that.
fn obstacle(domain: &Domain<'_>, profile: &LiveProfile) -> Option<Obstacle> {
    let in_the_way = |why: String| Obstacle {
        cause: Cause::Manifest,
        why,
        next: "take that away first; the next run deletes the profile then".to_owned(),
    };
    let default = match profile.kind.platform() {
        Some(platform) => before::default_of(domain.tenant, &domain.live.id, platform),
        None => Ok(None),
    };
    match default {
        Err(unknown) => {
            let why = format!("it is not known whether it is the default profile: {unknown}");
            return Some(Obstacle { cause: unknown.cause, why, next: unknown.next.clone() });
        }
        Ok(Some(default)) if default == profile.id => {
            let replaced = domain.steps.iter().any(|step| {
                matches!(&step.action, Action::SetDefault { from: Some(from), .. } if *from == profile.id)
            });
            if !replaced {
                let why = "it is the token's default profile, which can be replaced but not unset (P-30)";
                return Some(in_the_way(why.to_owned()));
            }
        }
        Ok(_) => {}
    }
    let have = domain.holders_of(&profile.id).all();
    let moved: u64 = domain.steps.iter().map(|step| moved_away(&step.action, &profile.id)).sum();
    (have > moved).then(|| in_the_way(still_have(have - moved)))
}

/// The devices that hold a profile in its place.
fn still_have(many: u64) -> String {
    format!("{} still {} it", count(many, "device"), form(many, "has", "have"))
}

fn moved_away(action: &Action, profile: &ProfileId) -> u64 {
    match action {
        Action::Assign { groups, after_sync: false } => groups
            .iter()
            .filter(|group| group.from.as_ref() == Some(profile))
            .map(|group| group.serials.len() as u64)
            .sum(),
        _ => 0,
    }
}

fn plan_delete(domain: &mut Domain<'_>, profile: &LiveProfile, address: Address, reason: Reason) -> String {
    let mut needs = Vec::new();
    for step in &mut domain.steps {
        let replaces =
            matches!(&step.action, Action::SetDefault { from: Some(from), .. } if *from == profile.id);
        if replaces || moved_away(&step.action, &profile.id) > 0 {
            step.prove_first = true;
            needs.push(step.id.clone());
        }
    }
    let mut step =
        domain.step(address, Some(profile.id.clone()), &profile.name, Action::DeleteProfile, reason);
    step.class = Class::Destructive;
    step.needs = needs;
    let id = step.id.clone();
    domain.steps.push(step);
    id
}

fn leave(domain: &mut Domain<'_>, profile: &LiveProfile, why: &str, was_managed: bool) {
    domain.left_alone.push(LeftAlone {
        token: domain.name.clone(),
        what: "profile".to_owned(),
        name: profile.name.clone(),
        id: profile.id.0.clone(),
        count: 1,
        why: why.to_owned(),
        was_managed,
    });
}

/// T-9: a token goes last, and only when nothing is left under it.
fn plan_token_delete(domain: &mut Domain<'_>, deleted: &[String]) {
    let address = Address::token(domain.name);
    if domain.blocked_by_lost_answer(&address) {
        return;
    }
    let mut remains = Vec::new();
    let mut cause = Cause::Manifest;
    let devices = domain.devices.not_released() + domain.devices.without_serial;
    if devices > 0 {
        remains.push(format!(
            "{} (assign {} to another service at Apple)",
            count(devices, "device"),
            form(devices, "it", "them")
        ));
    }
    for platform in Platform::CLASSIC {
        match before::default_of(domain.tenant, &domain.live.id, platform) {
            Ok(None) => {}
            Ok(Some(_)) => remains.push(format!(
                "a default profile for {} (the service cannot unset it; delete the token in the portal)",
                platform.devices()
            )),
            Err(unknown) => {
                cause = unknown.cause;
                remains.push(format!("perhaps a default profile ({unknown})"));
            }
        }
    }
    let profiles = domain.profiles.len() - deleted.len();
    if profiles > 0 {
        remains.push(format!(
            "{} that nobody may delete (state: absent, or prune)",
            count(profiles, "enrollment profile")
        ));
    }
    if !remains.is_empty() {
        let reason = format!("the token cannot be deleted while there remain: {}", remains.join("; "));
        domain.block(
            Some(address),
            cause,
            Some("T-9"),
            reason,
            "take these away; the next run deletes the token then".to_owned(),
        );
        return;
    }
    let name = domain.live.name.clone();
    let mut step = domain.step(address, None, &name, Action::DeleteToken, Reason::StateAbsent);
    step.class = Class::Destructive;
    step.needs = deleted.to_vec();
    let at_apple = domain.whole.apple.map_or(0, |apple| apple.devices_of(domain.name));
    if at_apple > 0 {
        let text = format!(
            "{} {} assigned to its service at Apple still: {} would come back with it, and enroll nowhere meanwhile",
            count(at_apple, "device"),
            form(at_apple, "is", "are"),
            form(at_apple, "it", "they")
        );
        step.notes.push(Note::new("S-5", text));
    }
    // With the token its list goes, too: what shows that the profiles are gone is read before.
    for profile in domain.steps.iter_mut().filter(|step| deleted.contains(&step.id)) {
        profile.prove_first = true;
    }
    domain.steps.push(step);
}
