//! The corpora: no line of the redirect corpus leaves the origin, and every naughty string is escaped.

use rolecall_test_requirements::CORPUS;
use rolecall_testkit::oidc::Person;

use super::*;

/// A file of the corpus; none if the corpus is not available.
fn corpus(file: &str) -> Result<Option<String>> {
    let Some(folder) = CORPUS.path() else {
        return Ok(None);
    };
    let path = folder.join(file);
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[tokio::test]
async fn redirect_corpus_never_leaves_the_origin() -> Result<()> {
    let Some(corpus) = corpus("redirect/openredirects.txt")? else {
        return Ok(());
    };
    let fixture = Fixture::new().await?;
    let own = Url::parse(fixture.stack.url())?;
    let lines: Vec<&str> = corpus.lines().filter(|line| !line.is_empty()).collect();
    ensure!(lines.len() >= 558, "{} lines", lines.len());
    let mut seen = std::collections::BTreeSet::new();
    for line in lines {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("return_to", line)
            .finish();
        let chosen = location(&fixture.get(&format!("/sign-in?{query}")).send().await?)?;
        ensure!(
            chosen.starts_with("/sign-in/example?return_to="),
            "{line}: {chosen}"
        );
        // Most lines give the same link of the sign-in page; each link is tested once.
        let chosen = seen.insert(chosen.clone()).then_some(chosen);
        for start in chosen
            .into_iter()
            .chain([format!("/sign-in/example?{query}")])
        {
            let (authorize, cookie) = fixture.begin(&start, None).await?;
            let callback = fixture.approve(&authorize, "alice").await?;
            let to = location(&fixture.come_back(&callback, Some(&cookie)).await?)?;
            let stays = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
            ensure!(
                stays && own.join(&to)?.origin() == own.origin(),
                "{line} led to {to}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn redirect_corpus_is_no_console_destination() -> Result<()> {
    let Some(corpus) = corpus("redirect/openredirects.txt")? else {
        return Ok(());
    };
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    for line in corpus.lines().filter(|line| !line.trim().is_empty()) {
        let fields = [
            ("account", "444455556666"),
            ("permission_set", "Developer"),
            ("destination", line),
        ];
        let (status, json) = fixture.post_json(&pass, "/console", &fields).await?;
        if status == 400 {
            continue;
        }
        let link = Url::parse(
            json["location"]
                .as_str()
                .with_context(|| format!("{line}: {status}"))?,
        )?;
        let to = link
            .query_pairs()
            .find(|(name, _)| name == "Destination")
            .context("no destination")?
            .1
            .into_owned();
        let host = Url::parse(&to)?.host_str().unwrap_or_default().to_owned();
        ensure!(
            host == "console.aws.amazon.com" || host.ends_with(".console.aws.amazon.com"),
            "{line} led to {to}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn naughty_strings_are_escaped() -> Result<()> {
    let Some(corpus) = corpus("unicode/blns.json")? else {
        return Ok(());
    };
    let fixture = Fixture::new().await?;
    let strings: Vec<String> = serde_json::from_str(&corpus)?;
    let plain = |text: &&String| {
        !text.trim().is_empty() && text.len() <= 1_024 && !text.chars().any(char::is_control)
    };
    let strings: Vec<&String> = strings.iter().filter(plain).collect();
    ensure!(strings.len() > 400, "{}", strings.len());
    for chunk in strings.chunks(20) {
        let mut carol = Person::new("carol");
        carol.groups = chunk.iter().map(|text| (*text).clone()).collect();
        carol.name = chunk.iter().map(|text| text.as_str()).take(3).collect();
        fixture.stack.provider.put_person(carol);
        let browser = fixture.signed_in("carol").await?;
        let page = browser.page()?;
        let shown = page.select("ul.groups li.tag")?;
        ensure!(shown.len() == chunk.len(), "{shown:?}");
        for text in chunk {
            let words: Vec<&str> = text.split_whitespace().collect();
            ensure!(
                shown.contains(&words.join(" ")),
                "{text:?} is not among {shown:?}"
            );
        }
        ensure!(
            page.select("script")?.len() == 1
                && page
                    .select("img, iframe, object, embed, style, base")?
                    .is_empty()
        );
        for handler in [
            "onerror",
            "onload",
            "onclick",
            "onmouseover",
            "onfocus",
            "style",
        ] {
            ensure!(
                page.attributes(&format!("[{handler}]"), handler)?
                    .is_empty(),
                "{handler} on the page"
            );
        }
    }
    Ok(())
}
