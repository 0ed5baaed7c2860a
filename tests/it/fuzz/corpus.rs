//! What somebody wrote: real-shaped inputs in all their variants, from which the others are made.

use base64::Engine as _;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::stack::Stack;
use openssl::symm::Cipher;
use openssl::x509::X509;

use super::targets::Group;

/// The pair that every file is made for. It guards nothing: it is here so that a finding can be read
/// again in another run.
pub const KEY: &str = include_str!("key.pem");
/// Its certificate.
pub const CERTIFICATE: &str = include_str!("certificate.pem");
/// Stands in each secret of the corpus: no answer may have it.
pub const PLANTED: &str = "planted";

/// For tests of the guard.
pub fn any() -> Vec<Group> {
    vec![Group { inputs: vec![b"any".to_vec()], wrap: <[u8]>::to_vec }]
}

/// Token files: as text, as octets in a file around them, and as content in an envelope around it.
pub fn files() -> Vec<Group> {
    let message = message("\r\n");
    let usual = envelope(message.as_bytes(), Cipher::aes_128_cbc(), CMSOptions::empty());
    let octets = vec![
        indefinite(&usual),
        envelope(message.as_bytes(), Cipher::aes_256_cbc(), CMSOptions::empty()),
        envelope(message.as_bytes(), Cipher::des_ede3_cbc(), CMSOptions::empty()),
        envelope(message.as_bytes(), Cipher::aes_256_gcm(), CMSOptions::empty()),
        envelope(message.as_bytes(), Cipher::aes_128_cbc(), CMSOptions::USE_KEYID),
        indefinite(&indefinite(&usual)),
        usual.clone(),
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x00\x00\x00\x00\x00\x00".to_vec(),
    ];
    let bare = base64::engine::general_purpose::STANDARD.encode(&usual);
    let mut texts = vec![
        smime(&octets[0], "\r\n").into_bytes(),
        smime(&octets[1], "\n").into_bytes(),
        smime(&octets[3], "\r").into_bytes(),
        format!("\u{feff}{}", smime(&usual, "\r\n")).into_bytes(),
        bare.clone().into_bytes(),
        format!("-----BEGIN PKCS7-----\n{}-----END PKCS7-----\n", lines(&usual, 64, "\n")).into_bytes(),
        format!("-----BEGIN CMS-----\n{bare}\n-----END CMS-----\n").into_bytes(),
        smime(&usual, "\n").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        b"<html><body>Sign in</body></html>".to_vec(),
        CERTIFICATE.as_bytes().to_vec(),
        KEY.as_bytes().to_vec(),
        Vec::new(),
    ];
    texts.extend(octets.iter().cloned());
    vec![
        Group { inputs: texts, wrap: <[u8]>::to_vec },
        Group { inputs: octets, wrap: |octets| smime(octets, "\r\n").into_bytes() },
        Group {
            inputs: messages(),
            wrap: |content| envelope(content, Cipher::aes_128_cbc(), CMSOptions::empty()),
        },
    ]
}

/// Decrypted texts.
pub fn contents() -> Vec<Group> {
    vec![Group { inputs: messages(), wrap: <[u8]>::to_vec }]
}

/// Keys with a good certificate, and certificates with a good key, each told by its first byte.
pub fn pairs() -> Vec<Group> {
    let certificate = X509::from_pem(CERTIFICATE.as_bytes()).expect("a certificate");
    let der = certificate.to_der().expect("DER");
    let private = openssl::pkey::PKey::private_key_from_pem(KEY.as_bytes()).expect("a key");
    let old = private.rsa().and_then(|rsa| rsa.private_key_to_pem()).expect("a key in the older form");
    let ellipse = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1)
        .and_then(|curve| openssl::ec::EcKey::generate(&curve))
        .and_then(|key| key.private_key_to_pem())
        .expect("a key of another kind");
    let with = |first: u8, rest: &[u8]| [&[first], rest].concat();
    vec![
        Group { inputs: vec![KEY.as_bytes().to_vec(), old, ellipse], wrap: |key| [b"k", key].concat() },
        Group { inputs: vec![with(b'c', CERTIFICATE.as_bytes()), with(b'c', &der)], wrap: <[u8]>::to_vec },
    ]
}

