//! The cost of refusals: failed verifications, events, and slots of sign-ins that did not start.

use futures_util::future::{join, join_all};
use rolecall_core::audit::RequestContext;
use rolecall_core::base::limits::{
    EARLY_POLLS_MAX, MESSAGES_WAITING_MAX, MESSAGES_WAITING_OF_ADDRESS_MAX,
    MESSAGES_WAITING_RESERVED, REFUSAL_EVENTS_MAX, REFUSALS_WINDOW, SAML_FORMS_BYTES_MAX,
};
use rolecall_core::base::secret::BrowserSecret;
use rolecall_core::clients::TokenError;
use rolecall_core::gateway::Gateway;
use rolecall_core::record::rate_limit::{LimitName, RateLimits};
use rolecall_core::sign_in::{BrowserDelivery, BrowserSecrets, ProviderError};

use crate::clients::{poll, register, start};
use crate::fixture::{
    Fixture, PostResponse as _, UNSIGNED, callback_params, code, context, context_from, id, logout,
    saml,
};
use crate::limits::{OFFICE, begin, stray, unsigned_order};

#[tokio::test]
async fn unverified_messages_are_rate_limited() {
    let max = RateLimits::default().failures.max();
    for by in [BrowserDelivery::Navigation, BrowserDelivery::Frame] {
        let fixture = Fixture::new();
        let gateway = &fixture.gateway;
        let office = context_from(OFFICE);
        for number in 0..max {
            let refused = unsigned_order(gateway, &office, by).await;
            assert_eq!(refused.code(), "signature", "{number}");
        }
        let refused = unsigned_order(gateway, &office, by).await;
        assert_eq!(refused.code(), "rate_limited");
        let (verified, in_turn) = (fixture.okta.verified(), fixture.okta.in_turn());
        assert_eq!(verified, in_turn);
        let flood = (0..500).map(|_| unsigned_order(gateway, &office, by));
        for refused in join_all(flood).await {
            assert_eq!(refused.code(), "rate_limited");
        }
        let verified = verified + MESSAGES_WAITING_OF_ADDRESS_MAX;
        assert_eq!(fixture.okta.verified(), verified);
        assert_eq!(fixture.okta.in_turn(), verified);
        // Valid messages of the provider are accepted.
        let (okta, order) = (id("okta"), Some(logout("subject-alice r1")));
        let ordered = gateway
            .sign_ins()
            .handle_logout_request(&office, &okta, order, by)
            .await;
        ordered.unwrap();
    }
}

/// Exceeds the limit of an address for failed verifications.
async fn exceed(gateway: &Gateway, context: &RequestContext) {
    for _ in 0..=RateLimits::default().failures.max() {
        unsigned_order(gateway, context, BrowserDelivery::Navigation).await;
    }
}

#[tokio::test]
async fn exceeded_limits_keep_the_share_of_others() {
    let fixture = Fixture::new();
    let (gateway, by) = (&fixture.gateway, BrowserDelivery::Navigation);
    let unknown_clients: Vec<_> = (0..10)
        .map(|number| context_from(&format!("203.{number}.113.1")))
        .collect();
    let office = context_from(OFFICE);
    for context in unknown_clients.iter().chain([&office]) {
        exceed(gateway, context).await;
    }
    let verified = fixture.okta.verified();
    let each = 2 * MESSAGES_WAITING_OF_ADDRESS_MAX;
    let flood = unknown_clients.iter().flat_map(|unknown_client| {
        let unsigned = move |_| unsigned_order(gateway, unknown_client, by);
        (0..each).map(unsigned)
    });
    let flood = join_all(flood);
    let office = async {
        let sent = (0..MESSAGES_WAITING_RESERVED).map(async |number| {
            let response = saml(&format!("alice a{number} s1"));
            let okta = id("okta");
            let completed = gateway
                .sign_ins()
                .post_unsolicited(&office, &okta, response);
            completed.await.map(drop)
        });
        join_all(sent).await
    };
    let (_, signed_in) = join(flood, office).await;
    assert!(signed_in.iter().all(Result::is_ok), "{signed_in:?}");
    // The first eight addresses use all of the shared limit; the others keep their reserve.
    let filling = MESSAGES_WAITING_MAX / MESSAGES_WAITING_OF_ADDRESS_MAX;
    let others = unknown_clients.len() - filling + 1;
    let sent = fixture.okta.verified() - verified;
    assert_eq!(
        sent,
        MESSAGES_WAITING_MAX + others * MESSAGES_WAITING_RESERVED
    );
}

