//! Keeps one connection: made on first use by one task for all who wait, forgotten when it fails or falls silent.
//!
//! Decides what may be tried again. Refuses to guess: a write whose answer was lost is reported as unavailable.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};
use rolecall_core::record::StoreError;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::OPERATION_MAX;
use super::connect::{Target, Wire};

/// How long connecting may take in all, a walk over silent Sentinels included.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What a command does, which decides whether it may be sent again when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// May be sent again.
    Reads,
    /// May have happened; is not sent again.
    Writes,
}

/// What an error says about the command that met it.
#[derive(PartialEq, Eq)]
enum ReplyState {
    /// The server said no; the connection is fine.
    Refused,
    /// The server is no master (any more) and did nothing: look for the master.
    NotHere,
    /// The connection broke; the command may have been executed.
    Unknown,
}

fn fate(error: &RedisError) -> ReplyState {
    if is_read_only(error) {
        ReplyState::NotHere
    } else if error.is_io_error() || error.is_unrecoverable_error() {
        ReplyState::Unknown
    } else {
        ReplyState::Refused
    }
}

/// Whether a replica refused to write. Redis 6.2 puts that into the message where a script tried to.
fn is_read_only(error: &RedisError) -> bool {
    let in_a_script =
        |detail: &str| detail.starts_with("Error running script") && detail.contains(" -READONLY ");
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.detail().is_some_and(in_a_script)
}

type Attempt = Option<RedisResult<Wire>>;

/// A connection attempt, running or done; its number tells it from the next.
struct Current {
    number: u64,
    outcome: watch::Receiver<Attempt>,
}

struct Slot {
    next_number: u64,
    current: Option<Current>,
}

/// The connection of a store.
pub(super) struct Link {
    target: Arc<Target>,
    /// Where connections live. Not where they are first used: that is a thread which renders pages, and every answer
    /// for the other threads would wait until it has rendered those at hand.
    runtime: Handle,
    // Not a Tokio mutex: nothing is awaited while it is held.
    slot: Mutex<Slot>,
}

impl Link {
    /// Not connected yet. Connections will live on the runtime that this is called in.
    pub(super) fn new(target: Target) -> Self {
        Self {
            target: Arc::new(target),
            runtime: Handle::current(),
            slot: Mutex::new(Slot {
                next_number: 0,
                current: None,
            }),
        }
    }

    /// Sends a command with a key and reads its answer, within [`OPERATION_MAX`].
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        command: &Cmd,
        effect: Effect,
    ) -> Result<T, StoreError> {
        let mut used = None;
        let answer = timeout(OPERATION_MAX, self.send(command, effect, &mut used)).await;
        let Ok(answer) = answer else {
            // Silence: a machine that is gone answers no more than a slow one, so the next call looks for another.
            self.forget(used);
            return Err(StoreError::Unavailable(Box::new(TimedOut)));
        };
        answer
            .and_then(|value| Ok(redis::from_redis_value(value)?))
            .map_err(unavailable)
    }

    async fn send(
        &self,
        command: &Cmd,
        effect: Effect,
        used: &mut Option<u64>,
    ) -> RedisResult<Value> {
        let mut tries = 0;
        loop {
            let (number, mut wire) = self.wire().await?;
            *used = Some(number);
            let error = match wire.send(command).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tries += 1;
            let again = match fate(&error) {
                ReplyState::Refused => return Err(error),
                ReplyState::NotHere => true,
                ReplyState::Unknown => effect == Effect::Reads,
            };
            self.forget(Some(number));
            if !again || tries > 1 {
                return Err(error);
            }
        }
    }

    /// Asks something of any server; the answer is only informative.
    pub(super) async fn ask_any<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let (_, mut wire) = self.wire().await?;
        let value = timeout(OPERATION_MAX, wire.send_to_any(command))
            .await
            .map_err(std::io::Error::from)??;
        Ok(redis::from_redis_value(value)?)
    }

    /// The live connection, or the outcome of the attempt that runs; begins one if there is none.
    async fn wire(&self) -> RedisResult<(u64, Wire)> {
        loop {
            let (number, mut outcome) = self.attempt();
            let wire = match outcome.wait_for(Option::is_some).await {
                Ok(done) => match &*done {
                    Some(Ok(wire)) => Ok(wire.clone()),
                    Some(Err(error)) => Err(error.clone()),
                    None => Err(abandoned()),
                },
                Err(_) => Err(abandoned()),
            };
            match wire {
                Ok(wire) if wire.is_broken() => self.forget(Some(number)),
                Ok(wire) => return Ok((number, wire)),
                Err(error) => {
                    self.forget(Some(number));
                    return Err(error);
                }
            }
        }
    }

    fn attempt(&self) -> (u64, watch::Receiver<Attempt>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &slot.current {
            return (current.number, current.outcome.clone());
        }
        let number = slot.next_number;
        slot.next_number += 1;
        let outcome = connect(Arc::clone(&self.target), &self.runtime);
        slot.current = Some(Current {
            number,
            outcome: outcome.clone(),
        });
        (number, outcome)
    }

    /// Drops the connection of this number, unless a newer one has taken its place.
    fn forget(&self, number: Option<u64>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.current.as_ref().map(|current| current.number) == number {
            slot.current = None;
        }
    }
}

