use proptest::prelude::*;

use super::made::*;
use crate::server_token::{Envelope, TokenFileError};

/// What a file that is no whole token file may be told to be. Nothing of it may be in the text.
fn refused(bytes: &[u8]) -> TokenFileError {
    let error = match Envelope::read(bytes) {
        Ok(envelope) => envelope.open(pair()).map(drop).unwrap_err(),
        Err(error) => error,
    };
    let shown = format!("{error} {error:?} {}", error.next());
    assert!(!shown.contains("planted"), "{shown}");
    assert!(shown.len() < 2000, "{shown}");
    error
}

#[test]
fn a_file_that_is_cut_anywhere_is_told_to_be_cut() {
    let der = usual(&message());
    let ber = indefinite(&der);
    let forms =
        [der.clone(), ber.clone(), smime(&ber, "\r\n").into_bytes(), base64(&der, 76, "\n").into_bytes()];
    for (form, bytes) in forms.iter().enumerate() {
        let ends = if bytes[0] == 0x30 { bytes.len() } else { bytes.len() - 4 };
        for end in (97..ends).step_by(97) {
            let error = refused(&bytes[..end]);
            assert_eq!(error, TokenFileError::Truncated, "form {form} cut at {end} of {}", bytes.len());
        }
    }
    for end in 0..97 {
        assert!(Envelope::read(&ber[..end]).is_err(), "{end}");
        assert!(Envelope::read(&smime(&ber, "\r\n").as_bytes()[..end]).is_err(), "{end}");
    }
    // One octet is missing.
    assert_eq!(refused(&der[..der.len() - 1]), TokenFileError::Truncated);
    assert_eq!(refused(&ber[..ber.len() - 1]), TokenFileError::Truncated);
}

#[test]
fn garbage_of_any_size_is_no_token_file() {
    let mut noise = 0x9e37_79b9_7f4a_7c15u64;
    let mut byte = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise.to_le_bytes()[3]
    };
    for size in [1, 2, 3, 5, 17, 64, 255, 256, 1000, 4096, 65_537, 1 << 20] {
        let bytes: Vec<u8> = (0..size).map(|_| byte()).collect();
        assert!(matches!(refused(&bytes), TokenFileError::Other(_)), "{size}");
        let text: Vec<u8> = bytes.iter().map(|byte| b'A' + byte % 26).collect();
        assert!(matches!(refused(&text), TokenFileError::Other(_)), "{size}");
        let sequence: Vec<u8> = [0x30, 0x80].into_iter().chain(bytes).take(1 << 20).collect();
        refused(&sequence);
    }
}

#[test]
fn nesting_and_false_lengths_cost_nothing() {
    let begin = &indefinite(&usual(&message()))[..13];
    let begin = |rest: &[u8]| [begin, rest].concat();
    let deep: Vec<u8> = [0x30, 0x80].repeat(400_000);
    for bytes in [
        deep.clone(),
        begin(&deep),
        begin(&[0xA0, 0x84, 0xff, 0xff, 0xff, 0xff]),
        begin(&[0xA0, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        begin(&[0x24, 0x80].repeat(400_000)),
        begin(&[0xA0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x00, 0x31, 0x80]),
        [0x30, 0x84, 0xff, 0xff, 0xff, 0xff].to_vec(),
    ] {
        refused(&bytes);
    }
}

#[test]
fn a_changed_octet_never_panics_and_never_gives_another_token() {
    let der = usual(&message());
    for at in (0..der.len()).step_by(3) {
        let mut bytes = der.clone();
        bytes[at] ^= 0x41;
        if let Ok(envelope) = Envelope::read(&bytes) {
            // CBC is not authenticated, so that a changed vector or block may pass; what comes out is
            // text of the right shape or refused.
            if let Err(error) = envelope.open(pair()) {
                assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Envelope::read(&bytes);
        let begin = [&[0x30, 0x80, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3][..], &bytes].concat();
        let _ = Envelope::read(&begin);
        let _ = Envelope::read(base64(&begin, 76, "\r\n").as_bytes());
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s)[A-Za-z0-9+/=:;{}\"\\-\r\n \t<]{0,300}") {
        let _ = Envelope::read(text.as_bytes());
        let _ = crate::server_token::content::held(&crate::model::Secret::new(text));
    }
}
