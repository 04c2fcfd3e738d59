//! Decoding of authorization messages: an ordinary, audited issue whose credentials can do nothing else and are handed to
//! nobody.

mod roles;

use std::pin::Pin;

use rolecall_core::audit::{AuditEventKind, CredentialDelivery};
use rolecall_core::aws::{
    AccountId, DecodedAuthorization, EncodedMessage, ErrorText, PolicyKind, StsError, StsRefusal,
};
use rolecall_core::issue::{
    CannotDecode, DecodeError, DenialCause, DeniedPrincipal, IssueError, SessionLimitVerdict,
};
use rolecall_core::session::Session;

use crate::fixture::{ACCESS, Fixture, context, developer, event_name, plain, role};

/// Everything but deletions.
const NO_DELETE: &str = r#"[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"NoDelete","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]"#;

/// The usual fixture, with this session policy for developers, and these lines in payments-prod.
fn fixture_with(statements: &str, trust: &str) -> Fixture {
    let policy =
        format!(r#"session_policy = '{{"Version":"2012-10-17","Statement":{statements}}}'"#);
    let own = r#"session_policy = { file = "no-delete.json" }"#;
    let access = ACCESS.replacen(own, &policy, 1);
    assert!(access.contains(&policy));
    // A federated user has no permissions without a session policy.
    let elsewhere = "name = \"Elsewhere\"\n";
    let policy = r#"policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]"#;
    let access = access.replacen(elsewhere, &format!("{elsewhere}{policy}\n"), 1);
    Fixture::with_access(&access.replacen("audience = \"rolecall-payments\"", trust, 1))
}

fn fixture() -> Fixture {
    fixture_with(NO_DELETE, "")
}

fn message() -> EncodedMessage {
    ErrorText::read(&"canary".repeat(20)).encoded.unwrap()
}

async fn decode(
    fixture: &Fixture,
    session: &Session,
    role: &rolecall_core::access::RoleRequest,
) -> Result<DecodedAuthorization, DecodeError> {
    let issuer = fixture.gateway.issuer();
    issuer.decode(&context(), session, role, &message()).await
}

#[tokio::test]
async fn message_is_decoded_with_narrowed_credentials() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.call_log.take();
    let decoded = decode(&fixture, &alice, &developer()).await.unwrap();
    assert!(decoded.explicit_deny);
    assert_eq!(decoded.action.as_deref(), Some("ec2:RunInstances"));
    assert_eq!(
        fixture.call_log.take(),
        [
            "audit issue_intended",
            "mint",
            "assume",
            "audit issue_done",
            "decode"
        ]
    );

    let (request, claims) = fixture.aws.take_only();
    let session = request.role_session().unwrap();
    assert_eq!(session.duration.seconds(), 900);
    assert_eq!(
        session.session_policy.as_ref().unwrap().as_str(),
        r#"{"Statement":[{"Action":"sts:DecodeAuthorizationMessage","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#
    );
    assert!(session.policy_arns.is_empty());
    assert_eq!(claims.tags.len(), 4, "an ordinary issue");
    let used = fixture.aws.take_decoded();
    assert_eq!(used.len(), 1);
    assert_eq!(used[0].message, "canary".repeat(20));
    assert_eq!(used[0].region.as_deref(), Some("eu-central-1"));

    let events = fixture.trail.take_events();
    let AuditEventKind::IssueIntended {
        delivery, duration, ..
    } = &events[0].kind
    else {
        panic!("{events:?}");
    };
    assert_eq!((*delivery, *duration), (CredentialDelivery::Decode, 900));
    assert!(matches!(events[1].kind, AuditEventKind::IssueDone { .. }));
    for event in events {
        let text = event.canonical().unwrap();
        assert!(
            !text.contains("canary") && !text.contains("RunInstances"),
            "{text}"
        );
    }
    for (_, record) in fixture.store.dump() {
        let text = String::from_utf8_lossy(&record);
        assert!(!text.contains("canarycanary"), "{text}");
    }
}

/// The credentials never allow more than the permission set or variant does.
#[tokio::test]
async fn session_policies_of_the_role_still_apply() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    let mut readonly = developer();
    readonly.variant = Some("readonly".to_owned());
    decode(&fixture, &alice, &readonly).await.unwrap();
    let (request, _) = fixture.aws.take_only();
    let session = request.role_session().unwrap();
    assert_eq!(session.policy_arns.len(), 1);
    assert_eq!(
        session.session_policy.as_ref().unwrap().as_str(),
        r#"{"Statement":[{"Effect":"Deny","NotAction":"sts:DecodeAuthorizationMessage","Resource":"*"}],"Version":"2012-10-17"}"#
    );
    // What STS said of the narrowed request decides nothing about others.
    let ordinary = fixture.issue(&alice, &developer()).await;
    assert!(ordinary.is_ok(), "{ordinary:?}");
}

