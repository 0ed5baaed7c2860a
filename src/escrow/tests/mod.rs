mod opening;
mod real;
mod recipients;
mod secrecy;

use std::path::PathBuf;
use std::sync::OnceLock;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;

use openssl::x509::{X509, X509Extension, X509Name};

use super::{About, OpenError, Opened, PrivateKey, Recipient, Recipients};
use crate::model::act::RecordId;
use crate::model::clock::Timestamp;
use crate::model::sealed::{Sealed, SealedKind};
use crate::model::{Secret, Serial};

/// A bypass code that is searched for in every text.
const CODE: &str = "FQ2V8-LMWJ3-R7C9-KXTN-4HPG-YD6Z";

/// The instant of all tests.
fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn code() -> Secret {
    Secret::new(CODE.to_owned())
}

fn about(serial: &str) -> About {
    About {
        serial: Serial::new(serial).unwrap(),
        record: RecordId("6f9bd1c8-1f0e-4b56-8f2c-000000000001".to_owned()),
        kind: SealedKind::BypassCode,
        read_at: at("2026-11-22T08:59:30Z"),
    }
}

fn lost() -> About {
    about("C02LOST00001")
}

/// A person with a key and a certificate.
struct Person {
    name: String,
    key: PKey<Private>,
    certificate: X509,
}

impl Person {
    fn with(name: &str, key: &PKey<Private>, from: &str, to: &str, usage: Option<X509Extension>) -> Self {
        let mut subject = X509Name::builder().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(name.bytes().map(u32::from).sum()).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(&subject).unwrap();
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(at(from).as_second()).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(at(to).as_second()).unwrap()).unwrap();
        if let Some(usage) = usage {
            builder.append_extension(usage).unwrap();
        }
        let digest = match key.id() {
            openssl::pkey::Id::ED25519 => MessageDigest::null(),
            _ => MessageDigest::sha256(),
        };
        builder.sign(key, digest).unwrap();
        Self { name: name.to_owned(), key: key.clone(), certificate: builder.build() }
    }

    /// Valid around [`now`].
    fn new(name: &str, key: &PKey<Private>) -> Self {
        Self::with(name, key, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", None)
    }

    fn ec(name: &str, curve: Nid) -> Self {
        Self::new(name, &ec(curve))
    }

    fn file(&self) -> PathBuf {
        PathBuf::from(format!("escrow/{}.pem", self.name))
    }

    fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn recipient(&self) -> Recipient {
        Recipient::parse(&self.file(), &self.pem()).unwrap()
    }

    fn key_pem(&self) -> Secret {
        Secret::new(String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap())
    }

    fn private_key(&self) -> PrivateKey {
        PrivateKey::parse(&self.key_pem(), None).unwrap()
    }
}

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// Two RSA keys of 2048 bits: they take long to make.
fn rsa(which: usize) -> &'static PKey<Private> {
    static KEYS: [OnceLock<PKey<Private>>; 2] = [const { OnceLock::new() }; 2];
    KEYS[which].get_or_init(|| PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
}

/// One with RSA and two with elliptic curves.
fn people() -> [Person; 3] {
    [
        Person::new("anna", rsa(0)),
        Person::ec("bert", Nid::X9_62_PRIME256V1),
        Person::ec("cleo", Nid::SECP521R1),
    ]
}

fn recipients<'a>(people: impl IntoIterator<Item = &'a Person>) -> Recipients {
    let files: Vec<(PathBuf, Vec<u8>)> = people.into_iter().map(|one| (one.file(), one.pem())).collect();
    Recipients::parse(files.iter().map(|(file, bytes)| (file.as_path(), bytes.as_slice()))).unwrap()
}

fn sealed<'a>(people: impl IntoIterator<Item = &'a Person>) -> Sealed {
    super::seal(&recipients(people), &code(), &lost(), now()).unwrap()
}

/// Opens for the row of [`lost`].
fn open(
    sealed: &Sealed,
    key: &PrivateKey,
    certificate: Option<&Recipient>,
    row: &About,
) -> Result<Opened, OpenError> {
    super::open(sealed, key, certificate, row.serial, &row.record)
}

/// A message as the ledger holds it.
fn of_der(der: &[u8]) -> Sealed {
    use base64::Engine as _;
    let cms = base64::engine::general_purpose::STANDARD.encode(der);
    Sealed { kind: SealedKind::BypassCode, cms, recipients: Vec::new(), fingerprint: None }
}
