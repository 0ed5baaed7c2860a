//! The program `ssh-keygen` signs, and judges what we verify.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::super::pattern::PatternList;
use super::super::{AllowedSigners, NAMESPACE, folder, sign_command, verify};
use super::forge::{Forger, Odd};
use super::{now, statement, vectors};

const ANNA: &str = "anna@example.com";

/// Kinds of keys as `ssh-keygen` is told to make them.
const KINDS: [(&str, &[&str]); 5] = [
    ("ed25519", &["-t", "ed25519"]),
    ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
    ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
    ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
    ("rsa2048", &["-t", "rsa", "-b", "2048"]),
];

/// A folder with a key of every kind, made once; `None`, said aloud, where there is no `ssh-keygen`.
fn keys() -> Option<&'static Path> {
    static KEYS: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let made = KEYS.get_or_init(|| {
        if Command::new("ssh-keygen").arg("-?").stderr(Stdio::null()).status().is_err() {
            let required = std::env::var("ESPALIER_REQUIRE_REAL").is_ok_and(|value| value == "1");
            assert!(!required, "ESPALIER_REQUIRE_REAL=1, but there is no program `ssh-keygen`");
            eprintln!("skipped: there is no program `ssh-keygen` to judge signatures");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, arguments) in KINDS {
            let mut command = keygen(folder.path());
            command.args(["-q", "-N", "", "-C", name, "-f", name]).args(arguments);
            assert!(command.status().unwrap().success(), "{name}");
        }
        Some(folder)
    });
    made.as_ref().map(tempfile::TempDir::path)
}

fn keygen(folder: &Path) -> Command {
    let mut command = Command::new("ssh-keygen");
    command.current_dir(folder).env("TZ", "UTC").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The public key without its comment.
fn public(keys: &Path, kind: &str) -> String {
    let line = fs::read_to_string(keys.join(format!("{kind}.pub"))).unwrap();
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn sign(keys: &Path, kind: &str, namespace: &str, message: &str, hash: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("statement"), message).unwrap();
    let key: PathBuf = keys.join(kind);
    let hash = format!("hashalg={hash}");
    let mut command = keygen(folder.path());
    command.args(["-Y", "sign", "-O", &hash, "-n", namespace, "-f"]).arg(key).arg("statement");
    assert!(command.status().unwrap().success(), "{kind}");
    fs::read_to_string(folder.path().join("statement.sig")).unwrap()
}

/// What is judged: by which signers, what was signed, and for whom it is taken.
struct Case {
    what: String,
    signers: String,
    message: String,
    armor: String,
    identity: &'static str,
}

/// `ssh-keygen -Y verify` at [`now`].
fn its_verdict(case: &Case) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let message = folder.path().join("statement");
    fs::write(folder.path().join("signers"), &case.signers).unwrap();
    fs::write(&message, &case.message).unwrap();
    fs::write(folder.path().join("armor"), &case.armor).unwrap();
    let time = format!("verify-time={}", now().strftime("%Y%m%d%H%M%SZ"));
    let mut command = keygen(folder.path());
    command.args(["-Y", "verify", "-f", "signers", "-I", case.identity, "-n", NAMESPACE, "-s", "armor"]);
    command.args(["-O", &time]).stdin(fs::File::open(message).unwrap());
    command.status().unwrap().success()
}

/// Ours: an approval, and by somebody whom the signers call so.
fn our_verdict(case: &Case) -> bool {
    let Ok(signers) = AllowedSigners::parse(&case.signers) else { return false };
    verify(&signers, case.message.as_bytes(), case.armor.as_bytes(), now())
        .is_ok_and(|approved| PatternList::parse(&approved.principal).unwrap().matches(case.identity))
}

fn assert_agree(case: &Case, wanted: bool) {
    assert_eq!(its_verdict(case), wanted, "ssh-keygen on {}", case.what);
    assert_eq!(our_verdict(case), wanted, "we on {}", case.what);
}

