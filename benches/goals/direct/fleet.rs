//! A folder whose tokens espalier holds itself, and the world for it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use espalier::model::Serial;
use espalier::sim::{Seed, SeedService, World};
use tempfile::TempDir;

use crate::Failure;
use crate::child::expect;
use crate::fleet::{FLEET, espalier, scratch, serial};

/// The first argument of this binary as the writer of a world.
pub const WORD: &str = "world-direct";

/// How large a fleet is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Direct tokens.
    pub tokens: usize,
    /// Profile documents; each is selected for every token. 0: nothing is wished.
    pub profiles: usize,
    /// Devices in all, spread evenly over tokens and profiles.
    pub devices: usize,
}

impl Shape {
    fn token_of(&self, device: usize) -> usize {
        device % self.tokens
    }

    fn profile_of(&self, device: usize) -> usize {
        (device / self.tokens) % self.profiles.max(1)
    }
}

/// `FILE TOKENS DEVICES`: writes a world.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let [file, tokens, devices] = arguments else { return Err("world-direct FILE TOKENS DEVICES".into()) };
    let shape = Shape { tokens: tokens.parse()?, profiles: 0, devices: devices.parse()? };
    let mut services: Vec<SeedService> = (0..shape.tokens)
        .map(|token| SeedService { name: service(token), ..SeedService::default() })
        .collect();
    for device in 0..shape.devices {
        services[shape.token_of(device)].serials.extend(Serial::new(&serial(device)));
    }
    let seed = Seed {
        seed: 1,
        start: "2026-11-02T08:00:00Z".parse().unwrap_or_default(),
        surroundings: false,
        tenants: Vec::new(),
        services,
        ..Seed::default()
    };
    Ok(fs::write(file, World::from_seed(&seed).to_json())?)
}

/// The display name of a token, which is its service's name at Apple.
pub fn service(token: usize) -> String {
    format!("Service {token}")
}

/// A folder of documents and the world for them.
pub struct Fleet {
    root: TempDir,
    /// How large it is.
    pub shape: Shape,
}

impl Fleet {
    /// Writes a fleet.
    pub fn new(shape: Shape) -> Result<Self, Failure> {
        let fleet = Self { root: scratch()?, shape };
        fs::create_dir_all(fleet.documents())?;
        fs::write(fleet.documents().join("fleet.yaml"), FLEET)?;
        fs::write(fleet.documents().join("tokens.yaml"), tokens(&shape))?;
        fs::write(fleet.documents().join("profiles.yaml"), profiles(&shape))?;
        for profile in 0..shape.profiles {
            fleet.write_assignment(profile)?;
        }
        // Written by a process of its own: the system counts a child as at least as large as its
        // parent ever was.
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).arg(fleet.world());
        command.args([shape.tokens, shape.devices].map(|size| size.to_string()));
        expect(&mut command, &[0])?;
        Ok(fleet)
    }

    /// The folder of documents.
    pub fn documents(&self) -> PathBuf {
        self.root.path().join("documents")
    }

    /// The world's file.
    pub fn world(&self) -> PathBuf {
        self.root.path().join("world.json")
    }

    /// The program over this folder.
    pub fn espalier(&self, arguments: &[&str]) -> Command {
        let mut command = espalier();
        command.args(arguments).arg(self.documents()).env("HOME", self.root.path());
        command
    }

    /// What the program keeps, in bytes: ledger and cache, the simulator's world left out.
    pub fn kept(&self) -> Result<u64, Failure> {
        size_of(&self.documents().join(".espalier"))
    }

    /// Forgets what was read.
    pub fn forget_cache(&self) -> Result<(), Failure> {
        for cache in [".espalier/cache", ".espalier/sim/cache"] {
            match fs::remove_dir_all(self.documents().join(cache)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn write_assignment(&self, profile: usize) -> Result<(), Failure> {
        let mut text = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata:\n  name: profile-{profile}\n\
             spec:\n  profile: profile-{profile}\n  devices:\n    serials:\n"
        );
        let mine = (0..self.shape.devices).filter(|at| self.shape.profile_of(*at) == profile);
        for device in mine {
            writeln!(text, "      - {}", serial(device))?;
        }
        Ok(fs::write(self.documents().join(format!("assigned-{profile}.yaml")), text)?)
    }
}

fn size_of(path: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        if kind.is_dir() {
            bytes += size_of(&entry.path())?;
        } else if name != "world.json" && name != "calls.json" {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn tokens(shape: &Shape) -> String {
    let one = |token: usize| {
        format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata:\n  name: token-{token}\n  \
             labels: {{ part: bench }}\nspec:\n  displayName: {}\n  direct:\n    privateKey: {{ env: BENCH_KEY }}\n    \
             certificate: token.pem\n    serverToken: {{ env: BENCH_TOKEN }}\n",
            service(token)
        )
    };
    (0..shape.tokens).map(one).collect::<Vec<_>>().join("---\n")
}

fn profiles(shape: &Shape) -> String {
    let one = |profile: usize| {
        format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentProfile\nmetadata:\n  name: profile-{profile}\nspec:\n  \
             displayName: Profile {profile}\n  tokens: {{ matchLabels: {{ part: bench }} }}\n  platform: ios\n  \
             supervised: true\n  lockedEnrollment: true\n  awaitConfiguration: true\n  department: Bench\n  ade:\n    \
             url: https://mdm.bench.example/enroll\n    orgMagic: bench\n"
        )
    };
    (0..shape.profiles).map(one).collect::<Vec<_>>().join("---\n")
}
