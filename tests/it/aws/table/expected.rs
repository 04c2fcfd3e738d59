//! What is expected of a case: the fields of each request to STS, and the answer for each reason of a refusal.

use rolecall_testkit::aws::RecordedRequest;

use super::case::Case;
use super::row::Way;

/// Stands for the value of a proof, which AWS verifies.
pub const PROOF: &str = "(proof)";
/// Fields of a request, sorted. Members of a list have the name of the list.
pub type Fields = Vec<(String, String)>;

/// The fields of each request that issues the session, in order. `name` is the RoleSessionName or the Name.
pub fn requests(case: &Case, name: &str, seconds: u32) -> Vec<Fields> {
    let policies = || {
        let policy = case.configured("session_policy").map(|policy| {
            let policy: serde_json::Value = serde_json::from_str(&policy).unwrap_or_default();
            ("Policy", policy.to_string())
        });
        let arns = case.configured("policy_arns");
        let duration = ("DurationSeconds", seconds.to_string());
        [
            Some(duration),
            policy,
            arns.map(|arn| ("PolicyArns.arn", arn)),
        ]
        .into_iter()
        .flatten()
    };
    let role = ("RoleArn", case.role());
    let session_name = ("RoleSessionName", name.to_owned());
    let first = || {
        let tags = tags(case)
            .into_iter()
            .map(|(key, value)| ("Tags", format!("{key}={value}")));
        let external_id = case.configured("external_id");
        let source = source_identity(case);
        tags.chain(external_id.map(|id| ("ExternalId", id)))
            .chain(source.map(|source| ("SourceIdentity", source)))
    };
    let hops: Vec<Vec<(&str, String)>> = match case.way {
        Way::GatewayOidc | Way::ProviderOidc => {
            let own = [
                ("Action", "AssumeRoleWithWebIdentity".to_owned()),
                ("WebIdentityToken", PROOF.to_owned()),
                role,
                session_name,
            ];
            vec![own.into_iter().chain(policies()).collect()]
        }
        Way::GatewaySaml | Way::ProviderSaml => {
            let own = [
                ("Action", "AssumeRoleWithSAML".to_owned()),
                ("PrincipalArn", case.saml_provider()),
                ("SAMLAssertion", PROOF.to_owned()),
                role,
            ];
            vec![own.into_iter().chain(policies()).collect()]
        }
        Way::Caller => {
            let own = [("Action", "AssumeRole".to_owned()), role, session_name];
            vec![own.into_iter().chain(first()).chain(policies()).collect()]
        }
        Way::Via => {
            let action = || ("Action", "AssumeRole".to_owned());
            let hub = [
                action(),
                ("RoleArn", case.hub()),
                session_name.clone(),
                ("DurationSeconds", "900".to_owned()),
            ];
            let keys = tags(case).into_iter();
            let transitive = keys.map(|(key, _)| ("TransitiveTagKeys", key));
            let last = [action(), role, session_name];
            vec![
                hub.into_iter().chain(first()).chain(transitive).collect(),
                last.into_iter().chain(policies()).collect(),
            ]
        }
        Way::FederationToken => {
            let own = [
                ("Action", "GetFederationToken".to_owned()),
                ("Name", name.to_owned()),
            ];
            let tags = first().filter(|(name, _)| *name == "Tags");
            vec![own.into_iter().chain(tags).chain(policies()).collect()]
        }
    };
    hops.into_iter().map(sorted).collect()
}

fn sorted(fields: Vec<(&str, String)>) -> Fields {
    let fields = fields.into_iter();
    let mut fields: Fields = fields
        .chain([("Version", "2011-06-15".to_owned())])
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    fields.sort_unstable();
    fields
}

/// The tags of the session.
pub fn tags(case: &Case) -> Vec<(String, String)> {
    if case.way.is_of_provider() {
        return Vec::new();
    }
    let own = [
        ("rolecall:account", case.account.as_str()),
        ("rolecall:permission-set", case.name.as_str()),
    ];
    let configured = case
        .configured("session_tags")
        .map(|_| ("team", "payments"));
    own.into_iter()
        .chain(configured)
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The source identity of the session; a federated user has none.
pub fn source_identity(case: &Case) -> Option<String> {
    let template = case.configured("source_identity");
    let template = template.filter(|_| case.way != Way::FederationToken);
    template.map(|_| "alice@example.com".to_owned())
}

/// `DurationSeconds` of the last request.
pub fn seconds(case: &Case) -> u32 {
    let seconds = match case.configured("session_duration").as_deref() {
        Some("15m") => 900,
        Some("1h") => 3_600,
        Some("12h") => 43_200,
        other => panic!("session_duration {other:?}"),
    };
    match case.way {
        Way::Via => seconds.min(3_600),
        Way::GatewayOidc
        | Way::GatewaySaml
        | Way::Caller
        | Way::FederationToken
        | Way::ProviderSaml
        | Way::ProviderOidc => seconds,
    }
}

/// The fields of a recorded request as [`requests`] has them.
pub fn recorded(request: &RecordedRequest) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in &request.form {
        let list = name.split_once(".member.");
        match list.map(|(list, rest)| (list, rest.split_once('.').map(|(_, member)| member))) {
            None if matches!(name.as_str(), "WebIdentityToken" | "SAMLAssertion") => {
                fields.push((name.clone(), PROOF.to_owned()));
            }
            None => fields.push((name.clone(), value.clone())),
            Some(("Tags", Some("Key"))) => {
                let pair = request.field(&name.replace(".Key", ".Value"));
                let pair = format!("{value}={}", pair.unwrap_or("(none)"));
                fields.push(("Tags".to_owned(), pair));
            }
            Some(("Tags", Some("Value"))) => {}
            Some((list, Some(member))) => fields.push((format!("{list}.{member}"), value.clone())),
            Some((list, None)) => fields.push((list.to_owned(), value.clone())),
        }
    }
    fields.sort_unstable();
    fields
}

/// HTTP status, exception of `sso`, and a part of the explanation.
pub fn refusal(case: &Case, reason: &str) -> (u16, &'static str, &'static str) {
    let federation = case.way == Way::FederationToken;
    let forbidden = match reason {
        "access_denied" | "tag_session" if federation => "not allowed to issue federation tokens",
        "access_denied" if case.way == Way::ProviderOidc => "does not trust your identity provider",
        "access_denied" => "does not trust",
        "tag_session" => "does not allow session tags",
        "set_source_identity" => "does not allow a source identity",
        "service_control_policy" | "resource_control_policy" => "organization denies",
        "provider_not_registered" => "provider",
        "audience" => "does not accept",
        "metadata" => "signing keys",
        "invalid_credentials" => "does not accept the access key",
        "duration_too_long" => "allows shorter sessions than 12 h",
        "packed_too_large" => "exceed",
        "malformed_policy" => "session policy",
        "region_disabled" => "not active in this Region",
        "expired" => "expired",
        "rejected_claim" if case.way == Way::ProviderOidc => "did not accept",
        "rejected_claim" => "not valid yet",
        "provider_unreachable" => {
            return (
                503,
                "InternalServerException",
                "could not reach the gateway",
            );
        }
        "throttled" => return (429, "TooManyRequestsException", "too many requests"),
        other => panic!("no answer for {other}"),
    };
    (403, "ForbiddenException", forbidden)
}
