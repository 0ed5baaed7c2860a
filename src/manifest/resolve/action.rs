//! References of `DeviceAction` documents: where a device is handed over to, and the side that can pick
//! devices. PURE.

use super::Resolver;
use crate::diag::{Diagnostic, Severity};
use crate::model::act::ActOptions;
use crate::model::desired::{Desired, DeviceAction, State};
use crate::model::{Kind, Name, Place, Realm};

impl Resolver<'_> {
    pub(super) fn actions(&mut self, desired: &Desired) {
        for action in desired.actions.values() {
            if let ActOptions::HandOver { token, profile } = &action.content.options {
                self.hand_over(desired, action, token, profile);
            }
            if action.selected.is_some() {
                self.picks_devices(desired, action);
            }
        }
    }

    /// A hand-over moves the device at Apple and enrolls it anew at the MDM.
    fn hand_over(&mut self, desired: &Desired, action: &DeviceAction, token: &Name, profile: &Name) {
        let place = action.places.at("options.token");
        match desired.tokens.get(token) {
            None => self.dangling(Kind::EnrollmentToken, token, "options.token", place),
            Some(_) if self.is_broken(Kind::EnrollmentToken, token) => {}
            Some(document) => {
                let places = &document.identity.places;
                let refusal = match (&document.realm, &document.apple) {
                    (Realm::Direct(_) | Realm::Apple(_), _) => Some((
                        format!(
                            "the EnrollmentToken `{token}` is no token of Intune, where the device would be seen when it comes back"
                        ),
                        "name a token with `mdm`",
                        places.document.clone(),
                    )),
                    (Realm::Mdm(_), None) => Some((
                        format!(
                            "the EnrollmentToken `{token}` has no `apple`: without Apple's side nothing moves the device"
                        ),
                        "add `apple: {connection, service}` to the token",
                        places.document.clone(),
                    )),
                    (Realm::Mdm(_), Some(_)) if document.identity.state == State::Absent => Some((
                        format!(
                            "the state of the EnrollmentToken `{token}` is `absent`: it goes only once no devices are under it"
                        ),
                        "name another token, or keep this one",
                        places.at("state").clone(),
                    )),
                    (Realm::Mdm(_), Some(_)) => None,
                };
                if let Some((why, next, other)) = refusal {
                    self.refused("A-2", place, format!("`handOver` leads nowhere: {why} (A-2)"), next, other);
                }
            }
        }
        let place = action.places.at("options.profile");
        match desired.profiles.get(profile) {
            None => self.dangling(Kind::EnrollmentProfile, profile, "options.profile", place),
            Some(_) if self.is_broken(Kind::EnrollmentProfile, profile) => {}
            Some(document) => {
                let places = &document.identity.places;
                if document.identity.state == State::Absent {
                    let message = format!(
                        "`handOver` gives the EnrollmentProfile `{profile}`, whose state is `absent` (A-3)"
                    );
                    let next = "name another profile, or keep this one";
                    self.refused("A-3", place, message, next, places.at("state").clone());
                } else if desired.tokens.contains_key(token) && document.tokens.binary_search(token).is_err()
                {
                    let message = format!(
                        "`handOver` gives the EnrollmentProfile `{profile}` on the EnrollmentToken `{token}`, but its `tokens` do not select that token (A-3)"
                    );
                    let next = format!("add `{token}` to `tokens` of `{profile}`, or name another profile");
                    self.refused("A-3", place, message, &next, places.at("tokens").clone());
                }
            }
        }
    }

    fn picks_devices(&mut self, desired: &Desired, action: &DeviceAction) {
        let unknown = self.any_unknown(Kind::EnrollmentToken, desired.tokens.len());
        if !unknown && desired.tokens.values().all(|token| token.apple.is_none()) {
            let message = "`devices.where` picks devices by what Apple's side knows of them, and no EnrollmentToken says with `apple` which service is its own (A-1)";
            let next = "add `apple: {connection, service}` to the tokens, or name the devices";
            let refusal = Diagnostic::by_row(
                "A-1",
                Severity::Refuse,
                action.places.at("devices.where").clone(),
                message,
            );
            self.found.push(refusal.next(next));
        }
    }

    fn refused(&mut self, row: &'static str, place: &Place, message: String, next: &str, other: Place) {
        let refusal = Diagnostic::by_row(row, Severity::Refuse, place.clone(), message);
        self.found.push(refusal.next(next).and_at(other));
    }
}
