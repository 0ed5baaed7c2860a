//! A folder with an organisation in Apple Business, and the world for it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use espalier::model::Serial;
use espalier::sim::apple::Family;
use espalier::sim::apple::organization::{Behaviour, Lock, Source};
use espalier::sim::{
    Seed, SeedApiAccount, SeedDeviceService, SeedOrganization, SeedOrganizationDevice, SeedService, World,
};
use tempfile::TempDir;

use crate::Failure;
use crate::child::expect;
use crate::fleet::{FLEET, espalier, scratch, serial};

/// The first argument of this binary as the writer of a world.
pub const WORD: &str = "world-organisation";

/// The organisation's API account, and its key.
pub const CLIENT: &str = "BUSINESSAPI.5d0c2b41-7f6e-4f2b-9a38-1b6c7d8e9f05";
/// See [`CLIENT`].
pub const KEY: &str = "0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f";

/// What the API allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// Twenty reads a minute, ten writes an hour: the program waits on the world's clock.
    Found,
    /// None at the service; the documents allow a thousand of each, so that nothing waits.
    Lifted,
}

/// Where devices are when the world begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the services of this folder's tokens, evenly.
    AtTokens,
    /// The routed ones at no service, the others at those of the tokens.
    RoutedNowhere,
    /// At services that no document names; the folder has a single token, whose own has none.
    Foreign,
}

/// How large an organisation is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Device management services that devices are spread over; each has its token, but for
    /// [`Begin::Foreign`].
    pub services: usize,
    /// Devices of the organisation.
    pub devices: usize,
    /// Devices, the first ones, that documents lead to a service.
    pub routed: usize,
    /// How many services further on than the one that they would begin at: 0 where they are to stay.
    pub shift: usize,
    /// Where they are at first.
    pub begin: Begin,
    /// Whether each token speaks of default families.
    pub families: bool,
    /// What the API allows.
    pub limits: Limits,
}

impl Shape {
    /// An organisation of which nothing is wished but to be read.
    pub fn read(services: usize, devices: usize) -> Self {
        let begin = Begin::AtTokens;
        Self { services, devices, routed: 0, shift: 0, begin, families: false, limits: Limits::Found }
    }

    fn tokens(&self) -> usize {
        if self.begin == Begin::Foreign { 1 } else { self.services }
    }

    /// The service that has a device at first.
    fn home(&self, device: usize) -> Option<usize> {
        let is_at_none = self.begin == Begin::RoutedNowhere && device < self.routed;
        (!is_at_none).then_some(device % self.services)
    }

    /// The service that documents lead a device to.
    fn goal(&self, device: usize) -> Option<usize> {
        (device < self.routed).then_some((device + self.shift) % self.services)
    }

    /// How many devices each service has before, and how many after all routes are followed. With
    /// [`Begin::Foreign`] the token's own service, which has none, comes behind.
    pub fn counts(&self) -> (Vec<usize>, Vec<usize>) {
        let count = |of: &dyn Fn(usize) -> Option<usize>| {
            let all = if self.begin == Begin::Foreign { self.services + 1 } else { self.services };
            let mut counts = vec![0; all];
            (0..self.devices).filter_map(of).for_each(|service| counts[service] += 1);
            counts
        };
        (count(&|device| self.home(device)), count(&|device| self.goal(device).or(self.home(device))))
    }

    fn words(&self) -> Vec<String> {
        let begin = match self.begin {
            Begin::AtTokens => "tokens",
            Begin::RoutedNowhere => "nowhere",
            Begin::Foreign => "foreign",
        };
        let limits = if self.limits == Limits::Lifted { "lifted" } else { "found" };
        let sizes = [self.services, self.devices, self.routed].map(|size| size.to_string());
        sizes.into_iter().chain([begin.to_owned(), limits.to_owned(), self.families.to_string()]).collect()
    }
}

/// `FILE SERVICES DEVICES ROUTED BEGIN LIMITS FAMILIES`: writes a world.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let [file, services, devices, routed, begin, limits, families] = arguments else {
        return Err("world-organisation FILE SERVICES DEVICES ROUTED BEGIN LIMITS FAMILIES".into());
    };
    let shape = Shape {
        services: services.parse()?,
        devices: devices.parse()?,
        routed: routed.parse()?,
        shift: 0,
        begin: match begin.as_str() {
            "nowhere" => Begin::RoutedNowhere,
            "foreign" => Begin::Foreign,
            _ => Begin::AtTokens,
        },
        families: families.parse()?,
        limits: if limits == "lifted" { Limits::Lifted } else { Limits::Found },
    };
    Ok(fs::write(file, world(&shape).to_json())?)
}

