//! `doctor`: whether everything can be reached, and which permissions the documents need. Reads only.

use std::path::PathBuf;

use clap::Args;

use super::args::{Format, GlobalArgs, NarrowArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::permissions;
use super::render::doctor::{self as render, Examined, SignIn};
use super::render::text::count;
use super::setup;
use super::ui::Ui;
use crate::engine::{Observed, Session, Wants};
use crate::model::live::{Fact, Unknown};
use crate::model::{Name, Realm};

/// `doctor`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Reads only: it signs in everywhere and looks at the lists. A permission to write shows itself \
    at the first write only; which ones the documents need is told.\n\nExample:\n  espalier doctor fleet"
)]
pub struct DoctorArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which part of the fleet.
    #[command(flatten)]
    pub narrow: NarrowArgs,
}

/// Signs in at each service that the documents name, and tells what is amiss.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used.
pub fn run(args: &DoctorArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let mut settings = setup::settings(global, &args.folder, "doctor")?;
    settings.narrowing = args.narrow.narrowing();
    setup::block_on(async {
        let mut session = setup::open(settings, ui).await?;
        session.also_read(Wants { services: true, ..Wants::default() });
        let progress = ui.progress();
        let (_, observed) = session.plan(&*progress).await?;
        drop(progress);
        let examined = examine(&session, &observed, global.sim.is_some());
        let code = ExitCode::of_trouble(examined.iter().filter_map(|one| one.sign_in.cause()));
        match args.format {
            Format::Json => ui.print(&render::json(examined))?,
            Format::Text => ui.print_text(&render::text(&examined))?,
        }
        session.close().await?;
        Ok(code.unwrap_or(ExitCode::Done))
    })
}

fn examine(session: &Session, observed: &Observed, is_simulated: bool) -> Vec<Examined> {
    let (desired, live) = (session.desired(), &observed.live);
    let mut all = Vec::new();
    for name in desired.connections.keys() {
        let realm = Realm::Mdm(name.clone());
        let seen = live.tenants.get(&realm).map(|tenant| {
            judged(&tenant.tokens, |tokens| {
                format!("signed in; {} visible", are(tokens.iter().count(), "token"))
            })
        });
        let needs = permissions::at_intune(desired, name);
        all.push(Examined {
            connection: realm,
            service: "Microsoft Intune",
            key_id: None,
            needs,
            sign_in: or_not(seen),
        });
    }
    for (name, organisation) in &desired.organisations {
        let took = match is_simulated {
            true => "signed in at the simulator, where no key is read".to_owned(),
            false => "Apple took the key (EC P-256) and this machine's clock".to_owned(),
        };
        let seen = live.organisations.get(name).map(|live| {
            judged(&live.services, |services| {
                format!("{took}; {} visible", are(services.iter().count(), "service"))
            })
        });
        all.push(Examined {
            connection: Realm::Apple(name.clone()),
            service: organisation.edition.words(),
            key_id: Some(organisation.key_id.clone()),
            needs: permissions::at_apple(desired, name),
            sign_in: or_not(seen),
        });
    }
    let direct =
        desired.tokens.iter().filter(|(name, token)| token.realm.is_direct() && session.scope().holds(name));
    for (name, token) in direct {
        let seen = live
            .tenants
            .get(&token.realm)
            .map(|tenant| read_devices(tenant.devices.values().next(), &tenant.tokens, name));
        all.push(Examined {
            connection: token.realm.clone(),
            service: "Apple's enrollment service",
            key_id: None,
            // Who holds the token may do all that the service has.
            needs: Vec::new(),
            sign_in: or_not(seen),
        });
    }
    all
}

fn read_devices<D, T>(devices: Option<&Fact<D>>, tokens: &Fact<T>, name: &Name) -> SignIn {
    match (tokens, devices) {
        (Fact::Unknown(why), _) | (Fact::Known(_), Some(Fact::Unknown(why))) => bad(why),
        (Fact::Known(_), _) => SignIn::Good { told: format!("Apple took the token of {name}") },
    }
}

fn judged<T>(fact: &Fact<T>, told: impl FnOnce(&T) -> String) -> SignIn {
    match fact {
        Fact::Known(known) => SignIn::Good { told: told(known) },
        Fact::Unknown(why) => bad(why),
    }
}

fn bad(why: &Unknown) -> SignIn {
    SignIn::Bad { cause: why.cause, reason: why.reason.clone(), next: why.next.clone() }
}

fn or_not(seen: Option<SignIn>) -> SignIn {
    seen.unwrap_or_else(|| SignIn::NotTried {
        reason: "no document of this run needs anything of it".to_owned(),
    })
}

fn are(number: usize, noun: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number as u64, noun))
}
