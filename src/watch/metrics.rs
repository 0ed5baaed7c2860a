//! What a watch counts, for Prometheus. Each watch has a recorder of its own: nothing here is shared
//! by the process.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::engine::organisations::OrganisationStatus;
use crate::model::clock::Timestamp;
use crate::model::{Name, Realm};

/// The bounds of the histogram of durations, in seconds.
const SECONDS: [f64; 9] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 900.0];

/// What came of a look at a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was read, and what was to be done was done.
    Ok,
    /// A step failed, or its outcome is not known.
    Failed,
    /// Something could not be read, or a rule refuses it.
    Blocked,
}

/// The kind of an enrollment token among what expires.
pub const ENROLLMENT_TOKEN: &str = "enrollmentToken";

impl Outcome {
    const ALL: [Outcome; 3] = [Outcome::Ok, Outcome::Failed, Outcome::Blocked];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Blocked => "blocked",
        }
    }
}

/// A token and its connection.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// The connection.
    pub connection: &'a Realm,
    /// The token.
    pub token: &'a Name,
}

/// The figures of one watch.
pub struct Metrics {
    recorder: PrometheusRecorder,
}

/// The figures as text. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Exposition(PrometheusHandle);

impl Exposition {
    /// All figures in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let builder = PrometheusBuilder::new();
        // Only an empty list of bounds is refused.
        let builder = builder.set_buckets(&SECONDS).unwrap_or_default();
        let metrics = Self { recorder: builder.build_recorder() };
        metrics.with(describe);
        metrics
    }
}

fn describe() {
    describe_counter!("espalier_reconciles_total", "Looks at a token, by what came of them");
    describe_histogram!("espalier_reconcile_seconds", Unit::Seconds, "How long looks took");
    describe_gauge!("espalier_drift_steps", "Steps that would put back what moved outside");
    describe_gauge!("espalier_planned_steps", "Steps that are planned and not done");
    describe_gauge!("espalier_domain_blocked", "1: something of the token is blocked or could not be read");
    describe_gauge!(
        "espalier_last_success_timestamp_seconds",
        Unit::Seconds,
        "When a look at the token last went well"
    );
    describe_gauge!(
        "espalier_expiry_timestamp_seconds",
        Unit::Seconds,
        "When something expires, by its kind (T-6, T-12)"
    );
    describe_counter!("espalier_steps_total", "Steps that were carried out, by what came of them");
    describe_counter!("espalier_calls_total", "Requests to services, by kind");
    describe_gauge!("espalier_organisation_blocked", "1: something of the organisation could not be read");
    describe_gauge!(
        "espalier_organisation_terms_pending",
        "1: Apple's current terms have to be accepted in the portal"
    );
    describe_gauge!("espalier_organisation_services", "Device management services of the organisation");
    describe_gauge!("espalier_organisation_devices", "Devices of the organisation, by where they belong");
    describe_gauge!(
        "espalier_organisation_snapshot_timestamp_seconds",
        Unit::Seconds,
        "When services and devices of the organisation were read last"
    );
    describe_gauge!("espalier_organisation_writes_left", "Writes that the API account has left in this hour");
    describe_gauge!(
        "espalier_api_key_since_timestamp_seconds",
        Unit::Seconds,
        "When the API key of the organisation was used for the first time"
    );
    describe_gauge!("espalier_documents_valid", "1: the newest documents are in force");
    describe_gauge!(
        "espalier_documents_refused_tokens",
        "Tokens that a rule refuses in the newest documents"
    );
    describe_gauge!("espalier_queue_depth", "Tokens that wait to be looked at");
    describe_counter!("espalier_retries_total", "Looks that the ledger or its lock put off");
}

impl Metrics {
    fn with(&self, record: impl FnOnce()) {
        metrics::with_local_recorder(&self.recorder, record);
    }

    /// The figures for others to read.
    pub fn exposition(&self) -> Exposition {
        Exposition(self.recorder.handle())
    }

