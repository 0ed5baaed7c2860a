//! `devices`: the inventory, joined from the tokens' lists and the documents.

use std::collections::BTreeMap;

use super::args::{DevicesArgs, GlobalArgs, TableFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::devices::{self as render, AppleSide, DeviceRow, MdmSide, ProfileRef};
use super::setup;
use super::ui::Ui;
use crate::engine::{Observed, Session};
use crate::model::clock::Timestamp;
use crate::model::live::{EnrollmentState, Fact, LiveProfile};
use crate::model::{Family, Name, ProfileId, Serial, TokenId};
use crate::plan::{Plan, Waiting};

/// Lists devices. Exit 8 or 9 where a list could not be read: what is shown is then not all.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used.
pub fn run(args: &DevicesArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let mut settings = setup::settings(global, &args.folder, "devices")?;
    settings.narrowing = args.narrow.narrowing();
    setup::block_on(async {
        let session = setup::open(settings, ui).await?;
        let progress = ui.progress();
        let (plan, observed) = session.plan(&*progress).await?;
        drop(progress);
        let inventory = Inventory::new(&session, &plan, &observed);
        let rows = inventory.rows().filter(|row| !args.unassigned || row.lacks_a_profile());
        ui.result(|out| match args.format {
            TableFormat::Json => render::json(out, rows),
            TableFormat::Csv => render::csv(out, rows),
            TableFormat::Text => render::text(out, rows),
        })?;
        let unread = plan.blocked.iter().filter(|blocked| blocked.address.is_none()).count();
        if unread > 0 && args.format == TableFormat::Text {
            let what = if unread == 1 { "1 token or connection" } else { "several tokens or connections" };
            ui.print(&format!("not all of them: {what} could not be read\n"))?;
        }
        for blocked in &plan.blocked {
            ui.warn(&blocked.reason);
        }
        let code = ExitCode::of_plan(&plan.blocked, false, false, false);
        session.close().await?;
        Ok(code)
    })
}

/// What a row needs to be looked up.
struct Inventory<'a> {
    observed: &'a Observed,
    names: BTreeMap<&'a TokenId, &'a Name>,
    profiles: BTreeMap<&'a ProfileId, &'a LiveProfile>,
    /// Which profile documents wish for a serial; sorted by serial.
    wished: Vec<(Serial, &'a str)>,
    waiting: Vec<(Serial, &'a str)>,
    /// Devices that are there and left in peace, and until when; sorted.
    cooling: Vec<(Serial, Timestamp)>,
}

impl<'a> Inventory<'a> {
    fn new(session: &'a Session, plan: &'a Plan, observed: &'a Observed) -> Self {
        let profiles = observed
            .live
            .tenants
            .values()
            .flat_map(|tenant| tenant.profiles.values())
            .filter_map(Fact::known)
            .flat_map(|profiles| profiles.iter())
            .map(|profile| (&profile.id, profile))
            .collect();
        let mut wished: Vec<(Serial, &str)> = session
            .desired()
            .assignments
            .iter()
            .flat_map(|one| one.devices.iter().map(|device| (device.serial, one.profile.as_str())))
            .collect();
        wished.sort_unstable();
        wished.dedup_by_key(|(serial, _)| *serial);
        // What waits until an instant is there, and Apple wants it left in peace.
        let (cooling, waiting): (Vec<_>, Vec<_>) =
            plan.waiting.iter().partition(|one| is_there(one, observed));
        let mut cooling: Vec<(Serial, Timestamp)> = cooling
            .into_iter()
            .filter_map(|one| Some((one.until?, &one.serials)))
            .flat_map(|(until, serials)| serials.iter().map(move |serial| (*serial, until)))
            .collect();
        cooling.sort_unstable();
        let waiting = waiting
            .into_iter()
            .flat_map(|one| one.serials.iter().map(|serial| (*serial, one.profile.as_str())))
            .collect();
        let names = observed.tokens.iter().map(|(name, id)| (id, name)).collect();
        Self { observed, names, profiles, wished, waiting, cooling }
    }

    fn wished(&self, serial: &Serial) -> Option<&'a str> {
        self.wished.binary_search_by_key(serial, |(serial, _)| *serial).ok().map(|at| self.wished[at].1)
    }

    fn cooling_until(&self, serial: &Serial) -> Option<Timestamp> {
        let at = self.cooling.binary_search_by_key(serial, |(serial, _)| *serial).ok()?;
        Some(self.cooling[at].1)
    }

    /// The devices of all tokens, then the serials that wait.
    fn rows(&self) -> impl Iterator<Item = DeviceRow<'_>> + Clone {
        let there = self
            .observed
            .live
            .tenants
            .iter()
            .flat_map(|(realm, tenant)| {
                tenant.devices.iter().map(move |(id, list)| (realm, tenant, id, list))
            })
            .filter_map(|(realm, tenant, id, list)| Some((realm, tenant, id, list.known()?)))
            .flat_map(move |(realm, tenant, id, devices)| {
                let token = self.names.get(id).map(|name| name.as_str());
                let live = tenant.tokens.known().and_then(|tokens| tokens.by_id(id).ok());
                let service = realm.is_direct().then(|| live.map_or("", |live| live.name.as_str()));
                devices.iter().map(move |device| DeviceRow {
                    serial: device.serial,
                    model: devices.model_of(device),
                    family: device.family.map(Family::word),
                    apple: service.map(|service| AppleSide {
                        service,
                        profile_status: profile_status(device.state, devices.place_of(device).is_some()),
                    }),
                    mdm: service.is_none().then_some(MdmSide {
                        state: device.state,
                        released: device.released,
                        supervised: device.supervised,
                    }),
                    cooling_until: self.cooling_until(&device.serial),
                    token,
                    profile: devices.profile_of(device).map(|id| ProfileRef {
                        name: self.profiles.get(id).map(|profile| profile.name.as_str()),
                        id: &id.0,
                    }),
                    wished_profile: self.wished(&device.serial),
                    waiting: false,
                })
            });
        let waiting = self.waiting.iter().map(|(serial, profile)| DeviceRow {
            serial: *serial,
            model: None,
            family: None,
            apple: None,
            mdm: None,
            token: None,
            profile: None,
            wished_profile: Some(profile),
            waiting: true,
            cooling_until: None,
        });
        there.chain(waiting)
    }
}

/// Whether serials wait that their token has: not for the service to show them, but because Apple wants
/// them left in peace.
fn is_there(waiting: &Waiting, observed: &Observed) -> bool {
    let id = waiting.token.as_ref().and_then(|token| observed.tokens.get(token));
    let Some((id, first)) = id.zip(waiting.serials.first()) else { return false };
    let lists = observed.live.tenants.values().filter_map(|tenant| tenant.devices.get(id)?.known());
    waiting.until.is_some() && lists.into_iter().any(|devices| devices.find(first).is_some())
}

/// `profile_status` in Apple's word.
const fn profile_status(state: EnrollmentState, has_profile: bool) -> Option<&'static str> {
    match (state, has_profile) {
        (EnrollmentState::NotContacted, true) => Some("assigned"),
        (EnrollmentState::NotContacted, false) => Some("empty"),
        (EnrollmentState::Enrolled, _) => Some("pushed"),
        (EnrollmentState::Removed, _) => Some("removed"),
        _ => None,
    }
}
