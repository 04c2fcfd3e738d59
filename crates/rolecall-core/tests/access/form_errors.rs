//! Errors of accounts and permission sets with their positions; columns; and warnings.

use crate::policy_errors::{FIXTURE, errors_of, shown};
use crate::support::parse_files;

#[test]
fn errors_in_accounts() {
    for (keys, expected) in [
        (
            "id = <111122223333, name = \"x\"",
            "`id` must be a string, not a number | put it in quotes: \"…\"",
        ),
        (
            "id = <\"1111\", name = \"x\"",
            "invalid `id` | an account id is 12 digits, written as a string: \"111122223333\"",
        ),
        (
            "id = <\"111122223333\", name = \"x\"",
            "duplicate account id \"111122223333\" | it is already defined at access.toml:1: rename or remove one of them",
        ),
        (
            "id = \"000000000001\", name = <\"prod\"",
            "duplicate account \"prod\" | it is already defined at access.toml:1: rename or remove one of them",
        ),
        (
            "id = \"000000000001\", name = <\"a/b\"",
            "invalid `name` | an account name is 1 to 64 letters, digits, spaces or . _ + = & ( ) -, with a letter or digit at its ends, and is not a 12-digit id",
        ),
        (
            "id = \"000000000001\", name = <\"999999999999\"",
            "invalid `name` | an account name is 1 to 64 letters, digits, spaces or . _ + = & ( ) -, with a letter or digit at its ends, and is not a 12-digit id",
        ),
        (
            "id = \"000000000001\", name = \"x\", ou = <\"/Prod\"",
            "invalid `ou` | an organizational unit is names divided by /, such as Workloads/Prod",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = <\"aws\"",
            "unknown trust \"aws\" | use trust = \"gateway-oidc\", \"gateway-saml\", \"provider-saml\", \"provider-oidc\", \"caller\" or \"federation-token\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = <\"provider-oidc\"",
            "trust = \"provider-oidc\" needs `provider` | add provider = \"okta\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"provider-oidc\", provider = <\"okto\"",
            "unknown provider \"okto\" | did you mean \"okta\"?",
        ),
        (
            "id = \"000000000001\", name = \"x\", provider = <\"okta\"",
            "invalid `provider` | it belongs to trust = \"provider-oidc\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"provider-oidc\", provider = \"okta\", audience = <\"other\"",
            "ID tokens of okta are for the audience \"client-at-okta\" | remove `audience`: it is the client_id of the provider",
        ),
        (
            "id = \"000000000001\", name = \"x\", credentials = <{ access_key_id = { file = \"key.id\" } }",
            "invalid `credentials` | it belongs to trust = \"federation-token\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = <\"federation-token\"",
            "trust = \"federation-token\" needs `credentials` | add credentials = { access_key_id = { file = \"…\" }, secret_access_key = { file = \"…\" } }",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"federation-token\", credentials = { access_key_id = <\"AKIAIOSFODNN7EXAMPLE\", secret_access_key = { file = \"key.secret\" } }",
            "invalid `access_key_id` | a secret is not part of the access policy: write { file = \"…\" }",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"federation-token\", credentials = { access_key_id = { file = \"key.id\" }, secret_access_key = { file = <\"missing\" } }",
            "cannot use \"missing\" | no such file",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"federation-token\", credentials = <{ access_key_id = { file = \"key.secret\" }, secret_access_key = { file = \"key.secret\" } }",
            "invalid `credentials` | the file of access_key_id: the id of a long-term access key begins with AKIA and has 16 to 128 characters of A-Z 0-9",
        ),
        (
            "id = \"000000000001\", name = \"x\", external_id = <\"abc\"",
            "invalid `external_id` | it belongs to trust = \"caller\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", via = <[\"arn:aws:iam::000000000002:role/hub\"]",
            "invalid `via` | it belongs to trust = \"caller\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", external_id = <\"a\"",
            "invalid `external_id` | an external id is 2 to 1224 characters of A-Z a-z 0-9 _ + = , . @ : / -",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", via = <\"hub\"",
            "invalid `via` | the ARN of an IAM role is written as arn:aws:iam::111122223333:role/rolecall/Developer",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", via = <[]",
            "invalid `via` | name 1 to 3 roles, in the order in which they are assumed",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", via = <[\"arn:aws:iam::000000000002:role/a\", \"arn:aws:iam::000000000002:role/b\", \"arn:aws:iam::000000000002:role/c\", \"arn:aws:iam::000000000002:role/d\"]",
            "invalid `via` | name 1 to 3 roles, in the order in which they are assumed",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", via = [\"arn:aws:iam::000000000002:role/a\", \"arn:aws:iam::000000000002:role/b\", <\"arn:aws:iam::000000000002:role/a\"]",
            "arn:aws:iam::000000000002:role/a is listed twice in `via` | each role is assumed with the credentials of the one before: list it once",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", via = <\"arn:aws-cn:iam::000000000002:role/a\"",
            "arn:aws-cn:iam::000000000002:role/a is not in the partition aws | credentials are valid in one partition only; the partition is set in rolecall.toml, [aws]",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"caller\", saml_provider_arn = <\"arn:aws:iam::000000000001:saml-provider/r\"",
            "invalid `saml_provider_arn` | it belongs to trust = \"gateway-saml\" or trust = \"provider-saml\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = <\"gateway-saml\"",
            "trust = \"gateway-saml\" needs `saml_provider_arn` | add saml_provider_arn = \"arn:aws:iam::000000000001:saml-provider/rolecall\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"gateway-saml\", saml_provider_arn = <\"rolecall\"",
            "invalid `saml_provider_arn` | a SAML provider is written as arn:aws:iam::111122223333:saml-provider/rolecall",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"gateway-saml\", saml_provider_arn = <\"arn:aws:iam::000000000002:saml-provider/r\"",
            "arn:aws:iam::000000000002:saml-provider/r is not in account 000000000001 | IAM asks a provider of the role's own account: arn:aws:iam::000000000001:saml-provider/r",
        ),
        (
            "id = \"000000000001\", name = \"x\", saml_provider_arn = <\"arn:aws:iam::000000000001:saml-provider/r\"",
            "invalid `saml_provider_arn` | it belongs to trust = \"gateway-saml\" or trust = \"provider-saml\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", console = <\"saml-post\"",
            "invalid `console` | it belongs to trust = \"gateway-saml\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"gateway-saml\", saml_provider_arn = \"arn:aws:iam::000000000001:saml-provider/r\", console = <\"saml-pots\"",
            "invalid `console` | did you mean \"saml-post\"?",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"gateway-saml\", saml_provider_arn = \"arn:aws:iam::000000000001:saml-provider/r\", recipient = <\"https://evil.example/saml\"",
            "invalid `recipient` | a recipient is the SAML address of AWS's sign-in endpoint in the partition, such as https://signin.aws.amazon.com/saml or https://eu-west-1.signin.aws.amazon.com/saml",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = \"provider-saml\", saml_provider_arn = \"arn:aws:iam::000000000001:saml-provider/r\", recipient = <\"https://signin.aws.amazon.com/saml\"",
            "invalid `recipient` | it belongs to trust = \"gateway-saml\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = <\"provider-saml\"",
            "trust = \"provider-saml\" needs `saml_provider_arn` | add saml_provider_arn = \"arn:aws:iam::000000000001:saml-provider/rolecall\"",
        ),
        (
            "id = \"000000000001\", name = \"x\", trust = <\"gateway-oicd\"",
            "unknown trust \"gateway-oicd\" | did you mean \"gateway-oidc\"?",
        ),
        (
            "id = \"000000000001\", name = \"x\", sts_region = <\"cn-north-1\"",
            "the Region cn-north-1 is not in the partition aws | the partition is set in rolecall.toml, [aws]",
        ),
        (
            "id = \"000000000001\", name = \"x\", tags = { <\"a=b\" = \"c\" }",
            "invalid tag \"a=b\" | a tag's key is 1 to 256 characters without = and *",
        ),
    ] {
        let text = FIXTURE.replacen("}, {", &format!("}}, {{ {keys} }}, {{"), 1);
        let at = text.find('<').unwrap();
        let column = at + 1;
        let found = errors_of(&text.replacen('<', "", 1));
        assert_eq!(found, [format!("1:{column} {expected}")]);
    }
}

#[test]
fn errors_in_permission_sets() {
    let long = "x".repeat(257);
    let too_long = format!("session_tags = {{ <team = \"{long}\" }}");
    let too_many: String = (0..48).map(|n| format!("k{n:02} = \"x\", ")).collect();
    let too_many = format!("session_tags = {{ {too_many} <k48 = \"x\" }}");
    for (keys, expected) in [
        (
            "role = <\"a b\"",
            "invalid `role` | an IAM role is an optional path and a name of 1 to 64 characters of A-Z a-z 0-9 _ + = , . @ -, such as rolecall/Developer",
        ),
        (
            "destination = <\"https://evil.example/\"",
            "invalid `destination` | a destination is a page of the AWS console, such as https://console.aws.amazon.com/s3/",
        ),
        (
            "policy_arns = [<\"ReadOnly\"]",
            "invalid `policy_arns` | not the ARN of a managed policy: write it as arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        (
            "policy_arns = [<\"arn:aws-cn:iam::aws:policy/ReadOnlyAccess\"]",
            "invalid `policy_arns` | it must be in the partition aws",
        ),
        (
            "session_policy = { file = <\"nowhere.json\" }",
            "cannot read \"nowhere.json\" | no such file",
        ),
        (
            "session_policy = <{ file = \"broken.json\" }",
            "invalid `session_policy` | the session policy is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "session_policy = <\"{}\"",
            "invalid `session_policy` | a session policy is a JSON object with \"Version\": \"2012-10-17\" and a \"Statement\"",
        ),
        (
            "session_tags = { team = <\"{claim.x}\" }",
            "invalid `team` | {claim.x} is not a placeholder: use {email}, {name}, {subject}, {provider} or {claims.NAME}",
        ),
        (
            "session_tags = { team = <\"{claims.x|awz}\" }",
            "invalid `team` | there is no filter \"awz\": write {claims.x|aws} to encode what AWS does not accept, or {claims.x} for the value as it is",
        ),
        (
            "session_tags = { team = <\"a}\" }",
            "invalid `team` | write a literal brace twice: {{ or }}",
        ),
        (
            "session_tags = { team = <\"\" }",
            "invalid `team` | the text is empty: remove the key",
        ),
        (
            "session_tags = { <team = \"{email} <x>\" }",
            "the session tag \"team\" is invalid | the session tag team has an invalid value: a value is at most 256 letters, digits, spaces or _ . : / = + - @",
        ),
        (
            &too_long,
            "the session tag \"team\" is invalid | the session tag team has an invalid value: a value is at most 256 letters, digits, spaces or _ . : / = + - @",
        ),
        (
            &too_many,
            "the session tag \"k48\" is invalid | more than 50 session tags",
        ),
        (
            "session_tags = { Team = \"x\", <team = \"x\" }",
            "the session tag \"team\" is invalid | duplicate session tag team: tag keys are not case-sensitive in AWS",
        ),
        (
            "session_tags = { <\"aws:x\" = \"x\" }",
            "invalid session tag \"aws:x\" | a tag key is 1 to 128 letters, digits, spaces or _ . : / = + - @ and does not begin with aws:",
        ),
        (
            "session_tags = { <\"Rolecall:x\" = \"x\" }",
            "the session tag \"Rolecall:x\" is set by Rolecall itself | tags that begin with rolecall: are reserved: choose another key",
        ),
        (
            "source_identity = <\"{email}/x\"",
            "invalid `source_identity` | a source identity is 2 to 256 characters of A-Z a-z 0-9 _ + = , . @ - and does not begin with aws:",
        ),
        (
            "variants = { <\"a@b\" = {} }",
            "invalid variant \"a@b\" | a variant's name is 1 to 32 letters, digits or . _ -",
        ),
        (
            "variants = { a = { <colour = \"x\" } }",
            "unknown key \"colour\" | a variant takes session_duration, description, role, managed_policies, inline_policy, permissions_boundary, destination, keep_base_policy, session_policy, policy_arns",
        ),
        (
            "variants = { a = { role = <\"rolecall/Read Only\" } }",
            "invalid `role` | an IAM role is an optional path and a name of 1 to 64 characters of A-Z a-z 0-9 _ + = , . @ -, such as rolecall/Developer",
        ),
    ] {
        let text = format!("[[permission_set]]\nname = \"New\"\n{keys}\n");
        let column = keys.find('<').unwrap() + 1;
        let found = errors_of(&text.replacen('<', "", 1));
        assert_eq!(found, [format!("3:{column} {expected}")]);
    }
}

#[test]
fn columns_are_counted_in_characters() {
    let found = errors_of(
        "[[account]]\n\"ü\" = 1\nid = \"111122223333\" # 😀\nname = \"x\"\ntags = { \"ü😀\" = 1 }\n",
    );
    assert_eq!(
        found,
        [
            "2:1 unknown key \"ü\" | this [[account]] takes id, name, description, ou, tags, trust, saml_provider_arn, provider, console, recipient, external_id, via, credentials, audience, verify, sts_region",
            "5:17 `ü😀` must be a string, not a number | put it in quotes: \"…\"",
        ]
    );
}

#[test]
fn policy_with_warnings_is_accepted() {
    let rules = r#"
[[assignment]]
id = "a"
who = { groups = ["g"] }
accounts = ["*", "stage-*", "tag:env=stage", "ou:Nowhere"]
permission_sets = ["*", "Read*"]

[[assignment]]
id = "b"
who = { provider = "okta" }
accounts = ["*"]
permission_sets = ["*"]

[[permission_set]]
name = "Tagged"
session_duration = "1h"
source_identity = "{claims.email}"
variants = { long = { session_duration = "2h" } }
"#;
    let policy = parse_files(&[("world.toml", FIXTURE), ("access.toml", rules)]).unwrap();
    let warnings: Vec<String> = policy.warnings().iter().map(shown).collect();
    assert_eq!(
        warnings,
        [
            "4:7 groups, subjects and claims without `provider` are accepted from any provider | add provider = \"…\": another provider may use the same names for other people",
            "5:18 \"stage-*\" matches no account | remove it, or correct it",
            "5:29 \"tag:env=stage\" matches no account | remove it, or correct it",
            "5:46 \"ou:Nowhere\" matches no account | remove it, or correct it",
            "6:25 \"Read*\" matches no permission set | remove it, or correct it",
            "10:7 this matches everyone who signs in with okta | if this is intended, add everyone = true",
            "17:19 {claims.email} is not verified and can be of any domain | use {email}, which requires that the provider is trusted for the domain",
            "18:14 the variant \"long\" sets 2 h, its permission set 1 h | the shorter one applies: remove session_duration from the variant",
        ]
    );
}

#[test]
fn network_of_trusted_proxies_causes_a_warning() {
    let warned = |network: &str| {
        let rules = format!(
            "[[assignment]]\nid = \"a\"\nwho = {{ provider = \"okta\", groups = [\"g\"] }}\naccounts = [\"*\"]\npermission_sets = [\"*\"]\n\
             when = {{ network = [\"{network}\"] }}\n"
        );
        let policy = parse_files(&[("world.toml", FIXTURE), ("access.toml", &rules)]).unwrap();
        policy.warnings().iter().map(shown).collect::<Vec<_>>()
    };
    for overlapping in ["192.0.2.0/24", "192.0.2.0/28", "192.0.2.3"] {
        let warnings = warned(overlapping);
        assert!(
            warnings.len() == 1
                && warnings[0].starts_with("6:21 ")
                && warnings[0].contains("overlaps 192.0.2.0/28 in listen.trusted_proxies"),
            "{overlapping}: {warnings:?}"
        );
    }
    for apart in ["192.0.2.16/28", "10.0.0.0/8", "2001:db8::/32"] {
        assert_eq!(warned(apart), Vec::<String>::new(), "{apart}");
    }
}
