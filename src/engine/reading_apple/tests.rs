use std::path::Path;

use super::*;
use crate::engine::{EngineError, Narrowing, Selection, Settings, WorldChoice, inventory, organisations};
use crate::manifest::Allow;
use crate::model::live::Live;
use crate::model::organisation::{ActivationLock, Belongs};
use crate::progress::NoProgress;
use crate::sim::{
    Fault, Options, Seed, SeedApiAccount, SeedDeviceService, SeedGenerated, SeedOrganization, SeedTenant,
    SeedToken, Sim, World,
};

const CLIENT: &str = "BUSINESSAPI.5d0c2b41-7f6e-4f2b-9a38-1b6c7d8e9f05";
const TENANT: &str = "8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36";

const DOCUMENTS: &str = r#"
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: { name: acme }
spec:
  ledger: { id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: { path: .espalier/ledger.db } }
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: { name: tenant }
spec:
  intune:
    tenantId: 8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: { clientSecret: { env: NOBODY_READS_IT } }
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: { name: company }
spec:
  appleBusiness:
    clientId: BUSINESSAPI.5d0c2b41-7f6e-4f2b-9a38-1b6c7d8e9f05
    keyId: 0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f
    privateKey: { env: NOBODY_READS_IT }
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: { name: school }
spec:
  mdm: tenant
  apple: { connection: company, service: Classrooms }
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: { name: office }
spec: { mdm: tenant }
"#;

/// Three services: 25 devices on `Classrooms`, 12 on `Old` which no document names, none on `Spare`; 5
/// devices of nobody. Pages have ten rows.
struct Ground {
    home: tempfile::TempDir,
    sim: Sim,
}

impl Ground {
    async fn new(documents: &str) -> Self {
        let service =
            |name: &str| SeedDeviceService { name: name.to_owned(), ..SeedDeviceService::default() };
        let some = |count, service: Option<&str>| SeedGenerated {
            count,
            service: service.map(str::to_owned),
            ..SeedGenerated::default()
        };
        let token = |name: &str| SeedToken { name: name.to_owned(), ..SeedToken::default() };
        let seed = Seed {
            seed: 5,
            start: "2026-11-02T08:00:00Z".parse().unwrap(),
            surroundings: false,
            tenants: vec![SeedTenant {
                tenant_id: TENANT.to_owned(),
                tokens: vec![token("school"), token("office")],
                ..SeedTenant::default()
            }],
            services: Vec::new(),
            organizations: vec![SeedOrganization {
                name: "Acme".to_owned(),
                accounts: vec![SeedApiAccount {
                    client_id: CLIENT.to_owned(),
                    key_id: "0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f".to_owned(),
                    key: None,
                }],
                services: vec![
                    service("Classrooms"),
                    SeedDeviceService {
                        families: [crate::sim::apple::hardware::Family::Mac].into(),
                        ..service("Old")
                    },
                    service("Spare"),
                ],
                generated: vec![some(25, Some("Classrooms")), some(12, Some("Old")), some(5, None)],
                ..SeedOrganization::default()
            }],
        };
        let options = Options { page_size: Some(10), ..Options::new(World::from_seed(&seed)) };
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("all.yaml"), documents.trim_start()).unwrap();
        Self { home, sim: Sim::start(options).await.unwrap() }
    }

    fn folder(&self) -> &Path {
        self.home.path()
    }

    async fn open(&self, narrowing: Narrowing) -> Session {
        let settings = Settings {
            folder: self.folder().to_owned(),
            allow: Allow::default(),
            world: WorldChoice::At(self.sim.addresses().control.parse().unwrap()),
            ledger: true,
            wait: Duration::from_secs(60),
            allow_empty: false,
            command: "test".to_owned(),
            changes_world: true,
            record: None,
            narrowing,
        };
        Session::open(settings).await.unwrap_or_else(|error: EngineError| match error {
            EngineError::Manifests { findings, .. } => panic!("{findings:#?}"),
            error => panic!("{error}"),
        })
    }

    async fn session(&self) -> Session {
        self.open(Narrowing::Nothing).await
    }

    /// What was asked of Apple's API and its account service since the last time.
    fn asked(&self) -> BTreeMap<String, u64> {
        let calls = self.sim.calls();
        self.sim.forget_calls();
        calls
            .into_iter()
            .filter(|call| ["business", "account"].contains(&call.service.as_str()))
            .map(|call| (call.operation, call.count))
            .collect()
    }

    fn fault(&self, fault: serde_json::Value) -> String {
        let fault: Fault = serde_json::from_value(fault).unwrap();
        self.sim.add_fault(fault)
    }
}

