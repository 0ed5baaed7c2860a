use openssl::cms::CMSOptions;
use openssl::stack::Stack;
use openssl::symm::Cipher;

use super::made::*;
use crate::model::{Secret, ServerToken};
use crate::server_token::{Envelope, KeyPair, Recipient, TokenFileError, content};

fn open(bytes: &[u8]) -> Result<ServerToken, TokenFileError> {
    Envelope::read(bytes)?.open(pair())
}

#[track_caller]
fn opens(bytes: &[u8]) {
    let token = open(bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(token.secrets().map(Secret::reveal), SECRETS);
    assert_eq!(token.expires, Some("2027-11-01T08:00:00Z".parse().unwrap()));
}

#[test]
fn t1_every_cipher_and_every_encoding_opens() {
    for cipher in
        [Cipher::aes_128_cbc(), Cipher::aes_256_cbc(), Cipher::des_ede3_cbc(), Cipher::aes_256_gcm()]
    {
        let der = der(pair(), cipher, &message(), CMSOptions::empty());
        let ber = indefinite(&der);
        assert_eq!(ber[..2], [0x30, 0x80]);
        for octets in [&der, &ber] {
            opens(octets);
            opens(smime(octets, "\r\n").as_bytes());
            opens(smime(octets, "\n").as_bytes());
            opens(base64(octets, 76, "\r\n").as_bytes());
            opens(base64(octets, 64, "\n").as_bytes());
            opens(base64(octets, usize::MAX, "").as_bytes());
            opens(base64(octets, usize::MAX, "\n").trim_end_matches(['=', '\n']).as_bytes());
        }
    }
}

#[test]
fn t1_apples_way_of_writing_it_begins_as_the_sample_does() {
    let ber = indefinite(&usual(&message()));
    let begin = "308006092a864886f70d010703a080308002010031";
    let hex: String = ber[..begin.len() / 2].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, begin);
    assert_eq!(ber[ber.len() - 4..], [0; 4]);
}

