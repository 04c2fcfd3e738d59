//! A user's machine: a home folder, an empty environment, and a browser that passes each URL to the test.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::browser::{Browser, Page};
use rolecall_testkit::process::Process;
use tempfile::TempDir;

/// Python starts slowly on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The result of a program.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` if a signal terminated it.
    pub code: Option<i32>,
    /// All of its output.
    pub text: String,
}

impl Ran {
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

/// A user's machine, see the module.
pub struct Laptop {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// A program that may open a page.
pub struct Running {
    process: Option<Process>,
    opened: PathBuf,
}

impl Laptop {
    pub fn new() -> Result<Self> {
        let laptop = Self {
            home: TempDir::new()?,
            variables: Vec::new(),
        };
        // Written atomically, because the test reads the file meanwhile.
        let script = laptop.save(
            "browser",
            "#!/bin/sh\nprintf '%s' \"$1\" > \"$HOME/opening\" && mv \"$HOME/opening\" \"$HOME/opened\"\n",
        )?;
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
        Ok(laptop)
    }

    /// A path in the home folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file in the home folder.
    pub fn save(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Edits a file in the home folder.
    pub fn edit(&self, name: &str, change: impl FnOnce(String) -> String) -> Result<()> {
        let text = fs::read_to_string(self.path(name))?;
        self.save(name, &change(text)).map(drop)
    }

    /// Sets a variable for all programs started later.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.variables.retain(|(name, _)| name != variable);
        self.variables.push((variable.to_owned(), value.to_owned()));
    }

    /// The files in the cache of the CLI and the SDKs.
    pub fn tokens(&self) -> Result<Vec<PathBuf>> {
        let mut tokens = Vec::new();
        for entry in fs::read_dir(self.path(".aws/sso/cache"))? {
            let path = entry?.path();
            if fs::read_to_string(&path)?.contains("accessToken") {
                tokens.push(path);
            }
        }
        Ok(tokens)
    }

    /// A program with the environment of this machine.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let browser = self.path("browser").display().to_string();
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("BROWSER", browser)
            .env("LANG", "C.UTF-8")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path());
        command
    }

    /// Runs a program to its end.
    pub async fn run(&self, command: Command) -> Result<Ran> {
        self.start(command)?.finish().await
    }

    /// Starts a program.
    pub fn start(&self, command: Command) -> Result<Running> {
        let opened = self.path("opened");
        if opened.exists() {
            fs::remove_file(&opened)?;
        }
        Ok(Running {
            process: Some(Process::start(command)?),
            opened,
        })
    }
}

impl Running {
    /// The URL of the page it opened.
    pub async fn opened(&mut self) -> Result<String> {
        let opened = self.opened.clone();
        self.patiently(move |process| {
            process.wait_for(PATIENCE, "a page to open", || {
                fs::read_to_string(&opened).ok()
            })
        })
        .await
    }

    /// Waits for the program to exit.
    pub async fn finish(mut self) -> Result<Ran> {
        self.patiently(move |process| {
            let code = process.finish(PATIENCE)?.code();
            Ok(Ran {
                code,
                text: process.output(),
            })
        })
        .await
    }

    async fn patiently<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Process) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut process = self.process.take().context("the program has exited")?;
        let (process, outcome) = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut process);
            (process, outcome)
        })
        .await?;
        self.process = Some(process);
        outcome
    }
}

/// Presses *Allow* on the page about a client, and follows its redirect to the client.
pub async fn allow(browser: &mut Browser) -> Result<Page> {
    answer(browser, "Allow").await
}

/// Presses *Deny*.
pub async fn deny(browser: &mut Browser) -> Result<Page> {
    answer(browser, "Deny").await
}

async fn answer(browser: &mut Browser, button: &str) -> Result<Page> {
    let page = browser.press(button, &[]).await?;
    let header = page.header("refresh").with_context(|| page.text())?;
    let to = header
        .strip_prefix("0; url=")
        .context("no immediate refresh")?;
    browser.open(to).await
}

/// As [`allow`], after entering the end of the displayed code.
pub async fn compare(browser: &mut Browser, code: &str) -> Result<Page> {
    let (_, end) = code
        .trim()
        .split_once('-')
        .context("a code has two halves")?;
    let page = browser.press("Allow", &[("retyped", end)]).await?;
    ensure!(
        page.text()
            .contains("Access granted. Return to your terminal."),
        "{}",
        page.text()
    );
    Ok(page)
}
