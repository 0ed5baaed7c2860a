//! People who write commits and sign approvals, and the key to which secrets are sealed: made with OpenSSL and
//! by nothing of the product's.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::sha::sha512;
use openssl::sign::Signer;
use openssl::x509::{X509, X509NameBuilder};

/// The namespace of approvals.
const NAMESPACE: &str = "espalier-approval@espalier.dev";

/// Those who write and those who sign.
pub const PEOPLE: [&str; 4] = ["anna", "ben", "chris", "dora"];

/// Somebody's address.
pub fn address(person: usize) -> String {
    format!("{}@school.example", PEOPLE[person % PEOPLE.len()])
}

static KEYS: LazyLock<Vec<PKey<Private>>> = LazyLock::new(|| {
    let key = |person: usize| {
        let bytes = [person as u8 + 17; 32];
        PKey::private_key_from_raw_bytes(&bytes, Id::ED25519).expect("32 bytes are a key")
    };
    (0..PEOPLE.len()).map(key).collect()
});

/// A field of SSH's binary form.
fn field(bytes: &[u8]) -> Vec<u8> {
    let mut all = (bytes.len() as u32).to_be_bytes().to_vec();
    all.extend_from_slice(bytes);
    all
}

fn public(person: usize) -> Vec<u8> {
    let raw = KEYS[person % KEYS.len()].raw_public_key().expect("a key of this kind has one");
    [field(b"ssh-ed25519"), field(&raw)].concat()
}

/// The allowed-signers file of some people.
pub fn signers(people: impl IntoIterator<Item = usize>) -> String {
    let line =
        |person: usize| format!("{} ssh-ed25519 {}\n", address(person), STANDARD.encode(public(person)));
    people.into_iter().map(line).collect()
}

/// What `ssh-keygen -Y sign` writes beside a file.
pub fn sign(person: usize, text: &str) -> String {
    let hash = sha512(text.as_bytes());
    let message =
        [b"SSHSIG".to_vec(), field(NAMESPACE.as_bytes()), field(b""), field(b"sha512"), field(&hash)]
            .concat();
    let mut signer = Signer::new_without_digest(&KEYS[person % KEYS.len()]).expect("a signer");
    let raw = signer.sign_oneshot_to_vec(&message).expect("a signature");
    let blob = [
        b"SSHSIG".to_vec(),
        1_u32.to_be_bytes().to_vec(),
        field(&public(person)),
        field(NAMESPACE.as_bytes()),
        field(b""),
        field(b"sha512"),
        field(&[field(b"ssh-ed25519"), field(&raw)].concat()),
    ]
    .concat();
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).expect("base64")).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// A certificate to whose key secrets are sealed, in PEM; nobody here needs the key.
pub static RECIPIENT: LazyLock<String> = LazyLock::new(|| {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("the curve");
    let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_text("CN", "Escrow").expect("a common name");
    let name = name.build();
    let mut made = X509::builder().expect("a certificate");
    let day = |text: &str| Asn1Time::from_str(text).expect("a time");
    let number = BigNum::from_u32(1).expect("a number");
    made.set_version(2).expect("a version");
    made.set_serial_number(&Asn1Integer::from_bn(&number).expect("a number")).expect("a number");
    made.set_subject_name(&name).expect("a subject");
    made.set_issuer_name(&name).expect("an issuer");
    made.set_not_before(&day("20260101000000Z")).expect("a beginning");
    made.set_not_after(&day("20360101000000Z")).expect("an end");
    made.set_pubkey(&key).expect("a key");
    made.sign(&key, MessageDigest::sha256()).expect("a signature");
    String::from_utf8(made.build().to_pem().expect("PEM")).expect("PEM is text")
});
