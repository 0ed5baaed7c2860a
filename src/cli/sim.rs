//! `sim serve`, `step`, `reset`.

use std::path::Path;

use super::args::{GlobalArgs, SimArgs, SimCommand, SimServeArgs, SimSource, SimStepArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::ui::Ui;
use super::{duration, setup};
use crate::engine::{self, EngineError, FolderState, Settings, WorldLock};
use crate::sim::{Options, Sim, World};

/// Serves, steps or discards the folder's simulated world.
///
/// # Errors
/// Documents or a world that cannot be used; ports that cannot be had.
pub fn run(args: &SimArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.command {
        SimCommand::Serve(args) => serve(args, global, ui),
        SimCommand::Step(args) => step(args, global, ui),
        SimCommand::Reset(args) => {
            let settings = simulated(global, &args.folder)?;
            let state = FolderState::of(&settings);
            let _lock = WorldLock::hold(&state, "espalier sim reset")?;
            engine::forget(&state)?;
            ui.say("The simulated world is discarded; the next --sim begins anew.");
            Ok(ExitCode::Done)
        }
    }
}

fn simulated(global: &GlobalArgs, folder: &Path) -> Result<Settings, CommandError> {
    let global = GlobalArgs { sim: Some(SimSource::Folder), ..global.clone() };
    let settings = setup::settings(&global, folder, "sim")?;
    FolderState::of(&settings).stays_within(settings.allow)?;
    Ok(settings)
}

/// The world that the folder keeps, made from its documents if need be.
fn kept(settings: &Settings, ui: &Ui) -> Result<World, CommandError> {
    let loaded = crate::manifest::load(&settings.folder, settings.allow).map_err(EngineError::Folder)?;
    if loaded.diagnostics.refuse() {
        ui.warn("the documents are not all in order; the world is made from those that are");
    }
    Ok(engine::kept(&FolderState::of(settings), &loaded.desired)?)
}

fn serve(args: &SimServeArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = simulated(global, &args.folder)?;
    let state = FolderState::of(&settings);
    // A world from a file is nobody's: what becomes of it is not kept.
    let _lock = match &args.world {
        Some(_) => None,
        None => Some(WorldLock::hold(&state, "espalier sim serve")?),
    };
    let (world, persist) = match &args.world {
        Some(file) => {
            let bytes = std::fs::read(file).map_err(|error| {
                CommandError::file("read", file, &error)
                    .hint("a world is what the simulator's `GET /world` returns")
            })?;
            let world = World::from_json(&bytes).map_err(|error| {
                CommandError::from_error(ExitCode::Error, &error)
                    .coded("world-unusable")
                    .hint("a world is what the simulator's `GET /world` returns")
            })?;
            (world, None)
        }
        None => (kept(&settings, ui)?, Some(state.world_file())),
    };
    let mut options = Options::new(world);
    options.persist = persist;
    options.ports_from = args.ports_from;
    options.record = args.record.clone().or(settings.record);
    setup::block_on(async {
        let sim = Sim::start(options).await.map_err(EngineError::Sim)?;
        let addresses = serde_json::to_string(sim.addresses()).unwrap_or_default();
        ui.print(&(addresses + "\n"))?;
        if ui.is_terminal() {
            ui.say("Serving until Ctrl-C; `espalier sim serve --help` shows what the control port can do.");
        }
        stopped().await?;
        sim.stop().await.map_err(EngineError::Sim)?;
        Ok(ExitCode::Done)
    })
}

/// Waits for an interrupt or a polite termination.
async fn stopped() -> Result<(), CommandError> {
    let cannot = |error| {
        CommandError::new(ExitCode::Error, "cannot listen for signals").coded("system").because(&error)
    };
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(cannot)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupt = tokio::signal::ctrl_c() => interrupt.map_err(cannot),
    }
}

fn step(args: &SimStepArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = simulated(global, &args.folder)?;
    let state = FolderState::of(&settings);
    let _lock = WorldLock::hold(&state, "espalier sim step")?;
    let mut options = Options::new(kept(&settings, ui)?);
    options.persist = Some(state.world_file());
    setup::block_on(async {
        let sim = Sim::start(options).await.map_err(EngineError::Sim)?;
        let clock = sim.clock();
        clock.sleep(args.by).await;
        let words = duration::words(args.by.as_secs());
        ui.print(&format!("The world's clock went {words} on; it is {}.\n", clock.now()))?;
        sim.stop().await.map_err(EngineError::Sim)?;
        Ok(ExitCode::Done)
    })
}
