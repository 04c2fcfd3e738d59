//! Warnings of `check` about rules that Google cannot satisfy.

use std::fs;

use anyhow::{Result, ensure};

use super::{Ran, change, folder, rolecalld};

#[test]
fn unsatisfiable_rules_for_google_cause_warnings() -> Result<()> {
    let folder = folder()?;
    let rule = |id: &str, who: &str, when: &str| {
        format!(
            "[[assignment]]\nid = \"{id}\"\nwho = {{ {who} }}\naccounts = [\"sandbox\"]\npermission_sets = [\"Administrator\"]\n{when}\n"
        )
    };
    let of_google = "provider = \"google\"";
    // The only provider that is authoritative for this domain.
    let eve = "users = [\"eve@workspace.example\"]";
    let rules = [
        rule("by-group", &format!("{of_google}, groups = [\"admins\"]"), ""),
        rule("strong", &format!("{of_google}, everyone = true"), "when = { mfa = true }"),
        rule("strong-eve", eve, "when = { mfa = true }"),
        rule("fresh-eve", eve, "when = { signed_in_within = \"1h\" }"),
        "[[deny]]\nid = \"no-contractors\"\nwho = { provider = \"google\", groups = [\"contractors\"] }\n".to_owned(),
    ];
    let access = rolecall_harness::sample_data::ACCESS_POLICY.to_owned() + &rules.concat();
    fs::write(folder.path().join("access.toml"), access)?;
    let google = r#"
[[provider]]
id = "google"
oidc = { issuer = "https://accounts.google.com", client_id = "rolecall", client_secret = { env = "ROLECALL_TEST_SECRET" }, hosted_domain = "workspace.example" }
"#;
    let path = folder.path().join("rolecall.toml");
    fs::write(&path, fs::read_to_string(&path)? + google)?;
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(ran.code == 0, "{ran:?}");
    let count_of = |ran: &Ran, what: &str| ran.err.matches(what).count();
    ensure!(
        count_of(
            &ran,
            "the provider google sends no groups: this matches nobody"
        ) == 2
            && count_of(
                &ran,
                "the provider google does not report whether a second factor was used"
            ) == 2
            && count_of(
                &ran,
                "the provider google does not report when a person signed in"
            ) == 1
            && count_of(&ran, "warning: ") == 5,
        "{}",
        ran.err
    );
    // The time of a requested reauthentication is known.
    change(
        &folder,
        "id = \"google\"\n",
        "id = \"google\"\nauth_time = \"assume_now\"\n",
    )?;
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(count_of(&ran, "warning: ") == 4, "{}", ran.err);
    // A rule for any provider causes no warning if another provider can satisfy it.
    change(
        &folder,
        "https://accounts.google.com",
        "https://id.example.com/google",
    )?;
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(!ran.err.contains("the provider google "), "{}", ran.err);
    Ok(())
}