#[tokio::test]
async fn role_that_cannot_decode_is_refused_before_aws_is_asked() {
    const SAML: &str = r#"trust = "provider-saml"
saml_provider_arn = "arn:aws:iam::111122223333:saml-provider/okta""#;
    const USER: &str = r#"trust = "federation-token"
credentials = { access_key_id = { file = "key.id" }, secret_access_key = { file = "key.secret" } }"#;
    let only_s3 = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#;
    let long = format!(
        r#"[{{"Effect":"Allow","Action":"*","Resource":"{}"}}]"#,
        "x".repeat(1_960)
    );
    for (statements, trust, expected) in [
        (only_s3, "", CannotDecode::SessionPolicy),
        (&*long, "", CannotDecode::SessionPolicyTooLong),
        (NO_DELETE, SAML, CannotDecode::Browser),
    ] {
        let fixture = fixture_with(statements, trust);
        let alice = fixture.session_of("alice").await;
        fixture.trail.take();
        let error = decode(&fixture, &alice, &developer()).await.unwrap_err();
        assert!(
            matches!(&error, DecodeError::Issue(IssueError::CannotDecode(why)) if *why == expected),
            "{error:?}"
        );
        let refusal = fixture.trail.take_only();
        assert!(
            matches!(&refusal, AuditEventKind::IssueRefused { reason, .. } if reason == "cannot_decode"),
            "{refusal:?}"
        );
        assert!(fixture.aws.take_requests().is_empty());
        assert!(fixture.aws.take_decoded().is_empty());
    }
    let access = ACCESS.replacen("audience = \"rolecall-payments\"", USER, 1);
    let elsewhere = "name = \"Elsewhere\"";
    let arns = "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]";
    let access = access.replace(elsewhere, &format!("{elsewhere}\n{arns}"));
    let fixture = Fixture::with_access(&access);
    let alice = fixture.session_of("alice").await;
    let error = decode(&fixture, &alice, &developer()).await.unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::Issue(IssueError::CannotDecode(CannotDecode::FederatedUser))
        ),
        "{error:?}"
    );
    assert!(fixture.aws.take_requests().is_empty());
}

/// The message is decoded in the same way however the account trusts the gateway.
#[tokio::test]
async fn every_kind_of_trust_narrows_its_request() {
    let saml = r#"trust = "gateway-saml"
saml_provider_arn = "arn:aws:iam::111122223333:saml-provider/rolecall""#;
    for trust in ["", saml, r#"trust = "caller""#] {
        let fixture = fixture_with(NO_DELETE, trust);
        let alice = fixture.session_of("alice").await;
        decode(&fixture, &alice, &developer()).await.unwrap();
        let requests = fixture.aws.take_requests();
        let session = requests[0].role_session().unwrap();
        let policy = session.session_policy.as_ref().unwrap().as_str();
        assert!(
            policy.contains("sts:DecodeAuthorizationMessage") && !policy.contains("s3:"),
            "{trust}: {policy}"
        );
        assert_eq!(session.duration.seconds(), 900, "{trust}");
        assert_eq!(fixture.aws.take_decoded().len(), 1, "{trust}");
    }
}

#[tokio::test]
async fn each_failure_has_its_code() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    let refused = |refusal, code: &str, message: &str| StsError::Refused {
        refusal,
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: None,
    };
    let denied = "User: arn:aws:sts::111122223333:assumed-role/Developer/alice is not authorized to perform: \
                  sts:DecodeAuthorizationMessage because no identity-based policy allows the sts:DecodeAuthorizationMessage action";
    for (error, code, kind) in [
        (
            refused(
                StsRefusal::InvalidMessage,
                "InvalidAuthorizationMessageException",
                "Message is not valid",
            ),
            "invalid_encoded_message",
            None,
        ),
        (
            refused(StsRefusal::AccessDenied, "AccessDenied", denied),
            "decode_not_allowed",
            Some(PolicyKind::IdentityBased),
        ),
        (
            refused(StsRefusal::ServiceControlPolicy, "AccessDenied", "?"),
            "decode_not_allowed",
            Some(PolicyKind::ServiceControl),
        ),
        (
            refused(StsRefusal::Throttled, "Throttling", "canary"),
            "decode_refused",
            None,
        ),
        (
            StsError::Unavailable("no route".into()),
            "sts_unavailable",
            None,
        ),
    ] {
        fixture.aws.fail_decode_once(error);
        let error = decode(&fixture, &alice, &developer()).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!error.to_string().contains("canary"), "{error}");
        let named = if let DecodeError::NotAllowed { cause, .. } = error {
            cause.map(|cause| cause.kind)
        } else {
            None
        };
        assert_eq!(named, kind);
    }
    let unknown = role("111122223333", "Nobody");
    let bob = fixture.session_of("bob").await;
    for (session, role) in [(&alice, &unknown), (&bob, &developer())] {
        let error = decode(&fixture, session, role).await.unwrap_err();
        assert!(
            matches!(error, DecodeError::Issue(IssueError::NotGranted)),
            "{error:?}"
        );
    }
    assert!(fixture.aws.take_decoded().is_empty());
}

