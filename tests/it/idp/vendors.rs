//! Sign-in with each provider in `docs/providers.md`: with the settings of the page and typical responses of the
//! vendor, the role in the page's rule is available.

mod answers;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::access::Policy;
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::EmailAddress;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::oidc::variation::{ABSENT, RawResponse, Variation};
use rolecall_testkit::oidc::{ClientMethod, OidcClient};
use rolecalld::config;
use rolecalld::idp::ProviderSettings;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;

/// The responses of a vendor, and the expected result.
struct Vendor {
    /// Heading on the page.
    heading: &'static str,
    /// Path of the issuer.
    path: &'static str,
    /// Client authentication method.
    method: ClientMethod,
    /// Differences of the discovery document.
    discovery: Value,
    /// Modifies the key set.
    jwks: Option<fn(&mut Map<String, Value>)>,
    /// Differences of the ID token header.
    header: Value,
    /// Claims of the ID token in addition to protocol claims.
    id_token: Value,
    /// Differences of the token response.
    token: Value,
    /// Userinfo response and status, in addition to `sub`.
    userinfo: (u16, Value),
    /// Whether userinfo is requested for a user with groups.
    asked: bool,
    /// The expected identity.
    expected: Expected,
}

/// The expected identity.
struct Expected {
    subject: &'static str,
    /// The accepted address, or why there is none.
    email: Result<&'static str, &'static str>,
    groups: &'static [&'static str],
    mfa: bool,
}

fn read(path: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The first TOML block in `text` that contains `mark`.
fn block(text: &str, mark: &str) -> Result<String> {
    let mut blocks = text.split("```toml\n").skip(1);
    let found = blocks
        .find_map(|rest| Some(rest.split_once("```")?.0).filter(|block| block.contains(mark)));
    Ok(found
        .with_context(|| format!("no TOML with {mark}"))?
        .to_owned())
}

/// The sections of the page with a block for `rolecall.toml`, by heading.
fn sections() -> Result<Vec<(String, String)>> {
    let page = read("docs/providers.md")?;
    let sections = page.split("\n## ").skip(1).filter_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        let has_block = text.contains("[[provider]]");
        has_block.then(|| (heading.to_owned(), text.to_owned()))
    });
    Ok(sections.collect())
}