#[test]
fn t1_what_editors_and_mail_programs_put_around_it_does_no_harm() {
    let der = usual(&message());
    let file = smime(&der, "\r\n");
    let marked = |text: &str| [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    opens(&marked(&file));
    opens(&marked(&format!("\r\n\r\n{file}")));
    opens(format!("\n \n{file}\n\n").as_bytes());
    let utf16: Vec<u8> = format!("\u{feff}{file}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    opens(&utf16);
    let pem =
        |label: &str| format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", base64(&der, 64, "\n"));
    opens(pem("PKCS7").as_bytes());
    opens(pem("CMS").as_bytes());
    opens(file.replace("application/pkcs7-mime", "application/x-pkcs7-mime").as_bytes());
    opens(file.replace("\r\n\r\n", "\r\n").as_bytes());
    opens(format!("MIME-Version: 1.0\n{}", smime(&der, "\n")).as_bytes());
    let binary = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    opens(&[&binary[..], &der].concat());
    opens(&[&der[..], b"\r\n"].concat());
    opens(&der_by_key_id());
}

fn der_by_key_id() -> Vec<u8> {
    der(pair(), Cipher::aes_256_cbc(), &message(), CMSOptions::USE_KEYID)
}

#[test]
fn t1_the_content_is_read_in_every_form_that_was_seen() {
    let (json, full) = (json(), message());
    let folded = json.replace(",\"", ",\r\n\"").replace("planted", "plan\r\nted");
    let texts = [
        full.clone(),
        full.replace("\r\n", "\n"),
        json.clone(),
        format!("Content-Type: text/plain\n\n{json}"),
        // Apple's sample: right after the header.
        format!("Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n{folded}"),
        format!("-----BEGIN MESSAGE-----{json}-----END MESSAGE-----"),
        format!("-----BEGIN MESSAGE-----\n{json}"),
        format!("\u{feff}{json}\n"),
        format!(
            "Content-Type: text/plain\r\n\r\n-----BEGIN MESSAGE-----\r\n{folded}-----END MESSAGE-----\r\n"
        ),
        format!(
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64(
                format!("-----BEGIN MESSAGE-----\n{json}\n-----END MESSAGE-----\n").as_bytes(),
                76,
                "\r\n"
            )
        ),
    ];
    for text in texts {
        opens(&usual(&text));
        let held = content::held(&Secret::new(text.clone()));
        assert_eq!(held.unwrap().secrets().map(Secret::reveal), SECRETS, "{text}");
    }
    let stored = content::stored(&open(&usual(&full)).unwrap());
    let again = content::held(&stored).unwrap();
    assert_eq!(again.secrets().map(Secret::reveal), SECRETS);
    assert!(again.expires.is_some());
}

#[test]
fn t1_markers_in_a_value_are_part_of_it() {
    let strange = message().replace("CS_planted33", "CS_-----BEGIN MESSAGE-----END MESSAGE-----33");
    let token = open(&usual(&strange)).unwrap();
    let again = content::held(&content::stored(&token)).unwrap();
    assert!(again.consumer_secret.reveal().starts_with("CS_-----BEGIN"));
    assert_eq!(again.consumer_secret.reveal(), token.consumer_secret.reveal());
}

#[test]
fn t2_a_file_for_another_certificate_says_which() {
    let envelope = Envelope::read(smime(&usual(&message()), "\r\n").as_bytes()).unwrap();
    assert!(envelope.is_for(pair()) && !envelope.is_for(other()));
    let error = envelope.open(other()).unwrap_err();
    assert_eq!(error.code(), "token-other-certificate");
    let serial = |pair: &KeyPair| match pair.recipient() {
        Recipient::Certificate { serial, .. } => serial,
        other => panic!("{other:?}"),
    };
    let text = error.to_string();
    assert_eq!(
        text,
        format!(
            "the token file was made for another certificate (issuer CN=school, serial {}) than the one held here (issuer CN=school, serial {})",
            serial(pair()),
            serial(other())
        )
    );
    assert_ne!(serial(pair()), serial(other()));
}

#[test]
fn t2_halves_of_different_pairs_are_told() {
    let mixed = KeyPair::read(&other().key_pem().unwrap(), &pair().certificate_pem().unwrap()).unwrap();
    let error = Envelope::read(&usual(&message())).unwrap().open(&mixed).unwrap_err();
    assert_eq!(error.code(), "token-key-mismatch");
}

/// Names and numbers of certificates are chosen by who makes them, and some always choose the same.
#[test]
fn t2_another_certificate_of_the_same_name_and_number_is_told() {
    use openssl::hash::MessageDigest;
    let key =
        openssl::pkey::PKey::private_key_from_pem(other().key_pem().unwrap().reveal().as_bytes()).unwrap();
    let mut twin = openssl::x509::X509::builder().unwrap();
    twin.set_serial_number(pair().certificate().serial_number()).unwrap();
    twin.set_issuer_name(pair().certificate().issuer_name()).unwrap();
    twin.set_subject_name(pair().certificate().subject_name()).unwrap();
    twin.set_not_before(pair().certificate().not_before()).unwrap();
    twin.set_not_after(pair().certificate().not_after()).unwrap();
    twin.set_pubkey(&key).unwrap();
    twin.sign(&key, MessageDigest::sha256()).unwrap();
    let twin = KeyPair::read(&other().key_pem().unwrap(), &twin.build().to_pem().unwrap()).unwrap();
    let error = Envelope::read(&usual(&message())).unwrap().open(&twin).unwrap_err();
    // Without authentication a wrong key gives garbage now and then.
    assert!(["token-undecryptable", "token-content"].contains(&error.code()), "{error}");
}

#[test]
fn an_unknown_cipher_is_named() {
    let camellia = der(pair(), Cipher::camellia_128_cbc(), &message(), CMSOptions::empty());
    let error = open(&camellia).unwrap_err();
    assert_eq!(error, TokenFileError::Cipher("1.2.392.200011.61.1.1.1.2".to_owned()));
}

#[test]
fn what_decrypts_and_is_no_token_is_told_without_quoting_it() {
    let without = |member: &str| json().replace(member, "x_other");
    let empty = |value: &str| json().replace(value, "");
    let cases = [
        (String::new(), "no JSON"),
        ("planted".to_owned(), "no JSON"),
        ("Content-Type: text/plain\n\nplanted".to_owned(), "no JSON"),
        ("{\"consumer_key\": \"planted".to_owned(), "no JSON"),
        ("Content-Transfer-Encoding: quoted-printable\n\nplanted".to_owned(), "quoted-printable"),
        ("Content-Transfer-Encoding: base64\n\npl%nted".to_owned(), "base64"),
        ("{}".to_owned(), "`consumer_key`"),
        (without("access_secret"), "`access_secret`"),
        (without("access_token_expiry"), "`access_token_expiry`"),
        (empty(SECRETS[0]), "`consumer_key`"),
        (empty(SECRETS[1]), "`consumer_secret`"),
        (empty(SECRETS[2]), "`access_token`"),
        (empty(SECRETS[3]), "`access_secret`"),
        (json().replace("2027-11-01T08:00:00Z", "planted"), "`access_token_expiry`"),
    ];
    for (text, word) in cases {
        let error = open(&usual(&text)).unwrap_err();
        assert_eq!(error.code(), "token-content", "{error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(word), "{word}: {shown}");
        assert!(!shown.contains("planted") && !shown.contains("pl%nted"), "{shown}");
    }
}

#[test]
fn other_files_are_told_by_what_they_are() {
    let [certificate, key] =
        [pair().certificate_pem().unwrap(), pair().key_pem().unwrap().reveal().as_bytes().to_vec()];
    let signed = openssl::pkcs7::Pkcs7::sign(
        pair().certificate(),
        &openssl::pkey::PKey::private_key_from_pem(&key).unwrap(),
        &Stack::new().unwrap(),
        b"hello",
        openssl::pkcs7::Pkcs7Flags::empty(),
    );
    let (json, message) = (json(), message());
    let cases: [(&[u8], &str); 15] = [
        (b"", "an empty file"),
        (b"\n\n", "an empty file"),
        (b"kind: Fleet\nmetadata: {}\n", "something else"),
        (&certificate, "a certificate"),
        (&key, "a PEM file of another kind, perhaps a key"),
        (json.as_bytes(), "a token that is decrypted already"),
        (message.as_bytes(), "a token that is decrypted already"),
        (b"-----BEGIN MESSAGE-----\n", "a token that is decrypted already"),
        (b"<html><body>Sign in</body></html>", "a web page"),
        (b"{\"a\": 1}", "a JSON text"),
        (b"hello", "something else"),
        (b"apiVersion: v1\nkind: Fleet\nspec:\n  x: 1\n", "something else"),
        (b"kind: Fleet", "something else"),
        (b"Content-Type: text/html\n\n<html>", "a message of another type"),
        (&signed.unwrap().to_der().unwrap(), "a CMS message that is not encrypted for anybody"),
    ];
    for (bytes, what) in cases {
        match Envelope::read(bytes) {
            Err(TokenFileError::Other(found)) => assert_eq!(found, what),
            other => panic!("{what}: {other:?}"),
        }
    }
    let error = Envelope::read(&vec![b'A'; (1 << 20) + 1]).unwrap_err();
    assert_eq!(error.code(), "token-file-too-large");
}

#[test]
fn a_pair_has_the_certificate_that_others_upload() {
    let text = String::from_utf8(pair().certificate().to_text().unwrap()).unwrap();
    for part in [
        "Version: 3",
        "sha256WithRSAEncryption",
        "Public-Key: (2048 bit)",
        "Digital Signature, Key Encipherment",
        "Not Before: Nov  1 07:50:00 2026 GMT",
        "Not After : Oct 29 07:50:00 2036 GMT",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(pair().recipient().to_string().starts_with("issuer CN=school, serial "));
    assert_eq!(pair().fingerprint().len(), 64);
    let debug = format!("{:?}", pair());
    assert!(debug.contains("CN=school") && !debug.contains("PRIVATE"), "{debug}");
}

#[test]
fn keys_that_cannot_be_used_are_refused_and_nobody_is_asked_for_a_passphrase() {
    use openssl::symm::Cipher;
    let certificate = pair().certificate_pem().unwrap();
    let key =
        openssl::pkey::PKey::private_key_from_pem(pair().key_pem().unwrap().reveal().as_bytes()).unwrap();
    let encrypted = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"x").unwrap();
    let old = key.rsa().unwrap().private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"x").unwrap();
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let ec = openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let ec = ec.private_key_to_pem_pkcs8().unwrap();
    for (pem, word) in
        [(encrypted, "encrypted"), (old, "encrypted"), (ec, "no RSA"), (b"planted".to_vec(), "no PEM")]
    {
        let error = KeyPair::read(&Secret::new(String::from_utf8(pem).unwrap()), &certificate).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(!format!("{error:?}").contains("planted"));
    }
    let key = pair().key_pem().unwrap();
    assert!(KeyPair::read(&key, &pair().certificate().to_der().unwrap()).is_ok());
    let error = KeyPair::read(&key, b"planted").unwrap_err();
    assert_eq!(error.code(), "token-certificate-unusable");
}
