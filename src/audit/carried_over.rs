//! Tests with trails of earlier schemas.

use sqlx::migrate::Migrator;

use super::chain::Chain;
use super::{fill_index, verify};
use crate::database::{Database, DatabaseUrl, SQLITE};
use crate::world::{SystemClock, SystemEntropy};

/// Reading does not change the schema. The gateway migrates it, and the trail is complete, verified and indexed after that.
#[tokio::test]
async fn trails_of_all_earlier_schemas_are_read_and_migrated() {
    for earlier in 1..SQLITE.migrations.len() {
        migrate(earlier).await;
    }
}

async fn migrate(migrations: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.db");
    let url = DatabaseUrl::Sqlite(path.clone());
    let trail = Database::connect(&url).await.unwrap();
    let first = Migrator {
        migrations: SQLITE.migrations[..migrations].to_vec().into(),
        ..Migrator::DEFAULT
    };
    first.run(&trail.pool).await.unwrap();
    for _ in 0..3 {
        let trail = Database::connect(&url).await.unwrap();
        Chain::begin(trail, &SystemClock, &SystemEntropy)
            .await
            .unwrap();
    }
    if migrations > 1 {
        // A duplicate row, which the key of the first schema does not allow. `verify` reports it below.
        let duplicate = "INSERT INTO audit_events SELECT * FROM audit_events WHERE rowid = 2";
        sqlx::query(duplicate).execute(&trail.pool).await.unwrap();
    }
    trail.pool.close().await;

    for open in [true, false] {
        let trail = match open {
            true => Database::open(&url).await.unwrap(),
            false => Database::open_or_create(&url).await.unwrap(),
        };
        assert_eq!(
            trail.schema_warning().is_some(),
            open,
            "{migrations} migrations"
        );
        let report = verify(&trail).await.unwrap();
        assert_eq!(report.is_intact(), migrations == 1, "{report:?}");
        trail.pool.close().await;
    }
    let trail = Database::open(&url).await.unwrap();
    assert_eq!(trail.schema_warning(), None);
    let count = async |query: &'static str| -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&trail.pool)
            .await
            .unwrap()
    };
    let indexes = "SELECT count(*) FROM sqlite_master WHERE name IN ('audit_events_place', 'audit_events_at')";
    assert_eq!(count(indexes).await, 2);
    while fill_index(&trail).await.unwrap().is_some() {}
    assert_eq!(count("SELECT count(*) FROM audit_index").await, 3);
}