/// Answers of `/session`.
pub fn sessions() -> Vec<Group> {
    let texts = [
        r#"{"auth_session_token":"planted87a235815b8d6661ac73329f75815b8d6661ac73329f815"}"#,
        r#"{ "auth_session_token" : "" }"#,
        r#"{"auth_session_token":"planted\r\nX-Other: 1","more":[{"auth_session_token":null}]}"#,
        "token_rejected",
    ];
    plain(&texts)
}

/// Answers of `/account`.
pub fn accounts() -> Vec<Group> {
    let texts = [
        r#"{"server_name":"dev","server_uuid":"6666ED66666666666666666666666666","facilitator_id":"a@example.org",
"admin_id":"a@example.org","org_name":"School","org_email":"a@example.org","org_phone":"8775277454",
"org_address":"1 Main Street","org_id":"6666666","org_id_hash":"01cpx35ceg4bt5jz","org_type":"edu",
"org_version":"v2","urls":[{"uri":"/session","http_method":["GET"]},{"uri":"/server/devices",
"http_method":["POST"],"limit":{"default":1000,"maximum":5000}},{"uri":"/profile/devices","http_method":["DELETE","PUT"]}]}"#,
        r#"{"server_name":null,"admin_id":null,"urls":null}"#,
        "{}",
        "T_C_NOT_SIGNED",
    ];
    plain(&texts)
}

const DEVICE: &str = r#"{"serial_number":"C02T0HL0GGC0","description":"MBP 13.3 SPACE GRAY/2.0GHZ","model":"MacBook Pro",
"os":"OSX","device_family":"Mac","color":"SPACE GRAY","profile_uuid":"C1F123098EB5074580041E69883004C3",
"profile_assign_time":"2018-09-08T16:49:09Z","profile_push_time":"","profile_status":"assigned",
"device_assigned_by":"a@example.org","device_assigned_date":"2017-10-16T01:55:30Z","op_type":"added",
"op_date":"2017-10-16T01:55:31+00:00","mdm_migration_deadline":"2026-12-01T00:00:00.123Z","asset_tag":null,
"imei":["356","357"],"is_replacement_device":true,"released_by_replacement":false}"#;

