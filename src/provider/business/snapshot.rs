//! A whole organisation at one time: services, devices, and which service has which device.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::PAGE_LIMIT;
use super::error::BusinessError;
use super::observe::BusinessObserver;
use crate::model::ServiceId;
use crate::model::live::{Complete, Fact, Unknown};
use crate::model::organisation::{LiveService, OrgDevices, OrgDevicesBuilder};

/// Of which services the default families are read: each costs a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// Of none.
    #[default]
    None,
    /// Of these, by name.
    Named(BTreeSet<String>),
    /// Of all.
    All,
}

impl Families {
    fn wants(&self, service: &LiveService) -> bool {
        match self {
            Families::None => false,
            Families::Named(names) => names.contains(&service.name),
            Families::All => true,
        }
    }
}

/// What was read of an organisation.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its services.
    pub services: Fact<Complete<LiveService>>,
    /// Its devices with the service of each; unknown as a whole where one list could not be read to its
    /// end.
    pub devices: Fact<OrgDevices>,
    /// When the reading began.
    pub read_at: Timestamp,
}

impl BusinessObserver {
    /// Reads services, devices, and the list of each service, and turns the lists round: the service of
    /// a device is told nowhere else for all of them. `on_page` hears how many devices were read.
    pub async fn snapshot(&self, families: &Families, on_page: &mut (dyn FnMut(usize) + Send)) -> Snapshot {
        let read_at = self.now();
        let services = match self.services().await {
            Ok(services) => services,
            Err(error) => {
                let unknown = Unknown::from(error);
                let (services, devices) = (Fact::Unknown(unknown.clone()), Fact::Unknown(unknown));
                return Snapshot { services, devices, read_at };
            }
        };
        let mut named: Vec<LiveService> = services.iter().cloned().collect();
        for service in named.iter_mut().filter(|service| families.wants(service)) {
            service.default_for = Some(self.default_families(&service.id).await);
        }
        let ids: Vec<&ServiceId> = services.iter().map(|service| &service.id).collect();
        let devices = match self.joined(&ids, on_page).await {
            Ok(devices) => Fact::Known(devices),
            Err(error) => Fact::Unknown(error.into()),
        };
        Snapshot { services: Fact::Known(Complete::after_last_page(named)), devices, read_at }
    }

    /// Reads the devices and the lists of these services.
    async fn joined(
        &self,
        services: &[&ServiceId],
        on_page: &mut (dyn FnMut(usize) + Send),
    ) -> Result<OrgDevices, BusinessError> {
        let mut builder = OrgDevicesBuilder::default();
        self.devices(&mut |serial, row| builder.push(serial, row), on_page).await?;
        for id in services {
            let service = builder.service(id);
            self.linkages(id, &mut |serial| builder.link(service, serial)).await?;
        }
        Ok(builder.after_last_page())
    }
}

/// The least number of calls that a snapshot takes: of so many devices, with so many on each service,
/// and the default families of so many services (reference section 15).
pub fn least_calls(devices: u64, on_services: &[u64], families: u64) -> u64 {
    let pages = |rows: u64| rows.div_ceil(u64::from(PAGE_LIMIT)).max(1);
    let lists: u64 = on_services.iter().map(|rows| pages(*rows)).sum();
    pages(devices) + pages(on_services.len() as u64) + lists + families
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_are_those_of_the_reference() {
        for (devices, services, calls) in
            [(1_000, 3, 8), (10_000, 5, 26), (50_000, 10, 111), (100_000, 10, 211)]
        {
            let each = vec![devices / services; services as usize];
            assert_eq!(least_calls(devices, &each, services), calls, "{devices}");
        }
        assert_eq!(least_calls(0, &[], 0), 2);
        assert_eq!(least_calls(1_001, &[1_001, 0], 0), 6);
    }
}
