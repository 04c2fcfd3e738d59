//! Common configuration errors, one per row: what `rolecalld check`, `check --online`, the log and the page report. At
//! least one of them must contain the next step.

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

/// Where a message is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// `rolecalld check`.
    Check,
    /// `rolecalld check --online`.
    Online,
    /// The log of `rolecalld serve`.
    Log,
    /// The page after a sign-in.
    Page,
}

/// How the error is triggered.
#[derive(Clone, Copy)]
enum Visit {
    /// A user signs in with the provider of this ID.
    SignIn(&'static str),
    /// A request has another `Host`.
    OtherHost,
    /// A sign-in starts behind a proxy that reports plain HTTP; with the expected redirect target.
    ForwardedProto,
    /// Nothing.
    Nobody,
}

/// A configuration error.
struct Misconfiguration {
    name: &'static str,
    /// The stack with the error.
    settings: fn(&mut TestStackSettings),
    /// Changes to the files, after the stack was built and before the gateway starts.
    change: fn(&TestStack) -> Result<Option<TlsFront>>,
    visit: Visit,
    /// Changes after a successful sign-in.
    later: Option<fn(&TestStack)>,
    /// The expected messages.
    expected: &'static [(Output, &'static str)],
    /// The next step.
    next: (Output, &'static str),
}

/// A stack with an error, and a gateway process that serves it.
struct Fixture {
    stack: TestStack,
    balancer: Balancer,
    _front: Option<TlsFront>,
}

/// The messages by output.
struct Messages {
    check: String,
    online: String,
    log: String,
    page: String,
}

impl Messages {
    fn at(&self, output: Output) -> &str {
        match output {
            Output::Check => &self.check,
            Output::Online => &self.online,
            Output::Log => &self.log,
            Output::Page => &self.page,
        }
    }
}

/// Replaces a text in `rolecall.toml`.
fn replace(stack: &TestStack, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(stack.config())?;
    ensure!(text.contains(old), "{old} is not in {text}");
    Ok(fs::write(stack.config(), text.replace(old, new))?)
}

impl Fixture {
    async fn of(case: &Misconfiguration) -> Result<Self> {
        let (stack, balancer) = balanced_stack(|settings| {
            settings.store = "sqlite:store.db".to_owned();
            (case.settings)(settings);
        })
        .await?;
        let front = (case.change)(&stack)?;
        Ok(Self {
            stack,
            balancer,
            _front: front,
        })
    }

    /// All output of `rolecalld` with these arguments.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let arguments = [arguments, &["--config", "rolecall.toml"]].concat();
        let ran = rolecalld(self.stack.folder(), &arguments)?;
        Ok(ran.out + &ran.err)
    }

    /// The page after a sign-in.
    async fn sign_in(&self, provider: &str) -> Result<String> {
        let mut browser = Browser::new()?;
        let start = self.stack.at(&format!("/sign-in/{provider}"));
        let mut page = browser.open(&start).await?;
        if is_at_provider(&page)? {
            page = browser.sign_in_at_provider("alice").await?;
        }
        Ok(page.text())
    }

    /// The redirect target of a sign-in, with `{public_url}` for the URL of the gateway.
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

    async fn messages(&self, case: &Misconfiguration) -> Result<Messages> {
        let (check, online) = (self.run(&["check"])?, self.run(&["check", "--online"])?);
        let mut command = program(self.stack.folder());
        command.args(["serve", "--config", "rolecall.toml"]);
        let mut gateway = Process::start(command)?;
        let line = match gateway.wait_for_line(" serving ", RECOVERED_MAX) {
            Ok(line) => line,
            Err(ended) if matches!(case.visit, Visit::Nobody) => {
                return Ok(Messages {
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
        if let Some(later) = case.later {
            let Visit::SignIn(provider) = case.visit else {
                anyhow::bail!("{}: there is no sign-in", case.name);
            };
            let page = self.sign_in(provider).await?;
            ensure!(page.contains("payments-prod"), "{}: {page}", case.name);
            later(&self.stack);
        }
        let page = match case.visit {
            Visit::SignIn(provider) => self.sign_in(provider).await?,
            Visit::OtherHost => {
                let request = client()?.get(self.stack.at("/"));
                let answer = request.header("host", "internal.example:8080").send();
                answer.await?.text().await?
            }
            Visit::ForwardedProto => self.begins_behind_plain_http().await?,
            Visit::Nobody => String::new(),
        };
        let logged = |(output, text): &(Output, &str)| {
            *output != Output::Log || gateway.output().contains(text)
        };
        // The log is written after the response.
        let awaited = until(case.name, async || {
            let all = case.expected.iter().chain([&case.next]).all(logged);
            Ok(all.then_some(()))
        });
        let missing = awaited.await.err();
        let log = gateway.output();
        ensure!(missing.is_none(), "{}: the log:\n{log}", case.name);
        Ok(Messages {
            check,
            online,
            log,
            page,
        })
    }
}

#[tokio::test]
async fn common_errors_report_the_next_step() -> Result<()> {
    for case in rows::MISCONFIGURATIONS {
        let messages = Fixture::of(&case).await?.messages(&case).await?;
        for (output, text) in case.expected.iter().chain([&case.next]) {
            ensure!(
                messages.at(*output).contains(text),
                "{}: {output:?} does not say {text:?}:\n{}",
                case.name,
                messages.at(*output)
            );
        }
    }
    Ok(())
}
