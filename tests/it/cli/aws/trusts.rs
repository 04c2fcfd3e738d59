//! Files for every trust: identity providers that are not the gateway, intermediate roles, the gateway's own principal, and the IAM
//! user of an account without roles.

use std::collections::BTreeMap;

use super::*;

/// Metadata as long as IAM requires, with texts that a template could misread.
pub fn metadata() -> String {
    let padding = "${x} %{y} \"z\" \\ \n".repeat(80);
    format!("<EntityDescriptor>\n{padding}</EntityDescriptor>\n")
}

/// A configuration with an account for each trust.
pub fn configured() -> Result<TempDir> {
    let folder = folder()?;
    fs::copy(
        golden().join("trusts.toml"),
        folder.path().join("access.toml"),
    )?;
    fs::write(folder.path().join("corporate.xml"), metadata())?;
    change(
        &folder,
        "sts_region = \"eu-west-1\"",
        &format!("sts_region = \"eu-west-1\"\ngateway_principal = \"{PRINCIPAL}\""),
    )?;
    Ok(folder)
}

/// The accounts, with those that are not in the access policy.
pub const ACCOUNTS: [&str; 6] = [
    "333344445555",
    "555566667777",
    "888899990000",
    "666677778888",
    "222233334444",
    "999988887777",
];

pub const METADATA: [&str; 2] = ["--provider-metadata", "corporate=corporate.xml"];

/// The files below a folder, by path.
fn files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .context("a name")?
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            for (inner, text) in files(&path)? {
                found.insert(format!("{name}/{inner}"), text);
            }
        } else {
            found.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(found)
}

#[test]
fn generated_files_of_every_trust_have_the_same_bytes() -> Result<()> {
    let folder = configured()?;
    let out = folder.path().join("out");
    for arguments in [
        &["cloudformation"][..],
        &["terraform"],
        &["terraform", "--format", "json"],
    ] {
        let ran = aws(&folder, &[arguments, &METADATA, &["--out", "out"]].concat())?;
        ensure!(ran.code == 0, "{ran:?}");
        ensure!(
            ran.err.lines().count() == 1
                && ran
                    .err
                    .contains("every person who uses the client rolecall"),
            "{ran:?}"
        );
    }
    let found = files(&out)?;
    ensure!(found.len() == 3 * ACCOUNTS.len(), "{:?}", found.keys());
    let expected = files(&golden().join("trusts"))?;
    if found != expected {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trusts");
        for (name, text) in &found {
            let path = kept.join(name);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            fs::write(path, text)?;
        }
        let differing: Vec<&String> = found
            .keys()
            .filter(|name| found.get(*name) != expected.get(*name))
            .collect();
        anyhow::bail!(
            "{differing:?} differ: compare with {}, and copy them if the change is intended",
            kept.display()
        );
    }
    Ok(())
}

#[test]
fn options_leave_out_what_exists() -> Result<()> {
    let folder = configured()?;
    let resources = |arguments: &[&str]| -> Result<Vec<String>> {
        let ran = aws(
            &folder,
            &[&["cloudformation", "--account"], arguments].concat(),
        )?;
        ensure!(ran.code == 0, "{ran:?}");
        let template: Value = serde_json::from_str(&ran.out)?;
        let resources = template["Resources"].as_object().context("resources")?;
        let kinds = resources.values().map(|one| one["Type"].as_str());
        let kinds = kinds.map(|kind| kind.unwrap_or_default().to_owned());
        Ok(kinds.collect())
    };
    let provider = "AWS::IAM::OIDCProvider".to_owned();
    ensure!(resources(&["partners"])?.contains(&provider));
    for existing in ["partners", "888899990000", "*"] {
        let kinds = resources(&["partners", "--existing-provider", existing])?;
        ensure!(kinds == ["AWS::IAM::Role"], "{kinds:?}");
    }
    ensure!(resources(&["partners", "--existing-provider", "research"])?.contains(&provider));
    // Without its metadata, the SAML provider is left out with a warning.
    ensure!(resources(&["research"])? == ["AWS::IAM::Role"]);
    let ran = aws(&folder, &["cloudformation", "--account", "research"])?;
    ensure!(
        ran.err.contains("set --provider-metadata corporate=FILE"),
        "{ran:?}"
    );
    // The account of the gateway is not in the access policy.
    let mut kinds = resources(&["999988887777"])?;
    kinds.sort();
    ensure!(
        kinds == ["AWS::IAM::ManagedPolicy", "AWS::IAM::Role"],
        "{kinds:?}"
    );
    for (arguments, code, error, hint) in [
        (
            &[
                "cloudformation",
                "--account",
                "999988887777",
                "--without-gateway",
            ][..],
            2,
            "unknown account 999988887777",
            "every account is listed in the access files",
        ),
        (
            &["cloudformation", "--account", "123456789012"],
            2,
            "unknown account 123456789012",
            "",
        ),
        (
            &[
                "cloudformation",
                "--existing-provider",
                "partner",
                "--out",
                "o",
            ],
            2,
            "unknown account partner",
            "partners",
        ),
        (
            &[
                "cloudformation",
                "--provider-metadata",
                "corporat=corporate.xml",
                "--out",
                "o",
            ],
            2,
            "has the SAML provider corporat",
            "saml_provider_arn",
        ),
        (
            &[
                "cloudformation",
                "--provider-metadata",
                "corporate=missing.xml",
                "--out",
                "o",
            ],
            2,
            "missing.xml: cannot read",
            "",
        ),
        (
            &["cloudformation", "--provider-metadata", "corporate"],
            2,
            "write NAME=FILE",
            "",
        ),
    ] {
        let ran = aws(&folder, arguments)?;
        ensure!(ran.code == code, "{arguments:?} {ran:?}");
        ensure!(
            ran.err.contains(error) && ran.err.contains(hint),
            "{arguments:?} {ran:?}"
        );
    }
    change(&folder, PRINCIPAL, "arn:aws-cn:iam::999988887777:role/x")?;
    let ran = aws(&folder, &["cloudformation", "--out", "o"])?;
    ensure!(
        ran.code == 2 && ran.err.contains("is not in the partition aws"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn without_a_principal_the_gateway_is_not_generated() -> Result<()> {
    let folder = configured()?;
    change(&folder, "gateway_principal", "#gateway_principal")?;
    let ran = aws(&folder, &["cloudformation", "--out", "out"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.err.contains("set `gateway_principal` in [aws]") && !ran.out.contains("999988887777"),
        "{ran:?}"
    );
    Ok(())
}