/// Loads the block of a section, completed by the configuration in the README and the rule of the section.
fn documented(section: &str) -> Result<(ProviderSettings, Policy)> {
    let provider = block(section, "[[provider]]")?;
    let readme = read("README.md")?;
    let rule = section.split('`').find(|piece| piece.starts_with("who = "));
    let rule = rule.unwrap_or("who = { everyone = true }");
    let access = format!(
        "[[account]]\nid = \"111122223333\"\nname = \"payments-prod\"\n[[permission_set]]\nname = \"Developer\"\n\
         [[assignment]]\nid = \"developers\"\n{rule}\naccounts = [\"*\"]\npermission_sets = [\"Developer\"]\n"
    );
    let folder = TempDir::new()?;
    let write = |name: &str, text: &str| -> Result<()> {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        Ok(fs::set_permissions(
            &path,
            fs::Permissions::from_mode(0o600),
        )?)
    };
    write("seal.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
    for secret in provider.split("file = \"").skip(1) {
        write(secret.split('"').next().unwrap_or_default(), CLIENT_SECRET)?;
    }
    write("access.toml", &access)?;
    write(
        "rolecall.toml",
        &format!("{}\n{provider}", block(&readme, "[listen]")?),
    )?;
    let loaded = config::load(&folder.path().join("rolecall.toml"))?;
    ensure!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let [settings] = <[ProviderSettings; 1]>::try_from(loaded.settings.providers)
        .map_err(|providers| anyhow::anyhow!("{} providers", providers.len()))?;
    Ok((settings, loaded.access.policy))
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Members that are omitted.
fn absent(names: &[&str]) -> Map<String, Value> {
    let left_out = names.iter().map(|name| ((*name).to_owned(), json!(ABSENT)));
    left_out.collect()
}

/// The settings with which the testkit's provider responds like this vendor.
fn variation(vendor: &Vendor, issuer: &str) -> Variation {
    let usual = [
        "email",
        "email_verified",
        "name",
        "preferred_username",
        "groups",
        "amr",
        "acr",
    ];
    let mut claims = absent(&usual);
    claims.insert("iss".to_owned(), json!(issuer));
    claims.extend(members(&vendor.id_token));
    let own = [
        "authorization_response_iss_parameter_supported",
        "prompt_values_supported",
    ];
    let mut discovery = absent(&own);
    discovery.insert("issuer".to_owned(), json!(issuer));
    discovery.extend(members(&vendor.discovery));
    let (status, userinfo) = &vendor.userinfo;
    let mut userinfo = members(userinfo);
    userinfo.insert("sub".to_owned(), json!(vendor.expected.subject));
    Variation {
        claims,
        header: members(&vendor.header),
        token: members(&vendor.token),
        discovery,
        callback: absent(&["iss"]),
        jwks: vendor.jwks,
        userinfo: Some(RawResponse {
            status: *status,
            body: Value::Object(userinfo).to_string(),
            content_type: "application/json".to_owned(),
            challenge: None,
        }),
        ..Variation::default()
    }
}

/// Signs in at this provider with these claims; returns how often userinfo was requested.
async fn sign_in(
    vendor: &Vendor,
    settings: &OidcSettings,
    changes: Map<String, Value>,
) -> Result<(Identity, usize)> {
    // The issuers of the testkit have no trailing slash.
    let (path, slash) = match vendor.path.strip_suffix('/') {
        Some(path) => (path, "/"),
        None => (vendor.path, ""),
    };
    let client = OidcClient::new(&settings.client_id, CLIENT_SECRET, CALLBACK);
    let mut fixture = Fixture::with(
        |upstream| {
            upstream.path = path.to_owned();
            upstream.keys = vec![Algorithm::Rs256];
            upstream.clients = vec![client.by(vendor.method.clone())];
        },
        |adapter| {
            *adapter = OidcSettings {
                issuer: format!("{}{slash}", adapter.issuer),
                redirect_uri: adapter.redirect_uri.clone(),
                ..settings.clone()
            }
        },
    )?;
    let issuer = format!("{}{slash}", fixture.upstream.issuer());
    let mut answers = variation(vendor, &issuer);
    answers.claims.extend(changes);
    fixture.upstream.set_variation(answers);
    let identity = fixture.sign_in("alice").await?;
    Ok((identity, fixture.upstream.hits("/userinfo")))
}

fn check(identity: &Identity, expected: &Expected) -> Result<()> {
    ensure!(
        identity.subject.as_str() == expected.subject,
        "{}",
        identity.subject
    );
    ensure!(identity.groups == expected.groups, "{:?}", identity.groups);
    ensure!(identity.mfa == expected.mfa, "mfa is {}", identity.mfa);
    let email = identity.email.as_ref().map(EmailAddress::as_str);
    let untrusted = identity.untrusted_email.as_ref().map(ToString::to_string);
    match expected.email {
        Ok(wanted) => ensure!(email == Some(wanted), "{email:?}, {untrusted:?}"),
        Err(why) => ensure!(
            email.is_none() && untrusted.as_ref().is_some_and(|said| said.contains(why)),
            "{email:?}, {untrusted:?}"
        ),
    }
    Ok(())
}

#[tokio::test]
async fn sign_in_works_with_each_documented_block() -> Result<()> {
    let sections = sections()?;
    let vendors = answers::vendors();
    for vendor in &vendors {
        let heading = vendor.heading;
        let (_, text) = sections
            .iter()
            .find(|(found, _)| found == heading)
            .with_context(|| format!("no section {heading}"))?;
        let (settings, policy) = documented(text).context(heading)?;
        let ProviderSettings::Oidc(settings) = settings else {
            anyhow::bail!("{heading}: not OpenID Connect");
        };
        let path = Url::parse(&settings.issuer)?.path().to_owned();
        let path = if settings.issuer.ends_with(&path) {
            path
        } else {
            String::new()
        };
        ensure!(
            path == vendor.path,
            "{heading}: the path of the issuer is {path:?}"
        );
        let (mut identity, asked) = sign_in(vendor, &settings, Map::new())
            .await
            .context(heading)?;
        check(&identity, &vendor.expected).context(heading)?;
        ensure!(
            asked == usize::from(vendor.asked),
            "{heading}: userinfo was requested {asked} times"
        );
        policy.check_claims(&mut identity)?;
        let circumstances = Circumstances {
            now: ManualClock::starting_now().now(),
            address: None,
            device_flow: false,
        };
        let grants = policy.grants(&Facts::new(&identity, circumstances));
        let labels: Vec<String> = grants.iter().map(|grant| grant.label()).collect();
        ensure!(
            labels == ["payments-prod/Developer"],
            "{heading}: {labels:?}"
        );
    }
    ensure!(vendors.len() == 11, "{} vendors", vendors.len());
    Ok(())
}

#[tokio::test]
async fn user_without_groups_signs_in_at_each_provider() -> Result<()> {
    let sections = sections()?;
    for vendor in answers::vendors() {
        let heading = vendor.heading;
        let section = sections.iter().find(|(found, _)| found == heading);
        let (_, text) = section.with_context(|| format!("no section {heading}"))?;
        let (ProviderSettings::Oidc(settings), _) = documented(text)? else {
            anyhow::bail!("{heading}: not OpenID Connect");
        };
        let changes = absent(&[settings.claims.groups.as_str()]);
        let (identity, _) = sign_in(&vendor, &settings, changes)
            .await
            .context(heading)?;
        let groups: &[&str] = &[];
        let expected = Expected {
            groups,
            ..vendor.expected
        };
        check(&identity, &expected).context(heading)?;
    }
    Ok(())
}

#[test]
fn each_documented_block_is_valid() -> Result<()> {
    let sections = sections()?;
    for (heading, text) in &sections {
        documented(text).with_context(|| heading.clone())?;
    }
    ensure!(sections.len() == 13, "{} sections", sections.len());
    Ok(())
}
