//! Access policies that were in use, by the digest of their files: so that it can be said later who could do what.
//!
//! A policy is kept once per digest, compressed. The oldest are deleted when all together exceed
//! [`ARCHIVE_BYTES_MAX`]. The audit trail names the digest (`policy` of `configuration_loaded`).

mod files;
mod table;

pub use self::files::{FileKind, InvalidPolicyFiles, KeptFile, PolicyFiles, digest};
pub use self::table::{
    ARCHIVE_BYTES_MAX, KeepPolicyError, KeptPolicy, ReadPolicyError, keep_policy, kept_policies,
    policy, policy_digests,
};
