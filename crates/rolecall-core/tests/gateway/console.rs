//! The console: where the link leads, how long it lasts, and the ticket that survives AWS's own sign-out.

use chrono::TimeDelta;
use rolecall_core::access::{RoleAccess, RoleRequest, Unmet};
use rolecall_core::aws::{ConsoleSignInError, Destination, Partition};
use rolecall_core::base::secret::ConsoleTicket;
use rolecall_core::issue::{ConsoleOutcome, ConsoleRequest, ConsoleVisit, IssueError};
use rolecall_core::session::Session;
use rolecall_core::sign_in::ReturnTo;

use crate::world::{ACCESS, Wanted, World, context, developer, plain, role};

const DEEP_LINK: &str = "/console?account=111122223333&permission_set=Developer";

fn request(destination: Option<&str>) -> ConsoleRequest {
    let page = |text| Destination::parse(text, Partition::Aws).unwrap();
    ConsoleRequest {
        destination: destination.map(page),
        return_to: ReturnTo::parse(DEEP_LINK).unwrap(),
    }
}

/// Asks for AWS's sign-out first; what comes back with the browser.
async fn ticket(world: &World, session: &Session, role: RoleRequest) -> ConsoleTicket {
    let gateway = &world.gateway;
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
async fn a_link_offers_a_role_that_is_granted_or_locked_and_no_other() {
    let world = World::new();
    let issuer = world.gateway.issuer();
    let alice = world.session_of("alice").await;
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
    let bob = world.session_of("bob").await;
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
async fn a_link_opens_where_it_was_asked_else_where_the_set_says_else_at_home() {
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
        let world = World::new();
        let alice = world.session_of("alice").await;
        world.journal.take();
        let link = world
            .gateway
            .issuer()
            .visit_console(&context(), &alice, &role, &request(destination))
            .await
            .unwrap();
        let ConsoleVisit::Link(link) = link else {
            panic!("not a link");
        };
        assert_eq!(link.expose(), "https://signin.example/canary-link");
        let wanted = Wanted {
            access_key_id: "ASIA0000000000000001".to_owned(),
            seconds: Some(seconds),
            destination: opens.to_owned(),
            issuer: format!("https://sso.example.com{DEEP_LINK}"),
        };
        assert_eq!(world.aws.take_links(), [wanted]);
        assert_eq!(
            world.journal.take(),
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
async fn the_trail_tells_a_link_from_credentials() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    world.trail.take();
    world
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &plain(), &request(None))
        .await
        .unwrap();
    let intended = serde_json::to_value(&world.trail.take()[0]).unwrap();
    assert_eq!(intended["delivery"], "console");
}

#[tokio::test]
async fn a_link_needs_a_grant_like_everything_else() {
    let world = World::new();
    let bob = world.session_of("bob").await;
    let link = world
        .gateway
        .issuer()
        .visit_console(&context(), &bob, &developer(), &request(None))
        .await;
    assert!(matches!(link, Err(IssueError::NotGranted)));
    assert!(world.aws.take_requests().is_empty() && world.aws.take_links().is_empty());
}

#[tokio::test]
async fn a_sign_in_endpoint_that_fails_leaks_nothing_and_leaves_the_trail_true() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    for (error, word) in [
        (
            ConsoleSignInError::Refused { status: 400 },
            "console_refused",
        ),
        (
            ConsoleSignInError::Unavailable("no route".into()),
            "console_unavailable",
        ),
    ] {
        world.journal.take();
        world.aws.fail_console_once(error);
        let link = world
            .gateway
            .issuer()
            .visit_console(&context(), &alice, &plain(), &request(None))
            .await;
        assert_eq!(link.unwrap_err().code(), word);
        assert_eq!(
            world.journal.take(),
            [
                "audit issue_intended",
                "mint",
                "assume",
                "audit issue_done",
                "link"
            ],
            "the credentials were made, and one outcome says so"
        );
    }
}

#[tokio::test]
async fn a_trail_that_is_down_makes_no_link() {
    for written in [0, 1] {
        let world = World::new();
        let alice = world.session_of("alice").await;
        world.trail.outage.break_after(written);
        let link = world
            .gateway
            .issuer()
            .visit_console(&context(), &alice, &plain(), &request(None))
            .await;
        assert!(matches!(link, Err(IssueError::Unavailable(_))));
        assert!(world.aws.take_links().is_empty());
    }
}

#[tokio::test]
async fn a_ticket_leads_on_once() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let ticket = ticket(&world, &alice, developer()).await;
    assert!(
        world.aws.take_requests().is_empty(),
        "nothing is issued before AWS's sign-out"
    );
    let go = async || {
        let gateway = &world.gateway;
        gateway
            .issuer()
            .continue_to_console(&context(), &alice, &ticket)
            .await
    };
    assert!(matches!(go().await, Ok(ConsoleOutcome::Visit(_))));
    assert_eq!(
        world.aws.take_links()[0].destination,
        "https://console.aws.amazon.com/cloudwatch/"
    );
    assert!(matches!(go().await, Ok(ConsoleOutcome::Spent)));
    assert_eq!(world.aws.take_requests().len(), 1);
}

#[tokio::test]
async fn a_ticket_is_worth_nothing_in_another_session() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let others = [
        world.session_of("bob").await,
        world.session_of("alice").await,
    ];
    for other in others {
        let ticket = ticket(&world, &alice, plain()).await;
        let gone = world
            .gateway
            .issuer()
            .continue_to_console(&context(), &other, &ticket)
            .await;
        assert!(matches!(gone, Ok(ConsoleOutcome::Spent)));
        let late = world
            .gateway
            .issuer()
            .continue_to_console(&context(), &alice, &ticket)
            .await;
        assert!(
            matches!(late, Ok(ConsoleOutcome::Spent)),
            "who took it spent it"
        );
    }
    assert!(world.aws.take_requests().is_empty());
    let made_up = ConsoleTicket::new("made up");
    let gone = world
        .gateway
        .issuer()
        .continue_to_console(&context(), &alice, &made_up)
        .await;
    assert!(matches!(gone, Ok(ConsoleOutcome::Spent)));
}

#[tokio::test]
async fn a_ticket_lives_five_minutes_to_the_second() {
    for (seconds, leads_on) in [(299, true), (300, false)] {
        let world = World::new();
        let alice = world.session_of("alice").await;
        let ticket = ticket(&world, &alice, plain()).await;
        world.clock.advance(TimeDelta::seconds(seconds));
        let gone = world
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
async fn a_policy_that_changed_during_the_sign_out_is_the_one_that_counts() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let ticket = ticket(&world, &alice, developer()).await;
    world
        .replace_policy(&ACCESS.replace("\"payments-dev\"", "\"nobody\""))
        .await;
    let gone = world
        .gateway
        .issuer()
        .continue_to_console(&context(), &alice, &ticket)
        .await;
    assert!(matches!(gone, Err(IssueError::NotGranted)));
    assert!(world.aws.take_requests().is_empty());
}

#[tokio::test]
async fn a_store_that_is_down_makes_no_ticket_and_spends_none() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let ticket = ticket(&world, &alice, plain()).await;
    world.store.outage.break_after(0);
    let gateway = &world.gateway;
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
    world.store.outage.repair();
    let gone = gateway
        .issuer()
        .continue_to_console(&context(), &alice, &ticket)
        .await;
    assert!(matches!(gone, Ok(ConsoleOutcome::Visit(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_hold_a_ticket_at_once_one_goes_on() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let ticket = ticket(&world, &alice, plain()).await;
    let mut clicks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (gateway, alice, ticket) = (world.gateway.clone(), alice.clone(), ticket.clone());
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
