//! Protects keys in memory from core dumps and from other processes of the same user.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Disables core dumps and prevents processes without `CAP_SYS_PTRACE` from attaching to this process or reading its
/// memory (prctl(2), PR_SET_DUMPABLE). The user of this process cannot undo either setting.
///
/// # Errors
/// If a system call fails.
pub fn protect_memory() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn core_dumps_and_tracing_stay_disabled() {
        protect_memory().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        protect_memory().unwrap();
    }
}
