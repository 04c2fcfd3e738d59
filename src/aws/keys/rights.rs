//! Who may change and read the keys: what owners, groups and modes say, here and in the volume of a Kubernetes Secret.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FsWord, StatVfsMountFlags};
use rustix::process::{getegid, geteuid, getgroups};

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS_MAGIC: FsWord = 0x0102_1994;
const ROOT: u32 = 0;

/// Who this process is, to the file system.
pub(super) struct Process {
    user: u32,
    groups: Vec<u32>,
}

impl Process {
    pub fn current() -> Self {
        let mut groups = vec![getegid().as_raw()];
        groups.extend(
            getgroups()
                .into_iter()
                .flatten()
                .map(|group| group.as_raw()),
        );
        Self {
            user: geteuid().as_raw(),
            groups,
        }
    }
}

/// Why a file or directory is not trusted with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distrust {
    /// Others have rights.
    Open,
    /// It belongs to another user, who may change it.
    Foreign,
}

/// Owner, group and permission bits of a file or directory, and whether it lies in a volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    pub mode: u32,
    pub user: u32,
    group: u32,
    /// See [`is_volume`].
    is_volume: bool,
}

impl Rights {
    pub fn of(path: &Path, metadata: &Metadata) -> Self {
        Self {
            mode: metadata.mode() & 0o777,
            user: metadata.uid(),
            group: metadata.gid(),
            is_volume: is_volume(path),
        }
    }

    /// Refuses a directory in which others can put files. In the volume of a Secret nobody can, whatever the mode says: volumes
    /// have 0777 and more.
    pub fn of_directory(self, process: &Process) -> Result<(), Distrust> {
        let is_closed = self.mode & 0o022 == 0;
        self.owned(process, is_closed)?;
        match is_closed || self.is_volume {
            true => Ok(()),
            false => Err(Distrust::Open),
        }
    }

    /// Refuses a file that others can read or write. One of mode 0440 in the volume of a Secret is taken if its group is one of
    /// ours: what Kubernetes makes of a Secret for a pod with `fsGroup`.
    pub fn of_file(self, process: &Process) -> Result<(), Distrust> {
        let is_closed = self.mode & 0o077 == 0;
        self.owned(process, is_closed)?;
        let is_ours = self.is_volume && process.groups.contains(&self.group);
        match is_closed || (self.mode == 0o440 && is_ours) {
            true => Ok(()),
            false => Err(Distrust::Open),
        }
    }

    /// Refuses what another user can change; root may look at what is closed to all but its owner.
    fn owned(self, process: &Process, is_closed: bool) -> Result<(), Distrust> {
        let is_trusted = self.user == ROOT || self.user == process.user;
        match is_trusted || (is_closed && process.user == ROOT) {
            true => Ok(()),
            false => Err(Distrust::Foreign),
        }
    }
}

/// Whether this is a tmpfs that is mounted read-only, as the volumes of Secrets are. Read-only alone says little: with
/// `ProtectSystem=strict` of systemd every file system is that for us, and nobody else is kept from writing.
fn is_volume(path: &Path) -> bool {
    let read_only = rustix::fs::statvfs(path)
        .is_ok_and(|volume| volume.f_flag.contains(StatVfsMountFlags::RDONLY));
    read_only && rustix::fs::statfs(path).is_ok_and(|volume| volume.f_type == TMPFS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u32 = 10_001;
    const GROUP: u32 = 10_002;
    const OTHER: u32 = 10_003;

    fn rights(mode: u32, user: u32, group: u32, is_volume: bool) -> Rights {
        Rights {
            mode,
            user,
            group,
            is_volume,
        }
    }

    #[test]
    fn a_directory_is_ours_or_roots_and_others_cannot_write_there() {
        let us = Process {
            user: US,
            groups: vec![GROUP],
        };
        let (well, open, foreign) = (Ok(()), Err(Distrust::Open), Err(Distrust::Foreign));
        for (expected, mode, user, is_volume) in [
            (well, 0o700, US, false),
            (well, 0o755, ROOT, false),
            (well, 0o777, ROOT, true),
            (well, 0o777, US, true),
            (open, 0o777, ROOT, false),
            (open, 0o770, US, false),
            (foreign, 0o777, OTHER, true),
            (foreign, 0o755, OTHER, false),
        ] {
            let found = rights(mode, user, GROUP, is_volume).of_directory(&us);
            assert_eq!(found, expected, "{mode:o} {user} {is_volume}");
        }
    }

    #[test]
    fn a_group_may_read_what_is_in_a_volume_and_is_its_own() {
        let us = Process {
            user: US,
            groups: vec![GROUP],
        };
        let (well, open, foreign) = (Ok(()), Err(Distrust::Open), Err(Distrust::Foreign));
        for (expected, mode, user, group, is_volume) in [
            (well, 0o600, US, OTHER, false),
            (well, 0o400, US, OTHER, true),
            (well, 0o440, ROOT, GROUP, true),
            (open, 0o440, ROOT, GROUP, false),
            (open, 0o440, ROOT, OTHER, true),
            (open, 0o640, ROOT, GROUP, true),
            (open, 0o444, ROOT, GROUP, true),
            (foreign, 0o440, OTHER, GROUP, true),
            (foreign, 0o600, OTHER, GROUP, false),
        ] {
            let found = rights(mode, user, group, is_volume).of_file(&us);
            assert_eq!(found, expected, "{mode:o} {user} {group} {is_volume}");
        }
    }

    /// As `sudo rolecalld keys list` does.
    #[test]
    fn root_may_look_at_what_is_closed() {
        let root = Process {
            user: ROOT,
            groups: vec![ROOT],
        };
        assert_eq!(
            rights(0o700, OTHER, OTHER, false).of_directory(&root),
            Ok(())
        );
        assert_eq!(rights(0o600, OTHER, OTHER, false).of_file(&root), Ok(()));
        let open = rights(0o777, OTHER, OTHER, true).of_directory(&root);
        assert_eq!(open, Err(Distrust::Foreign));
    }
}