async fn observed(session: &Session) -> Observed {
    let view = session.view().unwrap();
    session.observe(&view, session.scope(), &NoProgress).await
}

fn company(live: &Live) -> &LiveOrganisation {
    &live.organisations[&Name::new("company").unwrap()]
}

fn asks(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
}

#[tokio::test]
async fn an_organisation_is_read_in_the_least_number_of_calls_and_joined_with_its_tokens() {
    let ground = Ground::new(DOCUMENTS).await;
    let session = ground.session().await;
    let (plan, read) = session.plan(&NoProgress).await.unwrap();
    let live = company(&read.live);
    let devices = live.devices.known().unwrap();
    assert_eq!((devices.len(), live.services.known().unwrap().len()), (42, 3));
    let none = devices.iter().filter(|one| devices.service_of(one) == Belongs::ToNone).count();
    assert_eq!((none, live.reused), (5, false));
    // Five pages of devices, one list of services, three, two and one page of their own lists.
    let mut asked = ground.asked();
    assert!(asked.remove("token").is_some_and(|count| count == 1), "one sign-in: {asked:?}");
    assert_eq!(asked, asks(&[("list devices", 5), ("list services", 1), ("list linkages", 6)]));

    let status = &organisations::statuses(&session, &read, &session.view().unwrap())[0];
    assert_eq!((status.devices, status.unassigned, status.orphans), (Some(42), Some(5), Some(12)));
    let services = status.services.as_ref().unwrap();
    let of: Vec<_> = services.iter().map(|one| (one.name.as_str(), one.devices, one.tokens.len())).collect();
    assert_eq!(of, [("Classrooms", Some(25), 1), ("Old", Some(12), 0), ("Spare", Some(0), 0)]);
    assert_eq!((status.trouble.clone(), status.key_age_days), (None, None));
    let inventory = inventory::Inventory::of(&session, &plan, &read);
    let rows: Vec<_> = inventory.rows().collect();
    let lacking = rows.iter().filter(|row| row.lacks_a_service()).count();
    assert_eq!(lacking, 5);
    let old = rows.iter().filter(|row| row.apple.is_some_and(|apple| apple.service == Some("Old")));
    assert_eq!(old.count(), 12);
    assert!(rows.iter().all(|row| row.model.is_some() && row.family == Some("iPad")), "Apple tells both");

    // The next process asks for no other bearer, and knows what was called within the minute.
    let again = ground.session().await;
    let before = again.organisations.values().flatten().next().unwrap();
    let budget = before.observer.budget();
    assert_eq!(budget.free(Spent::Minute, again.clock.now()), 20 - 12);
    observed(&again).await;
    assert!(!ground.asked().contains_key("token"));
}

#[tokio::test]
async fn a_plan_may_rest_on_what_was_read_lately_and_what_is_carried_out_never() {
    let ground = Ground::new(DOCUMENTS).await;
    observed(&ground.session().await).await;
    ground.asked();
    let mut session = ground.session().await;
    session.reuse(Duration::from_secs(3_600));
    let live = observed(&session).await.live;
    assert!(company(&live).reused);
    assert_eq!(company(&live).devices.known().unwrap().len(), 42);
    assert_eq!(ground.asked(), asks(&[]), "not one call");
    // One that does not know the families is of no use where they are shown.
    session.also_read(Wants { families: true, ..Wants::default() });
    let live = observed(&session).await.live;
    assert!(!company(&live).reused);
    assert_eq!(ground.asked().get("read service"), Some(&3));
    assert!(company(&observed(&session).await.live).reused, "now it does");
    ground.asked();

    // To be carried out it is read, whatever the session may reuse.
    let prepared = session.prepare(&NoProgress).await.unwrap();
    assert!(!company(&prepared.observed().live).reused);
    assert_eq!(ground.asked().get("list devices"), Some(&5));
    drop(prepared);
    // Now the ledger knows since when the key is in use.
    let view = session.view().unwrap();
    let keys = &view.apple.keys[CLIENT];
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f"]);

    // Too old is none.
    session.clock.sleep(Duration::from_secs(3_700)).await;
    assert!(!company(&observed(&session).await.live).reused);
}

