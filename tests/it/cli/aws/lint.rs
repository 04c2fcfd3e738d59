//! Generated CloudFormation templates are valid for cfn-lint.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use tempfile::TempDir;

use super::{PRINCIPAL, aws, configured, trusts};
use crate::templates::cfn_lint;

const STACK_SETS: [&str; 2] = ["--organizational-unit", "r-abcd"];

/// The templates that the command generates with these options are valid, and there are this many.
fn lint(python: &Path, folder: &TempDir, options: &[&str], count: usize) -> Result<()> {
    let ran = aws(
        folder,
        &[&["cloudformation", "--out", "out"], options].concat(),
    )?;
    ensure!(ran.code == 0, "{ran:?}");
    let out = folder.path().join("out");
    let files = fs::read_dir(&out)?.map(|entry| Ok(entry?.path()));
    let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
    ensure!(files.len() == count, "{files:?}");
    let (valid, output) = cfn_lint(python, &files)?;
    ensure!(valid, "{output}");
    Ok(fs::remove_dir_all(out)?)
}

#[test]
fn generated_templates_are_valid_for_cfn_lint() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let principal = ["--gateway-principal", PRINCIPAL];
    let delegated = ["--delegated-administrator"];
    let folder = configured()?;
    lint(&python, &folder, &principal, 3)?;
    lint(&python, &folder, &[principal, STACK_SETS].concat(), 1)?;
    lint(
        &python,
        &folder,
        &[&principal[..], &STACK_SETS, &delegated].concat(),
        1,
    )?;
    let folder = trusts::configured()?;
    lint(&python, &folder, &trusts::METADATA, trusts::ACCOUNTS.len())?;
    lint(
        &python,
        &folder,
        &[trusts::METADATA, STACK_SETS].concat(),
        1,
    )
}
