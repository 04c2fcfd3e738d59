//! Keeps one connection, which a single task establishes on first use for all waiting callers, and which is dropped on
//! failure or timeout.
//!
//! Decides which commands can be retried. A write whose reply was lost is reported as unavailable.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};
use rolecall_core::record::StoreError;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connect::{Target, Wire};

/// Time limit for connecting, including queries of unresponsive Sentinels.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The effect of a command, which decides whether it can be retried after its reply was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Can be retried.
    Reads,
    /// May have been executed; is not retried.
    Writes,
}

/// What an error implies about its command.
#[derive(PartialEq, Eq)]
enum ReplyState {
    /// The server rejected the command; the connection works.
    Refused,
    /// The server is not the master and did nothing; find the master.
    NotHere,
    /// The connection failed; the command may have been executed.
    Unknown,
}

fn reply_state(error: &RedisError) -> ReplyState {
    if is_read_only(error) {
        ReplyState::NotHere
    } else if error.is_io_error() || error.is_unrecoverable_error() {
        ReplyState::Unknown
    } else {
        ReplyState::Refused
    }
}

/// Whether a replica rejected a write. For scripts, Redis 6.2 reports this only in the message.
fn is_read_only(error: &RedisError) -> bool {
    let in_a_script =
        |detail: &str| detail.starts_with("Error running script") && detail.contains(" -READONLY ");
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.detail().is_some_and(in_a_script)
}

type Attempt = Option<RedisResult<Wire>>;

/// A connection attempt, running or completed, with a number that identifies it.
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
    operation_max: Duration,
    /// The runtime for connections. It is not the one of the first caller, an HTTP worker that renders pages: replies
    /// for other workers would wait for it.
    runtime: Handle,
    // Not a Tokio mutex: nothing is awaited while it is held.
    slot: Mutex<Slot>,
}

impl Link {
    /// A link that is not connected yet. Connections will belong to the current runtime.
    pub(super) fn new(target: Target, operation_max: Duration) -> Self {
        Self {
            target: Arc::new(target),
            operation_max,
            runtime: Handle::current(),
            slot: Mutex::new(Slot {
                next_number: 0,
                current: None,
            }),
        }
    }

    /// Sends a command with a key and returns its reply within the time limit.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        command: &Cmd,
        effect: Effect,
    ) -> Result<T, StoreError> {
        let mut used = None;
        let answer = timeout(self.operation_max, self.send(command, effect, &mut used)).await;
        let Ok(answer) = answer else {
            // After a timeout, drop the connection: the server may be gone, and the next call reconnects.
            self.drop_connection(used);
            let late = TimedOut(self.operation_max);
            return Err(StoreError::Unavailable(Box::new(late)));
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
            let again = match reply_state(&error) {
                ReplyState::Refused => return Err(error),
                ReplyState::NotHere => true,
                ReplyState::Unknown => effect == Effect::Reads,
            };
            self.drop_connection(Some(number));
            if !again || tries > 1 {
                return Err(error);
            }
        }
    }

    /// Sends an informative query to any server.
    pub(super) async fn ask_any<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let (_, mut wire) = self.wire().await?;
        let value = timeout(self.operation_max, wire.send_to_any(command))
            .await
            .map_err(std::io::Error::from)??;
        Ok(redis::from_redis_value(value)?)
    }

    /// The open connection, or the result of the running attempt; starts an attempt if there is none.
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
                Ok(wire) if wire.is_broken() => self.drop_connection(Some(number)),
                Ok(wire) => return Ok((number, wire)),
                Err(error) => {
                    self.drop_connection(Some(number));
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

    /// Drops the connection with this number, unless it has been replaced.
    fn drop_connection(&self, number: Option<u64>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.current.as_ref().map(|current| current.number) == number {
            slot.current = None;
        }
    }
}

/// Connects in a separate task, which continues if the caller gives up: TLS to a distant server can take longer than an
/// operation, and the next caller uses the result. It ends within [`CONNECT_MAX`].
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
    std::io::Error::other("the connection attempt was aborted").into()
}

/// Redis did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("Redis did not respond within {} ms", .0.as_millis())]
struct TimedOut(Duration);

/// An error of Redis or of the connection, with a hint.
#[derive(Debug, thiserror::Error)]
#[error("{what}{hint}")]
struct RedisFailure {
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
            "Redis authentication failed",
            "; hint: check user and password of the store against the ACL of the server",
        )
    } else if kind == ErrorKind::Server(ServerErrorKind::NoPerm) {
        (
            "the Redis user has no permission for a command",
            "; hint: grant the ACL user SET, GET, GETDEL and EVAL on the prefix",
        )
    } else if detail.contains("unknown command") || detail.contains("syntax error") {
        (
            "Redis does not support a command",
            "; hint: Redis 6.2 or newer is required",
        )
    } else if kind == ErrorKind::MasterNameNotFoundBySentinel {
        (
            "unknown Sentinel master",
            "; hint: use the name from `sentinel monitor` in store.url",
        )
    } else {
        ("Redis is unavailable", "")
    };
    StoreError::Unavailable(Box::new(RedisFailure { what, hint, source }))
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
    fn replica_error_differs_from_script_error() {
        for reply in [
            // Redis 6.2 and 7.0: a command, and a script.
            "READONLY You can't write against a read only replica.",
            "ERR Error running script (call to f_f5b1): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica. ",
            "READONLY You can't write against a read only replica. script: f5b1, on @user_script:1.",
        ] {
            assert!(reply_state(&error(reply)) == ReplyState::NotHere, "{reply}");
        }
        for reply in [
            "ERR Error running script (call to f_f5b1): @user_script:1: @user_script: 1: -OOM command not allowed",
            "ERR unknown command 'READONLY'",
            "OOM command not allowed when used memory > 'maxmemory'.",
        ] {
            assert!(reply_state(&error(reply)) == ReplyState::Refused, "{reply}");
        }
    }
}
