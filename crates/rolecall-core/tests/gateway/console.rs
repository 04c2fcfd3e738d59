//! Console sign-in: destination, lifetime, and the ticket for AWS's sign-out.

use chrono::TimeDelta;
use rolecall_core::access::{RoleAccess, RoleRequest, Unmet};
use rolecall_core::aws::{ConsoleSignInError, Destination, Partition};
use rolecall_core::base::secret::ConsoleTicket;
use rolecall_core::issue::{ConsoleOutcome, ConsoleRequest, ConsoleVisit, IssueError};
use rolecall_core::session::Session;
use rolecall_core::sign_in::ReturnTo;

use crate::fixture::{ACCESS, Fixture, LinkRequest, context, developer, plain, role};

const DEEP_LINK: &str = "/console?account=111122223333&permission_set=Developer";

fn request(destination: Option<&str>) -> ConsoleRequest {
    let page = |text| Destination::parse(text, Partition::Aws).unwrap();
    ConsoleRequest {
        destination: destination.map(page),
        return_to: ReturnTo::parse(DEEP_LINK).unwrap(),
    }
}

/// Requests the sign-out at AWS. Returns the ticket with which the browser comes back.
async fn ticket(fixture: &Fixture, session: &Session, role: RoleRequest) -> ConsoleTicket {
    let gateway = &fixture.gateway;
    let url = gateway
        .issuer()
        .sign_out_of_console(session, role, request(None))
        .await
        .unwrap();
    let (_, then) = url
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap();
    let path = "https://sso.example.com/console/continue/";
    ConsoleTicket::new(then.strip_prefix(path).unwrap())
}

#[tokio::test]
async fn console_offer_requires_granted_or_locked_role() {
    let fixture = Fixture::new();
    let issuer = fixture.gateway.issuer();
    let alice = fixture.session_of("alice").await;
    for (role, opens) in [
        (developer(), "https://console.aws.amazon.com/cloudwatch/"),
        (plain(), "https://console.aws.amazon.com/"),
    ] {
        let here = context();
        let offer = issuer.offer_console(&here, &alice, &role).await.unwrap();
        assert!(matches!(offer.access, RoleAccess::Granted(_)), "{offer:?}");
        assert_eq!(offer.default_destination.as_url().as_str(), opens);
    }
    let careful = role("777788889999", "Careful");
    let bob = fixture.session_of("bob").await;
    let offer = issuer.offer_console(&context(), &bob, &careful).await;
    let access = offer.unwrap().access;
    assert!(
        matches!(&access, RoleAccess::Locked(locked) if locked.unmet == [Unmet::Mfa]),
        "{access:?}"
    );
    assert_eq!(access.account().id.as_str(), "777788889999");
    let unknown = role("777788889999", "Nothing");
    let none = issuer.offer_console(&context(), &bob, &unknown).await;
    assert!(matches!(none, Err(IssueError::NotGranted)));
}

#[tokio::test]
async fn console_destination_precedence() {
    let asked = "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1";
    for (role, destination, opens, seconds) in [
        (developer(), Some(asked), asked, 7_200),
        (
            developer(),
            None,
            "https://console.aws.amazon.com/cloudwatch/",
            7_200,
        ),
        (plain(), Some(asked), asked, 3_600),
        (plain(), None, "https://console.aws.amazon.com/", 3_600),
    ] {
        let fixture = Fixture::new();
        let alice = fixture.session_of("alice").await;
        fixture.call_log.take();
        let link = fixture
            .gateway
            .issuer()
            .visit_console(&context(), &alice, &role, &request(destination))
            .await
            .unwrap();
        let ConsoleVisit::Link(link) = link else {
            panic!("not a link");
        };
        assert_eq!(link.expose(), "https://signin.example/canary-link");
        let wanted = LinkRequest {
            access_key_id: "ASIA0000000000000001".to_owned(),
            seconds: Some(seconds),
            destination: opens.to_owned(),
            issuer: format!("https://sso.example.com{DEEP_LINK}"),
        };
        assert_eq!(fixture.aws.take_links(), [wanted]);
        assert_eq!(
            fixture.call_log.take(),
            [
                "audit issue_intended",
                "mint",
                "assume",
                "audit issue_done",
                "link"
            ]
        );
    }
}

#[tokio::test]
async fn audit_distinguishes_console_and_credentials() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &plain(), &request(None))
        .await
        .unwrap();
    let intended = serde_json::to_value(&fixture.trail.take()[0]).unwrap();
    assert_eq!(intended["delivery"], "console");
}

#[tokio::test]
async fn console_requires_a_grant() {
    let fixture = Fixture::new();
    let bob = fixture.session_of("bob").await;
    let link = fixture
        .gateway
        .issuer()
        .visit_console(&context(), &bob, &developer(), &request(None))
        .await;
    assert!(matches!(link, Err(IssueError::NotGranted)));
    assert!(fixture.aws.take_requests().is_empty() && fixture.aws.take_links().is_empty());
}

