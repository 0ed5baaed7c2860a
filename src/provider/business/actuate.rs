//! The write half: one request per call. An end says "no effect" only where that is proven.
//!
//! Nothing here is sent twice but after 401 and 429, which prove that it was not carried out. A POST for
//! which the hour has no room is [`Ended::NotSent`] with [`BusinessError::not_before`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use openssl::x509::X509;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::CertificateForm;
use super::client::{BusinessClient, Call, Failure, LONGEST_OTHER};
use super::convert;
use super::error::{BusinessError, Fault, Operation};
use super::wire::{ActivityRecord, ServiceRecord, read_one};
use crate::http::retry::Repeat;
use crate::model::organisation::{ActivityId, ActivityKind, ProductFamily, ServiceId};
use crate::model::{Edition, Serial};
use crate::provider::ended;

/// Where activities are begun.
pub(super) const ACTIVITIES: &str = "orgDeviceActivities";

/// What became of a write.
pub type Ended<T> = ended::Ended<T, BusinessError>;

/// Writes to one organisation.
#[derive(Clone, Debug)]
pub struct BusinessActuator(BusinessClient);

/// What to do with devices (reference section 6.2). Giving them up for good is none of these: see
/// [`super::ReleasePermit`].
#[derive(Debug)]
pub enum Activity {
    /// Points them at a service, wherever they are now.
    Assign {
        /// The service.
        to: ServiceId,
    },
    /// Takes them off their service.
    Unassign {
        /// The service that they have. Whether it may be left out is not known.
        from: ServiceId,
    },
    /// Points them at a service and asks enrolled devices to migrate.
    AssignWithDeadline {
        /// The service.
        to: ServiceId,
        /// By when; at most 90 days ahead.
        deadline: Timestamp,
    },
    /// Changes the deadline of migrations under way. An earlier or past one is enforced at once.
    UpdateDeadline {
        /// The new one.
        deadline: Timestamp,
    },
    /// Cancels migrations that have not started.
    CancelMigration,
}

impl Activity {
    /// What kind it is.
    pub const fn kind(&self) -> ActivityKind {
        match self {
            Activity::Assign { .. } => ActivityKind::Assign,
            Activity::Unassign { .. } => ActivityKind::Unassign,
            Activity::AssignWithDeadline { .. } => ActivityKind::AssignWithDeadline,
            Activity::UpdateDeadline { .. } => ActivityKind::UpdateDeadline,
            Activity::CancelMigration => ActivityKind::CancelMigration,
        }
    }

    const fn service(&self) -> Option<&ServiceId> {
        match self {
            Activity::Assign { to } | Activity::AssignWithDeadline { to, .. } => Some(to),
            Activity::Unassign { from } => Some(from),
            Activity::UpdateDeadline { .. } | Activity::CancelMigration => None,
        }
    }

    const fn deadline(&self) -> Option<Timestamp> {
        match self {
            Activity::AssignWithDeadline { deadline, .. } | Activity::UpdateDeadline { deadline } => {
                Some(*deadline)
            }
            _ => None,
        }
    }
}

/// A service to be made.
#[derive(Clone, Debug)]
pub struct NewService {
    /// `serverName`
    pub name: String,
    /// The certificate that its server tokens are encrypted for.
    pub certificate: X509,
    /// `enableMdmDisownFlag`; `None` leaves it to Apple.
    pub may_disown: Option<bool>,
}

/// A service that was made. What else the answer says of it is not to be believed: it shows
/// `enableMdmDisownFlag` false whatever was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceMade {
    /// Its id.
    pub id: ServiceId,
}

/// What to change of a service.
#[derive(Clone, Debug)]
pub enum ServiceChange {
    /// `serverName`
    Name(String),
    /// `defaultProductFamilies`: from those that it has to those that it shall have. A family that
    /// another service holds is refused: that one has to give it up first.
    Families {
        /// As read, ascending.
        has: Vec<ProductFamily>,
        /// As wished; none clears them.
        shall_have: Vec<ProductFamily>,
    },
    /// `enableMdmDisownFlag`
    MayDisown(bool),
    /// `serverCertificate`
    Certificate(X509),
}

