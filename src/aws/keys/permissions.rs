//! Permissions of key files: owner, group and mode, on disk and in the volume of a Kubernetes Secret.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FsWord, StatVfsMountFlags};
use rustix::process::{getegid, geteuid, getgroups};

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS_MAGIC: FsWord = 0x0102_1994;
const ROOT: u32 = 0;

/// User and groups of this process.
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

/// Why the permissions of a file or directory are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PermissionProblem {
    /// Group or others have permissions.
    Open,
    /// Another user owns it, and can change it.
    OtherOwner,
}

/// Owner, group and mode of a file or directory, and whether it is in a volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilePermissions {
    pub mode: u32,
    pub user: u32,
    group: u32,
    /// Whether it is in a volume, see [`is_volume`].
    is_volume: bool,
}

impl FilePermissions {
    pub fn of(path: &Path, metadata: &Metadata) -> Self {
        Self {
            mode: metadata.mode() & 0o777,
            user: metadata.uid(),
            group: metadata.gid(),
            is_volume: is_volume(path),
        }
    }

    /// Rejects a directory in which others can create files. In the volume of a Secret this is impossible, although its
    /// mode is 0777 or more.
    pub fn check_directory(self, process: &Process) -> Result<(), PermissionProblem> {
        let is_closed = self.mode & 0o022 == 0;
        self.owned(process, is_closed)?;
        match is_closed || self.is_volume {
            true => Ok(()),
            false => Err(PermissionProblem::Open),
        }
    }

    /// Rejects a file that others can read or write. In the volume of a Secret, mode 0440 is accepted if a group of
    /// this process owns the file, as in a pod with `fsGroup`.
    pub fn check_file(self, process: &Process) -> Result<(), PermissionProblem> {
        let is_closed = self.mode & 0o077 == 0;
        self.owned(process, is_closed)?;
        let is_ours = self.is_volume && process.groups.contains(&self.group);
        match is_closed || (self.mode == 0o440 && is_ours) {
            true => Ok(()),
            false => Err(PermissionProblem::Open),
        }
    }

    /// Rejects what another user can change. Root may read what is closed to all but its owner.
    fn owned(self, process: &Process, is_closed: bool) -> Result<(), PermissionProblem> {
        let is_trusted = self.user == ROOT || self.user == process.user;
        match is_trusted || (is_closed && process.user == ROOT) {
            true => Ok(()),
            false => Err(PermissionProblem::OtherOwner),
        }
    }
}

/// Whether the file system is a read-only tmpfs, as the volumes of Secrets are. Read-only alone is not sufficient: with
/// `ProtectSystem=strict` of systemd, all file systems are read-only for this process but not for others.
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

    const ACCEPTED: Result<(), PermissionProblem> = Ok(());
    const OPEN: Result<(), PermissionProblem> = Err(PermissionProblem::Open);
    const OTHER_OWNER: Result<(), PermissionProblem> = Err(PermissionProblem::OtherOwner);

    fn permissions(mode: u32, user: u32, group: u32, is_volume: bool) -> FilePermissions {
        FilePermissions {
            mode,
            user,
            group,
            is_volume,
        }
    }

    #[test]
    fn directory_must_be_private_and_owned_by_user_or_root() {
        let us = Process {
            user: US,
            groups: vec![GROUP],
        };
        for (expected, mode, user, is_volume) in [
            (ACCEPTED, 0o700, US, false),
            (ACCEPTED, 0o755, ROOT, false),
            (ACCEPTED, 0o777, ROOT, true),
            (ACCEPTED, 0o777, US, true),
            (OPEN, 0o777, ROOT, false),
            (OPEN, 0o770, US, false),
            (OTHER_OWNER, 0o777, OTHER, true),
            (OTHER_OWNER, 0o755, OTHER, false),
        ] {
            let found = permissions(mode, user, GROUP, is_volume).check_directory(&us);
            assert_eq!(found, expected, "{mode:o} {user} {is_volume}");
        }
    }

    #[test]
    fn group_may_read_files_in_a_volume() {
        let us = Process {
            user: US,
            groups: vec![GROUP],
        };
        for (expected, mode, user, group, is_volume) in [
            (ACCEPTED, 0o600, US, OTHER, false),
            (ACCEPTED, 0o400, US, OTHER, true),
            (ACCEPTED, 0o440, ROOT, GROUP, true),
            (OPEN, 0o440, ROOT, GROUP, false),
            (OPEN, 0o440, ROOT, OTHER, true),
            (OPEN, 0o640, ROOT, GROUP, true),
            (OPEN, 0o444, ROOT, GROUP, true),
            (OTHER_OWNER, 0o440, OTHER, GROUP, true),
            (OTHER_OWNER, 0o600, OTHER, GROUP, false),
        ] {
            let found = permissions(mode, user, group, is_volume).check_file(&us);
            assert_eq!(found, expected, "{mode:o} {user} {group} {is_volume}");
        }
    }

    /// As with `sudo rolecalld keys list`.
    #[test]
    fn root_may_read_private_files() {
        let root = Process {
            user: ROOT,
            groups: vec![ROOT],
        };
        assert_eq!(
            permissions(0o700, OTHER, OTHER, false).check_directory(&root),
            ACCEPTED
        );
        assert_eq!(
            permissions(0o600, OTHER, OTHER, false).check_file(&root),
            ACCEPTED
        );
        let open = permissions(0o777, OTHER, OTHER, true).check_directory(&root);
        assert_eq!(open, OTHER_OWNER);
    }
}
