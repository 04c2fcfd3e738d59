//! What is counted, in Prometheus's words. Labels are routes, providers and stable words; never a person, account or
//! address.

use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use super::errors::code::Outcome;

/// The gateway's metrics. Cheap to clone; all clones count together.
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
}

impl Metrics {
    /// Metrics that count from zero.
    ///
    /// # Errors
    /// When two metrics had one name: a mistake in this file.
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
            HistogramOpts::new("rolecall_http_request_seconds", "Time to answer a request")
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
            "1 while the newest access policy was refused and an older one serves",
        )?;
        let connections_refused = IntCounter::new(
            "rolecall_connections_refused_total",
            "Connections closed because their address had as many as it may",
        )?;
        registry.register(Box::new(connections_refused.clone()))?;
        let files_stale = IntGaugeVec::new(
            Opts::new(
                "rolecall_files_stale",
                "1 while the newest files of this kind were refused and older ones serve",
            ),
            &["files"],
        )?;
        registry.register(Box::new(files_stale.clone()))?;
        let store_up = gauge("rolecall_store_up", "1 while sessions can be written")?;
        let trail_up = gauge("rolecall_trail_up", "1 while audit events can be written")?;
        let disk_free = gauge(
            "rolecall_disk_free_bytes",
            "Free bytes for embedded databases, where there is least; -1 without any",
        )?;
        Ok(Self {
            requests,
            statuses: counter(
                "rolecall_http_requests_total",
                "Requests answered",
                &["route", "status"],
            )?,
            sign_ins: counter(
                "rolecall_sign_ins_total",
                "Sign-ins ended, by provider and outcome",
                &["provider", "outcome"],
            )?,
            issues: counter(
                "rolecall_issues_total",
                "Credentials asked for, by outcome",
                &["delivery", "outcome"],
            )?,
            tokens: counter(
                "rolecall_client_tokens_total",
                "Tokens that registered clients asked for, by outcome",
                &["grant_type", "outcome"],
            )?,
            consents: counter(
                "rolecall_consents_total",
                "Answers to registered clients, by outcome",
                &["flow", "outcome"],
            )?,
            rate_limited: counter(
                "rolecall_rate_limited_total",
                "Requests refused with 429, by the limit that was reached",
                &["limit"],
            )?,
            reloads: counter(
                "rolecall_policy_loads_total",
                "Access policies read, by outcome",
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

    /// A request was answered.
    pub fn request(&self, route: &str, status: u16, elapsed: Duration) {
        self.requests
            .with_label_values(&[route])
            .observe(elapsed.as_secs_f64());
        self.statuses
            .with_label_values(&[route, &status.to_string()])
            .inc();
    }

    /// A sign-in has ended: `ok`, or the reason of the refusal.
    pub fn sign_in(&self, provider: &str, outcome: Outcome) {
        self.sign_ins
            .with_label_values(&[provider, outcome.as_str()])
            .inc();
    }

    /// Credentials were asked for: `ok`, or a word for why not.
    pub fn issue(&self, delivery: &str, outcome: Outcome) {
        self.issues
            .with_label_values(&[delivery, outcome.as_str()])
            .inc();
    }

    /// A registered client asked for tokens: `ok`, or the error's name.
    pub fn token(&self, grant_type: &str, outcome: Outcome) {
        self.tokens
            .with_label_values(&[grant_type, outcome.as_str()])
            .inc();
    }

    /// A person answered a registered client: `allowed`, `denied`, or a word for why the answer was not taken.
    pub fn consent(&self, flow: &str, outcome: Outcome) {
        self.consents
            .with_label_values(&[flow, outcome.as_str()])
            .inc();
    }

    /// A request was refused because this limit was reached.
    pub fn rate_limited(&self, limit: &str) {
        self.rate_limited.with_label_values(&[limit]).inc();
    }

    /// An access policy was read and serves, or was refused.
    pub fn policy_load(&self, accepted: bool) {
        self.reloads
            .with_label_values(&[if accepted { "accepted" } else { "refused" }])
            .inc();
        self.policy_stale.set(i64::from(!accepted));
    }

    /// Files of this kind were read again, or refused: `certificate`, `issuer_keys` or `providers`.
    pub fn files_load(&self, files: &str, accepted: bool) {
        self.files_stale
            .with_label_values(&[files])
            .set(i64::from(!accepted));
    }

    /// A connection was closed because its address had as many as it may.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// What can be written to, and the bytes that are free where embedded databases are.
    pub fn health(&self, store: bool, trail: bool, disk_free: Option<u64>) {
        self.store_up.set(store.into());
        self.trail_up.set(trail.into());
        let free = disk_free.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.disk_free.set(free);
    }

    /// Everything, in Prometheus's text format.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
