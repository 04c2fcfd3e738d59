//! The key directory on disk: permissions, changes, damaged files.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rolecall_core::aws::Sts as _;
use rolecall_testkit::clock::ManualClock;
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory, KeyError, KeyState, KeyUse, Urgency};
use serde_json::Value;

use super::fixture::{StsFixture, key_directory};
use crate::audit::unshare;
use crate::cli;

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn kids(fixture: &StsFixture) -> Result<Vec<String>> {
    let jwks: Value = serde_json::from_str(&fixture.issuer.jwks().body)?;
    let keys = jwks["keys"].as_array().context("keys")?;
    Ok(keys
        .iter()
        .filter_map(|key| Some(key["kid"].as_str()?.to_owned()))
        .collect())
}

#[tokio::test]
async fn rotation_does_not_interrupt_service() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Rs256)?;
    let (sts, keys) = (fixture.sts()?, &fixture.directory);
    let first = keys.list()?[0].id.clone();
    sts.assume(&fixture.request().await?).await?;

    let second = keys.generate(KeyAlgorithm::Es256, fixture.clock.now())?;
    assert_eq!(second.state, KeyState::Next);
    let before = fixture.issuer.jwks();
    assert!(matches!(
        keys.rotate(Urgency::Patient, fixture.clock.now()),
        Err(KeyError::TooEarly { .. })
    ));
    fixture.issuer.reload()?;
    assert_eq!(kids(&fixture)?, [first.to_string(), second.id.to_string()]);
    assert_ne!(fixture.issuer.jwks().etag, before.etag);

    fixture.clock.advance(DAY);
    let in_flight = fixture.request().await?;
    assert_eq!(
        keys.rotate(Urgency::Patient, fixture.clock.now())?.id,
        second.id
    );
    fixture.issuer.reload()?;
    assert_eq!(kids(&fixture)?, [second.id.to_string(), first.to_string()]);
    sts.assume(&in_flight).await?;
    sts.assume(&fixture.request().await?).await?;

    assert!(matches!(
        keys.retire(&first, Urgency::Patient, fixture.clock.now()),
        Err(KeyError::Needed { .. })
    ));
    fixture.clock.advance(DAY + Duration::from_secs(600));
    fixture.issuer.reload()?;
    assert_eq!(kids(&fixture)?, [second.id.to_string()]);
    keys.retire(&first, Urgency::Patient, fixture.clock.now())?;
    assert!(!keys.path().join(format!("{first}.key")).exists());
    sts.assume(&fixture.request().await?).await?;
    Ok(())
}

#[test]
fn key_files_must_be_private() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let (_home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
    assert_eq!(fs::metadata(keys.path())?.mode() & 0o777, 0o700);
    for file in fs::read_dir(keys.path())? {
        let file = file?;
        assert_eq!(file.metadata()?.mode() & 0o777, 0o600, "{:?}", file.path());
    }
    keys.load(now)?;
    let key = keys.path().join(format!("{}.key", keys.list()?[0].id));
    for (path, open, closed) in [
        (keys.path(), 0o770, 0o700),
        (keys.path(), 0o757, 0o700),
        (key.as_path(), 0o460, 0o600),
        (key.as_path(), 0o444, 0o600),
        (key.as_path(), 0o640, 0o600),
        (key.as_path(), 0o604, 0o600),
    ] {
        fs::set_permissions(path, Permissions::from_mode(open))?;
        let error = keys.load(now).err().context("refused")?;
        assert!(
            matches!(error, KeyError::Open { mode, .. } if mode == open),
            "{error}"
        );
        assert!(error.hint().is_some());
        fs::set_permissions(path, Permissions::from_mode(closed))?;
    }
    keys.load(now)?;
    Ok(())
}

/// The layout of a Secret in a pod: files are symbolic links into `..data`, which is a symbolic link to a folder that
/// is replaced as a whole.
fn as_secret(keys: &Path, volume: &Path) -> Result<PathBuf> {
    let data = volume.join("..2026_11_29_12_00_00.123");
    fs::create_dir_all(&data)?;
    std::os::unix::fs::symlink("..2026_11_29_12_00_00.123", volume.join("..data"))?;
    for file in fs::read_dir(keys)? {
        let name = file?.file_name();
        fs::copy(keys.join(&name), data.join(&name))?;
        std::os::unix::fs::symlink(Path::new("..data").join(&name), volume.join(&name))?;
    }
    Ok(data)
}