#[tokio::test]
async fn a_snapshot_that_breaks_half_way_is_unknown_as_a_whole_and_stays_with_apple() {
    let ground = Ground::new(DOCUMENTS).await;
    observed(&ground.session().await).await;
    ground.fault(
        serde_json::json!({"fault": "page-error", "operation": "list devices", "page": 3, "times": 0}),
    );
    let session = ground.session().await;
    let read = observed(&session).await;
    let live = company(&read.live);
    assert!(live.services.known().is_some(), "the services are known");
    let unknown = live.devices.unknown().unwrap();
    assert_eq!(unknown.cause, Cause::Unavailable, "{unknown:?}");
    assert!(!live.reused);
    assert_eq!(organisations::failure(live), Some(unknown));
    let tenant = &read.live.tenants[&Realm::Mdm(Name::new("tenant").unwrap())];
    assert_eq!(tenant.tokens.known().unwrap().len(), 2, "the tenant goes on");
    // To be carried out nothing of the earlier read takes its place.
    let prepared = session.prepare(&NoProgress).await.unwrap();
    assert!(company(&prepared.observed().live).devices.known().is_none());
    drop(prepared);
    // What is whole stays for those who may rest on it.
    let mut later = ground.session().await;
    later.reuse(Duration::from_secs(3_600));
    assert!(company(&observed(&later).await.live).reused);
}

#[tokio::test]
async fn an_organisation_that_is_left_alone_or_has_no_key_blocks_itself_only() {
    let ground = Ground::new(&DOCUMENTS.replace("9f05", "9f06")).await;
    let session = ground.session().await;
    let read = observed(&session).await;
    let unknown = company(&read.live).services.unknown().unwrap();
    assert!(unknown.reason.contains("[organisation-not-simulated]"), "{unknown:?}");
    assert_eq!(read.live.tenants.len(), 1);
    assert_eq!(ground.asked(), asks(&[]));

    let ground = Ground::new(DOCUMENTS).await;
    let mut session = ground.session().await;
    let until = session.clock.now();
    session.leave_alone(BTreeMap::from([(Name::new("company").unwrap(), until)]));
    let read = observed(&session).await;
    assert!(organisations::is_left_alone(company(&read.live)));
    assert_eq!(organisations::failure(company(&read.live)), None, "it has not failed again");
    assert_eq!(ground.asked(), asks(&[]));
}

#[tokio::test]
async fn one_account_in_two_documents_is_called_for_neither() {
    let twin = r#"---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: { name: twin }
spec:
  appleBusiness:
    clientId: BUSINESSAPI.5d0c2b41-7f6e-4f2b-9a38-1b6c7d8e9f05
    keyId: 0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f
    privateKey: { env: NOBODY_READS_IT }
"#;
    let loaded = crate::manifest::load_text(&[("all.yaml", &format!("{}{twin}", DOCUMENTS.trim_start()))]);
    let desired = loaded.desired;
    let name = |text| Name::new(text).unwrap();
    assert_eq!(super::super::apple::same_account(&desired, &name("company")), Some(&name("twin")));
    // By their services, where the accounts differ.
    let ground = Ground::new(DOCUMENTS).await;
    let session = ground.session().await;
    let mut read = observed(&session).await;
    let other = LiveOrganisation { tenant: "BUSINESSAPI.other".to_owned(), ..company(&read.live).clone() };
    read.live.organisations.insert(name("twin"), other);
    let mut view = LedgerView::none();
    let mut neither = read.clone();
    refuse_twin_organisations(&mut neither, &view);
    let reasons: Vec<_> = neither
        .live
        .organisations
        .values()
        .map(|live| live.services.unknown().unwrap().reason.clone())
        .collect();
    assert!(reasons.iter().all(|reason| reason.contains("[organisation-named-twice]")), "{reasons:?}");
    let known = crate::ledger::KnownService {
        tenant: CLIENT.to_owned(),
        id: ServiceId::new("AA"),
        name: "Classrooms".to_owned(),
        made: false,
    };
    view.apple.services.insert(name("school"), known);
    refuse_twin_organisations(&mut read, &view);
    assert!(company(&read.live).services.known().is_some(), "the ledger knows it");
    assert!(read.live.organisations[&name("twin")].services.known().is_none());
}

