//! Keeps the keys in memory out of core dumps and of the reach of other processes of the same user.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Writes no core dump from now on, and lets no process without `CAP_SYS_PTRACE` attach to this one or read its memory
/// (prctl(2), PR_SET_DUMPABLE). Neither can be taken back by this process's user.
///
/// # Errors
/// When the kernel refuses.
pub fn close_memory() -> io::Result<()> {
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
    fn memory_is_closed_for_good() {
        close_memory().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        close_memory().unwrap();
    }
}