fn set_modes(volume: &Path, data: &Path, folder: u32, file: u32) -> Result<()> {
    for one in fs::read_dir(data)? {
        fs::set_permissions(one?.path(), Permissions::from_mode(file))?;
    }
    Ok(fs::set_permissions(volume, Permissions::from_mode(folder))?)
}

#[test]
fn secret_layout_outside_a_volume_is_rejected() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let (home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
    let volume = home.path().join("volume");
    let data = as_secret(keys.path(), &volume)?;
    let mounted = KeyDirectory::new(&volume);
    set_modes(&volume, &data, 0o755, 0o400)?;
    assert_eq!(mounted.load(now)?.active.id(), keys.load(now)?.active.id());
    // Modes that are accepted in a volume only.
    for (folder, file, refused) in [(0o755, 0o440, 0o440), (0o777, 0o400, 0o777)] {
        set_modes(&volume, &data, folder, file)?;
        let error = mounted.load(now).err().context("refused")?;
        assert!(
            matches!(error, KeyError::Open { mode, .. } if mode == refused),
            "{error}"
        );
    }
    // Keys cannot be created in it.
    set_modes(&volume, &data, 0o755, 0o400)?;
    let error = mounted
        .generate(KeyAlgorithm::Es256, now)
        .err()
        .context("refused")?;
    assert!(matches!(error, KeyError::Open { .. }), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("defaultMode: 0440"))
    );
    Ok(())
}

/// Volumes of Kubernetes are read-only tmpfs, with modes that are rejected elsewhere.
#[test]
fn mounted_kubernetes_secret_is_accepted() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let (home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
    let volume = home.path().join("volume");
    as_secret(keys.path(), &volume)?;
    let id = keys.list()?[0].id.to_string();
    let folder = cli::folder()?;
    let config = folder.path().join("rolecall.toml");
    let settings = fs::read_to_string(&config)?.replace("\"keys/\"", "\"/mnt\"");
    fs::write(config, settings)?;
    for (is_taken, modes, mount) in [
        (true, "chmod 2777 /mnt; chmod 440 /mnt/..2*/*", "tmpfs ro"),
        (true, "chmod 777 /mnt; chmod 400 /mnt/..2*/*", "tmpfs ro"),
        (false, "chmod 777 /mnt; chmod 444 /mnt/..2*/*", "tmpfs ro"),
        (false, "chmod 777 /mnt; chmod 400 /mnt/..2*/*", "tmpfs rw"),
        (false, "chmod 755 /mnt; chmod 440 /mnt/..2*/*", "tmpfs rw"),
        // As with `ProtectSystem=strict` of systemd: read-only for this process, writable for others.
        (false, "chmod 777 /mnt; chmod 400 /mnt/..2*/*", "ramfs ro"),
    ] {
        let Some(mut command) = unshare() else {
            return Ok(());
        };
        let (kind, flag) = mount.split_once(' ').context("mount")?;
        let script = format!(
            "set -e; mount -t {kind} {kind} /mnt; cp -RP \"$1\"/. /mnt; {modes}; \
             mount -o remount,bind,{flag} /mnt; shift; exec \"$@\""
        );
        command.args(["sh", "-c", &script, "sh"]).arg(&volume);
        let program = cli::program(folder.path());
        command.arg(program.get_program());
        command.args(["keys", "list", "--config", "rolecall.toml"]);
        let output = command.current_dir(folder.path()).output()?;
        let (out, err) = (
            String::from_utf8(output.stdout)?,
            String::from_utf8(output.stderr)?,
        );
        assert_eq!(out.contains(&id), is_taken, "{mount} {modes}: {out}{err}");
        assert_eq!(err.contains("other users can access"), !is_taken, "{err}");
    }
    Ok(())
}

#[test]
fn concurrent_commands_are_rejected() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let (_home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
    let other = File::open(keys.path().join("keys.lock"))?;
    other.lock()?;
    assert!(matches!(
        keys.generate(KeyAlgorithm::Es256, now),
        Err(KeyError::Busy(_))
    ));
    assert!(matches!(
        keys.rotate(Urgency::Emergency, now),
        Err(KeyError::Busy(_))
    ));
    // Reading needs no lock: a gateway can start while a command runs.
    keys.load(now)?;
    drop(other);
    assert_eq!(
        keys.generate(KeyAlgorithm::Es256, now)?.state,
        KeyState::Next
    );
    Ok(())
}

#[test]
fn leftovers_of_interrupted_run_are_ignored() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let (_home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
    fs::write(keys.path().join("keys.json.new"), "{")?;
    keys.load(now)?;
    keys.generate(KeyAlgorithm::Es256, now)?;
    assert_eq!(keys.list()?.len(), 2);
    assert!(!keys.path().join("keys.json.new").exists());
    Ok(())
}