fn world(shape: &Shape) -> World {
    let own = (0..shape.tokens()).map(|token| SeedDeviceService {
        name: service(token),
        direct: Some(service(token)),
        families: (shape.families && token == 0).then_some(Family::IPad).into_iter().collect(),
        ..SeedDeviceService::default()
    });
    let foreign = (0..shape.services).filter(|_| shape.begin == Begin::Foreign);
    let foreign =
        foreign.map(|number| SeedDeviceService { name: stranger(number), ..SeedDeviceService::default() });
    let device = |at: usize| {
        let home = shape.home(at).map(|number| match shape.begin {
            Begin::Foreign => stranger(number),
            Begin::AtTokens | Begin::RoutedNowhere => service(number),
        });
        Some(SeedOrganizationDevice {
            serial: Serial::new(&serial(at))?,
            family: Some(Family::IPad),
            model: None,
            service: home,
            order_number: Some(format!("W{:05}", at / 40)),
            source: Source::Apple,
            source_id: None,
            lock: Lock::None,
            migrates: false,
        })
    };
    // One look tells that an activity has ended.
    let ends_at_once = Behaviour { activity_polls: Some(1), ..Behaviour::default() };
    let behaviour = match shape.limits {
        Limits::Found => ends_at_once,
        Limits::Lifted => Behaviour { get_per_minute: 0, post_per_hour: 0, ..ends_at_once },
    };
    World::from_seed(&Seed {
        seed: 1,
        start: "2026-11-02T08:00:00Z".parse().unwrap_or_default(),
        services: (0..shape.tokens())
            .map(|token| SeedService { name: service(token), ..SeedService::default() })
            .collect(),
        organizations: vec![SeedOrganization {
            name: "bench".to_owned(),
            accounts: vec![SeedApiAccount {
                client_id: CLIENT.to_owned(),
                key_id: KEY.to_owned(),
                key: None,
            }],
            services: own.chain(foreign).collect(),
            devices: (0..shape.devices).filter_map(device).collect(),
            behaviour: Some(behaviour),
            ..SeedOrganization::default()
        }],
        ..Seed::default()
    })
}

/// The name of a token's service.
fn service(token: usize) -> String {
    format!("Service {token}")
}

/// The name of a service that no document names.
fn stranger(number: usize) -> String {
    format!("Stranger {number}")
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
        // Moves of this size are what is measured.
        let limits = "  limits: { reassign: { percent: 100 } }\n";
        fs::write(fleet.documents().join("fleet.yaml"), format!("{FLEET}{limits}"))?;
        fs::write(fleet.documents().join("organisation.yaml"), organisation(shape.limits))?;
        fs::write(fleet.documents().join("tokens.yaml"), tokens(&shape))?;
        for goal in 0..shape.tokens().min(shape.routed) {
            fleet.write_route(goal)?;
        }
        // Written by a process of its own: the system counts a child as at least as large as its
        // parent ever was.
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).arg(fleet.world()).args(shape.words());
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

    /// Forgets what was read, bearer and calls included.
    pub fn forget_cache(&self) -> Result<(), Failure> {
        self.forget(&[".espalier/cache", ".espalier/sim/cache"])
    }

    /// Forgets what earlier runs left in the folder, for a world that begins anew.
    pub fn forget_state(&self) -> Result<(), Failure> {
        self.forget(&[".espalier"])
    }

    fn forget(&self, folders: &[&str]) -> Result<(), Failure> {
        for folder in folders {
            match fs::remove_dir_all(self.documents().join(folder)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn write_route(&self, goal: usize) -> Result<(), Failure> {
        let mut text = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata:\n  name: to-{goal}\n\
             spec:\n  token: token-{goal}\n  devices:\n    serials:\n"
        );
        for device in (0..self.shape.devices).filter(|at| self.shape.goal(*at) == Some(goal)) {
            writeln!(text, "      - {}", serial(device))?;
        }
        Ok(fs::write(self.documents().join(format!("to-{goal}.yaml")), text)?)
    }
}

fn organisation(limits: Limits) -> String {
    let more = match limits {
        Limits::Found => "",
        Limits::Lifted => "    getPerMinute: 1000\n    postPerHour: 1000\n",
    };
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata:\n  name: company\nspec:\n  appleBusiness:\n    \
         clientId: {CLIENT}\n    keyId: {KEY}\n    privateKey: {{ env: BENCH_API_KEY }}\n{more}"
    )
}

fn tokens(shape: &Shape) -> String {
    let families = |token: usize| match (shape.families, token) {
        (false, _) => "",
        (true, 0) => "  defaultFor: [ipad]\n",
        (true, _) => "  defaultFor: []\n",
    };
    let one = |token: usize| {
        let name = service(token);
        format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata:\n  name: token-{token}\nspec:\n  \
             displayName: {name}\n  apple: {{ connection: company, service: {name} }}\n{}  direct:\n    \
             privateKey: {{ env: BENCH_KEY }}\n    certificate: token.pem\n    serverToken: {{ env: BENCH_TOKEN }}\n",
            families(token)
        )
    };
    (0..shape.tokens()).map(one).collect::<Vec<_>>().join("---\n")
}