impl BusinessActuator {
    /// The write half of a connection.
    pub fn new(client: BusinessClient) -> Self {
        Self(client)
    }

    /// Begins an activity with up to [`super::BusinessSettings::most_serials`] devices; its id is to be
    /// kept before it is asked for. After [`Ended::Lost`] it may be under way, and nobody knows its id.
    ///
    /// Source: `POST /v1/orgDeviceActivities`, reference section 6.1.
    pub async fn begin(&self, activity: &Activity, serials: &[Serial]) -> Ended<ActivityId> {
        let operation = Operation::BeginActivity;
        let most = self.0.settings().most_serials;
        if serials.is_empty() || serials.len() > most {
            let message = format!("{} devices in one activity, and 1 to {most} can be", serials.len());
            return not_sendable(operation, message);
        }
        let body = activity_body(activity.kind(), activity.service(), activity.deadline(), serials);
        let sent = self.send(operation, Method::POST, &[ACTIVITIES], Some(&body)).await;
        Ended::of(sent, |body| begun(operation, &body))
    }

    /// Makes a service. A person has to fetch its server token in the portal.
    ///
    /// Source: `POST /v1/mdmServers`, Business 2.1 and later, reference section 5.3.
    pub async fn create_service(&self, service: &NewService) -> Ended<ServiceMade> {
        let operation = Operation::CreateService;
        if !self.edition().changes_services() {
            return self.not_in_school(operation);
        }
        let certificate = match self.certificate(&service.name, &service.certificate) {
            Ok(certificate) => certificate,
            Err(error) => return Ended::NotSent(error),
        };
        let mut attributes = Map::new();
        attributes.insert("serverName".into(), service.name.as_str().into());
        attributes.insert("serverCertificate".into(), certificate);
        if let Some(may) = service.may_disown {
            attributes.insert("enableMdmDisownFlag".into(), may.into());
        }
        let body = json!({ "data": { "type": "mdmServers", "attributes": attributes } });
        let sent = self.send(operation, Method::POST, &["mdmServers"], Some(&body)).await;
        Ended::of(sent, |body| {
            let record: ServiceRecord = made(operation, &body)?;
            match record.id.is_empty() {
                true => Err(without_id(operation)),
                false => Ok(ServiceMade { id: ServiceId::new(&record.id) }),
            }
        })
    }

    /// Changes one thing of a service. To clear families where none are set is done already, and Apple
    /// would refuse it.
    ///
    /// Source: `PATCH /v1/mdmServers/{id}`, reference section 5.3.
    pub async fn change_service(&self, id: &ServiceId, change: &ServiceChange) -> Ended<()> {
        let operation = Operation::ChangeService;
        if !self.edition().changes_services() {
            return self.not_in_school(operation);
        }
        let attributes = match change {
            ServiceChange::Name(name) => json!({ "serverName": name }),
            ServiceChange::Families { has, shall_have } if has.is_empty() && shall_have.is_empty() => {
                return Ended::Done(());
            }
            ServiceChange::Families { shall_have, .. } => {
                let words: Vec<&str> =
                    shall_have.iter().map(|family| convert::family_word(*family)).collect();
                json!({ "defaultProductFamilies": words })
            }
            ServiceChange::MayDisown(may) => json!({ "enableMdmDisownFlag": may }),
            ServiceChange::Certificate(certificate) => match self.certificate(id.as_str(), certificate) {
                Ok(certificate) => json!({ "serverCertificate": certificate }),
                Err(error) => return Ended::NotSent(error),
            },
        };
        let body = json!({ "data": { "type": "mdmServers", "id": id, "attributes": attributes } });
        let sent = self.send(operation, Method::PATCH, &["mdmServers", id.as_str()], Some(&body)).await;
        Ended::of(sent, |_| Ok(()))
    }

