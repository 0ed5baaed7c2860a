//! What is served about a watch: does it live, has it begun to work, what does it count.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::metrics::Exposition;
use crate::model::{Name, TokenId};
use crate::progress::{Pages, Progress};

/// A loop that has not come round for so long is stuck: longer than one call with all its attempts
/// may take.
const STUCK: Duration = Duration::from_secs(600);

/// The state of a watch, as others may ask for it.
#[derive(Debug)]
pub struct Health {
    began: Instant,
    /// Milliseconds after the beginning.
    beat: AtomicU64,
    ready: AtomicBool,
    valid: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            beat: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            valid: AtomicBool::new(true),
        }
    }
}

impl Health {
    /// The loop has come round, or the work within it got on.
    pub fn beat(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(now, Ordering::Relaxed);
    }

    /// The first look came to its end.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Whether the first look came to its end.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Whether the newest documents are in order. Returns what was said before.
    pub fn set_valid(&self, valid: bool) -> bool {
        self.valid.swap(valid, Ordering::Relaxed)
    }

    fn since_beat(&self) -> Duration {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(beat)
    }

    fn documents(&self) -> &'static str {
        if self.valid.load(Ordering::Relaxed) { "valid" } else { "invalid, the last good ones are in force" }
    }
}

impl Progress for Health {
    fn read(&self, _: &TokenId, _: usize, _: Option<u64>) {
        self.beat();
    }

    fn pages(&self, _: &Name, _: Pages) {
        self.beat();
    }

    fn step(&self, _: usize, _: usize, _: &str) {
        self.beat();
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` on a listener until told to end. Only GET and HEAD
/// are answered, and nothing that is served holds a secret.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    exposition: Exposition,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state((health, exposition));
    let over = async move {
        // A switch that is gone means the same as a word from it.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(over).await
}

/// Takes the port to serve on.
///
/// # Errors
/// What the system says.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

type Served = State<(Arc<Health>, Exposition)>;

async fn healthz(State((health, _)): Served) -> Response {
    let since = health.since_beat();
    let (status, word) = match since < STUCK {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "stuck"),
    };
    let body =
        json!({ "status": word, "documents": health.documents(), "secondsSinceBeat": since.as_secs() });
    (status, axum::Json(body)).into_response()
}

async fn readyz(State((health, _)): Served) -> Response {
    let (status, word) = match health.is_ready() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the first look is under way"),
    };
    (status, axum::Json(json!({ "status": word, "documents": health.documents() }))).into_response()
}

async fn metrics(State((_, exposition)): Served) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, exposition.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::metrics::Metrics;

    async fn get(address: SocketAddr, method: reqwest::Method, path: &str) -> (u16, String) {
        let client = crate::http::client(crate::http::Reach::Loopback).unwrap();
        let answer = client.request(method, format!("http://{address}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn it_is_ready_after_its_first_look_and_says_that_documents_are_not_in_order() {
        use reqwest::Method;
        let (health, metrics) = (Arc::new(Health::default()), Metrics::default());
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (switch, stop) = watch::channel(false);
        let served = tokio::spawn(serve(listener, Arc::clone(&health), metrics.exposition(), stop));
        assert_eq!(get(address, Method::GET, "/readyz").await.0, 503);
        assert_eq!(get(address, Method::GET, "/healthz").await.0, 200);
        health.set_ready();
        assert_eq!(get(address, Method::GET, "/readyz").await.0, 200);
        health.set_valid(false);
        let (status, body) = get(address, Method::GET, "/healthz").await;
        assert_eq!(status, 200);
        assert!(body.contains("invalid, the last good ones"), "{body}");
        assert_eq!(get(address, Method::GET, "/readyz").await.0, 200, "it goes on with the last good ones");
        metrics.documents(false, 0);
        assert!(get(address, Method::GET, "/metrics").await.1.contains("espalier_documents_valid 0"));
        assert_eq!(get(address, Method::HEAD, "/metrics").await, (200, String::new()));
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            assert_eq!(get(address, method, "/healthz").await.0, 405);
        }
        assert_eq!(get(address, Method::GET, "/world").await.0, 404);
        switch.send_replace(true);
        served.await.unwrap().unwrap();
    }

    #[test]
    fn a_loop_that_does_not_come_round_is_stuck() {
        let health = Health { began: Instant::now() - STUCK * 2, ..Health::default() };
        assert!(health.since_beat() > STUCK);
        health.beat();
        assert!(health.since_beat() < STUCK);
    }
}
