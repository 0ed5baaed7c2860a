//! Managed devices and what is asked of them, as a client, a person and an oracle see it.

use super::*;
use crate::model::clock::Timestamp;
use crate::sim::apple::Family;
use crate::sim::apple::organization::Lock;
use crate::sim::device::{DeedKind, DeviceBehaviour, DeviceHistory};

mod actions;
mod approvals;
mod lives;
mod locks;
mod quirks;
mod records;

/// A seed with devices of every kind: enrolled, at one token whose profiles are made.
fn fleet() -> Seed {
    let mut seed = seed();
    let tenant = &mut seed.tenants[0];
    let of = |kind: &str, name: &str| {
        let profile = json!({
            "@odata.type": format!("#microsoft.graph.{kind}"), "displayName": name, "isDefault": true,
            "requiresUserAuthentication": true, "isMandatory": true,
        });
        profile.as_object().unwrap().clone()
    };
    tenant.tokens[0].profiles = vec![
        of("depIOSEnrollmentProfile", "Phones"),
        of("depMacOSEnrollmentProfile", "Macs"),
        of("depTvOSEnrollmentProfile", "Screens"),
    ];
    let device = |text: &str, family, user: &str| SeedManagedDevice {
        token: Some("School".to_owned()),
        family: Some(family),
        user: Some(user.to_owned()),
        name: Some(format!("{}-of-{}", family.as_str(), user.split('@').next().unwrap())),
        ..SeedManagedDevice::new(serial(text))
    };
    tenant.devices = vec![
        device(PHONE, Family::IPhone, "ada@sim.example"),
        device(PAD, Family::IPad, "ben@sim.example"),
        device(MAC, Family::Mac, "clara@sim.example"),
        device(SCREEN, Family::AppleTv, "david@sim.example"),
    ];
    seed
}

const PHONE: &str = "PHONE001";
const PAD: &str = "PAD00001";
const MAC: &str = "MAC00001";
const SCREEN: &str = "TV000001";

const BASE: &str = "/deviceManagement/managedDevices";

impl Desk {
    async fn of_fleet() -> Self {
        Self::lasting(Options::new(World::from_seed(&fleet()))).await
    }

    /// A desk whose bearer is good for years.
    async fn lasting(options: Options) -> Self {
        let mut desk = Self::with(options).await;
        desk.bearer = desk.sim.with_world(|world| {
            let claims = format!("{TENANT}.{}.0", world.now.as_second() + 10 * 365 * 86_400);
            format!("{claims}.{}", world.derive_id(&format!("bearer/{claims}")))
        });
        desk
    }

    /// The rows of a serial.
    async fn rows(&self, serial: &str) -> Vec<Value> {
        let page = self.get(&format!("{BASE}?$filter=serialNumber eq '{serial}'")).await;
        page["value"].as_array().unwrap().clone()
    }

    /// The id of the only record of a serial.
    async fn record(&self, serial: &str) -> String {
        let rows = self.rows(serial).await;
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows[0]["id"].as_str().unwrap().to_owned()
    }

    /// Asks a device for something. Status and body.
    async fn act(&self, serial: &str, action: &str, body: Option<Value>) -> (u16, Value) {
        let id = self.record(serial).await;
        self.ask("POST", &format!("{BASE}/{id}/{action}"), body).await
    }

    async fn acted(&self, serial: &str, action: &str, body: Option<Value>) -> String {
        let id = self.record(serial).await;
        let (status, answer) = self.ask("POST", &format!("{BASE}/{id}/{action}"), body).await;
        assert_eq!(status, 204, "{action} of {serial}: {answer}");
        id
    }

    /// The result of an action at a record; null where there is none.
    async fn result(&self, id: &str, name: &str) -> Value {
        let device = self.get(&format!("{BASE}/{id}")).await;
        let results = device["deviceActionResults"].as_array().unwrap().clone();
        results.into_iter().find(|result| result["actionName"] == name).unwrap_or_default()
    }

    /// Makes changes by hand, all of which are possible.
    async fn by_hand(&self, changes: Value) {
        let (status, body) = self.control("POST", "/portal", Some(changes)).await;
        assert_eq!(status, 204, "{body}");
    }

    fn past(&self, text: &str) -> DeviceHistory {
        self.sim.with_world(|world| world.history.device(&serial(text)).cloned().unwrap_or_default())
    }

    fn instant(&self) -> Timestamp {
        self.sim.with_world(|world| world.now)
    }

    fn behave(&self, behaviour: DeviceBehaviour) {
        self.sim.with_world(|world| world.tenants[0].device_desk.behaviour = behaviour);
    }

    /// The bypass code that a record tells; null where it tells none.
    async fn code(&self, id: &str) -> Value {
        let device = self.get(&format!("{BASE}/{id}?$select=id,activationLockBypassCode")).await;
        device["activationLockBypassCode"].clone()
    }

    fn lock(&self, text: &str) -> Lock {
        self.sim.with_world(|world| world.activation_lock(&serial(text)))
    }
}
