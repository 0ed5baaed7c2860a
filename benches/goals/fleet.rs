//! Made-up fleets: a folder of documents, and the world that a simulator begins with.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use espalier::model::Serial;
use espalier::sim::{Seed, SeedTenant, SeedToken, World};
use tempfile::TempDir;

use crate::Failure;

/// The tenant of every fleet.
pub const TENANT: &str = "8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36";
/// Its application.
pub const CLIENT: &str = "3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6";

/// The first argument of this binary as the writer of a world.
pub const WORD: &str = "world";

/// `FILE TOKENS DEVICES`: writes a world.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let [file, tokens, devices] = arguments else { return Err("world FILE TOKENS DEVICES".into()) };
    let shape = Shape { tokens: tokens.parse()?, profiles: 1, devices: devices.parse()?, list: List::Yaml };
    Ok(fs::write(file, world(&shape).to_json())?)
}

/// How documents name serials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// A YAML list in the document.
    Yaml,
    /// A CSV file beside it.
    Csv,
}

/// How large a fleet is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Enrollment tokens.
    pub tokens: usize,
    /// Profile documents; each is selected for every token.
    pub profiles: usize,
    /// Devices in all, spread evenly over tokens and profiles.
    pub devices: usize,
    /// How they are named.
    pub list: List,
}

/// A folder of documents and the world for them, in which no profile exists yet.
pub struct Fleet {
    root: TempDir,
    /// How large it is.
    pub shape: Shape,
}

impl Fleet {
    /// Writes a fleet.
    pub fn new(shape: Shape) -> Result<Self, Failure> {
        let fleet = Self { root: scratch()?, shape };
        fs::create_dir_all(fleet.documents().join("devices"))?;
        fs::write(fleet.documents().join("fleet.yaml"), FLEET)?;
        fs::write(fleet.documents().join("connection.yaml"), connection())?;
        fs::write(fleet.documents().join("tokens.yaml"), tokens(&shape))?;
        fs::write(fleet.documents().join("profiles.yaml"), profiles(&shape))?;
        for profile in 0..shape.profiles {
            fleet.write_assignment(profile)?;
        }
        fleet.write_world()?;
        Ok(fleet)
    }

    /// Has the world written by a process of its own: the system counts a child as at least as large
    /// as its parent ever was, so the process that measures has to stay small.
    fn write_world(&self) -> Result<(), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).arg(self.world());
        command.args([self.shape.tokens, self.shape.devices].map(|size| size.to_string()));
        crate::child::expect(&mut command, &[0]).map(drop)
    }

    /// The folder of documents.
    pub fn documents(&self) -> PathBuf {
        self.root.path().join("documents")
    }

    /// The world's file.
    pub fn world(&self) -> PathBuf {
        self.root.path().join("world.json")
    }

    /// Forgets what earlier runs left in the folder.
    pub fn forget_state(&self) -> Result<(), Failure> {
        match fs::remove_dir_all(self.documents().join(".espalier")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The program over this folder.
    pub fn espalier(&self, arguments: &[&str]) -> Command {
        let mut command = espalier();
        command.args(arguments).arg(self.documents()).env("HOME", self.root.path());
        command
    }

    /// Writes the document that gives devices a profile; none where it would name no device.
    fn write_assignment(&self, profile: usize) -> Result<(), Failure> {
        let serials = (0..self.shape.devices).filter(|at| self.shape.profile_of(*at) == profile).map(serial);
        let folder = self.documents().join("devices");
        let mut text = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata:\n  name: profile-{profile}\n\
             spec:\n  profile: profile-{profile}\n  devices:\n"
        );
        match self.shape.list {
            List::Yaml => {
                text.push_str("    serials:\n");
                for serial in serials {
                    writeln!(text, "      - {serial}")?;
                }
            }
            List::Csv => {
                writeln!(text, "    csv: {{ file: profile-{profile}.csv, column: Serial }}")?;
                let mut rows = "Serial,Model,Room\n".to_owned();
                for serial in serials {
                    writeln!(rows, "{serial},iPad (10th generation),B1.{profile}")?;
                }
                fs::write(folder.join(format!("profile-{profile}.csv")), rows)?;
            }
        }
        if self.shape.devices > profile {
            fs::write(folder.join(format!("profile-{profile}.yaml")), text)?;
        }
        Ok(())
    }
}

