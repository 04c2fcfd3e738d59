//! People as of their last sign-in, in SQL: one code path for SQLite and PostgreSQL.
//!
//! Sign-ins put their records into a bounded queue and do not wait. One task per process writes the queue in batches and
//! deletes records that are older than `[audit] people`. The task's process may end at any time: then the records of the
//! last second are missing until the next sign-in of these people.

mod queue;
mod reader;
mod table;
mod writer;

pub use self::queue::{SqlPeople, people_log};
pub use self::reader::{PeoplePage, PeopleReader, UnreadablePerson};
pub use self::table::{KeptPerson, find_people, forget_person};
pub use self::writer::{PeopleWriter, Written};
