//! Accounts that trust the ID tokens of the person's provider: which token STS gets, how long it is kept, and who may use it.

mod silent;

use chrono::TimeDelta;
use rolecall_core::access::RoleRequest;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::{StsRequest, UnusableIdToken};
use rolecall_core::base::limits;
use rolecall_core::caller::{Caller, Flow};
use rolecall_core::issue::{IdTokenError, IssueError, IssuedRole};
use rolecall_core::session::Session;

use crate::fixture::{ACCESS, Fixture, ID_TOKEN_LIFE, context, developer, plain};

const TRUST: &str = "trust = \"provider-oidc\"\nprovider = \"okta\"";

/// The default policy, but payments-prod trusts the ID tokens of okta.
fn access() -> String {
    ACCESS.replacen("audience = \"rolecall-payments\"", TRUST, 1)
}

fn fixture() -> Fixture {
    Fixture::with_access(&access())
}

/// The same, with a role in payments-prod for everybody.
fn open_fixture() -> Fixture {
    Fixture::with_access(
        &access().replace("{ groups = [\"payments-dev\"] }", "{ everyone = true }"),
    )
}

impl Fixture {
    async fn issue_to_client(&self, session: &Session) -> Result<IssuedRole, IssueError> {
        let caller = Caller {
            flow: Some(Flow::Code),
            ..session.into()
        };
        let issuer = self.gateway.issuer();
        issuer.credentials(&context(), caller, &developer()).await
    }

    /// The token that STS got.
    fn sent_token(&self) -> String {
        let request = self.aws.take_requests().remove(0);
        let StsRequest::AssumeRoleWithWebIdentity(request) = request else {
            panic!("{request:?}");
        };
        request.token.expose().to_owned()
    }

    async fn sign_out_of(&self, signed_in: &rolecall_core::sign_in::SignInCompleted) {
        let sign_ins = self.gateway.sign_ins();
        sign_ins
            .sign_out(&context(), &signed_in.session, &signed_in.secret)
            .await
            .unwrap();
    }
}

