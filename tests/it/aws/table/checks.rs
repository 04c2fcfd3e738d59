//! Compares a request for credentials with what is expected: fields at STS, answer, console link and audit events.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall_testkit::aws::{Partition, RecordedRequest};
use serde_json::{Value, json};

use super::case::Case;
use super::expected::{self, Fields};
use super::harness::{Answer, FOREIGN, Surface, Table};
use super::row::{Change, Outcome, Way};

impl Table {
    /// Exactly the documented fields, of exactly the requests that the outcome needs, signed by whom they must be.
    pub fn check_requests(
        &self,
        case: &Case,
        answer: &Answer,
        key: &str,
        again: bool,
    ) -> Result<()> {
        for request in &answer.requests {
            let seen = format!("{:?} {:?}", request.form, request.headers);
            ensure!(!seen.contains(FOREIGN), "{seen}");
        }
        let sts = answer.requests.iter();
        let sts: Vec<&RecordedRequest> = sts.filter(|request| request.path == "/").collect();
        let name = sts.first().context("no request")?;
        let name = name.field("RoleSessionName").or(name.field("Name"));
        let name = name.unwrap_or_default();
        ensure!(
            matches!(case.way, Way::GatewaySaml | Way::ProviderSaml)
                || name.starts_with("alice@example.com-"),
            "{name}"
        );
        let seconds = match case.outcome {
            Outcome::RefusedOnce(_) if again => 3_600,
            Outcome::Issued | Outcome::Refused(_) | Outcome::RefusedOnce(_) => {
                expected::seconds(case)
            }
        };
        let hops = expected::requests(case, name, seconds);
        let seen: Vec<Fields> = sts
            .iter()
            .map(|request| expected::recorded(request))
            .collect();
        let faulty = matches!(case.change, Change::Fault(_));
        // Transient errors are retried, with the same fields.
        let fits = match faulty {
            true => seen.iter().all(|fields| *fields == hops[0]),
            false => seen == hops,
        };
        ensure!(fits, "{seen:?}\n{hops:?}");
        let authorization = sts[0].header("authorization");
        match case.way {
            Way::GatewayOidc | Way::GatewaySaml | Way::ProviderSaml | Way::ProviderOidc => {
                ensure!(authorization.is_none());
            }
            Way::Caller | Way::Via | Way::FederationToken => {
                ensure!(authorization.is_some_and(|header| header.contains(key)));
            }
        }
        Ok(())
    }

    /// The link to the console, and the session behind it.
    pub fn check_console(&self, case: &Case, answer: &Answer) -> Result<()> {
        if answer.surface != Surface::Console {
            return Ok(());
        }
        let console = answer.requests.iter();
        let console: Vec<_> = console.filter(|one| one.path == "/federation").collect();
        let [request] = console[..] else {
            anyhow::bail!("{} requests for a sign-in token", console.len());
        };
        let mut names: Vec<&str> = request.form.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match case.way {
            Way::Via | Way::FederationToken => ensure!(names == ["Action", "Session"], "{names:?}"),
            Way::GatewayOidc
            | Way::GatewaySaml
            | Way::Caller
            | Way::ProviderSaml
            | Way::ProviderOidc => {
                ensure!(
                    names == ["Action", "Session", "SessionDuration"],
                    "{names:?}"
                );
                let seconds = expected::seconds(case).to_string();
                ensure!(request.field("SessionDuration") == Some(seconds.as_str()));
            }
        }
        let aws = &self.fixture.stack.aws;
        ensure!(
            answer.location.starts_with(&aws.url()),
            "{}",
            answer.location
        );
        let link = url::Url::parse(&answer.location)?;
        let home = match self.partition {
            Partition::Aws => "https://console.aws.amazon.com/",
            Partition::China => "https://console.amazonaws.cn/",
            Partition::GovCloud => "https://console.amazonaws-us-gov.com/",
            Partition::EuropeanSovereign => "https://console.amazonaws-eusc.eu/",
        };
        let destination = link.query_pairs().find(|(name, _)| name == "Destination");
        ensure!(
            destination.is_some_and(|(_, value)| value == home),
            "{link}"
        );

        let session = aws.issued().pop().context("no session")?;
        let mut tags = session.tags.clone();
        tags.sort_unstable();
        ensure!(tags == expected::tags(case), "{tags:?}");
        ensure!(session.source_identity == expected::source_identity(case));
        let seconds = (session.expiration - session.issued_at).num_seconds();
        let wanted = i64::from(expected::seconds(case));
        ensure!((wanted - 1..=wanted).contains(&seconds), "{seconds}");
        Ok(())
    }