#[tokio::test]
async fn nothing_is_returned_after_the_session_has_ended() {
    let mut call = 0;
    loop {
        let fixture = fixture();
        let alice = fixture.session_of("alice").await;
        let role = plain();
        let mut running: Pin<Box<dyn Future<Output = _> + Send + '_>> =
            Box::pin(decode(&fixture, &alice, &role));
        let gate = &fixture.gate;
        if gate.run_until_call(call, &mut running).await.is_some() {
            break;
        }
        let who = &alice.identity;
        let sessions = fixture.gateway.sessions();
        sessions
            .end_person(&who.provider, &who.subject)
            .await
            .unwrap();
        let error = running.await.unwrap_err();
        assert!(
            matches!(error, DecodeError::Issue(IssueError::SessionEnded)),
            "call {call}: {error:?}"
        );
        let events = fixture.trail.take();
        let words: Vec<_> = events.iter().map(event_name).collect();
        assert!(
            !words.contains(&"issue_intended".to_owned())
                || words
                    .iter()
                    .any(|word| word.starts_with("issue_d") || word == "issue_failed"),
            "call {call}: an intent without outcome: {words:?}"
        );
        call += 1;
    }
    assert!(call > 5, "{call}");
}

/// Only roles of the denied principal, and only where AWS does not blame another kind of policy.
#[tokio::test]
async fn session_policies_of_the_role_explain_a_denial() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    let grants = fixture
        .gateway
        .entitlements()
        .grants(&alice, &context().client_info)
        .await
        .unwrap();
    let principal = |role: &str| {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{role}/alice");
        DeniedPrincipal::parse(&arn).unwrap()
    };
    let limits = |principal: &DeniedPrincipal, action, kind, explicit| {
        let cause = DenialCause { kind, explicit };
        let limits = grants.limits_on(principal, action, None, cause);
        let found = limits.into_iter().map(|limit| (limit.role, limit.verdict));
        found.collect::<Vec<_>>()
    };
    let denied = SessionLimitVerdict::Denied {
        statements: vec!["NoDelete".to_owned()],
        conditional: false,
    };
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned();
    let managed = SessionLimitVerdict::ManagedPolicies(vec![arn]);
    let own = ("payments-prod/Developer".to_owned(), denied);
    let variant = ("payments-prod/Developer@readonly".to_owned(), managed);
    let developer = principal("Developer");
    let delete = "s3:DeleteBucket";
    let both = [own, variant.clone()];
    let only_variant = [variant];
    let session = Some(PolicyKind::Session);
    assert_eq!(limits(&developer, delete, None, None), both);
    assert_eq!(limits(&developer, delete, session, Some(true)), both);
    // An explicit deny does not explain that nothing allows the request.
    assert_eq!(
        limits(&developer, delete, session, Some(false)),
        only_variant
    );
    assert_eq!(limits(&developer, "s3:GetObject", None, None), only_variant);
    for kind in [PolicyKind::IdentityBased, PolicyKind::ServiceControl] {
        assert_eq!(limits(&developer, delete, Some(kind), Some(true)), []);
    }
    assert_eq!(limits(&principal("Other"), delete, None, None), []);
    // No ARN is so long.
    let long = "x".repeat(2_049);
    let limits_on_long = grants.limits_on(&developer, delete, Some(&long), DenialCause::default());
    assert_eq!(limits_on_long, []);
    // Roles of others, and of other accounts, are not mentioned.
    assert_eq!(limits(&principal("Elsewhere"), delete, None, None), []);
    let mut elsewhere = principal("Developer");
    elsewhere.account = AccountId::parse("777788889999").unwrap();
    assert_eq!(limits(&elsewhere, delete, None, None), []);
}

#[test]
fn principals_are_role_sessions() {
    let parsed =
        DeniedPrincipal::parse("arn:aws-cn:sts::111122223333:assumed-role/Developer/alice");
    assert_eq!(
        parsed.unwrap().account,
        AccountId::parse("111122223333").unwrap()
    );
    for other in [
        "",
        "arn:aws:iam::111122223333:user/alice",
        "arn:aws:sts::1:assumed-role/Developer/alice",
        "arn:aws:sts::111122223333:federated-user/alice",
        "arn:aws:iam::111122223333:role/Developer",
    ] {
        assert_eq!(DeniedPrincipal::parse(other), None, "{other}");
    }
}
