//! The read half: each fact whole, or an error that says why it is not known.

use jiff::Timestamp;
use url::Url;

use super::budget::CallBudget;
use super::client::BusinessClient;
use super::convert;
use super::device::{self, DeviceRecord, Look};
use super::error::{BusinessError, Fault, Operation};
use super::wire::{
    ActivityRecord, Linkage, LockRecord, LogAddress, Paging, ServiceRecord, read_one, read_page,
};
use crate::http::meter::Meter;
use crate::model::act::{FreshLock, FreshOrgDevice};
use crate::model::live::{Complete, Fact};
use crate::model::organisation::{
    ActivationLock, ActivityId, ActivityState, LiveService, OrgRow, ProductFamily, ServiceId,
};
use crate::model::{Edition, Serial};

/// Reads one organisation. It cannot write.
#[derive(Clone, Debug)]
pub struct BusinessObserver(BusinessClient);

/// How far an activity was when it was asked for.
#[derive(Clone, Debug)]
pub struct ActivityLook {
    /// How far.
    pub state: ActivityState,
    /// `createdDateTime`; `None`: not told.
    pub created: Option<Timestamp>,
    /// `completedDateTime`; `None` before its end.
    pub completed: Option<Timestamp>,
    /// Where its log is, to be fetched at once; `None` before its end, and where Apple has none.
    pub log: Option<LogAddress>,
}

/// The path of the services.
const SERVICES: &str = "mdmServers";
/// The path of the devices.
const DEVICES: &str = "orgDevices";

impl BusinessObserver {
    /// The read half of a connection.
    pub fn new(client: BusinessClient) -> Self {
        Self(client)
    }

    /// What the connection was called for so far, writes included, and what it asked for.
    pub fn meter(&self) -> &Meter {
        self.0.meter()
    }

    /// The budget as it stands.
    pub fn budget(&self) -> CallBudget {
        self.0.budget()
    }

    /// Business or School.
    pub fn edition(&self) -> Edition {
        self.0.settings().edition
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.settings().clock.now()
    }