    /// Deletes a service that has no devices and no default families; one that is gone is deleted.
    ///
    /// Source: `DELETE /v1/mdmServers/{id}`, reference section 5.3.
    pub async fn delete_service(&self, id: &ServiceId) -> Ended<()> {
        let operation = Operation::DeleteService;
        if !self.edition().changes_services() {
            return self.not_in_school(operation);
        }
        match self.send(operation, Method::DELETE, &["mdmServers", id.as_str()], None).await {
            Err(Failure { error, .. }) if error.fault == Fault::NotFound => Ended::Done(()),
            sent => Ended::of(sent, |_| Ok(())),
        }
    }

    pub(super) fn client(&self) -> &BusinessClient {
        &self.0
    }

    pub(super) fn edition(&self) -> Edition {
        self.0.settings().edition
    }

    /// Refused here, before it costs a call.
    pub(super) fn not_in_school<T>(&self, operation: Operation) -> Ended<T> {
        let message = format!("{} cannot do that through its API", self.edition().words());
        Ended::NotSent(BusinessError::own(operation, Fault::NotSupported, message))
    }

    async fn send(
        &self,
        operation: Operation,
        method: Method,
        segments: &[&str],
        body: Option<&Value>,
    ) -> Result<Bytes, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let call = Call::new(operation, method, self.0.url(segments), body, Repeat::Never);
        self.0.call(&call.at_most(LONGEST_OTHER)).await
    }

    fn certificate(&self, name: &str, certificate: &X509) -> Result<Value, BusinessError> {
        let written = match self.0.settings().certificate {
            CertificateForm::Der => certificate.to_der().map(|der| STANDARD.encode(der)),
            CertificateForm::Pem => certificate.to_pem().map(|pem| STANDARD.encode(pem)),
            CertificateForm::PemText => {
                certificate.to_pem().map(|pem| String::from_utf8_lossy(&pem).into_owned())
            }
        };
        // What OpenSSL says is about its own state; a certificate is no secret.
        let data = written.map_err(|error| {
            let message = format!("OpenSSL cannot write the certificate: {error}");
            BusinessError::own(Operation::CreateService, Fault::NotSendable, message)
        })?;
        let plain: String =
            name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).take(60).collect();
        Ok(json!({ "name": format!("{plain}.pem"), "data": data }))
    }
}

/// The body that begins an activity.
pub(super) fn activity_body(
    kind: ActivityKind,
    service: Option<&ServiceId>,
    deadline: Option<Timestamp>,
    serials: &[Serial],
) -> Value {
    let mut attributes = Map::new();
    attributes.insert("activityType".into(), kind.word().into());
    if let Some(at) = deadline {
        let metadata = json!({ "mdmMigrationDeadlineDateTime": convert::deadline(at) });
        attributes.insert("activityTypeMetadata".into(), metadata);
    }
    let linkage = |kind: &str, id: &str| json!({ "type": kind, "id": id });
    let devices: Vec<Value> = serials.iter().map(|serial| linkage("orgDevices", serial.as_str())).collect();
    let mut relationships = Map::new();
    if let Some(service) = service {
        relationships.insert("mdmServer".into(), json!({ "data": linkage("mdmServers", service.as_str()) }));
    }
    relationships.insert("devices".into(), json!({ "data": devices }));
    json!({ "data": {
        "type": "orgDeviceActivities", "attributes": attributes, "relationships": relationships,
    }})
}

/// The id of an activity that was begun.
pub(super) fn begun(operation: Operation, body: &[u8]) -> Result<ActivityId, BusinessError> {
    let record: ActivityRecord = made(operation, body)?;
    match record.id.is_empty() {
        true => Err(without_id(operation)),
        false => Ok(ActivityId(record.id)),
    }
}

/// The object that a write made.
fn made<'p, T: serde::Deserialize<'p>>(operation: Operation, body: &'p [u8]) -> Result<T, BusinessError> {
    let read = read_one(body).and_then(|one| one.ok_or_else(|| serde::de::Error::missing_field("data")));
    read.map_err(|error: serde_json::Error| BusinessError::unreadable(operation, &error))
}

fn without_id(operation: Operation) -> BusinessError {
    BusinessError::own(operation, Fault::AnswerUnreadable, "the answer tells no id")
}

fn not_sendable<T>(operation: Operation, message: String) -> Ended<T> {
    Ended::NotSent(BusinessError::own(operation, Fault::NotSendable, message))
}
