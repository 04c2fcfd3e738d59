//! Races: several attackers use a stolen cookie while the session is ended.

use std::sync::Arc;

use super::*;

const THIEVES: usize = 4;
pub const ROUNDS: usize = 10;

/// Rounds per flow; each has another random interleaving. `ROLECALL_RACE_ROUNDS` overrides it.
#[expect(
    clippy::disallowed_methods,
    reason = "names how long the tests may take"
)]
pub fn rounds() -> usize {
    let asked = std::env::var("ROLECALL_RACE_ROUNDS").ok();
    asked.map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stolen_cookie_cannot_outrun_session_end() {
    for flow in Flow::ALL {
        let ends: &[End] = if flow == Flow::EndOthers {
            // Of two browsers that end all others, either may be first.
            &[End::Administrator]
        } else if flow == Flow::SignIn {
            // A sign-in may begin after any other end.
            &[End::Provider]
        } else {
            &[End::AllOthers, End::Administrator]
        };
        let fixture = Arc::new(flow.fixture());
        for round in 0..rounds() {
            let end = ends[round % ends.len()];
            let stage = Arc::new(Stage::on(fixture.clone(), flow, round).await);
            if round % 4 > 1 {
                stage.unlist();
            }
            let mut thieves = tokio::task::JoinSet::new();
            for _ in 0..THIEVES {
                let stage = stage.clone();
                thieves.spawn(async move { flow.run(&stage).await });
            }
            for _ in 0..round % 32 {
                tokio::task::yield_now().await;
            }
            end.come(&stage).await;
            for left in thieves.join_all().await {
                let survivors = left.survivors(&stage).await;
                assert!(
                    survivors.is_empty(),
                    "{flow:?}, {end:?}, round {round}: {survivors:?}"
                );
            }
        }
    }
}
