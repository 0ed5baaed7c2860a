use std::fs;
use std::path::Path;

use super::made::*;
use crate::model::Secret;
use crate::server_token::install::{self, Place, Step};
use crate::server_token::store::Store;
use crate::server_token::{Envelope, KeyPair, content};

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn t2_another_pair_destroys_none_and_the_older_ones_file_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("tokens"));
    assert!(store.pending(&name("school")).unwrap().pending.is_empty());
    let older = store.add(&name("school"), pair().clone()).unwrap();
    let file = usual(&message());
    let newer = store.add(&name("school"), other().clone()).unwrap();
    assert_ne!(older.folder, newer.folder);
    let found = store.pending(&name("school")).unwrap();
    assert_eq!((found.pending.len(), found.damaged.len()), (2, 0));
    let envelope = Envelope::read(&file).unwrap();
    let right: Vec<_> = found.pending.iter().filter(|pending| envelope.is_for(&pending.pair)).collect();
    assert_eq!(right.len(), 1);
    assert_eq!(right[0].folder, older.folder);
    assert!(envelope.open(&right[0].pair).is_ok());
    assert_eq!(store.all().unwrap().len(), 2);
    store.remove(right[0]).unwrap();
    assert_eq!(store.pending(&name("school")).unwrap().pending.len(), 1);
    // A pair that was written half by something else is told and stops nothing.
    fs::remove_file(newer.certificate()).unwrap();
    let found = store.pending(&name("school")).unwrap();
    assert_eq!((found.pending.len(), found.damaged.len()), (0, 1));
}

#[cfg(unix)]
#[test]
fn pairs_are_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join(".espalier").join("tokens"));
    let kept = store.add(&name("school"), pair().clone()).unwrap();
    for path in [kept.folder.parent().unwrap().parent().unwrap(), kept.folder.parent().unwrap(), &kept.folder]
    {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    assert_eq!((mode(&kept.private_key()), mode(&kept.certificate())), (0o600, 0o600));
    let names = fs::read_dir(store.folder(&name("school"))).unwrap().count();
    assert_eq!(names, 1, "something is left of the making");
}

/// What a run finds after an import that ended here: which token is in force, and whether the pair of
/// the new one is still to be had.
fn usable(token: &Path, key: &Path, certificate: &Path, store: &Store) -> &'static str {
    let held = content::held(&Secret::new(fs::read_to_string(token).unwrap())).unwrap();
    let which = match held.access_token.reveal() {
        "AT_former" => "old",
        text if text == SECRETS[2] => "new",
        text => panic!("{text}"),
    };
    let in_place =
        KeyPair::read(&Secret::new(fs::read_to_string(key).unwrap()), &fs::read(certificate).unwrap())
            .is_ok_and(|held| held.check().is_ok() && held.fingerprint() == pair().fingerprint());
    let waits = store.pending(&name("school")).unwrap().pending.len() == 1;
    assert!(in_place || waits, "the key of the new token is lost");
    which
}

#[test]
fn an_import_that_dies_anywhere_leaves_a_usable_token_and_can_be_run_again() {
    let count = steps_in(tempfile::tempdir().unwrap().path(), &mut Vec::new()).len();
    assert_eq!(count, 10);
    let mut seen = Vec::new();
    for dies_after in 0..=count {
        let folder = tempfile::tempdir().unwrap();
        let at = |file: &str| folder.path().join(file);
        let mut stores = Vec::new();
        for step in steps_in(folder.path(), &mut stores).iter().take(dies_after) {
            step.perform().unwrap();
        }
        let store = &stores[0];
        seen.push(usable(&at("token.json"), &at("key.pem"), &at("cert.pem"), store));
        // Once more, from the beginning: it ends as it should.
        let pending = store.pending(&name("school")).unwrap().pending.pop();
        for step in steps_of(folder.path(), pending.as_ref()) {
            step.perform().unwrap();
        }
        assert_eq!(usable(&at("token.json"), &at("key.pem"), &at("cert.pem"), store), "new");
        assert!(store.pending(&name("school")).unwrap().pending.is_empty());
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["cert.pem", "key.pem", "tokens", "token.json"]
                .map(std::ffi::OsString::from)
                .into_iter()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
        #[cfg(unix)]
        assert_eq!((mode(&at("token.json")), mode(&at("key.pem"))), (0o600, 0o600));
    }
    assert_eq!(seen.iter().filter(|which| **which == "old").count(), 4);
    assert!(seen.is_sorted_by_key(|which| *which == "new"));
}

/// A folder with the files of a former token, a pair that waits, and the steps of an import.
fn steps_in(folder: &Path, stores: &mut Vec<Store>) -> Vec<Step> {
    let store = Store::new(folder.join("tokens"));
    let pending = store.add(&name("school"), pair().clone()).unwrap();
    fs::write(folder.join("token.json"), json().replace(SECRETS[2], "AT_former")).unwrap();
    fs::write(folder.join("key.pem"), other().key_pem().unwrap().reveal()).unwrap();
    fs::write(folder.join("cert.pem"), other().certificate_pem().unwrap()).unwrap();
    stores.push(store);
    steps_of(folder, Some(&pending))
}

fn steps_of(folder: &Path, pending: Option<&crate::server_token::store::Pending>) -> Vec<Step> {
    let place = |file: &str, content: Secret| Place { path: folder.join(file), content };
    let certificate = String::from_utf8(pair().certificate_pem().unwrap()).unwrap();
    install::steps(
        Some(place("token.json", Secret::new(json()))),
        vec![place("key.pem", pair().key_pem().unwrap()), place("cert.pem", Secret::new(certificate))],
        pending,
    )
}
