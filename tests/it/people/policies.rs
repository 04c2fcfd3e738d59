//! Policies are kept once per digest, and are returned unchanged.

use rolecalld::policy_archive::{
    ARCHIVE_BYTES_MAX, FileKind, PolicyFiles, ReadPolicyError, keep_policy, kept_policies, policy,
    policy_digests,
};

use super::*;

fn files(text: &str) -> PolicyFiles {
    PolicyFiles::new(vec![
        (
            "/etc/rolecall/access.toml".into(),
            FileKind::Access,
            text.to_owned(),
        ),
        (
            "/etc/rolecall/p/a.json".into(),
            FileKind::Referenced,
            "{}".to_owned(),
        ),
    ])
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800 + second, 0).unwrap_or_default()
}

async fn policies_are_kept_once_per_digest(test: TestDatabase) -> Result<()> {
    let database = migrated(&test).await?;
    let (one, two) = (files("one é \u{202e}\r\n"), files("two"));
    for (files, second) in [(&one, 0), (&two, 1), (&one, 5), (&one, 3)] {
        keep_policy(&database, files.clone(), at(second), ARCHIVE_BYTES_MAX).await?;
    }
    let kept = kept_policies(&database, 10).await?;
    let digests: Vec<&str> = kept.iter().map(|one| one.digest.as_str()).collect();
    ensure!(digests == [one.digest(), two.digest()], "{kept:?}");
    ensure!(
        kept[0].accepted_at == "2026-01-01T12:00:05.000000Z",
        "{kept:?}"
    );
    ensure!(kept[0].bytes == i64::try_from(one.bytes())?);
    ensure!(kept_policies(&database, 1).await?.len() == 1);
    ensure!(policy(&database, &one.digest()).await? == Some(one.clone()));
    ensure!(policy(&database, &"0".repeat(64)).await?.is_none());
    ensure!(policy_digests(&database, &one.digest()[..8]).await? == [one.digest()]);
    // Both replicas keep the same policy.
    let other = migrated(&test).await?;
    let three = files("three");
    let keep = |database| keep_policy(database, three.clone(), at(9), ARCHIVE_BYTES_MAX);
    tokio::try_join!(keep(&database), keep(&other))?;
    ensure!(kept_policies(&database, 10).await?.len() == 3);
    Ok(())
}

#[tokio::test]
async fn policies_are_kept_once_per_digest_on_sqlite() -> Result<()> {
    policies_are_kept_once_per_digest(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn policies_are_kept_once_per_digest_on_postgres() -> Result<()> {
    policies_are_kept_once_per_digest(TestDatabase::postgres().await?).await
}

async fn oldest_policies_are_deleted_beyond_the_limit(test: TestDatabase) -> Result<()> {
    let database = migrated(&test).await?;
    for n in 0..5 {
        keep_policy(&database, files(&n.to_string()), at(n), ARCHIVE_BYTES_MAX).await?;
    }
    // Each needs between 100 and 200 bytes.
    keep_policy(&database, files("5"), at(5), 400).await?;
    let kept = kept_policies(&database, 10).await?;
    ensure!((2..=4).contains(&kept.len()), "{kept:?}");
    ensure!(kept[0].digest == files("5").digest());
    // The new policy stays, even if it alone is too large.
    keep_policy(&database, files("6"), at(6), 1).await?;
    let kept = kept_policies(&database, 10).await?;
    ensure!(kept.len() == 1 && kept[0].digest == files("6").digest());
    Ok(())
}

#[tokio::test]
async fn oldest_policies_are_deleted_beyond_the_limit_on_sqlite() -> Result<()> {
    oldest_policies_are_deleted_beyond_the_limit(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn oldest_policies_are_deleted_beyond_the_limit_on_postgres() -> Result<()> {
    oldest_policies_are_deleted_beyond_the_limit(TestDatabase::postgres().await?).await
}

#[tokio::test]
async fn changed_policy_is_not_returned() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    let (one, two) = (files("one"), files("two"));
    for files in [&one, &two] {
        keep_policy(&database, files.clone(), at(0), ARCHIVE_BYTES_MAX).await?;
    }
    let swap = format!(
        "UPDATE policies SET files = (SELECT files FROM policies WHERE digest = '{}') WHERE digest = '{}'",
        two.digest(),
        one.digest()
    );
    test.store_sql(&swap).await?;
    let read = policy(&database, &one.digest()).await;
    ensure!(
        matches!(&read, Err(ReadPolicyError::Changed(other)) if *other == two.digest()),
        "{read:?}"
    );
    test.store_sql("UPDATE policies SET files = x'00ff'")
        .await?;
    let read = policy(&database, &two.digest()).await;
    ensure!(matches!(read, Err(ReadPolicyError::Damaged(_))), "{read:?}");
    Ok(())
}