#[tokio::test]
async fn cheap_refusals_do_not_queue() {
    let fixture = Fixture::new();
    let (gateway, office) = (&fixture.gateway, context_from(OFFICE));
    exceed(gateway, &office).await;
    let by = BrowserDelivery::Navigation;
    let flood = join_all((0..500).map(|_| unsigned_order(gateway, &office, by)));
    let (okta, absent) = (id("okta"), id("nobody"));
    let free = async {
        let unreadable = gateway
            .sign_ins()
            .handle_logout_request(&office, &okta, None, by)
            .await;
        let order = Some(logout("subject-alice r1"));
        let unknown = gateway
            .sign_ins()
            .handle_logout_request(&office, &absent, order, by)
            .await;
        let response = || saml("alice a1 s1");
        let unsolicited = gateway
            .sign_ins()
            .post_unsolicited(&office, &absent, response());
        let for_aws = gateway
            .issuer()
            .receive_for_aws(&office, &absent, response());
        [
            unreadable.unwrap_err().code(),
            unknown.unwrap_err().code(),
            unsolicited.await.unwrap_err().code(),
            for_aws.await.unwrap_err().code(),
        ]
    };
    let (_, reasons) = join(flood, free).await;
    let unknown = "unknown_provider";
    assert_eq!(reasons, ["unreadable", unknown, unknown, unknown]);
}

#[tokio::test]
async fn exceeded_limit_accepts_provider_responses() {
    let fixture = Fixture::new();
    let gateway = &fixture.gateway;
    let (office, okta) = (context_from(OFFICE), id("okta"));
    for _ in 0..2 * RateLimits::default().failures.max() {
        let unsigned = gateway
            .sign_ins()
            .post_unsolicited(&office, &okta, saml(UNSIGNED));
        assert!(unsigned.await.is_err());
        let begun = fixture.begin_from("okta", &office, None).await.unwrap();
        let held = gateway
            .sign_ins()
            .post_response(&office, &okta, &begun.state, saml(UNSIGNED));
        assert!(held.await.is_err());
    }
    let unsolicited = gateway
        .sign_ins()
        .post_unsolicited(&office, &okta, saml("alice a1 s1"));
    unsolicited.await.unwrap();
    let for_aws = saml("alice a2 arn:aws:iam::1:role/x,arn:aws:iam::1:saml-provider/y");
    gateway
        .issuer()
        .receive_for_aws(&office, &okta, for_aws)
        .await
        .unwrap();
    let begun = fixture.begin_from("okta", &office, None).await.unwrap();
    let held = gateway
        .sign_ins()
        .post_response(&office, &okta, &begun.state, saml("bob a3 s3"));
    held.await.unwrap();
}

#[tokio::test]
async fn cheap_refusals_do_not_delay_provider_messages() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    let okta = id("okta");
    let gateway = &fixture.gateway;
    for _ in 0..2 * RateLimits::default().failures.max() {
        stray(gateway, &office).await;
        let unreadable = gateway.sign_ins().handle_logout_request(
            &office,
            &okta,
            None,
            BrowserDelivery::Navigation,
        );
        assert!(unreadable.await.is_err());
        // Any page can embed such a frame.
        unsigned_order(gateway, &office, BrowserDelivery::Frame).await;
        fixture
            .okta
            .fail_once(|| ProviderError::Unavailable("down".into()));
        let outage = gateway
            .sign_ins()
            .post_unsolicited(&office, &okta, saml("alice a1 s1"));
        assert_eq!(outage.await.unwrap_err().code(), "provider_unavailable");
    }
    let unsolicited = gateway
        .sign_ins()
        .post_unsolicited(&office, &okta, saml("alice a1 s1"));
    unsolicited.await.unwrap();
    let order = Some(logout("subject-alice r1"));
    let ordered = gateway.sign_ins().handle_logout_request(
        &office,
        &okta,
        order,
        BrowserDelivery::Navigation,
    );
    ordered.await.unwrap();
}

