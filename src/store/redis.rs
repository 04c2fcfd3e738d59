//! Records in Redis 6.2 or newer. Each operation is one command on one key, so that Redis Cluster works; counting is
//! one command per key.
//!
//! An operation returns within [`StoreSettings::operation_max`]. A read is retried once after a connection failure. A write is not,
//! because it is unknown whether it was executed: it is reported as unavailable, and a one-time value counts as
//! consumed.

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
use super::{OpenStoreError, RedisUrl, StoreSettings};

/// The default of [`StoreSettings::operation_max`]. It is short, because page requests wait for it.
pub const OPERATION_MAX: Duration = Duration::from_millis(250);

/// Compare-and-swap of one key.
const REPLACE: &str = "if redis.call('GET',KEYS[1])==ARGV[1] then \
                       redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) return 1 else return 0 end";

/// Adds to a counter, stored as `total:end` with the end in milliseconds by the clock of the replica that started the
/// window. Uses only GET and SET, so that ACL users need no further permissions.
const COUNT: &str = "local v=redis.call('GET',KEYS[1]) local by=tonumber(ARGV[1]) local n,e=0,ARGV[3] \
                     if v then local at=string.find(v,':',1,true) n=tonumber(string.sub(v,1,at-1)) e=string.sub(v,at+1) end \
                     local sum=math.max(0,n+by) \
                     if by>0 and sum>tonumber(ARGV[2]) then return {n,0,e} end \
                     if v then redis.call('SET',KEYS[1],string.format('%.0f:%s',sum,e),'KEEPTTL') \
                     elseif by>0 then redis.call('SET',KEYS[1],string.format('%.0f:%s',sum,e),'PX',ARGV[4]) end \
                     return {sum,1,e}";

/// The store for `redis://` and the other Redis schemes.
pub struct RedisStore {
    link: Link,
    prefix: String,
    clock: Arc<dyn Clock>,
    policy_seen: AtomicBool,
}

impl RedisStore {
    /// A store that connects on first use, and reconnects after failures. Must be called in the runtime that will own
    /// the connection.
    ///
    /// # Errors
    /// [`OpenStoreError::Certificates`], [`OpenStoreError::Redis`]. An unreachable server is not an error.
    pub fn open(
        url: &RedisUrl,
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenStoreError> {
        Ok(Self {
            link: Link::new(
                connect::Target::new(url, settings.operation_max)?,
                settings.operation_max,
            ),
            prefix: settings.prefix.clone(),
            clock,
            policy_seen: AtomicBool::new(false),
        })
    }

    fn key(&self, key: Key) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Time to live in milliseconds, at least one. It is relative, so that clock differences between gateway and Redis
    /// do not matter.
    fn ttl_millis(&self, expires_at: DateTime<Utc>) -> i64 {
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
            .arg(self.ttl_millis(ends));
        let (total, added, ends): (i64, bool, i64) =
            self.link.call(&command, Effect::Writes).await?;
        let left = ends.saturating_sub(now.timestamp_millis());
        Ok(CounterResult {
            total,
            added,
            // The clock of the replica that started the window may differ.
            resets_in: TimeDelta::milliseconds(left).clamp(TimeDelta::zero(), counter.window),
        })
    }

    /// Logs a warning once if Redis may evict records. This is not an error, because a lost record only ends a session.
    async fn check_eviction_policy(&self) {
        if self.policy_seen.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut question = cmd("CONFIG");
        question.arg("GET").arg("maxmemory-policy");
        // ACL users may have no permission for CONFIG; the policy then stays unknown.
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

fn set(key: &str, value: &[u8], ttl_millis: i64) -> Cmd {
    let mut command = cmd("SET");
    command.arg(key).arg(value).arg("PX").arg(ttl_millis);
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
        let mut command = set(&self.key(key), &value, self.ttl_millis(expires_at));
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
            .arg(self.ttl_millis(expires_at));
        let replaced: bool = self.link.call(&command, Effect::Writes).await?;
        replaced.then_some(()).ok_or(StoreError::Conflict)
    }

    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.link
            .call(&get_and_delete(&self.key(key)), Effect::Writes)
            .await
    }

    /// One command per counter, because in a cluster they can be on different servers; all are sent at once.
    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        try_join_all(counters.iter().map(|counter| self.add(counter))).await
    }

    /// Writes and deletes a probe record, which detects replicas, full servers and servers that are too old.
    async fn ready(&self) -> Result<(), StoreError> {
        let key = format!("{}ready", self.prefix);
        let probe = set(&key, b"1", 1_000);
        let _: () = self.link.call(&probe, Effect::Writes).await?;
        let _: Option<Vec<u8>> = self
            .link
            .call(&get_and_delete(&key), Effect::Writes)
            .await?;
        self.check_eviction_policy().await;
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }
}
