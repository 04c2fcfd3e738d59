//! This machine: the repository, the cache and the programs on the path.
//!
//! The only module of the xtask that reads the environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

pub(crate) struct Machine {
    /// Root of the repository.
    pub(crate) root: PathBuf,
    /// Cache directory for programs from npm, PyPI and crates.io, shared by all clones.
    pub(crate) cache: PathBuf,
    /// The cargo that runs this program.
    pub(crate) cargo: PathBuf,
    /// Directories in `$PATH`.
    path: Vec<PathBuf>,
    /// Whether this runs in continuous integration (`$CI`), where builds are kept after the clone is deleted.
    ci: bool,
    target_chosen: bool,
    has_corpus: bool,
}

impl Machine {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place of the xtask that reads the environment"
    )]
    pub(crate) fn here() -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the xtask is not in a repository")?;
        let cache = variable("ROLECALL_CACHE")
            .map(PathBuf::from)
            .or_else(|| {
                variable("XDG_CACHE_HOME").map(|folder| Path::new(&folder).join("rolecall"))
            })
            .or_else(|| variable("HOME").map(|folder| Path::new(&folder).join(".cache/rolecall")))
            .context("no cache directory: set ROLECALL_CACHE, XDG_CACHE_HOME or HOME")?;
        std::fs::create_dir_all(&cache)
            .with_context(|| format!("cannot create the cache directory {}", cache.display()))?;
        Ok(Self {
            root: root.to_owned(),
            cache: std::path::absolute(cache)?,
            cargo: variable("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
            path: variable("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
            ci: variable("CI").is_some(),
            target_chosen: variable("CARGO_TARGET_DIR").is_some(),
            has_corpus: variable("ROLECALL_CORPUS").is_some(),
        })
    }

    /// The target directory for cargo if it is not `target/` in the repository.
    pub(crate) fn target(&self) -> Option<PathBuf> {
        (self.ci && !self.target_chosen).then(|| self.cache.join("target"))
    }

    /// Whether a left-out test is an error: in continuous integration with the corpus (`$CI`, `$ROLECALL_CORPUS`).
    pub(crate) fn must_run_all_tests(&self) -> bool {
        self.ci && self.has_corpus
    }

    /// The program with this name on the path.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.path
            .iter()
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    }

    /// Whether a command can be run and succeeds. Its output is ignored.
    pub(crate) fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The first line of the output of a command, if it can be run and succeeds.
    pub(crate) fn first_line(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output
            .status
            .success()
            .then(|| text.lines().next().unwrap_or_default().trim().to_owned())
    }
}