impl Shape {
    /// The token that has a device.
    fn token_of(&self, device: usize) -> usize {
        device % self.tokens
    }

    /// The profile that a device gets. Neighbours on a token get different ones.
    fn profile_of(&self, device: usize) -> usize {
        if self.tokens == 1 { device % self.profiles } else { (device / self.tokens) % self.profiles }
    }
}

/// A folder in memory where the machine has one: the ledger writes each promise through to the
/// disk, and how long a disk takes is not what is measured here.
pub fn scratch() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// The program, in any folder, without the caller's settings. `ESPALIER_BENCH_BINARY` names another
/// build of it, to compare two by the same measure.
pub fn espalier() -> Command {
    let binary = std::env::var_os("ESPALIER_BENCH_BINARY");
    let mut command = Command::new(binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_espalier").into()));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["ESPALIER_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
            .iter()
            .any(|foreign| name.starts_with(foreign))
        {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// The serial of a device: scattered, as the service's lists and people's files are.
pub fn serial(device: usize) -> String {
    const LETTERS: &[u8; 32] = b"0123456789CDFGHJKLMNPQRTVWXYZ347";
    // SplitMix64.
    let mut bits = (device as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let letter = |place: u32| char::from(LETTERS[(bits >> (5 * place)) as usize % 30]);
    let number = format!("{device:05X}");
    std::iter::once('F').chain((0..6).map(letter)).chain(number.chars()).collect()
}

/// The Fleet document of every folder.
pub const FLEET: &str = "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata:
  name: bench
spec:
  ledger:
    id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40
    sqlite: { path: .espalier/ledger.db }
";

fn connection() -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata:\n  name: tenant\nspec:\n  intune:\n    \
         tenantId: {TENANT}\n    clientId: {CLIENT}\n    credential:\n      clientSecret: {{ env: INTUNE_CLIENT_SECRET }}\n"
    )
}

fn tokens(shape: &Shape) -> String {
    let one = |token: usize| {
        format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata:\n  name: token-{token}\n  \
             labels: {{ part: bench }}\nspec:\n  displayName: {}\n  mdm: tenant\n",
            token_name(token)
        )
    };
    (0..shape.tokens).map(one).collect::<Vec<_>>().join("---\n")
}

fn profiles(shape: &Shape) -> String {
    let one = |profile: usize| {
        format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentProfile\nmetadata:\n  name: profile-{profile}\nspec:\n  \
             displayName: Profile {profile}\n  tokens: {{ matchLabels: {{ part: bench }} }}\n  platform: ios\n  \
             userAffinity: none\n  supervised: true\n  lockedEnrollment: true\n  awaitConfiguration: true\n  \
             department: Bench\n"
        )
    };
    (0..shape.profiles).map(one).collect::<Vec<_>>().join("---\n")
}

fn token_name(token: usize) -> String {
    format!("Token {token}")
}

fn world(shape: &Shape) -> World {
    let mut tokens: Vec<SeedToken> = (0..shape.tokens)
        .map(|token| SeedToken { name: token_name(token), ..SeedToken::default() })
        .collect();
    for device in 0..shape.devices {
        tokens[shape.token_of(device)].serials.extend(Serial::new(&serial(device)));
    }
    World::from_seed(&Seed {
        seed: 1,
        start: "2026-11-02T08:00:00Z".parse().unwrap_or_default(),
        surroundings: false,
        services: Vec::new(),
        organizations: Vec::new(),
        tenants: vec![SeedTenant { tenant_id: TENANT.to_owned(), tokens, ..SeedTenant::default() }],
    })
}