#[test]
fn verdicts_are_those_of_ssh_keygen_for_every_kind_of_key() {
    let Some(keys) = keys() else { return };
    let message = vectors::STATEMENT;
    for (index, (kind, _)) in KINDS.into_iter().enumerate() {
        let key = public(keys, kind);
        let other = public(keys, KINDS[(index + 1) % KINDS.len()].0);
        let armor = sign(keys, kind, NAMESPACE, message, "sha512");
        let with = |what: &str, signers: String, message: &str, armor: &str, identity| Case {
            what: format!("{kind}: {what}"),
            signers,
            message: message.to_owned(),
            armor: armor.to_owned(),
            identity,
        };
        let plain = format!("{ANNA} {key}\n");
        let signers = |what: &str, text: String, wanted: bool| {
            assert_agree(&with(what, text, message, &armor, ANNA), wanted);
        };
        signers("as it is", plain.clone(), true);
        signers("the key of another", format!("{ANNA} {other}\n"), false);
        signers("two lines", format!("bert@example.com {other}\n{ANNA} {key}\n"), true);
        signers("a comment", format!("# us\n\n{ANNA} {key} at work\n"), true);
        signers("nobody", String::new(), false);
        signers("any", format!("* {key}\n"), true);
        signers("a pattern", format!("an?a@*.com {key}\n"), true);
        signers("another pattern", format!("*@example.org {key}\n"), false);
        signers("all but her", format!("*,!{ANNA} {key}\n"), false);
        signers("all but another", format!("*,!bert@example.com {key}\n"), true);
        signers("quoted", format!("\"{ANNA}\" {key}\n"), true);
        signers("another case", format!("Anna@Example.com {key}\n"), false);
        signers("namespace", format!("{ANNA} namespaces=\"{NAMESPACE}\" {key}\n"), true);
        signers("namespace pattern", format!("{ANNA} namespaces=\"git,espalier-*\" {key}\n"), true);
        signers("another namespace", format!("{ANNA} namespaces=\"git,file\" {key}\n"), false);
        signers("no namespace", format!("{ANNA} namespaces=\"*,!espalier-*\" {key}\n"), false);
        signers("until now", format!("{ANNA} valid-before=\"20261122090000Z\" {key}\n"), true);
        signers("expired", format!("{ANNA} valid-before=\"20261122085959Z\" {key}\n"), false);
        signers("expired by date", format!("{ANNA} valid-before=\"20261101\" {key}\n"), false);
        signers("from now", format!("{ANNA} valid-after=\"20261122090000Z\" {key}\n"), true);
        signers("not yet", format!("{ANNA} valid-after=\"20261122090001Z\" {key}\n"), false);
        signers(
            "within",
            format!("{ANNA} valid-after=\"20260101Z\",valid-before=\"202701010000Z\" {key}\n"),
            true,
        );
        signers(
            "expired, and anew",
            format!("{ANNA} valid-before=\"20200101Z\" {key}\n{ANNA} {key}\n"),
            true,
        );
        signers("an authority's", format!("{ANNA} cert-authority {key}\n"), false);
        signers("an unknown option", format!("{ANNA} espalier {key}\n"), false);
        signers("an unquoted value", format!("{ANNA} namespaces=file {key}\n"), false);
        signers(
            "a never valid key",
            format!("{ANNA} valid-after=\"20260101Z\",valid-before=\"20250101Z\" {key}\n"),
            false,
        );
        assert_agree(&with("another principal", plain.clone(), message, &armor, "bert@example.com"), false);
        assert_agree(
            &with("sha256", plain.clone(), message, &sign(keys, kind, NAMESPACE, message, "sha256"), ANNA),
            true,
        );
        let of_file = sign(keys, kind, "file", message, "sha512");
        assert_agree(&with("another's namespace", plain.clone(), message, &of_file, ANNA), false);
        let changed = message.replace("C02XYZ", "C02XYA");
        assert_agree(&with("a changed statement", plain.clone(), &changed, &armor, ANNA), false);
        let of_other = sign(keys, KINDS[(index + 1) % KINDS.len()].0, NAMESPACE, message, "sha512");
        assert_agree(&with("another's signature", plain.clone(), message, &of_other, ANNA), false);
        let lines: Vec<&str> = armor.lines().collect();
        let cut = format!("{}\n{}\n", lines[..lines.len() - 2].join("\n"), lines[lines.len() - 1]);
        let open = lines[..lines.len() - 1].join("\n");
        let headless = lines[1..].join("\n");
        for (what, armor) in [("cut", &cut), ("without an end", &open), ("without a head", &headless)] {
            assert_agree(&with(what, plain.clone(), message, armor, ANNA), false);
        }
    }
}

