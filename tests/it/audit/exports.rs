//! Exports: JSON lines with a verifiable chain, CSV without formulas.

use anyhow::Context as _;
use rolecall_core::audit::ChainHash;
use rolecalld::audit::{Format, export};

use super::*;

async fn exported(
    database: &TestDatabase,
    format: Format,
    since: Option<DateTime<Utc>>,
) -> Result<String> {
    let mut output = Vec::new();
    let count = export(
        &Database::open(&database.url()?).await?,
        format,
        since,
        &mut output,
    )
    .await?;
    let text = String::from_utf8(output)?;
    let headings = usize::from(format == Format::Csv);
    ensure!(text.lines().count() == usize::try_from(count)? + headings);
    Ok(text)
}

async fn json_lines_contain_the_chain(database: TestDatabase) -> Result<()> {
    write(
        &database,
        &[signed_in("alice"), signed_in("jos\u{e9} \"x\"\n")],
    )
    .await?;
    let text = exported(&database, Format::Jsonl, None).await?;
    ensure!(text.lines().count() == 3);
    let mut link = None;
    for line in text.lines() {
        let parsed: serde_json::Value = serde_json::from_str(line)?;
        let writer = parsed["writer"].as_str().context("absent")?;
        let canonical = line
            .split_once("\"event\":")
            .context("absent")?
            .1
            .strip_suffix('}')
            .context("absent")?;
        let before: ChainHash = link.unwrap_or_else(|| ChainHash::genesis(writer));
        let hash = before.next(parsed["sequence"].as_u64().context("absent")?, canonical);
        ensure!(parsed["hash"] == hash.to_string());
        link = Some(hash);
    }
    ensure!(text.contains(r#""event":{"at":"#) && text.contains("writer_started"));
    Ok(())
}

#[tokio::test]
async fn json_lines_contain_the_chain_on_sqlite() -> Result<()> {
    json_lines_contain_the_chain(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn json_lines_contain_the_chain_on_postgres() -> Result<()> {
    json_lines_contain_the_chain(TestDatabase::postgres().await?).await
}

#[tokio::test]
async fn csv_escapes_formulas() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    write(
        &database,
        &[
            signed_in("=HYPERLINK(\"http://evil\")"),
            signed_in("a\r\nb,c"),
        ],
    )
    .await?;
    let text = exported(&database, Format::Csv, None).await?;
    ensure!(text.starts_with("writer,sequence,at,event,reference,"));
    ensure!(
        text.contains("\"'=HYPERLINK(\"\"http://evil\"\")\""),
        "{text}"
    );
    ensure!(text.contains("\"a\\u{d}\\u{a}b,c\""), "{text}");
    Ok(())
}

#[tokio::test]
async fn since_excludes_earlier_events() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let mut later = signed_in("bob");
    later.at += chrono::TimeDelta::milliseconds(1_500);
    write(&database, &[signed_in("alice"), later.clone()]).await?;
    let text = exported(&database, Format::Jsonl, Some(later.at)).await?;
    ensure!(text.lines().count() == 1 && text.contains("bob"), "{text}");
    let all = exported(&database, Format::Jsonl, Some(Noon.now())).await?;
    ensure!(all.lines().count() == 3);
    Ok(())
}
