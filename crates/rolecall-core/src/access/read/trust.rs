//! `trust` of an `[[account]]` and the keys that belong to it.
//!
//! [`KINDS`] lists the kinds of trust with their keys. Missing and misplaced keys are reported from the table, so a new kind is
//! an entry there, a function that reads its keys, and a variant of [`Trust`].

use super::{PolicyContext, caller_trust, federation_token, provider_oidc};
use crate::access::console_method::ConsoleMethod;
use crate::access::trust::{GatewaySaml, Trust};
use crate::aws::{AccountId, Recipient, SamlProviderArn};
use crate::config_file::{Reader, Value, quoted, suggest};

/// A key of `[[account]]` that belongs to one or several kinds of trust.
struct Key {
    name: &'static str,
    /// A value as it is written in TOML, for hints. `{partition}` and `{account}` are those of the account.
    example: &'static str,
}

static SAML_PROVIDER_ARN: Key = Key {
    name: "saml_provider_arn",
    example: "\"arn:{partition}:iam::{account}:saml-provider/rolecall\"",
};
static PROVIDER: Key = Key {
    name: "provider",
    example: "\"okta\"",
};
static CONSOLE: Key = Key {
    name: "console",
    example: "\"saml-post\"",
};
static RECIPIENT: Key = Key {
    name: "recipient",
    example: "\"https://signin.aws.amazon.com/saml\"",
};
static EXTERNAL_ID: Key = Key {
    name: "external_id",
    example: "\"7c2c6f6e-3f0e-4d0a-9a8f-6f2b1f3f6c55\"",
};
static VIA: Key = Key {
    name: "via",
    example: "\"arn:{partition}:iam::{account}:role/hub\"",
};
static CREDENTIALS: Key = Key {
    name: "credentials",
    example: "{ access_key_id = { file = \"…\" }, secret_access_key = { file = \"…\" } }",
};
/// Every key, in the order in which messages list them.
static KEYS: [&Key; 7] = [
    &SAML_PROVIDER_ARN,
    &PROVIDER,
    &CONSOLE,
    &RECIPIENT,
    &EXTERNAL_ID,
    &VIA,
    &CREDENTIALS,
];

/// A kind of trust.
struct Kind {
    /// The value of `trust`.
    name: &'static str,
    required: &'static [&'static Key],
    optional: &'static [&'static Key],
    /// Reads the keys; none when one of them is missing or invalid.
    read: fn(&Fields<'_, '_>) -> Option<Trust>,
}

/// The kinds of trust. The first is that of accounts without `trust`.
static KINDS: [Kind; 6] = [
    Kind {
        name: "gateway-oidc",
        required: &[],
        optional: &[],
        read: |_| Some(Trust::GatewayOidc),
    },
    Kind {
        name: "gateway-saml",
        required: &[&SAML_PROVIDER_ARN],
        optional: &[&CONSOLE, &RECIPIENT],
        read: gateway_saml,
    },
    Kind {
        name: "provider-saml",
        required: &[&SAML_PROVIDER_ARN],
        optional: &[],
        read: |fields| Some(Trust::ProviderSaml(fields.saml_provider_arn()?)),
    },
    Kind {
        name: "provider-oidc",
        required: &[&PROVIDER],
        optional: &[],
        read: |fields| {
            let provider = fields.value(&PROVIDER)?;
            provider_oidc::read(provider, fields.context).map(Trust::ProviderOidc)
        },
    },
    Kind {
        name: "caller",
        required: &[],
        optional: &[&EXTERNAL_ID, &VIA],
        read: caller,
    },
    Kind {
        name: "federation-token",
        required: &[&CREDENTIALS],
        optional: &[],
        read: federation_token,
    },
];
const OTHERWISE: &str = "use trust = \"gateway-oidc\", \"gateway-saml\", \"provider-saml\", \"provider-oidc\", \"caller\" or \"federation-token\"";

impl Kind {
    fn takes(&self, key: &Key) -> bool {
        let mut keys = self.required.iter().chain(self.optional);
        keys.any(|taken| taken.name == key.name)
    }
}

/// The values of an account's keys for trust, and what they are checked against.
struct Fields<'d, 'c> {
    values: Vec<(&'static str, Value<'d>)>,
    /// None when the account's id is invalid.
    account: Option<&'c AccountId>,
    context: &'c PolicyContext<'c>,
}

