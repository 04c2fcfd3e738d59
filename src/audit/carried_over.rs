//! Trails of earlier versions.

use sqlx::migrate::Migrator;

use super::chain::Chain;
use super::verify;
use crate::database::{Database, DatabaseUrl, SQLITE};
use crate::world::{SystemClock, SystemEntropy};

/// What an earlier release wrote is all there, and proves to be. Who only reads it changes nothing.
#[tokio::test]
async fn a_trail_of_the_first_schema_is_read_and_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.db");
    let url = DatabaseUrl::Sqlite(path.clone());
    let trail = Database::connect(&url).await.unwrap();
    let first = Migrator {
        migrations: SQLITE.migrations[..1].to_vec().into(),
        ..Migrator::DEFAULT
    };
    first.run(&trail.pool).await.unwrap();
    for _ in 0..3 {
        let trail = Database::connect(&url).await.unwrap();
        Chain::begin(trail, &SystemClock, &SystemEntropy)
            .await
            .unwrap();
    }
    trail.pool.close().await;

    for open in [true, false] {
        let trail = match open {
            true => Database::open(&url).await.unwrap(),
            false => Database::open_or_create(&url).await.unwrap(),
        };
        assert_eq!(trail.remark().is_some(), open);
        let report = verify(&trail).await.unwrap();
        assert!(report.is_intact() && report.events == 3, "{report:?}");
        let indices: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit_events'",
        )
        .fetch_one(&trail.pool)
        .await
        .unwrap();
        assert_eq!(indices > 0, open);
        trail.pool.close().await;
    }
    assert_eq!(Database::open(&url).await.unwrap().remark(), None);
}
