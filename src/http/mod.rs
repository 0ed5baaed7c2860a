//! One transport for all services: the real HTTP client, the policy of sending again, and the
//! removal of secrets from texts. It knows no vendor.
//!
//! Invariant: a failure says whether the request can have reached the service. What may be sent
//! again depends on that and on nothing else.

pub mod call;
pub mod meter;
pub mod pace;
pub mod redact;
pub mod retry;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;

/// How long one request may take, from its start to the last byte of its answer.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest answer that is read where the caller names no other bound, in bytes: no service sends a
/// page or a batch of pages of that size, and a broken one must not fill the memory.
pub const LONGEST_ANSWER: usize = 256 << 20;

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Where a client is going to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Services in the world: the proxy of the environment is honoured.
    World,
    /// This machine only: no proxy is asked.
    Loopback,
}

/// Builds the HTTP client. That takes some 60 ms of CPU, since OpenSSL reads the machine's certificate
/// store: only for a command that calls a service, and once for all its connections. The one for this
/// machine is built once per process and shared.
///
/// Redirects are never followed: credentials go to the host that the settings name, and no service
/// here answers an API call with a redirect.
///
/// # Errors
/// When the TLS library cannot be set up.
pub fn client(reach: Reach) -> Result<reqwest::Client, reqwest::Error> {
    static LOOPBACK: OnceLock<reqwest::Client> = OnceLock::new();
    if let (Reach::Loopback, Some(shared)) = (reach, LOOPBACK.get()) {
        return Ok(shared.clone());
    }
    match reach {
        Reach::World => builder().build(),
        Reach::Loopback => {
            let built = builder().no_proxy().build()?;
            Ok(LOOPBACK.get_or_init(|| built).clone())
        }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // By itself the library sends again what an HTTP/2 server calls unprocessed (a stream that is refused, a
        // connection that is given up). A request to a device leaves once, whatever a server says of it, and what
        // may be repeated is repeated above, where it is counted, paced and told.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        // Shorter than what servers keep idle connections for, so that a write seldom meets one
        // that is being closed: its answer would be lost.
        .pool_idle_timeout(Duration::from_secs(30))
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body; empty for 204.
    pub body: Bytes,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header field as text; `None` if it is missing or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no answer. The texts carry no address, since addresses can carry secrets.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// No connection came about, so the service has seen nothing.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// The time was up after the request may have been sent.
    #[error("no answer within {} seconds", TIMEOUT.as_secs())]
    TimedOut,
    /// The connection broke after the request may have been sent.
    #[error("the connection broke: {0}")]
    Cut(String),
    /// The answer is longer than the caller reads, in bytes; the rest of it was not read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// Sends one request once and reads the answer to its end, at most [`LONGEST_ANSWER`] of it.
///
/// # Errors
/// See [`NoAnswer`]. Any status is an answer, not an error.
pub async fn send(request: reqwest::RequestBuilder) -> Result<Answer, NoAnswer> {
    send_bounded(request, LONGEST_ANSWER).await
}

/// As [`send`], for an answer of at most `most` bytes after decompression.
///
/// # Errors
/// See [`NoAnswer`]. Any status is an answer, not an error.
pub async fn send_bounded(request: reqwest::RequestBuilder, most: usize) -> Result<Answer, NoAnswer> {
    let mut response = request.timeout(TIMEOUT).send().await.map_err(no_answer)?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        if body.len() + chunk.len() > most {
            return Err(NoAnswer::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body: body.freeze() })
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        NoAnswer::NotConnected(innermost(&error))
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else {
        NoAnswer::Cut(innermost(&error))
    }
}

/// The innermost cause says what happened; the layers above only repeat that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (url, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://[::1]/x", true),
            ("https://localhost", true),
            ("https://localhost.example.com", false),
            ("https://graph.microsoft.com", false),
            ("http://127.0.0.1.example.com", false),
            ("file:///etc", false),
        ] {
            assert_eq!(is_loopback(&url::Url::parse(url).unwrap()), loopback, "{url}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_bound_and_no_further() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let service = axum::Router::new().fallback(|| async { "x".repeat(100_000) });
        tokio::spawn(async move { axum::serve(listener, service).await });
        let client = client(Reach::Loopback).unwrap();
        let whole = send_bounded(client.get(&url), 100_000).await.unwrap();
        assert_eq!(whole.body.len(), 100_000);
        let longer = send_bounded(client.get(&url), 99_999).await.unwrap_err();
        assert!(matches!(longer, NoAnswer::TooLong(99_999)), "{longer}");
    }

    #[tokio::test]
    async fn an_unanswered_connection_tells_whether_the_request_was_sent() {
        let client = client(Reach::Loopback).unwrap();
        // Bound but not listening: the port refuses.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let closed = format!("http://{}/planted", socket.local_addr().unwrap());
        let refused = send(client.get(closed)).await.unwrap_err();
        assert!(matches!(refused, NoAnswer::NotConnected(_)), "{refused}");
        // Listening, but hanging up without an answer.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/planted", listener.local_addr().unwrap());
        let hang_up = async { drop(listener.accept().await) };
        let (cut, ()) = tokio::join!(send(client.post(url).body("x")), hang_up);
        let cut = cut.unwrap_err();
        assert!(matches!(cut, NoAnswer::Cut(_)), "{cut}");
        assert!(!cut.to_string().contains("planted"), "{cut}");
    }

    /// Plays an HTTP/2 server that refuses every stream as unprocessed, and counts them until the client leaves.
    async fn refuse_streams(listener: tokio::net::TcpListener) -> usize {
        const SETTINGS: u8 = 4;
        const HEADERS: u8 = 1;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        stream.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).await.unwrap();
        let mut streams = 0;
        let mut frame = [0; 9];
        while stream.read_exact(&mut frame).await.is_ok() {
            let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]) as usize;
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            if frame[3] == HEADERS {
                streams += 1;
                // RST_STREAM of that stream, with REFUSED_STREAM.
                let reset = [0, 0, 4, 3, 0, frame[5], frame[6], frame[7], frame[8], 0, 0, 0, 7];
                stream.write_all(&reset).await.unwrap();
            }
        }
        streams
    }

    #[tokio::test]
    async fn what_a_server_calls_unprocessed_is_not_sent_again_by_itself() {
        let sent = async |builder: reqwest::ClientBuilder| {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/wipe", listener.local_addr().unwrap());
            let server = tokio::spawn(refuse_streams(listener));
            let client = builder.no_proxy().http2_prior_knowledge().build().unwrap();
            let refused = send(client.post(url).body("{}")).await.unwrap_err();
            assert!(matches!(refused, NoAnswer::Cut(_)), "{refused}");
            drop(client);
            server.await.unwrap()
        };
        assert_eq!(sent(builder()).await, 1);
        assert!(sent(reqwest::Client::builder()).await > 1, "the library does it by itself");
    }
}
