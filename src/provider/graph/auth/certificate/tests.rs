use std::process::Command;

use openssl::asn1::Asn1Integer;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::X509NameBuilder;
use serde_json::Value;

use super::*;

/// The start of the certificates here, for 30 days.
const START: i64 = 1_790_000_000;

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn ec() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(key: &PKey<Private>, name: &str) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    let serial = Asn1Integer::from_bn(&BigNum::from_u32(7).unwrap()).unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(START).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(START + 30 * 86_400).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn text(pem: Vec<u8>) -> String {
    String::from_utf8(pem).unwrap()
}

fn pkcs8(key: &PKey<Private>) -> String {
    text(key.private_key_to_pem_pkcs8().unwrap())
}

fn read(pem: &str) -> Result<SigningCertificate, CertificateError> {
    SigningCertificate::from_pem(&Secret::new(pem.to_owned()))
}

fn part(jwt: &str, at: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwt.split('.').nth(at).unwrap()).unwrap()
}

#[test]
fn key_and_certificate_come_in_any_order_and_form() {
    let key = rsa(2048);
    let own = certificate(&key, "espalier");
    let cert = text(own.to_pem().unwrap());
    let other = text(certificate(&rsa(2048), "root").to_pem().unwrap());
    let pkcs1 = text(key.rsa().unwrap().private_key_to_pem().unwrap());
    assert!(pkcs1.contains("BEGIN RSA PRIVATE KEY"));
    let thumbprint = URL_SAFE_NO_PAD.encode(openssl::sha::sha256(&own.to_der().unwrap()));
    for pem in [
        pkcs8(&key) + &cert,
        cert.clone() + &pkcs8(&key),
        pkcs1 + &cert,
        format!("Bag Attributes\n  x: y\n{other}{cert}\nKey Attributes\n{}", pkcs8(&key)),
        format!("{cert}{}", pkcs8(&key)).replace('\n', "\r\n"),
        format!("{cert}{}", pkcs8(&key)).trim_end().to_owned(),
    ] {
        let read = read(&pem).unwrap();
        assert_eq!(read.thumbprint, thumbprint);
        assert_eq!((read.subject(), read.not_after().as_second()), ("CN=espalier", START + 30 * 86_400));
    }
}

#[test]
fn what_is_wrong_with_a_pem_is_said_without_its_content() {
    let (key, strange, short) = (rsa(2048), ec(), rsa(1024));
    let cert = text(certificate(&key, "espalier").to_pem().unwrap());
    let encrypted = text(key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"word").unwrap());
    let older =
        text(key.rsa().unwrap().private_key_to_pem_passphrase(Cipher::aes_256_cbc(), b"word").unwrap());
    assert!(older.contains("Proc-Type: 4,ENCRYPTED"), "{older}");
    let sec1 = text(strange.ec_key().unwrap().private_key_to_pem().unwrap());
    let cut = pkcs8(&key);
    let other = pkcs8(&rsa(2048));
    for (pem, words) in [
        (String::new(), "no PEM text"),
        ("planted\\nplanted".to_owned(), "keep the line breaks"),
        (cert.clone(), "no private key"),
        (pkcs8(&key), "no certificate"),
        (format!("{cert}{encrypted}"), "is encrypted"),
        (format!("{cert}{older}"), "is encrypted"),
        (format!("{cert}{}", pkcs8(&strange)), "an EC key; Entra's PS256 needs an RSA key"),
        (format!("{cert}{sec1}"), "an EC key"),
        (format!("{cert}{}", pkcs8(&short)), "has 1024 bits"),
        (format!("{cert}{other}"), "(CN=espalier) do not belong together"),
        (format!("{cert}{other}{}", pkcs8(&key)), "several private keys"),
        (format!("{cert}{}", &cut[..cut.len() / 2]), "block `PRIVATE KEY` is damaged"),
        (format!("{}{}", &cert[..cert.len() / 2], pkcs8(&key)), "block `CERTIFICATE` is damaged"),
    ] {
        let error = read(&pem).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        let told = format!("{error} {error:?}");
        for line in pem.lines().filter(|line| line.len() > 20 && !line.starts_with('-')) {
            assert!(!told.contains(line), "{told}");
        }
    }
}