    /// Reads all devices into `sink`, with their serials as the service writes them; a serial may come
    /// several times. `on_page` hears how many rows were read so far. Which service has a device is not
    /// told here: see [`BusinessObserver::linkages`].
    ///
    /// No `fields` are asked for: the members of migrations are none that can be (reference section
    /// 4.2). Source: `GET /v1/orgDevices`.
    ///
    /// # Errors
    /// See [`BusinessError`]; what the sink got is then only a part, to be thrown away.
    pub async fn devices(
        &self,
        sink: &mut (dyn FnMut(&str, &OrgRow<'_>) + Send),
        on_page: &mut (dyn FnMut(usize) + Send),
    ) -> Result<(), BusinessError> {
        let mut rows = 0;
        let read = |body: &[u8]| {
            let paging = read_devices(body, &mut |serial, row| {
                rows += 1;
                sink(serial, row);
            })?;
            on_page(rows);
            Ok(paging)
        };
        self.0.pages(Operation::ReadDevices, &[DEVICES], read).await
    }

    /// Reads all services, without their default families.
    ///
    /// Source: `GET /v1/mdmServers`.
    ///
    /// # Errors
    /// See [`BusinessError`].
    pub async fn services(&self) -> Result<Complete<LiveService>, BusinessError> {
        let mut services: Vec<LiveService> = Vec::new();
        let read = |body: &[u8]| {
            read_page(body, &mut |record: ServiceRecord| {
                let service = convert::service(record);
                // A list that changes while it is read can show one twice; the later word counts.
                match services.iter_mut().find(|known| known.id == service.id) {
                    Some(known) => *known = service,
                    None => services.push(service),
                }
            })
        };
        self.0.pages(Operation::ReadServices, &[SERVICES], read).await?;
        Ok(Complete::after_last_page(services))
    }

    /// Reads one service with its default families; `None`: the organisation does not have it.
    ///
    /// Source: `GET /v1/mdmServers/{id}`, Business 2.1 and later.
    ///
    /// # Errors
    /// See [`BusinessError`]; [`Fault::NotSupported`] where the API does not offer it.
    pub async fn service(&self, id: &ServiceId) -> Result<Option<LiveService>, BusinessError> {
        let operation = Operation::ReadService;
        let url = self.0.url(&[SERVICES, id.as_str()]);
        let Some(body) = there(self.0.get(operation, url).await)? else { return Ok(None) };
        let record: ServiceRecord = one(operation, &body)?;
        let families = record.attributes.as_ref().map(convert::default_families);
        let default_for = families.unwrap_or_else(|| convert::default_families(&Default::default()));
        Ok(Some(LiveService { default_for: Some(default_for), ..convert::service(record) }))
    }

    /// The default families of a service; an API that does not offer them leaves them unknown.
    pub async fn default_families(&self, id: &ServiceId) -> Fact<Vec<ProductFamily>> {
        match self.service(id).await {
            Ok(Some(service)) => {
                service.default_for.unwrap_or_else(|| convert::default_families(&Default::default()))
            }
            Ok(None) => {
                let message = "the service went while it was read";
                Fact::Unknown(BusinessError::own(Operation::ReadService, Fault::NotFound, message).into())
            }
            Err(error) => Fact::Unknown(error.into()),
        }
    }

    /// Reads the serials of one service into `sink`, as the service writes them; one may come several
    /// times.
    ///
    /// Source: `GET /v1/mdmServers/{id}/relationships/devices`.
    ///
    /// # Errors
    /// See [`BusinessError`]; what the sink got is then only a part, to be thrown away.
    pub async fn linkages(
        &self,
        id: &ServiceId,
        sink: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), BusinessError> {
        let read = |body: &[u8]| {
            read_page(body, &mut |linkage: Linkage<'_>| sink(linkage.id.as_deref().unwrap_or_default()))
        };
        let path = [SERVICES, id.as_str(), "relationships", "devices"];
        self.0.pages(Operation::ReadLinkages, &path, read).await
    }

    /// Looks at one device, released ones included.
    ///
    /// Source: `GET /v1/orgDevices/{serial}`.
    ///
    /// # Errors
    /// See [`BusinessError`].
    pub async fn device(&self, serial: &Serial) -> Result<Look, BusinessError> {
        let operation = Operation::ReadDevice;
        match there(self.0.get(operation, self.device_url(serial, &[])).await)? {
            Some(body) => {
                device::read_single(&body).map_err(|error| BusinessError::unreadable(operation, &error))
            }
            None => Ok(Look::NotHere),
        }
    }

    /// Asks which service one device belongs to; `None`: to none. Apple says that in two ways, 404 and
    /// an empty answer, and says 404 of a serial that it does not know, too.
    ///
    /// Source: `GET /v1/orgDevices/{serial}/relationships/assignedServer`, reference section 4.3.
    ///
    /// # Errors
    /// See [`BusinessError`].
    pub async fn assigned_service(&self, serial: &Serial) -> Result<Option<ServiceId>, BusinessError> {
        let operation = Operation::ReadAssignedService;
        let url = self.device_url(serial, &["relationships", "assignedServer"]);
        let Some(body) = there(self.0.get(operation, url).await)? else { return Ok(None) };
        let linkage = read_one::<Linkage<'_>>(&body);
        let linkage = linkage.map_err(|error| BusinessError::unreadable(operation, &error))?;
        let id = linkage.and_then(|linkage| linkage.id).filter(|id| !id.is_empty());
        Ok(id.map(|id| ServiceId::new(&id)))
    }

    /// Asks for the Activation Lock of one device. An error is no lock and no absence of one: Apple's
    /// service fails for devices in states of its own.
    ///
    /// Source: `GET /v1/orgDevices/{serial}/activationLockStatus`, Business 2.5 and later.
    ///
    /// # Errors
    /// See [`BusinessError`].
    pub async fn activation_lock(&self, serial: &Serial) -> Result<ActivationLock, BusinessError> {
        let operation = Operation::ReadActivationLock;
        let body = self.0.get(operation, self.device_url(serial, &["activationLockStatus"])).await?;
        let record: LockRecord = one(operation, &body)?;
        convert::activation_lock(&record.attributes.unwrap_or_default()).ok_or_else(|| {
            let message = "the answer does not tell whether the device is locked, and by whom";
            BusinessError::own(operation, Fault::AnswerUnreadable, message)
        })
    }

    /// Reads one device right before it is given up or handed over; `Known(None)`: the organisation never
    /// had it, or not yet. An answer about another device leaves it unknown.
    ///
    /// Source: `GET /v1/orgDevices/{serial}`, reference section 4.3.
    pub async fn fresh_device(&self, serial: &Serial) -> Fact<Option<FreshOrgDevice>> {
        let operation = Operation::ReadDevice;
        // Before it is asked, so that it is never taken to be newer than it is.
        let read = self.now();
        let body = match there(self.0.get(operation, self.device_url(serial, &[])).await) {
            Ok(Some(body)) => body,
            Ok(None) => return Fact::Known(None),
            Err(error) => return Fact::Unknown(error.into()),
        };
        let record: DeviceRecord<'_> = match one(operation, &body) {
            Ok(record) => record,
            Err(error) => return Fact::Unknown(error.into()),
        };
        if record.serial() != Some(serial.as_str()) {
            let message = "the answer is not about the device that was asked about";
            let error = BusinessError::own(operation, Fault::AnswerUnreadable, message);
            return Fact::Unknown(error.into());
        }
        let attributes = record.attributes.unwrap_or_default();
        let released = attributes.released_from_org_date_time;
        let row = convert::row(&attributes);
        Fact::Known(Some(FreshOrgDevice::just_read(*serial, row.added, released, row.assigned, read)))
    }

    /// Asks for the Activation Lock of one device right before it is given up or handed over; unknown where
    /// Apple does not tell, which is no absence of one.
    ///
    /// Source: as [`BusinessObserver::activation_lock`].
    pub async fn fresh_lock(&self, serial: &Serial) -> Fact<FreshLock> {
        let read = self.now();
        match self.activation_lock(serial).await {
            Ok(lock) => Fact::Known(FreshLock::just_read(*serial, lock, read)),
            Err(error) => Fact::Unknown(error.into()),
        }
    }

    /// Asks how far an activity is. Apple keeps it for 30 days.
    ///
    /// Source: `GET /v1/orgDeviceActivities/{id}`, reference section 6.3.
    ///
    /// # Errors
    /// See [`BusinessError`].
    pub async fn activity(&self, id: &ActivityId) -> Result<ActivityLook, BusinessError> {
        let operation = Operation::ReadActivity;
        let url = self.0.url(&["orgDeviceActivities", &id.0]);
        let Some(body) = there(self.0.get(operation, url).await)? else {
            let state = ActivityState::Forgotten;
            return Ok(ActivityLook { state, created: None, completed: None, log: None });
        };
        let record: ActivityRecord = one(operation, &body)?;
        let attributes = record.attributes.unwrap_or_default();
        let clean = |text: Option<String>| text.map(|text| self.0.redactor().clean(&text));
        let (status, sub) = (clean(attributes.status), clean(attributes.sub_status));
        let log = attributes.download_url.filter(|address| !address.0.reveal().is_empty());
        if let Some(address) = &log {
            self.0.redactor().learn_passing(&address.0);
        }
        Ok(ActivityLook {
            state: convert::activity_state(status.as_deref(), sub.as_deref()),
            created: attributes.created_date_time,
            completed: attributes.completed_date_time,
            log,
        })
    }

    fn device_url(&self, serial: &Serial, below: &[&str]) -> Url {
        let mut path = vec![DEVICES, serial.as_str()];
        path.extend(below);
        self.0.url(&path)
    }
}

/// Reads a page of the device list into `sink`, and tells what follows it.
///
/// # Errors
/// When it is no page; what the sink got is then to be thrown away.
pub fn read_devices(
    body: &[u8],
    sink: &mut dyn FnMut(&str, &OrgRow<'_>),
) -> Result<Paging, serde_json::Error> {
    read_page(body, &mut |record: DeviceRecord<'_>| {
        let serial = record.serial().unwrap_or_default();
        let none = Default::default();
        sink(serial, &convert::row(record.attributes.as_ref().unwrap_or(&none)));
    })
}

/// What is not there is an answer, if the service itself says so.
fn there(read: Result<bytes::Bytes, BusinessError>) -> Result<Option<bytes::Bytes>, BusinessError> {
    match read {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.fault == Fault::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An answer that has to hold an object.
fn one<'p, T: serde::Deserialize<'p>>(operation: Operation, body: &'p [u8]) -> Result<T, BusinessError> {
    let read = read_one(body).and_then(|one| one.ok_or_else(|| serde::de::Error::missing_field("data")));
    read.map_err(|error: serde_json::Error| BusinessError::unreadable(operation, &error))
}
