//! OAuth 1.0a with HMAC-SHA1 (RFC 5849 section 3): the one way in which a server token signs in.
//! PURE: nonce and time are arguments.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use url::Url;

use crate::model::{Secret, ServerToken};

/// Whom a signature speaks for, once.
pub(super) struct Proof<'a> {
    pub token: &'a ServerToken,
    /// Unix seconds.
    pub timestamp: i64,
    /// Never used before with this token.
    pub nonce: &'a str,
}

/// The `Authorization` field of a request without a body. `realm` is not part of what is signed
/// (RFC 5849 section 3.4.1.3.1).
pub(super) fn authorization(
    method: &str,
    url: &Url,
    realm: &str,
    proof: &Proof<'_>,
) -> Result<Secret, ErrorStack> {
    let timestamp = proof.timestamp.to_string();
    let mut fields = vec![
        ("oauth_consumer_key", proof.token.consumer_key.reveal()),
        ("oauth_token", proof.token.access_token.reveal()),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_nonce", proof.nonce),
        ("oauth_version", "1.0"),
    ];
    let text = base_string(method, url, &fields);
    let signature = sign(&text, &proof.token.consumer_secret, &proof.token.access_secret)?;
    fields.push(("oauth_signature", &signature));
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    Ok(Secret::new(format!("OAuth realm=\"{}\",{}", escaped(realm), fields.join(","))))
}

/// A nonce of 128 random bits.
pub(super) fn nonce() -> Result<String, ErrorStack> {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is signed (RFC 5849 section 3.4.1): method, address and all parameters, those of the query
/// included. `fields` are those of the `Authorization` field, without `realm`.
fn base_string(method: &str, url: &Url, fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| (escaped(name), escaped(value)));
    let query = url.query_pairs().map(|(name, value)| (escaped(&name), escaped(&value)));
    let mut parameters: Vec<(String, String)> = fields.chain(query).collect();
    // By the bytes of the escaped names, equal names by their values (section 3.4.1.3.2).
    parameters.sort();
    let parameters: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    // `Url` keeps scheme and host in small letters and leaves a default port out (section 3.4.1.2).
    let address = &url[..url::Position::AfterPath];
    format!("{}&{}&{}", method.to_ascii_uppercase(), escaped(address), escaped(&parameters.join("&")))
}

/// The signature in base64 (RFC 5849 section 3.4.2).
fn sign(text: &str, consumer_secret: &Secret, token_secret: &Secret) -> Result<String, ErrorStack> {
    let key =
        Secret::new(format!("{}&{}", escaped(consumer_secret.reveal()), escaped(token_secret.reveal())));
    Ok(STANDARD.encode(hmac_sha1(key.reveal().as_bytes(), text.as_bytes())?))
}

fn hmac_sha1(key: &[u8], text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(key)?;
    Signer::new(MessageDigest::sha1(), &key)?.sign_oneshot_to_vec(text)
}