#[test]
fn damaged_directory_is_rejected_with_a_hint() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let home = tempfile::tempdir()?;
    let none = KeyDirectory::new(home.path().join("none"));
    assert!(matches!(none.load(now), Err(KeyError::Empty(_))));
    assert!(matches!(
        none.rotate(Urgency::Patient, now),
        Err(KeyError::Empty(_))
    ));

    type Breakage = fn(&Path, &str) -> std::io::Result<()>;
    let breakages: [(&str, Breakage); 6] = [
        ("key missing", |path, kid| {
            fs::remove_file(path.join(format!("{kid}.key")))
        }),
        ("certificate missing", |path, kid| {
            fs::remove_file(path.join(format!("{kid}.crt")))
        }),
        ("key invalid", |path, kid| {
            fs::write(
                path.join(format!("{kid}.key")),
                "-----BEGIN PRIVATE KEY-----\n",
            )
        }),
        ("index invalid", |path, _| {
            fs::write(path.join("keys.json"), "{\"keys\":[{}]}")
        }),
        ("index too large", |path, _| {
            fs::write(path.join("keys.json"), " ".repeat(300_000))
        }),
        ("index contains another key ID", |path, kid| {
            let text = fs::read_to_string(path.join("keys.json"))?;
            let other = "A".repeat(43);
            fs::rename(
                path.join(format!("{kid}.key")),
                path.join(format!("{other}.key")),
            )?;
            fs::rename(
                path.join(format!("{kid}.crt")),
                path.join(format!("{other}.crt")),
            )?;
            fs::write(path.join("keys.json"), text.replace(kid, &other))
        }),
    ];
    for (what, breakage) in breakages {
        let (_home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
        let kid = keys.list()?[0].id.to_string();
        breakage(keys.path(), &kid)?;
        let error = keys
            .load(now)
            .err()
            .with_context(|| format!("{what}: accepted"))?;
        assert!(error.hint().is_some(), "{what}: {error}");
        assert!(!error.to_string().contains("PRIVATE"), "{what}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn failed_reload_keeps_the_current_keys() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    fs::write(fixture.directory.path().join("keys.json"), "{")?;
    assert!(fixture.issuer.reload().is_err());
    fixture.issued().await?;
    Ok(())
}

#[tokio::test]
async fn emergency_retirement_is_immediate() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let (keys, now) = (&fixture.directory, fixture.clock.now());
    let leaked = keys.list()?[0].id.clone();
    assert!(matches!(
        keys.retire(&leaked, Urgency::Patient, now),
        Err(KeyError::Active(_))
    ));
    assert!(matches!(
        keys.retire(&leaked, Urgency::Emergency, now),
        Err(KeyError::NoneNext(KeyUse::Token))
    ));
    let next = keys.generate(KeyAlgorithm::Es256, now)?;
    keys.retire(&leaked, Urgency::Emergency, now)?;
    fixture.issuer.reload()?;
    assert_eq!(kids(&fixture)?, [next.id.to_string()]);
    fixture.issued().await?;
    Ok(())
}

#[test]
fn damaged_next_key_does_not_prevent_emergency_retirement() -> Result<()> {
    let now = ManualClock::starting_now().now();
    let (_home, keys) = key_directory(KeyAlgorithm::Es256, now)?;
    let leaked = keys.list()?[0].id.clone();
    let (second, third) = (
        keys.generate(KeyAlgorithm::Es256, now)?.id,
        keys.generate(KeyAlgorithm::Es256, now)?.id,
    );
    let file = |id: &str| keys.path().join(format!("{id}.key"));
    let sound = fs::read(file(second.as_str()))?;
    fs::write(file(second.as_str()), "")?;
    assert!(matches!(
        keys.rotate(Urgency::Emergency, now),
        Err(KeyError::Mismatch { .. })
    ));
    assert!(keys.retire(&leaked, Urgency::Emergency, now).is_err());
    assert_eq!(keys.list()?[0].state, KeyState::Active { since: now });

    fs::write(file(second.as_str()), sound)?;
    fs::write(file(third.as_str()), "")?;
    keys.retire(&leaked, Urgency::Emergency, now)?;
    assert_eq!(keys.list()?[1].state, KeyState::Active { since: now });
    keys.retire(&third, Urgency::Emergency, now)?;
    assert_eq!(*keys.load(now)?.active.id(), second);
    Ok(())
}
