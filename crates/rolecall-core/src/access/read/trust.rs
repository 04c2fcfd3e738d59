//! How the roles of an account are convinced: `trust` and the keys that belong to it.

use super::PolicyContext;
use crate::access::catalog::{ConsoleMethod, GatewaySaml, Trust};
use crate::aws::{AccountId, Recipient, SamlProviderArn};
use crate::config_file::{Reader, Value, quoted, suggest};

const GATEWAY_OIDC: &str = "gateway-oidc";
const GATEWAY_SAML: &str = "gateway-saml";
const PROVIDER_SAML: &str = "provider-saml";
/// What `trust` can be.
const WORDS: [&str; 3] = [GATEWAY_OIDC, GATEWAY_SAML, PROVIDER_SAML];
/// What it may become.
const LATER: [&str; 3] = ["provider-oidc", "caller", "federation-token"];
const OTHERWISE: &str = "use trust = \"gateway-oidc\", \"gateway-saml\" or \"provider-saml\"";

/// Reads `trust` and what goes with it; none when there is a mistake in it. `account` is none when its id has one.
pub(super) fn read(
    reader: &Reader<'_>,
    account: Option<&AccountId>,
    context: &PolicyContext<'_>,
) -> Option<Trust> {
    let trust = reader.value("trust");
    let provider = reader.value("saml_provider_arn");
    let console = reader.value("console");
    let recipient = reader.value("recipient");
    let word = match &trust {
        None => GATEWAY_OIDC,
        Some(value) => known_word(value)?,
    };
    if word == GATEWAY_OIDC {
        if let Some(value) = provider {
            value.invalid("it belongs to trust = \"gateway-saml\" or trust = \"provider-saml\"");
        }
        for value in [console, recipient].into_iter().flatten() {
            value.invalid("it belongs to trust = \"gateway-saml\"");
        }
        return Some(Trust::GatewayOidc);
    }
    if word == PROVIDER_SAML {
        for value in [console, recipient].into_iter().flatten() {
            value.invalid("it belongs to trust = \"gateway-saml\"");
        }
        missing_provider(&provider, trust.as_ref(), word, account, context);
        let provider = read_provider(&provider?, account, context)?;
        return Some(Trust::ProviderSaml(provider));
    }
    missing_provider(&provider, trust.as_ref(), word, account, context);
    let provider = provider.and_then(|value| read_provider(&value, account, context));
    let console = match &console {
        None => Some(ConsoleMethod::default()),
        Some(value) => read_console(value),
    };
    let recipient = match &recipient {
        None => Some(None),
        Some(value) => value
            .parse_with(|text| Recipient::parse(text, context.partition))
            .map(|at| Some(at.value)),
    };
    Some(Trust::GatewaySaml(GatewaySaml {
        provider: provider?,
        console: console?,
        recipient: recipient?,
    }))
}

fn missing_provider(
    provider: &Option<Value<'_>>,
    trust: Option<&Value<'_>>,
    word: &str,
    account: Option<&AccountId>,
    context: &PolicyContext<'_>,
) {
    if let (None, Some(trust)) = (provider, trust) {
        let id = account.map_or("111122223333", AccountId::as_str);
        trust.spot().error(
            format!("trust = \"{word}\" needs `saml_provider_arn`"),
            format!(
                "add saml_provider_arn = \"arn:{}:iam::{id}:saml-provider/rolecall\"",
                context.partition
            ),
        );
    }
}

fn known_word(value: &Value<'_>) -> Option<&'static str> {
    let word = value.string()?.value;
    if let Some(known) = WORDS.into_iter().find(|known| *known == word) {
        return Some(known);
    }
    if LATER.contains(&word) {
        let message = format!("this version of Rolecall does not support trust = {word:?} yet");
        value.spot().error(message, OTHERWISE);
    } else {
        let hint = suggest::hint(word, WORDS, OTHERWISE);
        let message = format!("unknown trust {}", quoted(word));
        value.spot().error(message, hint);
    }
    None
}

fn read_provider(
    value: &Value<'_>,
    account: Option<&AccountId>,
    context: &PolicyContext<'_>,
) -> Option<SamlProviderArn> {
    let provider = value.parse::<SamlProviderArn>()?;
    let account = account?;
    if provider.value.belongs_to(context.partition, account) {
        return Some(provider.value);
    }
    provider.spot.error(
        format!("{} is not in account {account}", provider.value),
        format!(
            "IAM asks a provider of the role's own account: arn:{}:iam::{account}:saml-provider/{}",
            context.partition,
            provider.value.name()
        ),
    );
    None
}

fn read_console(value: &Value<'_>) -> Option<ConsoleMethod> {
    let word = value.string()?.value;
    let known = ConsoleMethod::ALL
        .into_iter()
        .find(|way| way.as_str() == word);
    if known.is_none() {
        let words = ConsoleMethod::ALL.map(ConsoleMethod::as_str);
        let hint = suggest::hint(word, words, "use \"federation\" or \"saml-post\"");
        value.invalid(hint);
    }
    known
}
