//! People as they were at their last sign-in: kept, so that a policy can be evaluated for them without a new sign-in.
//!
//! May import [`crate::access`] and what that may import. A record contains what the evaluation of a policy needs and
//! no more: of the claims, only those that the policy named at the sign-in. [`PeopleLog`] is the port that keeps
//! records.

mod line;
mod recorded;

pub use line::{InvalidPerson, PersonClaims, PersonLine};
pub use recorded::RecordedPerson;

/// Keeps the last sign-in of each person.
///
/// A person is recorded beside the sign-in: the sign-in neither waits for it nor fails with it.
pub trait PeopleLog: Send + Sync {
    /// Accepts a record and returns at once. A record that cannot be kept is dropped and logged. Of two records of one
    /// person, the one with the later sign-in is kept.
    fn record(&self, person: RecordedPerson);
}

/// Records nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeopleLog;

impl PeopleLog for NoPeopleLog {
    fn record(&self, _: RecordedPerson) {}
}
