//! The scheduling policy, as `docs/operations.md` describes it for the gateway: a thread that becomes ready does not preempt
//! the thread that woke it. Child processes inherit it, so that it applies to floors, peers and gateway.

use std::process::{Command, Stdio};

/// Sets the policy of this process to `SCHED_BATCH` (sched(7)) with `chrt` of util-linux. Returns whether it succeeded.
pub fn as_batch() -> bool {
    let process = std::process::id().to_string();
    let status = Command::new("chrt")
        .args(["--batch", "--pid", "0", &process])
        .stdin(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The note after the table.
pub fn footnote(batch: bool) -> &'static str {
    if batch {
        "\nAll processes, including the floors, ran with SCHED_BATCH.\n"
    } else {
        "\nNo process ran with SCHED_BATCH, which is recommended for the gateway: chrt is not installed or not permitted.\n"
    }
}
