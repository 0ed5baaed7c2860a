//! `watch`: the daemon.

use super::apply::stop_on_signals;
use super::args::{GlobalArgs, StreamFormat, WatchArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::diagnostics;
use super::render::watch::{self as render, Shown};
use super::setup;
use super::ui::Ui;
use crate::engine::EngineError;
use crate::model::clock::Timestamp;
use crate::watch::{Daemon, Told, health};

/// Watches a folder until told to end.
///
/// # Errors
/// Documents that are not in order at the start; a port, ledger or simulator that cannot be had.
pub fn run(args: &WatchArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let mut settings = setup::settings(global, &args.folder, "watch")?;
    settings.changes_world = true;
    setup::block_on(async {
        let listener = match args.listen {
            None => None,
            Some(address) => Some(health::listen(address).await.map_err(|error| {
                CommandError::new(ExitCode::Error, format!("cannot listen on {address}"))
                    .because(&error)
                    .hint("name another address with --listen, or port 0 for any")
            })?),
        };
        let stop = stop_on_signals(*ui)?;
        let (format, out) = (args.format, *ui);
        let tell = Box::new(move |told: Told| show(&told, format, &out));
        let daemon = match Daemon::start(settings, stop.clone(), tell).await {
            Ok(daemon) => daemon,
            Err(EngineError::Manifests { findings, sources }) => {
                let lines = |file: &str| sources.get(file).map(|text| text.to_string());
                ui.show(&diagnostics::text(&findings, &lines));
                return Err(CommandError::new(
                    ExitCode::Manifests,
                    "the documents are not in order; there are no good ones to watch with",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(control) = daemon.control() {
            // Programs look for it: it is said with --quiet as well.
            ui.show(&format!("Simulator: control {control}\n"));
        }
        if let Some(listener) = listener {
            let address = listener.local_addr().map_err(|error| {
                CommandError::new(ExitCode::Error, "cannot tell the address").because(&error)
            })?;
            ui.show(&format!("Serving http://{address}/healthz, /readyz and /metrics\n"));
            let (health, exposition) = daemon.health();
            tokio::spawn(async move {
                // It ends with the watch; without it the watch goes on.
                let _ = health::serve(listener, health, exposition, stop).await;
            });
        }
        daemon.run().await?;
        ui.say("Stopped.");
        Ok(ExitCode::Done)
    })
}

/// A reader that went away does not end the watch.
fn show(told: &Told, format: StreamFormat, ui: &Ui) {
    if format == StreamFormat::Json {
        let _ = ui.print(&render::json(told, Timestamp::now()));
        return;
    }
    match render::text(told) {
        Some(Shown::Result(text)) => drop(ui.print_text(&text)),
        Some(Shown::Aside(text)) => ui.say(text.trim_end()),
        Some(Shown::Warning(text)) => ui.show(&text),
        None => {}
    }
}
