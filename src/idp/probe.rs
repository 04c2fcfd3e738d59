//! The result of probing a provider.

/// The result of a successful probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeReport {
    /// Findings that require no action.
    pub notes: Vec<String>,
    /// Problems that will affect sign-in.
    pub warnings: Vec<String>,
    /// Why the probe could not run, if this is not an error: the gateway itself is not running.
    pub unreachable: Option<String>,
}