#[tokio::test]
async fn state_allows_three_verifications() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let okta = id("okta");
    for _ in 0..50 {
        let held = fixture
            .gateway
            .sign_ins()
            .post_response(&context(), &okta, &begun.state, saml(UNSIGNED))
            .await;
        assert!(held.is_err());
    }
    assert_eq!(fixture.okta.verified(), 3);
}

#[tokio::test]
async fn unavailable_verification_is_not_counted() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let okta = id("okta");
    let hold = || {
        let (gateway, state) = (&fixture.gateway, &begun.state);
        async {
            gateway
                .sign_ins()
                .post_response(&context(), &okta, state, saml("alice a1 s1"))
                .await
        }
    };
    for _ in 0..10 {
        let down = || ProviderError::Unavailable("down".into());
        fixture.okta.fail_once(down);
        assert_eq!(hold().await.unwrap_err().code(), "provider_unavailable");
    }
    hold().await.unwrap();
}

#[tokio::test]
async fn refused_sign_in_events_are_bounded() {
    let fixture = Fixture::new();
    let max = RateLimits::default().failures.max();
    let refuse = async |context: &RequestContext| {
        let begun = fixture.begin_from("okta", context, None).await.unwrap();
        let returned = callback_params(&begun.state, code("alice"));
        let secrets = BrowserSecrets {
            browser: Some(BrowserSecret::new("of another browser")),
            session: None,
        };
        let okta = id("okta");
        let completed = fixture
            .gateway
            .sign_ins()
            .complete_sign_in(context, &okta, &secrets, returned);
        assert!(completed.await.is_err());
    };
    let office = context_from(OFFICE);
    for _ in 0..max + 10 {
        refuse(&office).await;
    }
    assert_eq!(fixture.trail.take().len(), max as usize);
    assert_eq!(fixture.take_refusals().await.len(), 1);
    // All addresses together are limited as well.
    fixture.clock.advance(REFUSALS_WINDOW);
    for number in 0..30 {
        let other = context_from(&format!("203.{number}.113.1"));
        for _ in 0..max {
            refuse(&other).await;
        }
    }
    let events = fixture.trail.take().len();
    assert_eq!(events, REFUSAL_EVENTS_MAX as usize);
    let summarised: u64 = fixture
        .take_refusals()
        .await
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(summarised + events as u64, 30 * u64::from(max));
}

#[tokio::test]
async fn failed_start_releases_its_slot() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    for _ in 0..2 * RateLimits::default().sign_in.max() {
        fixture
            .okta
            .fail_once(|| ProviderError::Unavailable("down".into()));
        let refused = begin(&fixture.gateway, &office, None).await.unwrap_err();
        assert_eq!(refused.code(), "provider_unavailable");
    }
    begin(&fixture.gateway, &office, None).await.unwrap();
}

/// A client with a device code can poll without limit.
#[tokio::test]
async fn polls_of_denied_device_write_nothing() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let started = start(&fixture, &known).await;
    for _ in 0..2 * EARLY_POLLS_MAX {
        assert!(poll(&fixture, &known, &started).await.is_err());
    }
    fixture.store.take_calls();
    for _ in 0..100 {
        let refused = poll(&fixture, &known, &started).await.unwrap_err();
        assert!(matches!(refused, TokenError::AccessDenied), "{refused:?}");
    }
    let operations = fixture.store.take_calls();
    assert!(operations.keys().eq(&["get"]), "{operations:?}");
}

#[tokio::test]
async fn a_form_without_room_exceeds_a_limit_by_name() {
    let fixture = Fixture::new();
    let sign_ins = fixture.gateway.sign_ins();
    let [office, other] = [OFFICE, "203.0.113.9"].map(|address| address.parse().ok());
    let share = SAML_FORMS_BYTES_MAX / 8;
    let room = sign_ins.reserve_form(office, share).unwrap();
    let exceeded = sign_ins.reserve_form(office, 1).unwrap_err();
    assert_eq!(exceeded.limit, LimitName::SamlForms);
    assert_eq!(exceeded.retry_after_seconds(), 5);
    assert!(sign_ins.reserve_form(other, share).is_ok());
    drop(room);
    assert!(sign_ins.reserve_form(office, share).is_ok());
}
