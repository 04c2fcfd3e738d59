//! Replacement by several writers, and after interruptions.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::{TempDir, tempdir};

use super::*;

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn each_writer_has_a_file_of_its_own() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("access.toml");
    // The second replacement begins and ends while the first is in progress.
    let during_the_first = |file: &File| {
        replace(&path, b"two", 0o600, |_| Ok(()))?;
        assert_eq!(fs::read(&path)?, b"two");
        file.set_permissions(fs::Permissions::from_mode(0o640))
    };
    replace(&path, b"one", 0o600, during_the_first).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(&folder), ["access.toml"]);
}

#[test]
fn writers_at_the_same_time_leave_one_complete_content() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("access.toml");
    std::thread::scope(|scope| {
        for byte in *b"abcd" {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..20 {
                    replace(path, &[byte; 100_000], 0o600, |_| Ok(())).unwrap();
                }
            });
        }
    });
    let content = fs::read(&path).unwrap();
    assert_eq!(content.len(), 100_000);
    assert!(content.iter().all(|byte| *byte == content[0]));
    assert_eq!(names(&folder), ["access.toml"]);
}

#[test]
fn failed_replacement_changes_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("access.toml");
    fs::write(&path, "former").unwrap();
    let refuse = |_: &File| Err(io::Error::from(ErrorKind::ResourceBusy));
    let error = replace(&path, b"new", 0o600, refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    assert!(replace_exclusively(&path, b"new", 0o600, refuse).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"former");
    assert_eq!(names(&folder), ["access.toml"]);
}

#[test]
fn leftovers_of_interrupted_runs_do_not_matter() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let left = folder
        .path()
        .join(format!(".keys.json.{}.0.new", std::process::id()));
    fs::write(&left, "left").unwrap();
    fs::write(folder.path().join("keys.json.new"), "left").unwrap();
    replace(&path, b"one", 0o600, |_| Ok(())).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(fs::read(&left).unwrap(), b"left");
    replace_exclusively(&path, b"two", 0o600, |_| Ok(())).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert!(!folder.path().join("keys.json.new").exists());
}

#[test]
fn former_copy_is_replaced_at_the_end() {
    let folder = tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("a.toml"),
        folder.path().join("a.toml.bak"),
    );
    fs::write(&path, "content").unwrap();
    fs::write(&copy, "earlier").unwrap();
    // The second call finds a copy that is the same file.
    for _ in 0..2 {
        keep_copy(&path, &copy).unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"content");
        assert_eq!(names(&folder), ["a.toml", "a.toml.bak"]);
    }
}

#[test]
fn former_copy_stays_if_it_cannot_be_replaced() {
    let folder = tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("a.toml"),
        folder.path().join("a.toml.bak"),
    );
    fs::write(&copy, "earlier").unwrap();
    assert!(keep_copy(&path, &copy).is_err(), "there is nothing to keep");
    assert_eq!(fs::read(&copy).unwrap(), b"earlier");
    assert_eq!(names(&folder), ["a.toml.bak"]);
    // A directory is not replaced.
    fs::write(&path, "content").unwrap();
    fs::remove_file(&copy).unwrap();
    fs::create_dir(&copy).unwrap();
    assert!(keep_copy(&path, &copy).is_err());
    assert_eq!(names(&folder), ["a.toml", "a.toml.bak"]);
}