#[test]
fn nothing_of_the_key_shows() {
    let key = rsa(2048);
    let pem = pkcs8(&key) + &text(certificate(&key, "espalier").to_pem().unwrap());
    let shown = format!(
        "{:?} {:#?}",
        read(&pem).unwrap(),
        crate::provider::graph::SignIn::Certificate(read(&pem).unwrap())
    );
    assert!(shown.contains("CN=espalier"), "{shown}");
    assert!(pem.lines().filter(|line| line.len() > 20).all(|line| !shown.contains(line)), "{shown}");
}

#[test]
fn an_assertion_says_what_entra_asks_for() {
    let key = rsa(2048);
    let own = certificate(&key, "espalier");
    let read = read(&(pkcs8(&key) + &text(own.to_pem().unwrap()))).unwrap();
    let now = Timestamp::from_second(START + 60).unwrap();
    let endpoint = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
    let jwts = [0, 1].map(|_| read.assertion("app", endpoint, now).unwrap());
    let header: Value = serde_json::from_slice(&part(jwts[0].reveal(), 0)).unwrap();
    let x5t = URL_SAFE_NO_PAD.encode(own.digest(MessageDigest::sha256()).unwrap());
    assert_eq!(header, json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": x5t }));
    let [first, second] = jwts.map(|jwt| serde_json::from_slice::<Value>(&part(jwt.reveal(), 1)).unwrap());
    assert_eq!(
        (&first["aud"], &first["iss"], &first["sub"]),
        (&json!(endpoint), &json!("app"), &json!("app"))
    );
    assert_eq!((&first["nbf"], &first["iat"]), (&json!(START + 60), &json!(START + 60)));
    let lifetime = first["exp"].as_i64().unwrap() - (START + 60);
    assert!((5 * 60..=10 * 60).contains(&lifetime), "{lifetime}");
    assert!(uuid::Uuid::parse_str(first["jti"].as_str().unwrap()).is_ok());
    assert_ne!(first["jti"], second["jti"]);
}

#[test]
fn the_dates_of_a_certificate_are_judged_by_the_given_time() {
    let key = rsa(2048);
    let read = read(&(pkcs8(&key) + &text(certificate(&key, "espalier").to_pem().unwrap()))).unwrap();
    let at = |second| read.out_of_date(Timestamp::from_second(second).unwrap());
    assert_eq!((at(START), at(START + 30 * 86_400 - 1)), (None, None));
    assert!(at(START - 1).unwrap().contains("CN=espalier is not valid before"));
    assert!(at(START + 30 * 86_400).unwrap().contains("CN=espalier expired on"));
}

/// The judge is another program: OpenSSL's command line, told to take PSS with a salt as long as the
/// digest and nothing else.
#[test]
fn openssls_own_program_verifies_the_signature() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let key = rsa(2048);
    let own = certificate(&key, "espalier");
    let read = read(&(pkcs8(&key) + &text(own.to_pem().unwrap()))).unwrap();
    let now = Timestamp::from_second(START).unwrap();
    let jwt = read.assertion("app", "https://login.example/t/oauth2/v2.0/token", now).unwrap();
    let (signed, _) = jwt.reveal().rsplit_once('.').unwrap();
    let signed_file = file("signed", signed.as_bytes());
    let signature = file("signature", &part(jwt.reveal(), 2));
    let public = file("public.pem", &own.public_key().unwrap().public_key_to_pem().unwrap());
    let verify = |salt: &str, what: &std::path::Path| {
        Command::new("openssl")
            .args(["dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt"])
            .arg(format!("rsa_pss_saltlen:{salt}"))
            .args(["-sigopt", "rsa_mgf1_md:sha256", "-verify"])
            .arg(&public)
            .arg("-signature")
            .arg(&signature)
            .arg(what)
            .output()
    };
    let output = match verify("32", &signed_file) {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let required = std::env::var("ESPALIER_REQUIRE_REAL").is_ok_and(|value| value == "1");
            assert!(!required, "ESPALIER_REQUIRE_REAL=1, but there is no program `openssl`");
            eprintln!("skipped: there is no program `openssl`");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert!(output.status.success(), "{output:?}");
    assert!(!verify("20", &signed_file).unwrap().status.success(), "another salt length is no proof");
    let other = file("other", format!("{signed}x").as_bytes());
    assert!(!verify("32", &other).unwrap().status.success(), "another text is no proof");
}
