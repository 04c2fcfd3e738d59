//! Prometheus metrics. Labels are routes, provider IDs and stable codes, and never identify a user, an account or an address.

use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use super::errors::code::OutcomeLabel;

/// The metrics of the gateway. Clones share their counters.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    statuses: IntCounterVec,
    sign_ins: IntCounterVec,
    issues: IntCounterVec,
    tokens: IntCounterVec,
    consents: IntCounterVec,
    rate_limited: IntCounterVec,
    reloads: IntCounterVec,
    policy_stale: IntGauge,
    connections_refused: IntCounter,
    files_stale: IntGaugeVec,
    store_up: IntGauge,
    trail_up: IntGauge,
    disk_free: IntGauge,
    issuer_documents: IntGauge,
    issuer_foreign_keys: IntGauge,
    people: IntCounterVec,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// If two metrics have the same name, which is a programming error.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
                let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(counter.clone()))?;
                Ok(counter)
            };
        let buckets = vec![
            0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ];
        let requests = HistogramVec::new(
            HistogramOpts::new(
                "rolecall_http_request_seconds",
                "Time to respond to a request",
            )
            .buckets(buckets),
            &["route"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let policy_stale = gauge(
            "rolecall_policy_stale",
            "1 while the latest access policy was rejected and an older one is in use",
        )?;
        let connections_refused = IntCounter::new(
            "rolecall_connections_refused_total",
            "Connections closed because their address had too many",
        )?;
        registry.register(Box::new(connections_refused.clone()))?;
        let files_stale = IntGaugeVec::new(
            Opts::new(
                "rolecall_files_stale",
                "1 while the latest files of this kind were rejected and older ones are in use",
            ),
            &["files"],
        )?;
        registry.register(Box::new(files_stale.clone()))?;
        let store_up = gauge("rolecall_store_up", "1 while sessions can be written")?;
        let trail_up = gauge("rolecall_trail_up", "1 while audit events can be written")?;
        let disk_free = gauge(
            "rolecall_disk_free_bytes",
            "Free bytes for embedded databases, on the fullest file system; -1 without any",
        )?;
        let issuer_documents = gauge(
            "rolecall_issuer_documents_current",
            "1 while the documents at [issuer] url match the keys of this gateway; -1 while this is not known or there is no url",
        )?;
        issuer_documents.set(-1);
        let issuer_foreign_keys = gauge(
            "rolecall_issuer_foreign_keys",
            "Differences of the documents at [issuer] url with which others may sign tokens",
        )?;
        Ok(Self {
            issuer_documents,
            issuer_foreign_keys,
            requests,
            statuses: counter(
                "rolecall_http_requests_total",
                "Requests by route and status",
                &["route", "status"],
            )?,
            sign_ins: counter(
                "rolecall_sign_ins_total",
                "Sign-ins by provider and outcome",
                &["provider", "outcome"],
            )?,
            issues: counter(
                "rolecall_issues_total",
                "Credential requests by delivery and outcome",
                &["delivery", "outcome"],
            )?,
            tokens: counter(
                "rolecall_client_tokens_total",
                "Token requests of registered clients by grant type and outcome",
                &["grant_type", "outcome"],
            )?,
            consents: counter(
                "rolecall_consents_total",
                "Decisions about registered clients by flow and outcome",
                &["flow", "outcome"],
            )?,
            rate_limited: counter(
                "rolecall_rate_limited_total",
                "Requests rejected with 429 by rate limit",
                &["limit"],
            )?,
            reloads: counter(
                "rolecall_policy_loads_total",
                "Access policy loads by outcome",
                &["outcome"],
            )?,
            people: counter(
                "rolecall_people_total",
                "Records of last sign-ins by outcome",
                &["outcome"],
            )?,
            policy_stale,
            connections_refused,
            files_stale,
            store_up,
            trail_up,
            disk_free,
            registry,
        })
    }

    /// Counts a request.
    pub fn request(&self, route: &str, status: u16, elapsed: Duration) {
        self.requests
            .with_label_values(&[route])
            .observe(elapsed.as_secs_f64());
        self.statuses
            .with_label_values(&[route, &status.to_string()])
            .inc();
    }

    /// Counts a sign-in: `ok`, or the error code.
    pub fn sign_in(&self, provider: &str, outcome: OutcomeLabel) {
        self.sign_ins
            .with_label_values(&[provider, outcome.as_str()])
            .inc();
    }

    /// Counts a credential request: `ok`, or the error code.
    pub fn issue(&self, delivery: &str, outcome: OutcomeLabel) {
        self.issues
            .with_label_values(&[delivery, outcome.as_str()])
            .inc();
    }

    /// Counts a token request of a registered client: `ok`, or the error code.
    pub fn token(&self, grant_type: &str, outcome: OutcomeLabel) {
        self.tokens
            .with_label_values(&[grant_type, outcome.as_str()])
            .inc();
    }

    /// Counts the decision of a user about a registered client: `allowed`, `denied`, or the error code.
    pub fn consent(&self, flow: &str, outcome: OutcomeLabel) {
        self.consents
            .with_label_values(&[flow, outcome.as_str()])
            .inc();
    }

    /// Counts a request that was rejected by this rate limit.
    pub fn rate_limited(&self, limit: &str) {
        self.rate_limited.with_label_values(&[limit]).inc();
    }

    /// Counts the load of an access policy.
    pub fn policy_load(&self, accepted: bool) {
        self.reloads
            .with_label_values(&[if accepted { "accepted" } else { "refused" }])
            .inc();
        self.policy_stale.set(i64::from(!accepted));
    }

    /// Records the reload of files of this kind: `certificate`, `issuer_keys` or `providers`.
    pub fn files_load(&self, files: &str, accepted: bool) {
        self.files_stale
            .with_label_values(&[files])
            .set(i64::from(!accepted));
    }

    /// Counts a connection that was closed because its address had too many.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// Counts records of last sign-ins: `recorded`, `dropped` or `too_large`.
    pub fn people(&self, outcome: &str, count: u64) {
        if count > 0 {
            self.people.with_label_values(&[outcome]).inc_by(count);
        }
    }

    /// Records whether the store and the audit log are writable, and the free bytes for embedded databases.
    pub fn health(&self, store: bool, trail: bool, disk_free: Option<u64>) {
        self.store_up.set(store.into());
        self.trail_up.set(trail.into());
        let free = disk_free.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.disk_free.set(free);
    }

    /// Records whether the documents at `[issuer] url` match, and the differences with which others may sign tokens, if the
    /// documents could be fetched.
    pub fn issuer_documents(&self, current: bool, foreign: Option<usize>) {
        self.issuer_documents.set(current.into());
        if let Some(foreign) = foreign {
            let foreign = i64::try_from(foreign).unwrap_or(i64::MAX);
            self.issuer_foreign_keys.set(foreign);
        }
    }

    /// All metrics in the Prometheus text format.
    ///
    /// # Errors
    /// If a metric cannot be encoded.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
