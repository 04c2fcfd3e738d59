//! How the kernel schedules what is measured: as `docs/operations.md` has the gateway run, so that a thread that is woken
//! waits until the one that woke it is done. Floors, peers and gateway alike: children inherit it.

use std::process::{Command, Stdio};

/// Makes this process a batch process (`SCHED_BATCH`, sched(7)), by `chrt` of util-linux. Says whether it is one.
pub fn as_batch() -> bool {
    let process = std::process::id().to_string();
    let status = Command::new("chrt")
        .args(["--batch", "--pid", "0", &process])
        .stdin(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The line under the table.
pub fn footnote(batch: bool) -> &'static str {
    if batch {
        "\nEverything ran as batch processes (SCHED_BATCH), the floors too.\n"
    } else {
        "\nNothing ran as a batch process (SCHED_BATCH), as the gateway should: chrt is not here, or may not do it.\n"
    }
}