/// Percent-encoding of everything but RFC 3986's unreserved characters, in capital digits
/// (RFC 5849 section 3.6). It is not that of forms: a blank is `%20`.
fn escaped(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(DIGITS[usize::from(byte >> 4)]));
            escaped.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        consumer_secret: &str,
        token_secret: &str,
    ) -> String {
        let text = base_string(method, &Url::parse(url).unwrap(), fields);
        let secret = |text: &str| Secret::new(text.to_owned());
        sign(&text, &secret(consumer_secret), &secret(token_secret)).unwrap()
    }

    /// RFC 5849 section 3.4.1.1. Its form parameters count like those of the query.
    #[test]
    fn the_base_string_of_the_standard() {
        let url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2=&a3=2+q";
        let fields = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        let text = base_string("post", &Url::parse(url).unwrap(), &fields);
        assert_eq!(
            text,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    /// The addresses of RFC 5849 section 3.4.1.2.
    #[test]
    fn default_ports_and_capital_hosts_do_not_count() {
        for (url, address) in [
            ("HTTP://EXAMPLE.COM:80/r%20v/X?id=123", "http%3A%2F%2Fexample.com%2Fr%2520v%2FX"),
            ("https://www.example.net:8080/?q=1", "https%3A%2F%2Fwww.example.net%3A8080%2F"),
            ("https://example.com:443", "https%3A%2F%2Fexample.com%2F"),
        ] {
            let text = base_string("GET", &Url::parse(url).unwrap(), &[]);
            assert_eq!(text.split('&').nth(1), Some(address), "{url}");
        }
    }

    /// The requests of RFC 5849 section 1.2 and of appendix A.5 of OAuth Core 1.0.
    #[test]
    fn the_signatures_of_the_standards() {
        let fields = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131200"),
            ("oauth_nonce", "wIjqoS"),
            ("oauth_callback", "http://printer.example.com/ready"),
        ];
        let url = "https://photos.example.net/initiate";
        assert_eq!(signature("POST", url, &fields, "kd94hf93k423kf44", ""), "74KNZJeDHnMBp0EMJ9ZHt/XKycU=");

        let fields = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "hh5s93j4hdidpola"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "walatlh"),
            ("oauth_verifier", "hfdp7dh39dks9884"),
        ];
        let url = "https://photos.example.net/token";
        assert_eq!(
            signature("POST", url, &fields, "kd94hf93k423kf44", "hdhd0244k9j7ao03"),
            "gKgrFCywp7rO0OXSjdot/IHF7IU="
        );

        let fields = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let url = "http://photos.example.net/photos?file=vacation.jpg&size=original";
        assert_eq!(
            signature("GET", url, &fields, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"),
            "MdpQcU8iPSUjWoN/UDMsK2sui9I="
        );

        let fields = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1191242096"),
            ("oauth_nonce", "kllo9940pd9333jh"),
            ("oauth_version", "1.0"),
        ];
        assert_eq!(
            signature("GET", url, &fields, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"),
            "tR3+Ty81lMeYAr/Fid0kMTYa/WM="
        );
    }

    /// RFC 2202 section 3.
    #[test]
    fn the_published_vectors_of_hmac_sha1() {
        let cases: [(&[u8], &[u8], &str); 5] = [
            (&[0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (&[0xaa; 20], &[0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (&[0x0c; 20], b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ];
        for (key, text, expected) in cases {
            let mac = hmac_sha1(key, text).unwrap();
            let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(mac, expected);
        }
    }

    #[test]
    fn every_character_but_the_unreserved_is_escaped_byte_by_byte() {
        for (text, expected) in [
            ("", ""),
            ("abcABC123", "abcABC123"),
            ("-._~", "-._~"),
            ("%", "%25"),
            ("+", "%2B"),
            (" ", "%20"),
            ("&=*", "%26%3D%2A"),
            ("!'()", "%21%27%28%29"),
            ("\n\u{7f}", "%0A%7F"),
            ("\u{80}", "%C2%80"),
            ("\u{3001}", "%E3%80%81"),
            ("Ladies + Gentlemen", "Ladies%20%2B%20Gentlemen"),
            ("☃/é", "%E2%98%83%2F%C3%A9"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn equal_names_are_sorted_by_their_escaped_values() {
        let url = Url::parse("https://x.example/?a=b&a=%C3%A9&a=Z&a-=1&a%20=2").unwrap();
        let text = base_string("GET", &url, &[]);
        assert!(text.ends_with(&escaped("a=%C3%A9&a=Z&a=b&a%20=2&a-=1")), "{text}");
    }

    #[test]
    fn the_field_names_the_realm_and_does_not_sign_it() {
        let token = ServerToken::from_json(
            r#"{"consumer_key":"CK_1","consumer_secret":"CS_planted","access_token":"AT_1",
                "access_secret":"AS_planted","access_token_expiry":"2027-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        let url = Url::parse("https://mdmenrollment.apple.com/session").unwrap();
        let proof = Proof { token: &token, timestamp: 137131200, nonce: "n1" };
        let signed = |realm| authorization("GET", &url, realm, &proof).unwrap().reveal().to_owned();
        let field = signed("ADM");
        assert!(field.starts_with("OAuth realm=\"ADM\",oauth_consumer_key=\"CK_1\",oauth_token=\"AT_1\","));
        for part in [
            "oauth_signature_method=\"HMAC-SHA1\"",
            "oauth_timestamp=\"137131200\"",
            "oauth_nonce=\"n1\"",
            "oauth_version=\"1.0\"",
        ] {
            assert!(field.contains(part), "{field}");
        }
        assert!(!field.contains("planted"), "{field}");
        assert_eq!(field.split("oauth_signature=").nth(1), signed("other").split("oauth_signature=").nth(1));
    }

    #[test]
    fn nonces_differ() {
        let nonces: std::collections::HashSet<String> = (0..1_000).map(|_| nonce().unwrap()).collect();
        assert_eq!(nonces.len(), 1_000);
        assert!(nonces.iter().all(|nonce| nonce.len() == 32));
    }
}