#[track_caller]
fn must_sign_in_again(issued: Result<IssuedRole, IssueError>) {
    match issued {
        Err(IssueError::IdToken(IdTokenError::SignInAgain { provider, title })) => {
            assert_eq!((provider.as_str(), &*title), ("okta", "okta"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sts_gets_the_token_of_the_provider() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    assert!(alice.identity.evidence.id_token().is_none(), "kept apart");
    fixture.trail.take();
    fixture.issue(&alice, &developer()).await.unwrap();
    assert!(fixture.aws.take_claims().is_empty(), "no token was signed");
    let request = fixture.aws.take_requests().remove(0);
    let StsRequest::AssumeRoleWithWebIdentity(request) = request else {
        panic!("{request:?}");
    };
    assert_eq!(request.token.expose(), "canary-id-token-of-alice");
    assert!(
        request
            .session_name
            .as_str()
            .starts_with("alice@example.com-")
    );
    assert_eq!(request.session.duration.seconds(), 7_200);
    assert!(request.session.session_policy.is_some());
    assert!(!format!("{request:?}").contains("canary"));
    let events = fixture.trail.take();
    let AuditEventKind::IssueIntended {
        source_identity: None,
        token_id: None,
        tag_keys,
        ..
    } = &events[0]
    else {
        panic!("{events:?}");
    };
    assert_eq!(tag_keys.len(), 0);
    assert!(!format!("{events:?}").contains("canary"));
    // Other accounts are not affected.
    fixture.issue(&alice, &plain()).await.unwrap();
    assert_eq!(fixture.aws.take_claims().len(), 1);
}

#[tokio::test]
async fn token_is_kept_only_where_an_account_trusts_it() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    assert!(alice.identity.evidence.id_token().is_some());
    assert!(fixture.store.keys("id-token").is_empty());
    // A later policy does not turn a token into a credential that was kept for sign-out.
    fixture.replace_policy(&access()).await;
    must_sign_in_again(fixture.issue(&alice, &developer()).await);
    let alice = fixture.session_of("alice").await;
    assert_eq!(fixture.store.keys("id-token").len(), 1);
    fixture.issue(&alice, &developer()).await.unwrap();
    // Nor is the token of another provider kept.
    fixture.sign_in("google", "alice").await;
    assert_eq!(fixture.store.keys("id-token").len(), 1);
}

#[tokio::test]
async fn expired_token_requires_a_new_sign_in() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    let usable = ID_TOKEN_LIFE - limits::ID_TOKEN_FOR_AWS_MARGIN;
    let issuer = fixture.gateway.issuer();
    let until = issuer.id_token_until(&alice).await.unwrap();
    assert_eq!(until, Some(fixture.now() + usable));
    // In between the session is used, so that it does not end.
    for _ in 0..2 {
        fixture.clock.advance(usable / 2 - TimeDelta::seconds(1));
        fixture.issue(&alice, &developer()).await.unwrap();
        fixture.issue_to_client(&alice).await.unwrap();
    }
    fixture.clock.advance(TimeDelta::seconds(2));
    fixture.aws.take_requests();
    fixture.trail.take();
    assert_eq!(issuer.id_token_until(&alice).await.unwrap(), None);
    // A page leads to the provider: nothing was refused.
    let page = issuer
        .credentials_page(&context(), &alice, &developer().into())
        .await;
    must_sign_in_again(page);
    assert_eq!(fixture.trail.take(), []);
    // A program is refused.
    must_sign_in_again(fixture.issue_to_client(&alice).await);
    let AuditEventKind::IssueRefused { reason, .. } = fixture.trail.take_only() else {
        panic!("not a refusal");
    };
    assert_eq!(reason, "id_token_expired");
    assert!(fixture.aws.take_requests().is_empty());
    // A sign-in of the person, anywhere, is enough for all of their sessions.
    fixture.session_of("alice").await;
    fixture.issue_to_client(&alice).await.unwrap();
}

#[tokio::test]
async fn token_is_not_kept_longer_than_the_session() {
    let fixture = fixture();
    for hours in [1, 24] {
        fixture.okta.set_id_tokens(TimeDelta::hours(hours), "RS256");
        let alice = fixture.session_of("alice").await;
        let until = fixture.gateway.issuer().id_token_until(&alice).await;
        let usable = fixture.now() + TimeDelta::hours(hours) - limits::ID_TOKEN_FOR_AWS_MARGIN;
        assert_eq!(until.unwrap(), Some(usable.min(alice.ends_at)), "{hours}");
    }
}

#[tokio::test]
async fn token_ends_with_the_session_that_brought_it() {
    let fixture = fixture();
    for end in ["sign out", "by id", "others", "operator"] {
        let first = fixture.sign_in("okta", "alice").await;
        let second = fixture.sign_in("okta", "alice").await;
        assert_eq!(fixture.store.keys("id-token").len(), 1, "{end}");
        let sessions = fixture.gateway.sessions();
        match end {
            "sign out" => fixture.sign_out_of(&second).await,
            "by id" => {
                let id = second.session.id.to_string();
                let context = context();
                let ended = sessions.end_session(&context, &first.session, &id);
                assert!(ended.await.unwrap());
            }
            "others" => {
                let context = context();
                let ended = sessions.end_other_sessions(&context, &first.session);
                assert!(ended.await.unwrap());
            }
            _ => {
                let identity = &first.session.identity;
                let ended = sessions.end_person(&identity.provider, &identity.subject);
                ended.await.unwrap();
            }
        }
        assert!(fixture.store.keys("id-token").is_empty(), "{end}");
        if end != "operator" {
            must_sign_in_again(fixture.issue(&first.session, &developer()).await);
        }
    }
    // The token of another session stays.
    let first = fixture.sign_in("okta", "alice").await;
    let second = fixture.sign_in("okta", "alice").await;
    fixture.sign_out_of(&first).await;
    fixture.issue(&second.session, &developer()).await.unwrap();
}

#[tokio::test]
async fn restored_token_of_an_ended_session_is_not_used() {
    for (all, listed) in [(false, true), (true, true), (true, false)] {
        let fixture = fixture();
        let first = fixture.sign_in("okta", "alice").await;
        let second = fixture.sign_in("okta", "alice").await;
        let key = fixture.store.keys("id-token").remove(0);
        let before = fixture.fork();
        if !listed {
            // As if the session could not be added to the list of the person.
            fixture.store.remove_all("session-index");
        }
        match all {
            false => fixture.sign_out_of(&second).await,
            true => {
                let sessions = fixture.gateway.sessions();
                let context = context();
                let ended = sessions.end_other_sessions(&context, &first.session);
                assert!(ended.await.unwrap());
            }
        }
        // As if the record could not be removed.
        fixture.store.copy_record(&before.store, key);
        assert_eq!(fixture.store.keys("id-token").len(), 1);
        must_sign_in_again(fixture.issue(&first.session, &developer()).await);
    }
}

#[tokio::test]
async fn token_with_second_factor_is_only_for_sessions_with_one() {
    let fixture = fixture();
    let one_factor = fixture.session_of("alice").await;
    fixture.okta.update_person("alice", |alice| {
        alice.mfa = true;
        alice.evidence = rolecall_core::identity::Evidence::IdToken {
            token: rolecall_core::base::secret::SecretText::new("canary-two-factors"),
            sid: None,
        };
    });
    let two_factors = fixture.session_of("alice").await;
    for (session, token) in [
        (&one_factor, "canary-id-token-of-alice"),
        (&two_factors, "canary-two-factors"),
    ] {
        fixture.issue(session, &developer()).await.unwrap();
        assert_eq!(fixture.sent_token(), token);
    }
    assert_eq!(fixture.store.keys("id-token").len(), 2);
}

#[tokio::test]
async fn tokens_of_others_are_not_used() {
    let fixture = open_fixture();
    let alice = fixture.session_of("alice").await;
    let alices = fixture.store.keys("id-token").remove(0);
    let bob = fixture.session_of("bob").await;
    let mut keys = fixture.store.keys("id-token");
    keys.retain(|key| *key != alices);
    fixture.issue(&bob, &developer()).await.unwrap();
    assert_eq!(fixture.sent_token(), "canary-id-token-of-bob");
    // An attacker who can write to the store swaps the records.
    fixture.store.swap(alices, keys[0]);
    for session in [&alice, &bob] {
        must_sign_in_again(fixture.issue(session, &developer()).await);
    }
    assert!(fixture.aws.take_requests().is_empty());
}

#[tokio::test]
async fn account_trusts_one_provider() {
    let fixture = open_fixture();
    let alice = fixture.sign_in("google", "alice").await.session;
    fixture.trail.take();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    let IssueError::IdToken(IdTokenError::OtherProvider { trusted }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(trusted, "okta");
    let AuditEventKind::IssueRefused { reason, .. } = fixture.trail.take_only() else {
        panic!("not a refusal");
    };
    assert_eq!(reason, "other_provider");
}

#[tokio::test]
async fn unusable_token_is_explained_without_another_sign_in() {
    let fixture = fixture();
    let short = limits::ID_TOKEN_FOR_AWS_MARGIN;
    for (life, algorithm, reason) in [
        (ID_TOKEN_LIFE, "PS256", UnusableIdToken::Algorithm),
        (short, "RS256", UnusableIdToken::ShortLived),
    ] {
        fixture.okta.set_id_tokens(life, algorithm);
        let alice = fixture.session_of("alice").await;
        let issuer = fixture.gateway.issuer();
        let page = issuer
            .credentials_page(&context(), &alice, &developer().into())
            .await;
        let error = page.unwrap_err();
        let IssueError::IdToken(IdTokenError::Unusable(stated)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(stated, reason);
    }
    // After the provider was configured, the next sign-in is enough.
    fixture.okta.set_id_tokens(ID_TOKEN_LIFE, "ES256");
    let alice = fixture.session_of("alice").await;
    fixture.issue(&alice, &developer()).await.unwrap();
}

#[tokio::test]
async fn sign_out_does_not_send_a_token_that_is_a_credential() {
    let fixture = Fixture::new();
    let before = fixture.sign_in("okta", "alice").await;
    let other = fixture.sign_in("google", "alice").await;
    let untrusting = fixture.sign_in("okta", "alice").await;
    fixture.sign_out_of(&untrusting).await;
    assert_eq!(
        fixture.okta.hint().as_deref(),
        Some("canary-id-token-of-alice")
    );
    fixture.replace_policy(&access()).await;
    let after = fixture.sign_in("okta", "alice").await;
    for session in [&before, &after] {
        fixture.sign_out_of(session).await;
        assert_eq!(fixture.okta.hint(), None);
    }
    fixture.sign_out_of(&other).await;
    assert!(fixture.google.hint().is_some(), "no account trusts google");
}

#[tokio::test]
async fn store_contains_no_plaintext_of_a_token() {
    let fixture = fixture();
    fixture.session_of("alice").await;
    let dump = fixture.store.dump();
    let token = dump.iter().find(|(key, _)| key.starts_with("id-token:"));
    let (_, value) = token.unwrap();
    for secret in ["canary", "subject-alice", "okta"] {
        let mut windows = value.windows(secret.len());
        assert!(
            !windows.any(|window| window == secret.as_bytes()),
            "{secret}"
        );
    }
}

/// A role of an account that does not exist.
#[tokio::test]
async fn unknown_role_needs_no_token() {
    let fixture = fixture();
    let bob = fixture.session_of("bob").await;
    let role = RoleRequest {
        variant: Some("none".to_owned()),
        ..developer()
    };
    let error = fixture.issue(&bob, &role).await.unwrap_err();
    assert!(matches!(error, IssueError::NotGranted), "{error:?}");
}
