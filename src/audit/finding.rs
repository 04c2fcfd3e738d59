//! What a verification of the trail may find, and how it is said.

use std::fmt;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An event, its place or its hash was changed: it does not follow from the one before.
    Altered {
        /// Whose chain.
        writer: String,
        /// Which event.
        sequence: i64,
    },
    /// The columns for searching tell another story than the event.
    Relabelled {
        /// Whose chain.
        writer: String,
        /// Which event.
        sequence: i64,
    },
    /// Events are gone from the middle or the beginning.
    Missing {
        /// Whose chain.
        writer: String,
        /// The first that is gone.
        from: i64,
        /// The last that is gone.
        to: i64,
    },
    /// The chain ends before its recorded head: events were cut off.
    CutOff {
        /// Whose chain.
        writer: String,
        /// The last event there is; 0 for none.
        last: i64,
        /// The last event there was.
        recorded: i64,
    },
    /// Events stand where none was written: behind the recorded head, before the first, or without a head.
    Inserted {
        /// Whose chain.
        writer: String,
        /// Which event.
        sequence: i64,
    },
    /// The recorded head is not the end of the chain that is there.
    HeadAltered {
        /// Whose chain.
        writer: String,
    },
    /// A later writer put another end of this chain on record, or a chain that is gone.
    Contradicted {
        /// Whose chain.
        writer: String,
        /// The event that was its last then.
        sequence: u64,
        /// Who put it on record.
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
                write!(f, "{writer}: events {from} to {to} are gone")
            }
            Self::CutOff {
                writer,
                last,
                recorded,
            } => write!(
                f,
                "{writer}: the chain ends at event {last}, but reached {recorded}"
            ),
            Self::Inserted { writer, sequence } => {
                write!(f, "{writer}: event {sequence} was never written here")
            }
            Self::HeadAltered { writer } => write!(f, "{writer}: the recorded head was changed"),
            Self::Contradicted {
                writer,
                sequence,
                by,
            } => write!(
                f,
                "{writer}: event {sequence} is gone or not the one that {by} saw"
            ),
        }
    }
}