/// Pages of devices, in both orders in which the service writes the members.
pub fn pages() -> Vec<Group> {
    let ipad = DEVICE.replace("C02T0HL0GGC0", "DMPX\\u0041").replace("OSX", "iPadOS").replace("Mac", "iPad");
    let around = r#""cursor":"MDowOjE1MzY0Mjc2OTg5MTQ6MTUzNjQyNzY5ODkxNDp0cnVlOjE1MzY0Mjc2OTg5MTQ","fetched_until":"2018-09-08T17:28:18Z","more_to_follow":false"#;
    let texts = [
        format!(r#"{{"devices":[{DEVICE},{ipad}],{around}}}"#),
        format!(r#"{{{around},"devices":[{ipad}]}}"#).replace("false", "true"),
        format!(r#"{{"devices":[],{around}}}"#),
        format!(r#"{{{around}}}"#),
        format!(r#"{{"devices":null,"next":[1,[2]],{around}}}"#),
        "EXPIRED_CURSOR".to_owned(),
        "\"INVALID_CURSOR\"".to_owned(),
    ];
    plain(&texts.each_ref().map(String::as_str))
}

/// Answers of `/devices`.
pub fn details() -> Vec<Group> {
    let there = DEVICE.replace("\"imei\"", "\"response_status\":\"SUCCESS\",\"imei\"");
    let texts = [
        format!(r#"{{"devices":{{"C02T0HL0GGC0":{there},"X":{{"response_status":"NOT_ACCESSIBLE"}}}}}}"#),
        r#"{"devices":{}}"#.to_owned(),
        "{}".to_owned(),
        "DEVICE_ID_REQUIRED".to_owned(),
    ];
    plain(&texts.each_ref().map(String::as_str))
}

/// Texts that are whole inputs.
pub fn plain(texts: &[&str]) -> Vec<Group> {
    let inputs = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    vec![Group { inputs, wrap: <[u8]>::to_vec }]
}

/// The decrypted text in the forms that were seen, and near them.
fn messages() -> Vec<Vec<u8>> {
    let json = json();
    let folded = json.replace(',', ",\n");
    let header = "Content-Type: text/plain;charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\n";
    let in_base64 = base64::engine::general_purpose::STANDARD.encode(&json);
    let texts = [
        message("\r\n"),
        message("\n"),
        format!("{header}{folded}"),
        format!("{header}-----BEGIN MESSAGE-----{json}-----END MESSAGE-----"),
        format!("Content-Transfer-Encoding: base64\n\n{in_base64}"),
        format!("Content-Transfer-Encoding: quoted-printable\n\n{json}"),
        json.replace("CK_planted", "CK_pl\\u0061nted\\ud83d\\ude00"),
        json.replace("access_token_expiry", "expiry"),
        json,
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

fn json() -> String {
    r#"{"consumer_key":"CK_planted0a1b","consumer_secret":"CS_planted2c3d","access_token":"AT_planted4e5f","access_secret":"AS_planted6a7b","access_token_expiry":"2027-07-01T22:18:53Z"}"#
        .to_owned()
}

fn message(end: &str) -> String {
    let json = json();
    [
        "Content-Type: text/plain;charset=UTF-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "-----BEGIN MESSAGE-----",
        &json,
        "-----END MESSAGE-----",
        "",
    ]
    .join(end)
}

fn envelope(content: &[u8], cipher: Cipher, options: CMSOptions) -> Vec<u8> {
    let made = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let mut to = Stack::new()?;
        to.push(X509::from_pem(CERTIFICATE.as_bytes())?)?;
        CmsContentInfo::encrypt(&to, content, cipher, options | CMSOptions::BINARY)?.to_der()
    };
    made().expect("a message is encrypted")
}

/// A file as the portal gives it.
fn smime(octets: &[u8], end: &str) -> String {
    let header = [
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=\"smime.p7m\"",
        "Content-Description: S/MIME Encrypted Message",
        "",
        "",
    ];
    header.join(end) + &lines(octets, 76, end)
}

fn lines(octets: &[u8], width: usize, end: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(octets);
    let mut wrapped = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % width == 0 {
            wrapped.push_str(end);
        }
        wrapped.push(letter);
    }
    wrapped + end
}

/// The outer three levels of a message with indefinite lengths, as Apple's have them.
fn indefinite(der: &[u8]) -> Vec<u8> {
    let mut inner = der;
    let mut before = Vec::new();
    for _ in 0..3 {
        let Some((tag, head, length)) = element(inner) else { return der.to_vec() };
        if tag & 0x20 == 0 {
            return der.to_vec();
        }
        before.extend([tag, 0x80]);
        inner = &inner[head..head + length];
        // The content type stands before the content of the outermost level.
        if let Some((0x06, head, length)) = element(inner) {
            before.extend(&inner[..head + length]);
            inner = &inner[head + length..];
        }
    }
    [before, inner.to_vec(), vec![0; 6]].concat()
}

/// Tag, length of the head and length of the body of the first element.
fn element(der: &[u8]) -> Option<(u8, usize, usize)> {
    let (tag, first) = (*der.first()?, usize::from(*der.get(1)?));
    if first < 0x80 {
        return (2 + first <= der.len()).then_some((tag, 2, first));
    }
    let octets = der.get(2..2 + (first & 0x7f))?;
    let length = octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
    let head = 2 + octets.len();
    (first > 0x80 && head + length <= der.len()).then_some((tag, head, length))
}
