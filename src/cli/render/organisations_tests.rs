use super::super::text::plain;
use super::*;
use crate::engine::organisations::OrganisationTrouble;
use crate::model::live::Cause;
use crate::model::organisation::Edition;
use crate::model::{Name, ServiceId};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn one(id: &str, service: &str, devices: u64, tokens: &[&str]) -> ServiceStatus {
    ServiceStatus {
        id: ServiceId::new(id),
        name: service.to_owned(),
        kind: ServiceKind::Mdm,
        status: Some("ACTIVE".to_owned()),
        tokens: tokens.iter().map(|token| name(token)).collect(),
        devices: Some(devices),
        device_count: Some(devices),
        default_for: Some(Vec::new()),
        may_disown: None,
        last_connected: None,
    }
}

fn organisation(connection: &str) -> OrganisationStatus {
    let school = ServiceStatus {
        default_for: Some(vec![ProductFamily::Ipad, ProductFamily::Mac]),
        ..one("A1", "School MDM", 412, &["school"])
    };
    OrganisationStatus {
        connection: name(connection),
        edition: Edition::Business,
        client_id: "BUSINESSAPI.11111111-2222-3333-4444-555555555555".to_owned(),
        key_id: "0b1e2d3c-1111-2222-3333-444455556666".to_owned(),
        key_known_since: Some("2026-05-06T00:00:00Z".parse().unwrap()),
        key_age_days: Some(200),
        services: Some(vec![school]),
        devices: Some(412),
        unassigned: Some(0),
        unclear: Some(0),
        orphans: Some(0),
        open_activities: 0,
        open_migrations: 0,
        read_at: now(),
        age_seconds: 0,
        reused: false,
        get_per_minute: 20,
        post_per_hour: 10,
        posts_free: 10,
        next_post: None,
        trouble: None,
    }
}

pub(in crate::cli) fn rows() -> Vec<OrganisationRow> {
    let fine = organisation("fine");
    let mut services = organisation("open").services.unwrap();
    services.push(ServiceStatus { default_for: None, ..one("B2", "Old MDM", 3, &[]) });
    services.push(ServiceStatus { kind: ServiceKind::Configurator, ..one("C3", "Configurator", 9, &[]) });
    let open = OrganisationStatus {
        services: Some(services),
        devices: Some(440),
        unassigned: Some(12),
        unclear: Some(4),
        orphans: Some(3),
        open_activities: 2,
        open_migrations: 1,
        posts_free: 0,
        next_post: Some("2026-11-22T10:40:00Z".parse().unwrap()),
        reused: true,
        age_seconds: 720,
        read_at: "2026-11-22T09:48:00Z".parse().unwrap(),
        ..organisation("open")
    };
    let terms = OrganisationStatus {
        edition: Edition::School,
        services: None,
        devices: None,
        unassigned: None,
        unclear: None,
        orphans: None,
        key_known_since: None,
        key_age_days: None,
        trouble: Some(OrganisationTrouble {
            cause: Cause::Credentials,
            reason: "Apple refuses the sign-in: 401".to_owned(),
            next: "look at the API account in Apple School Manager".to_owned(),
            terms: false,
            devices_only: false,
        }),
        ..organisation("lost")
    };
    vec![
        OrganisationRow::new(fine, None),
        OrganisationRow::new(open, Some("2026-11-21T09:00:00Z".parse().unwrap())),
        OrganisationRow::new(terms, None),
    ]
}

#[test]
fn t11_organisations_worst_first_with_their_services() {
    insta::assert_snapshot!(plain(&text(rows(), now())), @r#"
       ORGANISATION  SERVICES  DEVICES  NO SERVICE  ORPHANS  KEY AGE  POSTS LEFT  OPEN
    !  lost                 ?        ?           ?        ?        ?       10/10     0
    =  open                 3      440          12        3    200 d        0/10     2
    +  fine                 1      412           0        0    200 d       10/10     0

    Connection/lost (Apple School Manager)
      key      0b1e2d3c-1111-2222-3333-444455556666, of an age that nobody knows: no
               apply has used it yet, and Apple does not tell (T-12)
      calls    10 of 10 writes left in this hour; 20 reads a minute
      why      blocked: Apple refuses the sign-in: 401
      next     look at the API account in Apple School Manager

    Connection/open (Apple Business)
      services "School MDM" 412 (token school), "Configurator" 9 (Apple
               Configurator), "Old MDM" 3 (no document)
      families ipad: "School MDM", mac: "School MDM", not known of "Old MDM"
      read     12 min ago by an earlier run (--max-age), at 2026-11-22T09:48:00Z
      key      0b1e2d3c-1111-2222-3333-444455556666, made before 2026-05-06: used
               for 200 days at least; Apple does not tell its age (T-12)
      calls    0 of 10 writes left in this hour, the next one fits at 2026-11-22
               10:40Z; 20 reads a minute
      moving   1 migration asked for with a deadline (A-11)
      why      3 devices at services that no document names: "Old MDM" (T-11)
      next     name the service in `EnrollmentToken.apple`, or move the devices by a
               DeviceAssignment that names them
      why      12 devices at no service: they reach no MDM when they are activated
               (A-2)
      next     `espalier devices --unassigned` lists them; a DeviceAssignment with
               `token` moves them
      why      of 4 devices Apple's lists contradict each other, as they do for a
               while after a change
      next     look again in some minutes: nothing is done with them until then
      why      2 activities at Apple not seen to end, the oldest since 1 d 1 h (A-2)
      next     `espalier apply` follows them to their end; Apple keeps an activity
               for 30 days

    Connection/fine (Apple Business)
      services "School MDM" 412 (token school)
      families ipad: "School MDM", mac: "School MDM"
      key      0b1e2d3c-1111-2222-3333-444455556666, made before 2026-05-06: used
               for 200 days at least; Apple does not tell its age (T-12)
      calls    10 of 10 writes left in this hour; 20 reads a minute
    "#);
    assert_eq!(text(Vec::new(), now()), "");
}

#[test]
fn exit_codes_with_organisations() {
    use super::super::status::exit_code;
    use crate::cli::exit::ExitCode;
    let rows = rows();
    assert_eq!(exit_code(&[], &[], &rows, false), ExitCode::Credentials);
    // What nobody placed is told, never a trouble.
    assert_eq!(exit_code(&[], &[], &rows[..2], true), ExitCode::Done);
}

#[test]
fn json_tells_unknown_from_nothing() {
    let read: serde_json::Value =
        serde_json::from_str(&super::super::status::json(Vec::new(), Vec::new(), rows(), Vec::new()))
            .unwrap();
    let all = read["organisations"].as_array().unwrap();
    assert_eq!(all[0]["connection"], "lost");
    assert!(all[0]["devices"].is_null() && all[0]["orphans"].is_null());
    assert_eq!(all[1]["orphans"], 3);
    assert_eq!(all[1]["oldestActivity"], "2026-11-21T09:00:00Z");
    assert_eq!(all[2]["services"][0]["defaultFor"], serde_json::json!(["ipad", "mac"]));
}
