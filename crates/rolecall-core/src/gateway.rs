//! The verbs: everything that can be asked of Rolecall, decided here and nowhere else.
/// Placeholder for the sign-in error.
pub enum SignInError {}
impl SignInError {
    /// reason
    pub fn reason(&self) -> &'static str {
        ""
    }
}
