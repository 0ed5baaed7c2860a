//! `devices`: the inventory, joined from the tokens' lists and the documents.

use std::collections::BTreeMap;

use super::args::{DevicesArgs, GlobalArgs, TableFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::devices::{self as render, DeviceRow, MdmSide, ProfileRef};
use super::setup;
use super::ui::Ui;
use crate::engine::{Observed, Session};
use crate::model::live::{Fact, LiveProfile};
use crate::model::{Name, ProfileId, Serial, TokenId};
use crate::plan::Plan;

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
        let waiting = plan.waiting.iter();
        let waiting = waiting
            .flat_map(|one| one.serials.iter().map(|serial| (*serial, one.profile.as_str())))
            .collect();
        let names = observed.tokens.iter().map(|(name, id)| (id, name)).collect();
        Self { observed, names, profiles, wished, waiting }
    }

    fn wished(&self, serial: &Serial) -> Option<&'a str> {
        self.wished.binary_search_by_key(serial, |(serial, _)| *serial).ok().map(|at| self.wished[at].1)
    }

    /// The devices of all tokens, then the serials that wait.
    fn rows(&self) -> impl Iterator<Item = DeviceRow<'_>> + Clone {
        let there = self
            .observed
            .live
            .tenants
            .values()
            .flat_map(|tenant| &tenant.devices)
            .filter_map(|(token, devices)| Some((token, devices.known()?)))
            .flat_map(move |(token, devices)| {
                let token = self.names.get(token).map(|name| name.as_str());
                devices.iter().map(move |device| DeviceRow {
                    serial: device.serial,
                    model: None,
                    family: None,
                    apple: None,
                    mdm: Some(MdmSide {
                        state: device.state,
                        released: device.released,
                        supervised: device.supervised,
                    }),
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
        });
        there.chain(waiting)
    }
}