    /// A look at a token came to its end at `now`, by the clock of the services.
    pub fn looked(&self, of: Of<'_>, outcome: Outcome, drift: usize, planned: usize, now: Timestamp) {
        self.with(|| {
            for known in Outcome::ALL {
                let more = u64::from(known == outcome);
                counter!("espalier_reconciles_total", "connection" => of.connection.to_string(),
                    "token" => of.token.to_string(), "outcome" => known.as_str())
                .increment(more);
            }
            self.gauge_of("espalier_drift_steps", of, drift as f64);
            self.gauge_of("espalier_planned_steps", of, planned as f64);
            self.gauge_of("espalier_domain_blocked", of, f64::from(u8::from(outcome == Outcome::Blocked)));
            if outcome == Outcome::Ok {
                self.gauge_of("espalier_last_success_timestamp_seconds", of, now.as_second() as f64);
            }
        });
    }

    fn gauge_of(&self, name: &'static str, of: Of<'_>, value: f64) {
        gauge!(name, "connection" => of.connection.to_string(), "token" => of.token.to_string()).set(value);
    }

    /// How long a look took for a connection, by the machine's clock.
    pub fn took(&self, connection: &Realm, took: Duration) {
        self.with(|| {
            histogram!("espalier_reconcile_seconds", "connection" => connection.to_string())
                .record(took.as_secs_f64());
        });
    }

