//! The usual mistakes of a set-up, one row each: what `rolecalld check`, `check --online`, the log and the page say of
//! it. What to do next stands in at least one of them.

mod rows;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::http::client;
use rolecall_testkit::process::Process;
use rolecall_testkit::proxy::TlsFront;
use url::form_urlencoded::byte_serialize;

use crate::cli::{program, rolecalld};
use crate::operate::{Balancer, RECOVERED_MAX, balanced_stack, is_at_provider, until};

/// Where an administrator or a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `rolecalld check`.
    Check,
    /// `rolecalld check --online`.
    Online,
    /// What `rolecalld serve` logs.
    Log,
    /// The page that a person ends at.
    Page,
}

/// Who meets the mistake, and how.
#[derive(Clone, Copy)]
enum Visit {
    /// Somebody signs in at the provider of this id.
    SignIn(&'static str),
    /// A request comes under another host name.
    OtherHost,
    /// A sign-in begins behind a proxy that says that the browser speaks plain http; what follows is where it leads.
    ForwardedProto,
    /// Nobody comes.
    Nobody,
}

/// One mistake.
struct Mistake {
    name: &'static str,
    /// The stack in which it happens.
    settings: fn(&mut TestStackSettings),
    /// Made in the files, after the stack was built and before the gateway starts.
    change: fn(&TestStack) -> Result<Option<TlsFront>>,
    visit: Visit,
    /// Happens after somebody has signed in once, before the visit.
    later: Option<fn(&TestStack)>,
    /// What is said, and where.
    said: &'static [(Place, &'static str)],
    /// What to do next, and where it stands.
    next: (Place, &'static str),
}

/// A stack with a mistake, and a gateway process that serves it.
struct Fixture {
    stack: TestStack,
    balancer: Balancer,
    _front: Option<TlsFront>,
}

/// What was said in each place.
struct Said {
    check: String,
    online: String,
    log: String,
    page: String,
}

impl Said {
    fn at(&self, place: Place) -> &str {
        match place {
            Place::Check => &self.check,
            Place::Online => &self.online,
            Place::Log => &self.log,
            Place::Page => &self.page,
        }
    }
}

/// Changes `rolecall.toml`.
fn replace(stack: &TestStack, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(stack.config())?;
    ensure!(text.contains(old), "{old} is not in {text}");
    Ok(fs::write(stack.config(), text.replace(old, new))?)
}

impl Fixture {
    async fn of(mistake: &Mistake) -> Result<Self> {
        let (stack, balancer) = balanced_stack(|settings| {
            settings.store = "sqlite:store.db".to_owned();
            (mistake.settings)(settings);
        })
        .await?;
        let front = (mistake.change)(&stack)?;
        Ok(Self {
            stack,
            balancer,
            _front: front,
        })
    }

    /// Everything that `rolecalld` writes with these arguments.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let arguments = [arguments, &["--config", "rolecall.toml"]].concat();
        let ran = rolecalld(self.stack.folder(), &arguments)?;
        Ok(ran.out + &ran.err)
    }

    /// The page at which somebody ends who signs in.
    async fn sign_in(&self, provider: &str) -> Result<String> {
        let mut browser = Browser::new()?;
        let start = self.stack.at(&format!("/sign-in/{provider}"));
        let mut page = browser.open(&start).await?;
        if is_at_provider(&page)? {
            page = browser.sign_in_at_provider("alice").await?;
        }
        Ok(page.text())
    }

    /// Where a sign-in leads, with `{public_url}` for the gateway's address.
    async fn begins_behind_plain_http(&self) -> Result<String> {
        let request = client()?.get(self.stack.at("/sign-in/example"));
        let request = request.header("x-forwarded-proto", "http");
        let answer = request
            .header("x-forwarded-host", "internal.example")
            .send()
            .await?;
        let location = answer.headers().get("location").context("a redirect")?;
        let ours: String = byte_serialize(self.stack.url().as_bytes()).collect();
        Ok(location.to_str()?.replace(&ours, "{public_url}"))
    }

    async fn said(&self, mistake: &Mistake) -> Result<Said> {
        let (check, online) = (self.run(&["check"])?, self.run(&["check", "--online"])?);
        let mut command = program(self.stack.folder());
        command.args(["serve", "--config", "rolecall.toml"]);
        let mut gateway = Process::start(command)?;
        let line = match gateway.wait_for_line(" serving ", RECOVERED_MAX) {
            Ok(line) => line,
            Err(ended) if matches!(mistake.visit, Visit::Nobody) => {
                return Ok(Said {
                    check,
                    online,
                    log: ended.to_string(),
                    page: String::new(),
                });
            }
            Err(error) => return Err(error),
        };
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("address="))
            .with_context(|| line.clone())?;
        self.balancer.lead_to(&[address.parse()?]);
        if let Some(later) = mistake.later {
            let Visit::SignIn(provider) = mistake.visit else {
                anyhow::bail!("{}: nobody signs in", mistake.name);
            };
            let page = self.sign_in(provider).await?;
            ensure!(page.contains("payments-prod"), "{}: {page}", mistake.name);
            later(&self.stack);
        }
        let page = match mistake.visit {
            Visit::SignIn(provider) => self.sign_in(provider).await?,
            Visit::OtherHost => {
                let request = client()?.get(self.stack.at("/"));
                let answer = request.header("host", "internal.example:8080").send();
                answer.await?.text().await?
            }
            Visit::ForwardedProto => self.begins_behind_plain_http().await?,
            Visit::Nobody => String::new(),
        };
        let logged =
            |(place, text): &(Place, &str)| *place != Place::Log || gateway.output().contains(text);
        // The log is written behind the answer.
        let awaited = until(mistake.name, async || {
            let all = mistake.said.iter().chain([&mistake.next]).all(logged);
            Ok(all.then_some(()))
        });
        let missing = awaited.await.err();
        let log = gateway.output();
        ensure!(missing.is_none(), "{}: the log:\n{log}", mistake.name);
        Ok(Said {
            check,
            online,
            log,
            page,
        })
    }
}

#[tokio::test]
async fn every_usual_mistake_says_what_to_do_next() -> Result<()> {
    for mistake in rows::MISTAKES {
        let said = Fixture::of(&mistake).await?.said(&mistake).await?;
        for (place, text) in mistake.said.iter().chain([&mistake.next]) {
            ensure!(
                said.at(*place).contains(text),
                "{}: {place:?} does not say {text:?}:\n{}",
                mistake.name,
                said.at(*place)
            );
        }
    }
    Ok(())
}