/// Reads `trust` and the keys that belong to it; none when one of them is missing or invalid. `account` is none when its id
/// is invalid.
pub(super) fn read(
    reader: &Reader<'_>,
    account: Option<&AccountId>,
    context: &PolicyContext<'_>,
) -> Option<Trust> {
    let trust = reader.value("trust");
    let values = KEYS
        .iter()
        .filter_map(|key| Some((key.name, reader.value(key.name)?)));
    let fields = Fields {
        values: values.collect(),
        account,
        context,
    };
    let kind = match &trust {
        None => &KINDS[0],
        Some(value) => known_kind(value)?,
    };
    for key in KEYS {
        if let Some(value) = fields.value(key)
            && !kind.takes(key)
        {
            value.invalid(belongs_to(key));
        }
    }
    for key in kind.required {
        if let (None, Some(trust)) = (fields.value(key), &trust) {
            let message = format!("trust = \"{}\" needs `{}`", kind.name, key.name);
            trust.spot().error(message, fields.add(key));
        }
    }
    (kind.read)(&fields)
}

fn gateway_saml(fields: &Fields<'_, '_>) -> Option<Trust> {
    let provider = fields.saml_provider_arn();
    let console = match fields.value(&CONSOLE) {
        None => Some(ConsoleMethod::default()),
        Some(value) => read_console(value),
    };
    let recipient = match fields.value(&RECIPIENT) {
        None => Some(None),
        Some(value) => value
            .parse_with(|text| Recipient::parse(text, fields.context.partition))
            .map(|at| Some(at.value)),
    };
    Some(Trust::GatewaySaml(GatewaySaml {
        provider: provider?,
        console: console?,
        recipient: recipient?,
    }))
}

fn caller(fields: &Fields<'_, '_>) -> Option<Trust> {
    let (external_id, via) = (fields.value(&EXTERNAL_ID), fields.value(&VIA));
    caller_trust::read(external_id, via, fields.context).map(Trust::Caller)
}

fn federation_token(fields: &Fields<'_, '_>) -> Option<Trust> {
    let credentials = fields.value(&CREDENTIALS)?;
    federation_token::read(credentials, fields.context).map(Trust::FederationToken)
}

impl<'d> Fields<'d, '_> {
    fn value(&self, key: &Key) -> Option<&Value<'d>> {
        let mut values = self.values.iter();
        values.find_map(|(name, value)| (*name == key.name).then_some(value))
    }

    fn saml_provider_arn(&self) -> Option<SamlProviderArn> {
        read_provider(self.value(&SAML_PROVIDER_ARN)?, self.account, self.context)
    }

    /// The hint for a key that is missing.
    fn add(&self, key: &Key) -> String {
        let id = self.account.map_or("111122223333", AccountId::as_str);
        let example = key
            .example
            .replace("{partition}", self.context.partition.as_str())
            .replace("{account}", id);
        format!("add {} = {example}", key.name)
    }
}

/// The hint for a key under another kind of trust.
fn belongs_to(key: &Key) -> String {
    let kinds = KINDS.iter().filter(|kind| kind.takes(key));
    let kinds = kinds.map(|kind| format!("trust = \"{}\"", kind.name));
    let kinds: Vec<String> = kinds.collect();
    format!("it belongs to {}", kinds.join(" or "))
}

fn known_kind(value: &Value<'_>) -> Option<&'static Kind> {
    let word = value.string()?.value;
    if let Some(known) = KINDS.iter().find(|known| known.name == word) {
        return Some(known);
    }
    let names = KINDS.iter().map(|kind| kind.name);
    let hint = suggest::hint(word, names, OTHERWISE);
    let message = format!("unknown trust {}", quoted(word));
    value.spot().error(message, hint);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_belongs_to_a_kind_and_each_kind_has_a_name() {
        for key in KEYS {
            assert!(KINDS.iter().any(|kind| kind.takes(key)), "{}", key.name);
        }
        for kind in &KINDS {
            let keys = kind.required.iter().chain(kind.optional);
            for key in keys {
                assert!(KEYS.iter().any(|known| known.name == key.name));
            }
            assert!(OTHERWISE.contains(kind.name), "{}", kind.name);
        }
    }
}