#[test]
fn changed_signatures_are_refused_by_both() {
    let Some(keys) = keys() else { return };
    for (kind, _) in KINDS {
        let armor = sign(keys, kind, NAMESPACE, vectors::STATEMENT, "sha512");
        let mut digits: Vec<u8> = armor.clone().into_bytes();
        let begin = armor.find('\n').unwrap() + 1;
        let end = armor.rfind("\n-----END").unwrap() - 4;
        for place in (begin..end).step_by(47).filter(|place| armor.as_bytes()[*place] != b'\n') {
            let was = std::mem::replace(
                &mut digits[place],
                if armor.as_bytes()[place] == b'A' { b'B' } else { b'A' },
            );
            let case = Case {
                what: format!("{kind}: digit {place}"),
                signers: format!("{ANNA} {}\n", public(keys, kind)),
                message: vectors::STATEMENT.to_owned(),
                armor: String::from_utf8(digits.clone()).unwrap(),
                identity: ANNA,
            };
            assert_agree(&case, false);
            digits[place] = was;
        }
    }
}

/// A case of a key of our own.
fn forged(forger: &Forger, odd: &Odd, what: &str) -> Case {
    Case {
        what: format!("{}: {what}", forger.kind),
        signers: format!("{ANNA} {}\n", forger.public()),
        message: vectors::STATEMENT.to_owned(),
        armor: forger.sign(vectors::STATEMENT.as_bytes(), odd),
        identity: ANNA,
    }
}

#[test]
fn keys_in_hardware_and_both_hashes_of_rsa_are_taken_by_both() {
    let forgers =
        [Forger::ed25519(), Forger::hardware_ed25519(), Forger::hardware_ecdsa(), Forger::rsa(2048)];
    for forger in &forgers {
        let odds = [
            ("as it is", Odd::default(), true),
            ("sha256", Odd { hash: "sha256", rsa: "rsa-sha2-256", ..Odd::default() }, true),
            ("verified by a PIN, too", Odd { flags: 5, ..Odd::default() }, true),
            ("another magic", Odd { magic: b"SSHSIH", ..Odd::default() }, false),
            ("version 2", Odd { version: 2, ..Odd::default() }, false),
            ("a hash that nobody takes", Odd { hash: "sha1", ..Odd::default() }, false),
            ("octets behind it", Odd { after: b"x", ..Odd::default() }, false),
            (
                "reserved, and signed so",
                Odd { reserved: b"x", signed_reserved: b"x", ..Odd::default() },
                false,
            ),
        ];
        for (what, odd, wanted) in odds {
            let case = forged(forger, &odd, what);
            assert_eq!(our_verdict(&case), wanted, "we on {}", case.what);
            if keys().is_some() {
                assert_eq!(its_verdict(&case), wanted, "ssh-keygen on {}", case.what);
            }
        }
    }
    let sha1 = forged(&forgers[3], &Odd { rsa: "ssh-rsa", ..Odd::default() }, "SHA-1");
    assert!(!our_verdict(&sha1) && (keys().is_none() || !its_verdict(&sha1)));
}

#[test]
fn what_is_refused_beyond_ssh_keygen() {
    let untouched = Odd { flags: 0, ..Odd::default() };
    for forger in [Forger::hardware_ed25519(), Forger::hardware_ecdsa()] {
        assert!(!our_verdict(&forged(&forger, &untouched, "nobody touched it")));
    }
    assert!(!our_verdict(&forged(&Forger::rsa(1024), &Odd::default(), "1024 bits")));
    assert!(!our_verdict(&forged(&Forger::ed25519(), &Odd { reserved: b"x", ..Odd::default() }, "reserved")));
}

#[test]
fn the_command_that_people_are_told_makes_an_approval() {
    let Some(keys) = keys() else { return };
    let documents = tempfile::tempdir().unwrap();
    fs::create_dir(documents.path().join(folder::FOLDER)).unwrap();
    let name = format!("{}/{}", folder::FOLDER, statement().file_name());
    fs::write(documents.path().join(&name), statement().to_text()).unwrap();
    let words = sign_command(&name).replace("~/.ssh/KEY", &keys.join("ed25519").to_string_lossy());
    let mut words = words.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).current_dir(documents.path()).output();
    assert!(status.unwrap().status.success());
    let found = folder::read(documents.path());
    assert_eq!(found[0].file, format!("{name}.sig"));
    let signed = found[0].content.as_ref().unwrap();
    let signers = AllowedSigners::parse(&format!("{ANNA} {}", public(keys, "ed25519"))).unwrap();
    let approved = verify(&signers, &signed.statement, &signed.signature, now()).unwrap();
    assert_eq!((approved.principal.as_str(), approved.statement), (ANNA, statement()));
}
