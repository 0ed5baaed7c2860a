use std::fs;
use std::path::Path;

use super::super::{Found, Signed, folder};

fn read(files: &[(&str, &[u8])]) -> Vec<Found> {
    let documents = tempfile::tempdir().unwrap();
    fs::create_dir(documents.path().join("approvals")).unwrap();
    for (name, bytes) in files {
        fs::write(documents.path().join("approvals").join(name), bytes).unwrap();
    }
    folder::read(documents.path())
}

#[test]
fn signatures_are_read_with_their_statements_by_name() {
    let found =
        read(&[("b.sig", b"sig b"), ("b", b"b"), ("a.txt.sig", b"sig a"), ("a.txt", b"a"), ("README", b"")]);
    let of = |file: &str, statement: &[u8], signature: &[u8]| Found {
        file: file.to_owned(),
        content: Ok(Signed { statement: statement.to_vec(), signature: signature.to_vec() }),
    };
    assert_eq!(found, [of("approvals/a.txt.sig", b"a", b"sig a"), of("approvals/b.sig", b"b", b"sig b")]);
}

#[test]
fn no_folder_holds_no_signatures() {
    let documents = tempfile::tempdir().unwrap();
    assert_eq!(folder::read(documents.path()), []);
    fs::write(documents.path().join("approvals"), "a file").unwrap();
    assert!(folder::read(documents.path())[0].content.is_err());
    assert_eq!(folder::read(Path::new("/nonexistent/folder")), []);
}

#[test]
fn what_cannot_be_read_is_a_reason() {
    let long = vec![b'x'; 64 << 10];
    let found =
        read(&[("alone.sig", b"s"), ("long.sig", &long), ("long", b"x"), ("big.sig", b"s"), ("big", &long)]);
    let reasons: Vec<String> = found.into_iter().map(|one| one.content.unwrap_err()).collect();
    assert_eq!(
        reasons,
        [
            "the statement beside it is missing",
            "the statement beside it is longer than 4096 bytes",
            "the signature is longer than 16384 bytes",
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_and_folders_are_not_followed() {
    let documents = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = documents.path().join("approvals");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(folder.join("d.sig")).unwrap();
    fs::write(folder.join("d"), "x").unwrap();
    fs::write(folder.join("l.sig"), "x").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.join("l")).unwrap();
    for one in folder::read(documents.path()) {
        let reason = one.content.unwrap_err();
        assert!(reason.ends_with("is no plain file, and links are not followed"), "{}: {reason}", one.file);
    }
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&folder, other.path().join("approvals")).unwrap();
    assert!(folder::read(other.path())[0].content.is_err());
}

#[test]
fn there_is_an_end_to_how_many_are_looked_at() {
    let names: Vec<String> = (0..2001).map(|number| format!("{number:04}.sig")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let found = read(&files);
    assert_eq!(found.len(), 2001, "2000 and the reason");
    let last = found.last().unwrap();
    assert!(last.content.as_ref().is_err_and(|reason| reason.starts_with("1 signatures are not looked at")));
}