#[tokio::test]
async fn a_narrowed_run_reads_what_its_tokens_need() {
    let ground = Ground::new(DOCUMENTS).await;
    let to =
        |token: &str| Narrowing::To(Selection { tokens: vec![token.to_owned()], ..Selection::default() });
    let read = observed(&ground.open(to("office")).await).await;
    assert!(read.live.organisations.is_empty());
    assert_eq!(ground.asked(), asks(&[]));
    let read = observed(&ground.open(to("school")).await).await;
    assert_eq!(company(&read.live).devices.known().unwrap().len(), 42);
    let by_organisation =
        Narrowing::To(Selection { connections: vec!["company".to_owned()], ..Selection::default() });
    let session = ground.open(by_organisation).await;
    assert_eq!(session.scope().tokens().unwrap().len(), 1);
}

#[tokio::test]
async fn families_are_asked_for_until_their_holder_is_found() {
    let speaks = |families: &str| {
        DOCUMENTS
            .replace("service: Classrooms }", &format!("service: Classrooms }}\n  defaultFor: [{families}]"))
    };
    // A family that it lacks: its own service, then the others up to the one that has it.
    let ground = Ground::new(&speaks("mac")).await;
    let read = observed(&ground.session().await).await;
    let services = company(&read.live).services.known().unwrap();
    let told: BTreeMap<&str, bool> =
        services.iter().map(|one| (one.name.as_str(), one.default_for.is_some())).collect();
    assert!(told["Classrooms"] && told["Old"], "{told:?}");
    let asked = ground.asked()["read service"];
    assert_eq!(asked, told.values().filter(|told| **told).count() as u64);
    // None of them wished: nobody else is asked.
    let ground = Ground::new(&speaks("")).await;
    observed(&ground.session().await).await;
    assert_eq!(ground.asked()["read service"], 1);
    // Nobody has it: all are asked.
    let ground = Ground::new(&speaks("vision")).await;
    observed(&ground.session().await).await;
    assert_eq!(ground.asked()["read service"], 3);
}

#[tokio::test]
async fn locks_are_asked_for_within_their_calls_and_remembered_with_their_time() {
    let ground = Ground::new(DOCUMENTS).await;
    let mut session = ground.session().await;
    let read = observed(&session).await;
    assert!(read.live.locks.is_empty(), "nobody asked");
    let serials: Vec<Serial> =
        company(&read.live).devices.known().unwrap().iter().map(|device| device.serial).collect();
    ground.asked();
    session.also_read(Wants { locks: serials[..3].to_vec(), lock_calls: 2, ..Wants::default() });
    let first = observed(&session).await.live.locks;
    assert_eq!(first.keys().collect::<Vec<_>>(), [&serials[0], &serials[1]]);
    assert!(first.values().all(|seen| seen.lock.known() == Some(&ActivationLock::Off)), "{first:?}");
    assert_eq!(ground.asked()["read activation lock"], 2);
    // The next run goes on with the one that nobody has seen, then with those of longest ago.
    session.clock.sleep(Duration::from_secs(100)).await;
    let second = observed(&session).await.live.locks;
    assert_eq!(second.len(), 3);
    assert!(second[&serials[2]].at > first[&serials[0]].at);
    assert_eq!(second[&serials[1]].at, first[&serials[1]].at);
    // A run that asks for none still knows them.
    assert_eq!(observed(&ground.session().await).await.live.locks.len(), 3);
}

#[tokio::test]
async fn pages_and_minutes_are_told_before_the_first_call() {
    #[derive(Default)]
    struct Heard(std::sync::Mutex<Vec<Pages>>);
    impl Progress for Heard {
        fn read(&self, _: &crate::model::TokenId, _: usize, _: Option<u64>) {}
        fn pages(&self, connection: &Name, pages: Pages) {
            assert_eq!(connection.as_str(), "company");
            self.0.lock().unwrap().push(pages);
        }
        fn step(&self, _: usize, _: usize, _: &str) {}
    }
    let ground = Ground::new(DOCUMENTS).await;
    let session = ground.session().await;
    let view = session.view().unwrap();
    let heard = Heard::default();
    session.observe(&view, session.scope(), &heard).await;
    assert_eq!(heard.0.lock().unwrap()[0], Pages { read: 0, expected: None, left: None });
    let heard = Heard::default();
    session.observe(&view, session.scope(), &heard).await;
    let first = heard.0.lock().unwrap()[0];
    // By the API's own pages of a thousand: one of devices, one of services, one for each of them.
    assert_eq!((first.read, first.expected), (0, Some(5)));
    assert!(first.left.is_some());
}
