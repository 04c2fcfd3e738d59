//! What a verification of the trail can find.

use std::fmt;

/// A difference from the trail as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An event, its position or its hash was changed: its hash is not the link after the event before it.
    Altered {
        /// The writer of the chain.
        writer: String,
        /// The sequence number of the event.
        sequence: i64,
    },
    /// The columns for searching differ from the event.
    Relabelled {
        /// The writer of the chain.
        writer: String,
        /// The sequence number of the event.
        sequence: i64,
    },
    /// Events are missing in the middle or at the beginning.
    Missing {
        /// The writer of the chain.
        writer: String,
        /// The first missing event.
        from: i64,
        /// The last missing event.
        to: i64,
    },
    /// The chain ends before its recorded head: events at its end are missing.
    CutOff {
        /// The writer of the chain.
        writer: String,
        /// The last event that exists; 0 for none.
        last: i64,
        /// The last event that was recorded.
        recorded: i64,
    },
    /// An event that was not written by a gateway: after the recorded head, before the first event, or in a chain without a head.
    Inserted {
        /// The writer of the chain.
        writer: String,
        /// The sequence number of the event.
        sequence: i64,
    },
    /// The recorded head is not the end of the chain.
    HeadAltered {
        /// The writer of the chain.
        writer: String,
    },
    /// A later writer recorded a different end of this chain, or a chain that is missing.
    Contradicted {
        /// The writer of the chain.
        writer: String,
        /// The last event at that time.
        sequence: u64,
        /// The writer that recorded it.
        by: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { writer, sequence } => {
                write!(f, "{writer}: event {sequence} was changed or moved")
            }
            Self::Relabelled { writer, sequence } => {
                write!(f, "{writer}: the columns of event {sequence} were changed")
            }
            Self::Missing { writer, from, to } => {
                write!(f, "{writer}: events {from} to {to} are missing")
            }
            Self::CutOff {
                writer,
                last,
                recorded,
            } => write!(
                f,
                "{writer}: the chain ends at event {last}, but its recorded end is event {recorded}"
            ),
            Self::Inserted { writer, sequence } => {
                write!(
                    f,
                    "{writer}: event {sequence} was not written by this writer"
                )
            }
            Self::HeadAltered { writer } => write!(f, "{writer}: the recorded head was changed"),
            Self::Contradicted {
                writer,
                sequence,
                by,
            } => write!(
                f,
                "{writer}: event {sequence} is missing or differs from the one that {by} recorded"
            ),
        }
    }
}