#[tokio::test]
async fn console_sign_in_failure_is_audited() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    for (error, code) in [
        (
            ConsoleSignInError::Refused { status: 400 },
            "console_refused",
        ),
        (
            ConsoleSignInError::Unavailable("no route".into()),
            "console_unavailable",
        ),
    ] {
        fixture.call_log.take();
        fixture.aws.fail_console_once(error);
        let link = fixture
            .gateway
            .issuer()
            .visit_console(&context(), &alice, &plain(), &request(None))
            .await;
        assert_eq!(link.unwrap_err().code(), code);
        assert_eq!(
            fixture.call_log.take(),
            [
                "audit issue_intended",
                "mint",
                "assume",
                "audit issue_done",
                "link",
                "audit issue_undelivered"
            ],
            "the credentials were issued, and nobody received them"
        );
    }
}

#[tokio::test]
async fn audit_outage_blocks_console() {
    for written in [0, 1] {
        let fixture = Fixture::new();
        let alice = fixture.session_of("alice").await;
        fixture.trail.outage.fail_after(written);
        let link = fixture
            .gateway
            .issuer()
            .visit_console(&context(), &alice, &plain(), &request(None))
            .await;
        assert!(matches!(link, Err(IssueError::Unavailable(_))));
        assert!(fixture.aws.take_links().is_empty());
    }
}

#[tokio::test]
async fn console_ticket_is_single_use() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let ticket = ticket(&fixture, &alice, developer()).await;
    assert!(
        fixture.aws.take_requests().is_empty(),
        "nothing is issued before the sign-out at AWS"
    );
    let go = async || {
        let gateway = &fixture.gateway;
        gateway
            .issuer()
            .continue_to_console(&context(), &alice, &ticket)
            .await
    };
    assert!(matches!(go().await, Ok(ConsoleOutcome::Visit(_))));
    assert_eq!(
        fixture.aws.take_links()[0].destination,
        "https://console.aws.amazon.com/cloudwatch/"
    );
    assert!(matches!(go().await, Ok(ConsoleOutcome::AlreadyUsed)));
    assert_eq!(fixture.aws.take_requests().len(), 1);
}

#[tokio::test]
async fn console_ticket_is_bound_to_session() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let others = [
        fixture.session_of("bob").await,
        fixture.session_of("alice").await,
    ];
    for other in others {
        let ticket = ticket(&fixture, &alice, plain()).await;
        let gone = fixture
            .gateway
            .issuer()
            .continue_to_console(&context(), &other, &ticket)
            .await;
        assert!(matches!(gone, Ok(ConsoleOutcome::AlreadyUsed)));
        let late = fixture
            .gateway
            .issuer()
            .continue_to_console(&context(), &alice, &ticket)
            .await;
        assert!(
            matches!(late, Ok(ConsoleOutcome::AlreadyUsed)),
            "the ticket is consumed"
        );
    }
    assert!(fixture.aws.take_requests().is_empty());
    let made_up = ConsoleTicket::new("made up");
    let gone = fixture
        .gateway
        .issuer()
        .continue_to_console(&context(), &alice, &made_up)
        .await;
    assert!(matches!(gone, Ok(ConsoleOutcome::AlreadyUsed)));
}

#[tokio::test]
async fn console_ticket_expires_after_five_minutes() {
    for (seconds, leads_on) in [(299, true), (300, false)] {
        let fixture = Fixture::new();
        let alice = fixture.session_of("alice").await;
        let ticket = ticket(&fixture, &alice, plain()).await;
        fixture.clock.advance(TimeDelta::seconds(seconds));
        let gone = fixture
            .gateway
            .issuer()
            .continue_to_console(&context(), &alice, &ticket)
            .await
            .unwrap();
        assert_eq!(
            matches!(gone, ConsoleOutcome::Visit(_)),
            leads_on,
            "{seconds} s"
        );
    }
}

#[tokio::test]
async fn policy_change_applies_after_console_sign_out() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let ticket = ticket(&fixture, &alice, developer()).await;
    fixture
        .replace_policy(&ACCESS.replace("\"payments-dev\"", "\"nobody\""))
        .await;
    let gone = fixture
        .gateway
        .issuer()
        .continue_to_console(&context(), &alice, &ticket)
        .await;
    assert!(matches!(gone, Err(IssueError::NotGranted)));
    assert!(fixture.aws.take_requests().is_empty());
}

#[tokio::test]
async fn store_outage_creates_and_consumes_no_ticket() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let ticket = ticket(&fixture, &alice, plain()).await;
    fixture.store.outage.fail_after(0);
    let gateway = &fixture.gateway;
    let gone = gateway
        .issuer()
        .continue_to_console(&context(), &alice, &ticket)
        .await;
    assert!(matches!(gone, Err(IssueError::Unavailable(_))));
    let made = gateway
        .issuer()
        .sign_out_of_console(&alice, plain(), request(None))
        .await;
    assert!(matches!(made, Err(IssueError::Unavailable(_))));
    fixture.store.outage.repair();
    let gone = gateway
        .issuer()
        .continue_to_console(&context(), &alice, &ticket)
        .await;
    assert!(matches!(gone, Ok(ConsoleOutcome::Visit(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_ticket_use_succeeds_once() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let ticket = ticket(&fixture, &alice, plain()).await;
    let mut clicks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (gateway, alice, ticket) = (fixture.gateway.clone(), alice.clone(), ticket.clone());
        clicks.spawn(async move {
            let gone = gateway
                .issuer()
                .continue_to_console(&context(), &alice, &ticket)
                .await;
            matches!(gone, Ok(ConsoleOutcome::Visit(_)))
        });
    }
    let gone = clicks.join_all().await;
    assert_eq!(gone.into_iter().filter(|led_on| *led_on).count(), 1);
}
