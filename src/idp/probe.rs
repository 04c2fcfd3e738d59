//! What asking a provider has brought, for an operator.

/// What a provider that answers has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// What was found out.
    pub notes: Vec<String>,
    /// What will not fit the configuration.
    pub warnings: Vec<String>,
    /// Why nothing could be asked, where that is no mistake: the gateway itself before its first start.
    pub unreachable: Option<String>,
}