/// Connects in a task of its own, which outlives a caller who gave up: TLS to a distant server may take longer than
/// an operation, and the next caller finds the work done. It ends after [`CONNECT_MAX`] at the latest.
fn connect(target: Arc<Target>, runtime: &Handle) -> watch::Receiver<Attempt> {
    let (sender, outcome) = watch::channel(None);
    runtime.spawn(async move {
        let wire = timeout(CONNECT_MAX, target.connect())
            .await
            .unwrap_or_else(|elapsed| Err(std::io::Error::from(elapsed).into()));
        sender.send_replace(Some(wire));
    });
    outcome
}

fn abandoned() -> RedisError {
    std::io::Error::other("connecting was abandoned").into()
}

/// Redis did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("Redis did not answer within {} ms", OPERATION_MAX.as_millis())]
struct TimedOut;

/// What Redis or the way to it said.
#[derive(Debug, thiserror::Error)]
#[error("{what}{hint}")]
struct Failed {
    what: &'static str,
    hint: &'static str,
    #[source]
    source: RedisError,
}

fn unavailable(source: RedisError) -> StoreError {
    let detail = source.detail().unwrap_or_default();
    let kind = source.kind();
    let refused = matches!(source.code(), Some("WRONGPASS" | "NOAUTH"));
    let (what, hint) = if refused || kind == ErrorKind::AuthenticationFailed {
        (
            "Redis refused to sign us in",
            "; hint: compare user and password in store.url with the server's ACL",
        )
    } else if kind == ErrorKind::Server(ServerErrorKind::NoPerm) {
        (
            "Redis forbids a command",
            "; hint: the ACL user needs SET, GET, GETDEL and EVAL on the prefix",
        )
    } else if detail.contains("unknown command") || detail.contains("syntax error") {
        (
            "Redis does not know a command",
            "; hint: Redis 6.2 or newer is needed",
        )
    } else if kind == ErrorKind::MasterNameNotFoundBySentinel {
        (
            "no Sentinel knows this master",
            "; hint: the name in store.url must be the one of `sentinel monitor`",
        )
    } else {
        ("Redis cannot be used", "")
    };
    StoreError::Unavailable(Box::new(Failed { what, hint, source }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(reply: &str) -> RedisError {
        let reply = format!("-{reply}\r\n");
        let value = redis::parse_redis_value(reply.as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn a_replica_is_told_from_a_script_that_fails() {
        for reply in [
            // Redis 6.2 and 7.0: a command, and a script.
            "READONLY You can't write against a read only replica.",
            "ERR Error running script (call to f_f5b1): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica. ",
            "READONLY You can't write against a read only replica. script: f5b1, on @user_script:1.",
        ] {
            assert!(fate(&error(reply)) == ReplyState::NotHere, "{reply}");
        }
        for reply in [
            "ERR Error running script (call to f_f5b1): @user_script:1: @user_script: 1: -OOM command not allowed",
            "ERR unknown command 'READONLY'",
            "OOM command not allowed when used memory > 'maxmemory'.",
        ] {
            assert!(fate(&error(reply)) == ReplyState::Refused, "{reply}");
        }
    }
}
