//! The sentence of an `AccessDenied` error (IAM User Guide, "Troubleshoot access denied error messages").

/// Characters of an ARN that are read.
const NAME_CHARS_MAX: usize = 2_048;
/// Characters of the name of a service or an action that are read.
const ACTION_CHARS_MAX: usize = 128;

/// What the text of an `AccessDenied` error says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessDenied {
    /// The ARN of the caller.
    pub principal: Option<String>,
    /// `service:Action`
    pub action: String,
    /// The ARN of the resource.
    pub resource: Option<String>,
    /// The policy that denied the request, if the text names its kind.
    pub denied_by: Option<DenyingPolicy>,
}

/// The kind of policy that denied a request, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenyingPolicy {
    /// The kind of policy.
    pub kind: PolicyKind,
    /// Whether it denies the request explicitly; otherwise it does not allow it.
    pub explicit: bool,
    /// Its ARN, if the text contains it.
    pub arn: Option<String>,
}

/// The kinds of policies that AWS names in its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A policy of the role.
    IdentityBased,
    /// A policy of the resource.
    ResourceBased,
    /// The session policy of the credentials.
    Session,
    /// The permissions boundary of the role.
    PermissionsBoundary,
    /// A service control policy of the organization.
    ServiceControl,
    /// A resource control policy of the organization.
    ResourceControl,
    /// A policy of a VPC endpoint.
    VpcEndpoint,
    /// The trust policy of a role.
    Trust,
}

impl PolicyKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::IdentityBased,
        Self::ResourceBased,
        Self::Session,
        Self::PermissionsBoundary,
        Self::ServiceControl,
        Self::ResourceControl,
        Self::VpcEndpoint,
        Self::Trust,
    ];

    /// The words of AWS's errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdentityBased => "identity-based policy",
            Self::ResourceBased => "resource-based policy",
            Self::Session => "session policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::VpcEndpoint => "VPC endpoint policy",
            Self::Trust => "role trust policy",
        }
    }
}

impl AccessDenied {
    /// Reads `User: ARN is not authorized to perform: ACTION on resource: ARN because no … policy allows the … action`, or
    /// `… with an explicit deny in a … policy: ARN`. `None` if the text contains no such sentence.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (before, after) = text.split_once("is not authorized to perform: ")?;
        let action = word(after)?;
        let (service, name) = action.split_once(':')?;
        let is_name = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if action.len() > ACTION_CHARS_MAX || !is_name(service) || !is_name(name) {
            return None;
        }
        let principal = before
            .rsplit_once("User: ")
            .and_then(|(_, arn)| arn_in(arn));
        let resource = after
            .split_once("on resource: ")
            .and_then(|(_, resource)| word(resource));
        Some(Self {
            principal,
            action: action.to_owned(),
            resource: resource.map(str::to_owned),
            denied_by: denying_policy(after),
        })
    }
}

/// The first word, without quotes and the punctuation of a sentence.
fn word(text: &str) -> Option<&str> {
    let word = text.split(' ').next()?;
    let word = word
        .trim_matches('"')
        .trim_end_matches(['.', ',', ';', '"']);
    (1..=NAME_CHARS_MAX)
        .contains(&word.chars().count())
        .then_some(word)
}

fn arn_in(text: &str) -> Option<String> {
    let arn = word(text)?;
    arn.starts_with("arn:").then(|| arn.to_owned())
}

fn denying_policy(text: &str) -> Option<DenyingPolicy> {
    let (words, explicit) = match text.split_once("with an explicit deny in ") {
        Some((_, words)) => {
            let words = words.strip_prefix("an ").unwrap_or(words);
            (words.strip_prefix("a ").unwrap_or(words), true)
        }
        None => (text.split_once("because no ")?.1, false),
    };
    let named = |kind: &PolicyKind| {
        let name = kind.as_str();
        words
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let kind = PolicyKind::ALL.into_iter().find(named)?;
    let after = &words[kind.as_str().len()..];
    Some(DenyingPolicy {
        kind,
        explicit,
        arn: after.strip_prefix(": ").and_then(arn_in),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINCIPAL: &str = "arn:aws:sts::111122223333:assumed-role/Developer/alice";
    const SCP: &str = "arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-1";

    #[test]
    fn access_denied_texts_are_read() {
        for (end, kind, explicit, arn) in [
            (
                "because no session policy allows the s3:GetObject action",
                Some(PolicyKind::Session),
                false,
                None,
            ),
            (
                "with an explicit deny in a session policy",
                Some(PolicyKind::Session),
                true,
                None,
            ),
            (
                "with an explicit deny in an identity-based policy",
                Some(PolicyKind::IdentityBased),
                true,
                None,
            ),
            (
                &format!(
                    "with an explicit deny in a service control policy: {SCP}. Go to https://x.example"
                ),
                Some(PolicyKind::ServiceControl),
                true,
                Some(SCP),
            ),
            (
                "because no permissions boundary allows the s3:GetObject action",
                Some(PolicyKind::PermissionsBoundary),
                false,
                None,
            ),
            (
                "because no VPC endpoint policy allows the s3:GetObject action",
                Some(PolicyKind::VpcEndpoint),
                false,
                None,
            ),
            ("because of the weather", None, false, None),
            ("with an explicit deny in é", None, false, None),
            ("", None, false, None),
        ] {
            let text = format!(
                "An error occurred (AccessDenied) when calling the GetObject operation: User: {PRINCIPAL} is not authorized to perform: \
                 s3:GetObject on resource: \"arn:aws:s3:::b/k\" {end}"
            );
            let denied = AccessDenied::read(&text).unwrap();
            assert_eq!(denied.principal.as_deref(), Some(PRINCIPAL));
            assert_eq!(denied.action, "s3:GetObject");
            assert_eq!(denied.resource.as_deref(), Some("arn:aws:s3:::b/k"));
            let expected = kind.map(|kind| DenyingPolicy {
                kind,
                explicit,
                arn: arn.map(str::to_owned),
            });
            assert_eq!(denied.denied_by, expected, "{end}");
        }
    }

    #[test]
    fn other_texts_are_nothing() {
        for text in [
            "",
            "AccessDenied",
            "is not authorized to perform: ",
            "is not authorized to perform: s3",
            "is not authorized to perform: <script>:x",
            &format!("is not authorized to perform: s3:{}", "x".repeat(500)),
            "\u{202e}User: is not authorized to perform: \u{0}",
        ] {
            assert_eq!(AccessDenied::read(text), None, "{text:?}");
        }
        let denied = AccessDenied::read("User: <b> is not authorized to perform: s3:GetObject.");
        let denied = denied.unwrap();
        assert_eq!((denied.principal, denied.resource), (None, None));
        assert_eq!(denied.action, "s3:GetObject");
    }
}
