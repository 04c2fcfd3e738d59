//! Random walks: in any order of actions, a code is redeemed at most once, and only after approval.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Poll,
    Allow,
    Deny,
    Mistype,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Poll),
        2 => Just(Step::Allow),
        1 => Just(Step::Deny),
        1 => Just(Step::Mistype),
        3 => (0_u16..400).prop_map(Step::Wait),
    ]
}

async fn walk(steps: &[Step]) -> Result<(), TestCaseError> {
    let (fixture, known, alice) = set_up().await;
    let started = start(&fixture, &known).await;
    let begun_at = fixture.now();
    let (mut allowed, mut denied, mut redeemed) = (false, false, 0);
    for step in steps {
        match step {
            Step::Wait(seconds) => fixture
                .clock
                .advance(TimeDelta::seconds(i64::from(*seconds))),
            Step::Poll => {
                let late = fixture.now() >= begun_at + minutes(10);
                match poll(&fixture, &known, &started).await {
                    Ok(_) => {
                        prop_assert!(allowed && !denied && !late);
                        redeemed += 1;
                    }
                    Err(TokenError::ExpiredToken) => prop_assert!(late),
                    Err(TokenError::AccessDenied) => prop_assert!(denied),
                    Err(TokenError::InvalidGrant) => prop_assert!(redeemed == 1 || late),
                    Err(TokenError::AuthorizationPending | TokenError::SlowDown) => {
                        prop_assert!(redeemed == 0 && !late)
                    }
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
            Step::Allow | Step::Deny | Step::Mistype => {
                let decision = if matches!(step, Step::Deny) {
                    ConsentChoice::Deny
                } else {
                    ConsentChoice::Allow
                };
                let mut said = answer(&started, decision);
                if matches!(step, Step::Mistype) {
                    said.retyped = "XXXX".to_owned();
                }
                if decide(&fixture, &alice, &said).await.is_ok() {
                    prop_assert!(!matches!(step, Step::Mistype));
                    prop_assert!(!allowed && !denied, "it is answered once");
                    prop_assert!(fixture.now() < begun_at + minutes(10));
                    allowed = decision == ConsentChoice::Allow;
                    denied = !allowed;
                }
            }
        }
    }
    prop_assert!(redeemed <= 1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]
    #[test]
    fn random_walk_redeems_device_code_once_after_approval(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(&steps))?;
    }
}