    /// How an organisation at Apple is. What is not known leaves its figure as it was.
    pub fn organisation(&self, status: &OrganisationStatus) {
        let connection = Realm::Apple(status.connection.clone()).to_string();
        let set = |name: &'static str, value: Option<f64>| {
            if let Some(value) = value {
                gauge!(name, "connection" => connection.clone()).set(value);
            }
        };
        let flag = |is_so: bool| Some(f64::from(u8::from(is_so)));
        self.with(|| {
            let terms = status.trouble.as_ref().is_some_and(|trouble| trouble.terms);
            set("espalier_organisation_blocked", flag(status.trouble.is_some()));
            set("espalier_organisation_terms_pending", flag(terms));
            let services = status.services.as_ref().map(|all| all.len() as f64);
            set("espalier_organisation_services", services);
            let read_at = services.map(|_| status.read_at.as_second() as f64);
            set("espalier_organisation_snapshot_timestamp_seconds", read_at);
            // Of one that cannot be called it is not known what is left.
            set("espalier_organisation_writes_left", services.map(|_| f64::from(status.posts_free)));
            let since = status.key_known_since.map(|since| since.as_second() as f64);
            set("espalier_api_key_since_timestamp_seconds", since);
            for (place, count) in [
                ("all", status.devices),
                ("unassigned", status.unassigned),
                ("orphaned", status.orphans),
                ("unclear", status.unclear),
            ] {
                if let Some(count) = count {
                    gauge!("espalier_organisation_devices", "connection" => connection.clone(),
                        "place" => place)
                    .set(count as f64);
                }
            }
        });
    }

    /// An organisation that no token names any more.
    pub fn forget_organisation(&self, organisation: &Realm) {
        self.with(|| {
            for name in ["espalier_organisation_blocked", "espalier_organisation_terms_pending"] {
                gauge!(name, "connection" => organisation.to_string()).set(0.0);
            }
            for name in [
                "espalier_organisation_services",
                "espalier_organisation_snapshot_timestamp_seconds",
                "espalier_organisation_writes_left",
                "espalier_api_key_since_timestamp_seconds",
            ] {
                gauge!(name, "connection" => organisation.to_string()).set(f64::NAN);
            }
            for place in ["all", "unassigned", "orphaned", "unclear"] {
                gauge!("espalier_organisation_devices", "connection" => organisation.to_string(),
                    "place" => place)
                .set(f64::NAN);
            }
        });
    }

    /// When something expires. `kind` is `enrollmentToken` (by the name of its document), `vppToken`
    /// (by its name at the service) or `pushCertificate` (by that of its connection).
    pub fn expires(&self, kind: &'static str, connection: &Realm, name: &str, expires: Timestamp) {
        self.with(|| {
            gauge!("espalier_expiry_timestamp_seconds", "kind" => kind,
                "connection" => connection.to_string(), "name" => name.to_owned())
            .set(expires.as_second() as f64);
        });
    }

    /// A step was carried out.
    pub fn step(&self, of: Of<'_>, outcome: &'static str) {
        self.with(|| {
            counter!("espalier_steps_total", "connection" => of.connection.to_string(),
                "token" => of.token.to_string(), "outcome" => outcome)
            .increment(1);
        });
    }

    /// Requests that were sent.
    pub fn calls(&self, connection: &Realm, reads: u64, writes: u64) {
        self.with(|| {
            for (kind, calls) in [("read", reads), ("write", writes)] {
                counter!("espalier_calls_total", "connection" => connection.to_string(), "kind" => kind)
                    .increment(calls);
            }
        });
    }

    /// Whether the newest documents are in force, and how many tokens a rule refuses in them.
    pub fn documents(&self, valid: bool, refusals: usize) {
        self.with(|| {
            gauge!("espalier_documents_valid").set(f64::from(u8::from(valid)));
            gauge!("espalier_documents_refused_tokens").set(refusals as f64);
        });
    }

    /// How many tokens wait.
    pub fn queue(&self, depth: usize) {
        self.with(|| gauge!("espalier_queue_depth").set(depth as f64));
    }

    /// A look was put off.
    pub fn retried(&self) {
        self.with(|| counter!("espalier_retries_total").increment(1));
    }

    /// A token that no document names any more: nothing of it is planned, drifted or blocked.
    pub fn forget(&self, of: Of<'_>) {
        self.with(|| {
            for name in ["espalier_drift_steps", "espalier_planned_steps", "espalier_domain_blocked"] {
                self.gauge_of(name, of, 0.0);
            }
            // No comparison with it holds: a token that went away alarms nobody.
            gauge!("espalier_expiry_timestamp_seconds", "kind" => ENROLLMENT_TOKEN,
                "connection" => of.connection.to_string(), "name" => of.token.to_string())
            .set(f64::NAN);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_their_labels_and_two_watches_do_not_mix() {
        let (one, other) = (Metrics::default(), Metrics::default());
        let (connection, token) = (Realm::Mdm(Name::new("contoso").unwrap()), Name::new("main").unwrap());
        let of = Of { connection: &connection, token: &token };
        let now: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        one.looked(of, Outcome::Blocked, 2, 3, now);
        one.expires("enrollmentToken", &connection, "main", now);
        one.took(&connection, Duration::from_millis(200));
        let text = one.exposition().render();
        for line in [
            "espalier_reconciles_total{connection=\"contoso\",token=\"main\",outcome=\"blocked\"} 1",
            "espalier_reconciles_total{connection=\"contoso\",token=\"main\",outcome=\"ok\"} 0",
            "espalier_drift_steps{connection=\"contoso\",token=\"main\"} 2",
            "espalier_domain_blocked{connection=\"contoso\",token=\"main\"} 1",
            "kind=\"enrollmentToken\"",
            "espalier_reconcile_seconds_bucket{connection=\"contoso\",le=\"0.3\"} 1",
        ] {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
        assert!(!text.contains("last_success"), "it was no success:\n{text}");
        assert!(!text.contains("espalier_organisation_"), "none was read:\n{text}");
        one.forget(of);
        let text = one.exposition().render();
        let expiry = "espalier_expiry_timestamp_seconds{kind=\"enrollmentToken\",connection=\"contoso\",name=\"main\"} NaN";
        assert!(text.contains(expiry), "{text}");
        assert!(!other.exposition().render().contains("contoso"));
    }
}