    /// One intent and one outcome, with the facts of the request.
    pub fn check_events(
        &self,
        case: &Case,
        answer: &Answer,
        refused: Option<&str>,
        events: &[Value],
    ) -> Result<()> {
        let reference = answer.reference.as_str();
        let own: Vec<&Value> = events
            .iter()
            .filter(|event| event["reference"] == reference)
            .collect();
        let [intended, outcome, ..] = own[..] else {
            anyhow::bail!("{own:?}");
        };
        let first = answer.requests.first().context("no request")?;
        let role = match case.way {
            Way::FederationToken => format!(
                "arn:{}:sts::{}:federated-user/{}",
                case.partition,
                case.account,
                first.field("Name").unwrap_or_default()
            ),
            Way::GatewayOidc
            | Way::GatewaySaml
            | Way::Caller
            | Way::Via
            | Way::ProviderSaml
            | Way::ProviderOidc => case.role(),
        };
        ensure!(
            intended["event"] == "issue_intended"
                && intended["role"] == role.as_str()
                && intended["target"]["account"] == case.account.as_str()
                && intended["target"]["permission_set"] == case.name.as_str(),
            "{intended}"
        );
        let session_name = first.field("RoleSessionName").or(first.field("Name"));
        if let Some(name) = session_name {
            ensure!(intended["role_session_name"] == name, "{intended}");
        }
        let token = first.field("WebIdentityToken");
        let token = token.filter(|_| case.way == Way::GatewayOidc);
        ensure!(
            intended["token_id"].is_string() == token.is_some(),
            "{intended}"
        );
        if let Some(token) = token {
            let claims = claims(token)?;
            ensure!(claims["jti"] == intended["token_id"], "{claims} {intended}");
            let roles = match self.partition {
                Partition::Aws => json!([case.role()]),
                Partition::China | Partition::GovCloud | Partition::EuropeanSovereign => {
                    Value::Null
                }
            };
            ensure!(claims["https://aws.amazon.com/roles"] == roles, "{claims}");
        }
        match refused {
            None => ensure!(outcome["event"] == "issue_done", "{outcome}"),
            Some(reason) => ensure!(
                outcome["event"] == "issue_failed"
                    && outcome["reason"] == reason
                    && outcome["aws_code"].is_string()
                    && own.len() == 2,
                "{own:?}"
            ),
        }
        Ok(())
    }
}

/// Status, texts and exception.
pub fn check_answer(case: &Case, answer: &Answer, refused: Option<&str>) -> Result<()> {
    let Some(reason) = refused else {
        let status = match answer.surface {
            Surface::Console => 303,
            Surface::Json | Surface::Page | Surface::Client => 200,
        };
        ensure!(answer.status == status, "{} {}", answer.status, answer.body);
        ensure!(answer.surface == Surface::Console || answer.body.contains("ASIA"));
        return Ok(());
    };
    let (status, exception, explanation) = expected::refusal(case, reason);
    ensure!(
        answer.status == status && answer.body.contains(explanation),
        "{} {}",
        answer.status,
        answer.body
    );
    match answer.surface {
        Surface::Json => {
            let json: Value = serde_json::from_str(&answer.body)?;
            ensure!(
                json["error"] == reason && json["reference"] == answer.reference.as_str(),
                "{json}"
            );
        }
        Surface::Client => ensure!(answer.exception == exception, "{}", answer.exception),
        Surface::Page => ensure!(answer.body.contains(&answer.reference), "{}", answer.body),
        Surface::Console => {}
    }
    Ok(())
}

fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("no payload")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}
