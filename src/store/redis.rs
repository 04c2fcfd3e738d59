//! Records in Redis 6.2 or newer: each verb is one command on one key, so that a Cluster serves them too; counting is one
//! command for each key.
//!
//! An operation answers within [`OPERATION_MAX`]. A read whose connection broke is tried again once; a write is not,
//! because nobody knows whether it happened: unknown is unavailable, and a one-time value counts as spent.

mod connect;
mod link;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use redis::{Cmd, cmd};
use rolecall_core::base::Clock;
use rolecall_core::record::{Counter, CounterResult, Key, RecordStore, StoreError, Version};

use self::link::{Effect, Link};
use super::{OpenStoreError, RedisUrl};

/// How long an operation may take before it counts as failed. Pages wait for it, so it is short.
pub const OPERATION_MAX: Duration = Duration::from_millis(250);

/// Compare-and-swap of one key.
const REPLACE: &str = "if redis.call('GET',KEYS[1])==ARGV[1] then \
                       redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) return 1 else return 0 end";

/// Adds to one number, kept as `total:end` in milliseconds by the clock of whoever began it. Asks the server for no
/// command but GET and SET, so that the users of an ACL need no more than for records.
const COUNT: &str = "local v=redis.call('GET',KEYS[1]) local by=tonumber(ARGV[1]) local n,e=0,ARGV[3] \
                     if v then local at=string.find(v,':',1,true) n=tonumber(string.sub(v,1,at-1)) e=string.sub(v,at+1) end \
                     local sum=math.max(0,n+by) \
                     if by>0 and sum>tonumber(ARGV[2]) then return {n,0,e} end \
                     if v then redis.call('SET',KEYS[1],string.format('%.0f:%s',sum,e),'KEEPTTL') \
                     elseif by>0 then redis.call('SET',KEYS[1],string.format('%.0f:%s',sum,e),'PX',ARGV[4]) end \
                     return {sum,1,e}";

/// The store `redis://` and its relatives.
pub struct RedisStore {
    link: Link,
    prefix: String,
    clock: Arc<dyn Clock>,
    policy_seen: AtomicBool,
}

impl RedisStore {
    /// A store that connects when it is first used, and again whenever the connection is lost. Must be called within the
    /// runtime that is to own the connection.
    ///
    /// # Errors
    /// [`OpenStoreError::Certificates`], [`OpenStoreError::Redis`]; a server that does not answer is no error here.
    pub fn open(
        url: &RedisUrl,
        prefix: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenStoreError> {
        Ok(Self {
            link: Link::new(connect::Target::new(url)?),
            prefix: prefix.to_owned(),
            clock,
            policy_seen: AtomicBool::new(false),
        })
    }

    fn key(&self, key: Key) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Milliseconds from now on, at least one: every key ends, and Redis counts without looking at a wall clock, so
    /// that neither its clock nor a jump of ours brings a record back.
    fn life(&self, expires_at: DateTime<Utc>) -> i64 {
        (expires_at - self.clock.now()).num_milliseconds().max(1)
    }

    async fn add(&self, counter: &Counter) -> Result<CounterResult, StoreError> {
        let now = self.clock.now();
        let ends = now + counter.window;
        let mut command = cmd("EVAL");
        command
            .arg(COUNT)
            .arg(1)
            .arg(self.key(counter.key))
            .arg(counter.by)
            .arg(counter.max)
            .arg(ends.timestamp_millis())
            .arg(self.life(ends));
        let (total, added, ends): (i64, bool, i64) =
            self.link.call(&command, Effect::Writes).await?;
        let left = ends.saturating_sub(now.timestamp_millis());
        Ok(CounterResult {
            total,
            added,
            // The clock of the replica that began the window may differ from ours.
            resets_in: TimeDelta::milliseconds(left).clamp(TimeDelta::zero(), counter.window),
        })
    }

    /// Says once if Redis may drop records to make room; that is no error, since a lost record only ends a session.
    async fn look_at_eviction(&self) {
        if self.policy_seen.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut question = cmd("CONFIG");
        question.arg("GET").arg("maxmemory-policy");
        // Users of an ACL may not ask; then it stays unknown.
        let answer: Result<HashMap<String, String>, _> = self.link.ask_any(&question).await;
        if let Ok(answer) = answer
            && let Some(policy) = answer.get("maxmemory-policy")
            && policy != "noeviction"
        {
            tracing::warn!(
                policy,
                "Redis may evict sessions; hint: set maxmemory-policy to noeviction"
            );
        }
    }
}

fn set(key: &str, value: &[u8], life: i64) -> Cmd {
    let mut command = cmd("SET");
    command.arg(key).arg(value).arg("PX").arg(life);
    command
}

fn get_and_delete(key: &str) -> Cmd {
    let mut command = cmd("GETDEL");
    command.arg(key);
    command
}

#[async_trait]
impl RecordStore for RedisStore {
    async fn insert(
        &self,
        key: Key,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut command = set(&self.key(key), &value, self.life(expires_at));
        command.arg("NX");
        let stored: Option<String> = self.link.call(&command, Effect::Writes).await?;
        stored.map(drop).ok_or(StoreError::Exists)
    }

    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let mut command = cmd("GET");
        command.arg(self.key(key));
        let value: Option<Vec<u8>> = self.link.call(&command, Effect::Reads).await?;
        Ok(value.map(|value| (value.clone(), Version(value))))
    }

    async fn replace(
        &self,
        key: Key,
        seen: Version,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut command = cmd("EVAL");
        command
            .arg(REPLACE)
            .arg(1)
            .arg(self.key(key))
            .arg(seen.0)
            .arg(value)
            .arg(self.life(expires_at));
        let replaced: bool = self.link.call(&command, Effect::Writes).await?;
        replaced.then_some(()).ok_or(StoreError::Conflict)
    }

    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.link
            .call(&get_and_delete(&self.key(key)), Effect::Writes)
            .await
    }

    /// One command for each number, since in a Cluster they are on different servers; all are sent at once.
    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        try_join_all(counters.iter().map(|counter| self.add(counter))).await
    }

    /// Writes a probe and removes it again, so that a replica, a full server and one that is too old show.
    async fn ready(&self) -> Result<(), StoreError> {
        let key = format!("{}ready", self.prefix);
        let probe = set(&key, b"1", 1_000);
        let _: () = self.link.call(&probe, Effect::Writes).await?;
        let _: Option<Vec<u8>> = self
            .link
            .call(&get_and_delete(&key), Effect::Writes)
            .await?;
        self.look_at_eviction().await;
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }
}
