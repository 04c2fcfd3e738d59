//! Generated CloudFormation templates are valid for cfn-lint.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;

use super::{PRINCIPAL, aws, configured};
use crate::templates::cfn_lint;

#[test]
fn generated_templates_are_valid_for_cfn_lint() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let folder = configured()?;
    for (arguments, count) in [
        (&[][..], 2),
        (&["--organizational-unit", "r-abcd"], 1),
        (
            &[
                "--organizational-unit",
                "r-abcd",
                "--delegated-administrator",
            ],
            1,
        ),
    ] {
        let common = [
            "cloudformation",
            "--gateway-principal",
            PRINCIPAL,
            "--out",
            "out",
        ];
        let ran = aws(&folder, &[&common, arguments].concat())?;
        ensure!(ran.code == 0, "{ran:?}");
        let out = folder.path().join("out");
        let files = fs::read_dir(&out)?.map(|entry| Ok(entry?.path()));
        let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
        ensure!(files.len() == count, "{files:?}");
        let (valid, output) = cfn_lint(&python, &files)?;
        ensure!(valid, "{output}");
        fs::remove_dir_all(out)?;
    }
    Ok(())
}
