//! Optional session tags, the session policies of variants, and what STS has space for.

use rolecall_core::access::{Grant, Policy};
use rolecall_core::identity::Identity;

use crate::policy_errors::errors_of;
use crate::support::{ONE_ROLE, facts, parse, person, policy, with_claims};

const DENY: &str = r#"{"Action":"s3:DeleteBucket","Effect":"Deny","Resource":"*"}"#;
const READ: &str = "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]";

fn document(statements: &str) -> String {
    format!(r#"'{{"Version":"2012-10-17","Statement":[{statements}]}}'"#)
}

fn grant(policy: &Policy, identity: &Identity, variant: Option<&str>) -> Grant {
    let account = "111122223333".parse().unwrap();
    let grants = policy.grants(&facts(identity));
    grants.find(&account, "P", variant).unwrap()
}

fn tags(keys: &str, identity: &Identity) -> Result<Vec<String>, String> {
    let policy = policy(&format!("{ONE_ROLE}{keys}"));
    let attributes = grant(&policy, identity, None).attributes(&facts(identity));
    let attributes = attributes.map_err(|error| error.to_string())?;
    let own = attributes.tags.iter().map(|(key, _)| key.to_owned());
    Ok(own.filter(|key| !key.starts_with("rolecall:")).collect())
}

fn warnings(keys: &str) -> Vec<String> {
    let policy = policy(&format!("{ONE_ROLE}{keys}"));
    let warnings = policy.warnings().iter();
    warnings.map(|one| one.message.clone()).collect()
}

#[test]
fn optional_tag_without_value_is_omitted() {
    let keys = r#"session_tags = { team = "{claims.team}", cost = { value = "{claims.cost}", optional = true }, plain = { value = "x" } }"#;
    let alice = |cost: &[&str]| with_claims(person("alice"), &[("team", &["pay"]), ("cost", cost)]);
    assert_eq!(
        tags(keys, &alice(&["42"])).unwrap(),
        ["cost", "plain", "team"]
    );
    let long = "x".repeat(257);
    for cost in [&[][..], &[""], &["1", "2"], &["a<b"], &[&long]] {
        assert_eq!(
            tags(keys, &alice(cost)).unwrap(),
            ["plain", "team"],
            "{cost:?}"
        );
    }
    let nobody = person("bob");
    assert!(
        tags(keys, &nobody)
            .unwrap_err()
            .contains("session tag team")
    );
    let required = keys.replace("optional = true", "optional = false");
    assert!(
        tags(&required, &alice(&[]))
            .unwrap_err()
            .contains("session tag cost")
    );
}

#[test]
fn invalid_session_tags_are_errors() {
    for (keys, expected) in [
        (
            "session_tags = { a = { optional = true } }",
            "3:22 this session tag has no `value` | add `value = …`",
        ),
        (
            "session_tags = { a = { value = \"x\", optional = \"yes\" } }",
            "3:48 `optional` must be true or false, not a string | write true or false without quotes",
        ),
        (
            "session_tags = { a = { value = \"{claims.}\" } }",
            "3:32 invalid `value` | {claims.} is not a placeholder: use {email}, {name}, {subject}, {provider} or {claims.NAME}",
        ),
        (
            "session_tags = { a = { value = \"x\", when = 1 } }",
            "3:37 unknown key \"when\" | a session tag takes value, optional",
        ),
        (
            "session_tags = { a = 1 }",
            "3:22 `a` must be a string, not a number | put it in quotes: \"…\"",
        ),
    ] {
        let found = errors_of(&format!("[[permission_set]]\nname = \"New\"\n{keys}\n"));
        let found = found
            .iter()
            .map(|one| one.replace("a session tag has", "this session tag has"));
        assert_eq!(found.collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn tags_without_space_lock_role() {
    let long = "x".repeat(256);
    let values = [long.as_str()];
    let names: Vec<String> = (10..22).map(|n| format!("claim{n}")).collect();
    let claims: Vec<(&str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), &values[..]))
        .collect();
    let tags = |optional: bool| {
        let tags = names.iter().map(|name| {
            format!("{name} = {{ value = \"{{claims.{name}}}\", optional = {optional} }}")
        });
        format!(
            "session_tags = {{ {} }}",
            tags.collect::<Vec<_>>().join(", ")
        )
    };
    let alice = with_claims(person("alice"), &claims);
    let required = policy(&format!("{ONE_ROLE}{}", tags(false)));
    let grants = required.grants(&facts(&alice));
    assert!(grants.is_empty());
    let unmet: Vec<String> = grants
        .locked()
        .flat_map(|locked| locked.unmet)
        .map(|one| one.to_string())
        .collect();
    assert!(unmet.concat().contains("% of the space"), "{unmet:?}");
    let optional = policy(&format!("{ONE_ROLE}{}", tags(true)));
    assert_eq!(optional.grants(&facts(&alice)).len(), 1);
}

#[test]
fn little_space_for_claims_is_warned_about() {
    let filler = |chars: usize| format!("x = \"{}\"", "x".repeat(chars));
    let two = "{claims.a}{claims.b}";
    for (keys, expected) in [
        (format!("session_tags = {{ a = \"{two}\" }}"), None),
        (
            format!(
                "session_tags = {{ a = \"{two}\", {} , y = \"{}\" }}",
                filler(200),
                "y".repeat(180)
            ),
            Some("leave space for about"),
        ),
        (
            format!(
                "session_tags = {{ a = \"{two}\", {}, y = \"{}\" }}",
                filler(256),
                "y".repeat(256)
            ),
            Some("probably exceed the space"),
        ),
        (
            format!(
                "session_tags = {{ a = \"{two}\", x = {{ value = \"{}\", optional = true }} }}",
                "x".repeat(256)
            ),
            None,
        ),
        // Without claims nothing can be longer.
        (format!("session_tags = {{ {} }}", filler(256)), None),
    ] {
        let warnings = warnings(&keys);
        match expected {
            None => assert_eq!(warnings, Vec::<String>::new(), "{keys}"),
            Some(words) => assert!(
                warnings.len() == 1 && warnings[0].contains(words),
                "{keys}: {warnings:?}"
            ),
        }
    }
    // A variant with session policies of its own has its own warning.
    let policy = document(&vec![DENY; 20].join(","));
    let found = warnings(&format!(
        "session_tags = {{ a = \"{two}\" }}\nvariants = {{ v = {{ session_policy = {policy} }} }}"
    ));
    assert!(found.len() == 1 && found[0].contains("P@v"), "{found:?}");
}

#[test]
fn variant_keeps_denies() {
    let base = document(&format!(
        r#"{{"Effect":"Allow","Action":"*","Resource":"*"}},{DENY}"#
    ));
    let of = |variant: &str| {
        let keys = format!("session_policy = {base}\nvariants = {{ v = {{ {variant} }} }}");
        let policy = policy(&format!("{ONE_ROLE}{keys}"));
        let grant = grant(&policy, &person("alice"), Some("v"));
        let text = grant
            .session_policy()
            .map(|policy| policy.as_str().to_owned());
        (text, grant.policy_arns().len())
    };
    let merged = |statements: &str| {
        Some(format!(
            r#"{{"Statement":[{statements}],"Version":"2012-10-17"}}"#
        ))
    };
    let get = r#"{"Action":"s3:Get*","Effect":"Allow","Resource":"*"}"#;
    assert_eq!(
        of(&format!("{READ}, keep_base_policy = true")),
        (merged(DENY), 1)
    );
    assert_eq!(of(READ), (None, 1), "both are replaced");
    assert_eq!(of(&format!("{READ}, keep_base_policy = false")), (None, 1));
    let own = document(get);
    assert_eq!(
        of(&format!("session_policy = {own}, keep_base_policy = true")),
        (merged(&format!("{get},{DENY}")), 0)
    );
    // The Allow of everything of the permission set does not become one of the variant.
    let (text, _) = of("description = \"as it is\", keep_base_policy = true");
    assert!(
        text.unwrap().contains(r#""Action":"*""#),
        "a variant without policies has those of its permission set"
    );
}

#[test]
fn variant_without_deny_is_warned_about() {
    let deny = document(DENY);
    let narrow = document(&format!(
        r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*"}},{DENY}"#
    ));
    let lost = "the variant \"v\" does not have a Deny of its permission set's session_policy";
    let partial = "the variant \"v\" keeps only the Deny statements of its permission set";
    let useless = "`keep_base_policy` has no effect: this variant has all session policies of its permission set";
    for (base, variant, expected) in [
        (&deny, READ.to_owned(), Some(lost)),
        (
            &deny,
            format!("session_policy = {}", document("")),
            Some(lost),
        ),
        (&deny, format!("session_policy = {deny}"), None),
        (&deny, format!("{READ}, keep_base_policy = true"), None),
        (&deny, format!("{READ}, keep_base_policy = false"), None),
        (
            &narrow,
            format!("{READ}, keep_base_policy = true"),
            Some(partial),
        ),
        (&deny, "session_duration = \"1h\"".to_owned(), None),
        (&deny, "keep_base_policy = true".to_owned(), Some(useless)),
    ] {
        let keys = format!("session_policy = {base}\nvariants = {{ v = {{ {variant} }} }}");
        assert_eq!(warnings(&keys), Vec::from_iter(expected), "{variant}");
    }
}

#[test]
fn too_long_merged_policy_is_an_error() {
    let long = |letter: &str| {
        document(&format!(
            r#"{{"Action":"{}","Effect":"Deny","Resource":"*"}}"#,
            letter.repeat(1_100)
        ))
    };
    let keys = format!(
        "session_policy = {}\nvariants = {{ v = {{ session_policy = {}, keep_base_policy = true }} }}",
        long("a"),
        long("b")
    );
    let errors = parse(&format!("{ONE_ROLE}{keys}"))
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        errors.contains("invalid `keep_base_policy`") && errors.contains("AWS accepts 2048"),
        "{errors}"
    );
}

#[test]
fn deny_by_optional_tag_is_warned_about() {
    let deny = |operator: &str| {
        document(&format!(
            r#"{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{{"{operator}":{{"aws:PrincipalTag/employment":"contractor"}}}}}}"#
        ))
    };
    let tags = |optional: bool| {
        format!(
            "session_tags = {{ employment = {{ value = \"{{claims.employment}}\", optional = {optional} }} }}"
        )
    };
    let warned = |name: &str| {
        format!(
            "a Deny of the session_policy of {name} depends on the session tag employment, which is optional: it does not apply to people without the tag"
        )
    };
    for (optional, operator, expected) in [
        (true, "StringEquals", Some(warned("P"))),
        (true, "StringNotEquals", None),
        (true, "StringEqualsIfExists", None),
        (false, "StringEquals", None),
    ] {
        let keys = format!("session_policy = {}\n{}", deny(operator), tags(optional));
        assert_eq!(warnings(&keys), Vec::from_iter(expected), "{keys}");
    }
    let variant = format!(
        "{}\nvariants = {{ v = {{ session_policy = {} }} }}",
        tags(true),
        deny("StringEquals")
    );
    assert_eq!(warnings(&variant), [warned("P@v")]);
}

/// A person can lose an optional tag by themselves: policies that deny by it must also deny without it.
#[test]
fn omitted_tags_are_known() {
    let keys = r#"session_tags = { team = "{claims.team}", cost = { value = "{claims.cost}", optional = true } }"#;
    let policy = policy(&format!("{ONE_ROLE}{keys}"));
    let alice = |cost: &[&str]| with_claims(person("alice"), &[("team", &["pay"]), ("cost", cost)]);
    let long = "x".repeat(257);
    for (cost, expected) in [
        (&["42"][..], 0),
        (&[], 1),
        (&["\u{24b6}"], 1),
        (&["1", "2"], 1),
        (&[&long], 1),
    ] {
        let identity = alice(cost);
        let attributes = grant(&policy, &identity, None).attributes(&facts(&identity));
        let attributes = attributes.unwrap();
        assert_eq!(attributes.omitted_tags().count(), expected, "{cost:?}");
    }
}
