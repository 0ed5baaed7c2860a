//! A proxy that programs reach other hosts through (`CONNECT`): for hosts that are played here it ends
//! TLS with a certificate of its own authority and hands each request to a plain port; it refuses all
//! others.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

/// A request that went through.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The host that was asked for.
    pub host: String,
    /// Method and path with its query.
    pub line: String,
    /// Whether it had an authorization.
    pub authorized: bool,
}

/// A running proxy; its threads end with the process.
pub struct Tunnel {
    address: String,
    authority: Vec<u8>,
    state: Arc<State>,
}

struct State {
    /// Address by host.
    hosts: BTreeMap<String, String>,
    acceptor: SslAcceptor,
    passed: Mutex<Vec<Passed>>,
    refused: Mutex<Vec<String>>,
}

impl Tunnel {
    /// For these hosts, each with the address of the plain port that plays it.
    pub fn start(hosts: BTreeMap<String, String>) -> Self {
        let names: Vec<&str> = hosts.keys().map(String::as_str).collect();
        let (authority, acceptor) = acceptor(&names).expect("keys and certificates");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let (passed, refused) = Default::default();
        let state = Arc::new(State { hosts, acceptor, passed, refused });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away in the middle is none of the test's business.
                std::thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { address, authority, state }
    }

    /// What `HTTPS_PROXY` has to say.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The certificate of its authority, in PEM.
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// The requests that went through, in their order.
    pub fn passed(&self) -> Vec<Passed> {
        self.state.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What else was asked for.
    pub fn refused(&self) -> Vec<String> {
        self.state.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut plain = stream.try_clone()?;
        let head = read_head(&mut BufReader::with_capacity(1, stream.try_clone()?))?;
        let mut words = head.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let host = target.strip_suffix(":443").filter(|_| method == "CONNECT");
        let Some((host, address)) = host.and_then(|host| self.hosts.get_key_value(host)) else {
            let line = head.lines().next().unwrap_or_default().to_owned();
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            return plain
                .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        };
        plain.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n")?;
        let secured = self.acceptor.accept(stream).map_err(std::io::Error::other)?;
        self.pass(host, address, secured)
    }

    /// One request and its answer; the connection is closed behind it.
    fn pass(
        &self,
        host: &str,
        address: &str,
        secured: openssl::ssl::SslStream<TcpStream>,
    ) -> std::io::Result<()> {
        let mut from = BufReader::new(secured);
        let head = read_head(&mut from)?;
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let fields: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let field = |name: &str| {
            let pair = |line: &&str| {
                line.split_once(':')
                    .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.trim().to_owned())
            };
            fields.iter().find_map(pair)
        };
        assert!(field("transfer-encoding").is_none(), "the tunnel reads bodies of a told length only");
        let mut body = vec![0; field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        from.read_exact(&mut body)?;
        let line: Vec<&str> = first.split(' ').take(2).collect();
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(Passed {
            host: host.to_owned(),
            line: line.join(" "),
            authorized: field("authorization").is_some(),
        });
        let mut to = TcpStream::connect(address)?;
        let kept = fields.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let kept: Vec<&str> = kept.copied().collect();
        write!(to, "{first}\r\n{}\r\nConnection: close\r\n\r\n", kept.join("\r\n"))?;
        to.write_all(&body)?;
        let mut answer = Vec::new();
        to.read_to_end(&mut answer)?;
        let mut secured = from.into_inner();
        secured.write_all(&answer)?;
        secured.flush()?;
        // A client that has closed already is answered all the same.
        let _ = secured.shutdown();
        let _ = secured.get_ref().shutdown(Shutdown::Write);
        Ok(())
    }
}

/// Everything up to the empty line.
fn read_head(from: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            break;
        }
    }
    Ok(head)
}

/// The authority's certificate, and what ends TLS with one of its certificates.
fn acceptor(hosts: &[&str]) -> Result<(Vec<u8>, SslAcceptor), ErrorStack> {
    let (key, authority) = certificate("authority of a test", None, &[])?;
    let (own_key, own) = certificate("hosts of a test", Some((&key, &authority)), hosts)?;
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    acceptor.set_private_key(&own_key)?;
    acceptor.set_certificate(&own)?;
    acceptor.check_private_key()?;
    Ok((authority.to_pem()?, acceptor.build()))
}

fn certificate(
    name: &str,
    issuer: Option<(&PKey<Private>, &X509)>,
    hosts: &[&str],
) -> Result<(PKey<Private>, X509), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("CN", name)?;
    let subject = subject.build();
    let mut made = X509Builder::new()?;
    made.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;
    made.set_serial_number(&serial)?;
    made.set_subject_name(&subject)?;
    made.set_pubkey(&key)?;
    let (from, to) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(30)?);
    made.set_not_before(&from)?;
    made.set_not_after(&to)?;
    match issuer {
        None => {
            made.set_issuer_name(&subject)?;
            made.append_extension(BasicConstraints::new().critical().ca().build()?)?;
            made.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
            made.sign(&key, MessageDigest::sha256())?;
        }
        Some((issuer_key, issuer)) => {
            made.set_issuer_name(issuer.subject_name())?;
            let mut names = SubjectAlternativeName::new();
            for host in hosts {
                names.dns(host);
            }
            let names = names.build(&made.x509v3_context(Some(issuer), None))?;
            made.append_extension(names)?;
            made.sign(issuer_key, MessageDigest::sha256())?;
        }
    }
    Ok((key, made.build()))
}
