//! Templates keep texts as they are and stay within the limits of CloudFormation.

use proptest::prelude::*;

use super::*;

const ACCOUNT: &str = "111122223333";

/// `Fn::Sub` and `Ref` as CloudFormation evaluates them in the account (CloudFormation User Guide, "Fn::Sub").
fn evaluated(node: &Node<String>) -> String {
    if let Node::Text(text) = node {
        return text.clone();
    }
    let Node::Map(members) = node else {
        panic!("{node:?}")
    };
    match members.as_slice() {
        [(function, Node::Text(name))] if function == "Ref" => {
            assert_eq!(name, "AWS::AccountId");
            ACCOUNT.to_owned()
        }
        [(function, Node::Text(text))] if function == "Fn::Sub" => substituted(text),
        other => panic!("{other:?}"),
    }
}

fn substituted(text: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        done.push_str(before);
        let (name, after) = from.split_once('}').unwrap_or((from, ""));
        if let Some(literal) = from.strip_prefix('!') {
            done.push_str("${");
            rest = literal;
            continue;
        }
        assert_eq!(name, "AWS::AccountId", "{text}");
        done.push_str(ACCOUNT);
        rest = after;
    }
    done.push_str(rest);
    done
}

proptest! {
    #[test]
    fn texts_are_literal_in_every_account(before in r#"([${}!%"\\\n\r]|.)*"#, after in r#"([${}!%"\\\n\r]|.)*"#) {
        let account = AccountId::parse(ACCOUNT).unwrap();
        let around = AccountText::around_account_id(before.as_str(), after.as_str());
        for text in [around, AccountText::from(before.as_str()), AccountText::account_id()] {
            let expected = text.fill(&account);
            prop_assert_eq!(evaluated(&fill(&text, Target::Any)), expected.as_str());
            let filled = fill(&text, Target::Account(&account));
            prop_assert_eq!(&filled, &Node::Text(expected.clone()));
            let read: String = serde_json::from_str(&filled.compact()).unwrap();
            prop_assert_eq!(read, expected);
        }
    }
}

/// A unit of this many bytes and resources.
fn unit(number: usize, bytes: usize, resources: usize) -> Unit {
    let resource = |n: usize| {
        let padding = "\n".repeat(bytes / resources / 2);
        Resource {
            id: format!("R{number}x{n}"),
            kind: "T",
            properties: Node::map([("Padding", text(padding))]),
        }
    };
    let waits_for = (number > 0).then(|| "R0x0".to_owned());
    let resources = (0..resources).map(resource).collect();
    Unit::new(format!("unit {number}"), resources, waits_for)
}

proptest! {
    #[test]
    fn templates_stay_within_the_limits(sizes in prop::collection::vec((2_usize..20_000, 1_usize..40), 1..60)) {
        let units = || {
            let sizes = sizes.iter().enumerate();
            sizes.map(|(number, (bytes, resources))| unit(number, *bytes, *resources)).collect()
        };
        for delivery in [Delivery::Inline, Delivery::S3] {
            let templates = distribute("Some \"account\"", units(), delivery).unwrap();
            let mut seen = Vec::new();
            for template in &templates {
                prop_assert!(template.len() <= delivery.bytes_max());
                let read: serde_json::Value = serde_json::from_str(template).unwrap();
                let resources = read["Resources"].as_object().unwrap();
                prop_assert!((1..=RESOURCES_MAX).contains(&resources.len()));
                for resource in resources.values() {
                    // A template can refer only to its own resources.
                    prop_assert!(resource.get("DependsOn").is_none() || resources.contains_key("R0x0"));
                }
                seen.extend(resources.keys().cloned());
            }
            let all: usize = sizes.iter().map(|(_, resources)| resources).sum();
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), all);
        }
    }
}

#[test]
fn unit_that_fits_nowhere_is_an_error() {
    let error = distribute("x", vec![unit(1, 60_000, 1)], Delivery::Inline).unwrap_err();
    assert_eq!(error.unit, "unit 1");
    assert!(error.bytes > error.max && error.max == 51_200);
    assert!(distribute("x", vec![unit(1, 60_000, 1)], Delivery::S3).is_ok());
}
