//! `rolecalld accounts import`: the text of access files after an import. A template contains both texts: «before|after».

use std::collections::BTreeMap;
use std::path::PathBuf;

use rolecall_core::access::PolicyFile;
use rolecall_core::aws::AccountId;
use rolecall_core::organization::{
    AccountState, ImportError, ImportOptions, ImportPlan, Organization, OrganizationAccount,
    Placement, plan,
};

mod styles;

const NEW_ID: &str = "999900001111";

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    tags.iter().map(owned).collect()
}

fn units(path: &str) -> Option<Placement> {
    let names = path.split('/').filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    Some(match names.is_empty() {
        true => Placement::Root,
        false => Placement::Units(names),
    })
}

pub fn account(name: &str, ou: &str, own: &[(&str, &str)]) -> OrganizationAccount {
    OrganizationAccount {
        name: name.to_owned(),
        state: AccountState::Active,
        placement: units(ou),
        tags: Some(tags(own)),
    }
}

pub fn organization<'a>(
    accounts: impl IntoIterator<Item = (&'a str, OrganizationAccount)>,
) -> Organization {
    let accounts = accounts.into_iter();
    let accounts = accounts.map(|(id, account)| (AccountId::parse(id).unwrap(), account));
    Organization {
        accounts: accounts.collect(),
    }
}

pub fn file(text: &str) -> PolicyFile {
    PolicyFile {
        path: PathBuf::from("access.toml"),
        text: text.to_owned(),
    }
}

fn import(text: &str, organization: &Organization) -> Result<ImportPlan, ImportError> {
    plan(
        organization,
        &[file(text)],
        Some(0),
        ImportOptions::default(),
    )
}

/// The text after the import, or the same text.
fn imported(text: &str, organization: &Organization) -> String {
    let plan = import(text, organization).unwrap();
    assert!(plan.skipped.is_empty(), "{:?}\n{text}", plan.skipped);
    plan.files
        .first()
        .map_or_else(|| text.to_owned(), |file| file.text.clone())
}

/// Both texts of a template.
fn texts(template: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    for (number, part) in template.split('«').enumerate() {
        let (change, rest) = match number {
            0 => (None, part),
            _ => part
                .split_once('»')
                .map(|(change, rest)| (Some(change), rest))
                .unwrap(),
        };
        if let Some((old, new)) = change.map(|change| change.split_once('|').unwrap()) {
            before.push_str(old);
            after.push_str(new);
        }
        before.push_str(rest);
        after.push_str(rest);
    }
    (before, after)
}

#[test]
fn account_in_the_root_has_no_unit() {
    let organization = organization([("000000000001", account("a", "", &[("x", "y")]))]);
    for template in [
        "[[account]]\nid = \"000000000001\"\nname = \"a\"\n«ou = \"Prod\"\n|»tags.x = \"y\"\n",
        "[[account]]\nid = \"000000000001\"\nname = \"a\"\n  «ou = \"Prod\"  |»# since March\ntags.x = \"y\"\n",
        "account = [{ id = \"000000000001\", «ou = \"Prod\", |»name = \"a\", tags = { x = \"y\" } }]\n",
        "account = [{ id = \"000000000001\", name = \"a\", tags = { x = \"y\" }«, ou = \"Prod\"|» }]\n",
        "account = [\n  { id = \"000000000001\", name = \"a\"«, ou = \"Prod\"|», tags = { x = «\"z\"|\"y\"» } },\n]\n",
        "account = [{ id = \"000000000001\", name = \"a\"«|, tags = { x = \"y\" }» }]",
    ] {
        let (before, after) = texts(template);
        assert_eq!(imported(&before, &organization), after);
    }
}

#[test]
fn last_line_without_a_line_break_is_continued() {
    let organization = organization([
        ("000000000001", account("a", "Prod", &[])),
        ("000000000002", account("b", "", &[])),
    ]);
    let block = "[[account]]\nid   = \"000000000002\"\nname = \"b\"\n";
    for (before, after) in [
        (
            "",
            format!(
                "[[account]]\nid   = \"000000000001\"\nname = \"a\"\nou   = \"Prod\"\n\n{block}"
            ),
        ),
        (
            "# c",
            format!(
                "# c\n\n[[account]]\nid   = \"000000000001\"\nname = \"a\"\nou   = \"Prod\"\n\n{block}"
            ),
        ),
        (
            "[[account]]\nid = \"000000000001\"\nname = \"a\"",
            format!("[[account]]\nid = \"000000000001\"\nname = \"a\"\nou = \"Prod\"\n\n{block}"),
        ),
        (
            "[[account]]\nid = \"000000000001\"\nou = \"Prod\"\nname = \"a\"",
            format!("[[account]]\nid = \"000000000001\"\nou = \"Prod\"\nname = \"a\"\n\n{block}"),
        ),
    ] {
        assert_eq!(imported(before, &organization), after, "{before}");
    }
}

#[test]
fn accounts_are_not_added_to_an_array_in_brackets() {
    let new = organization([(NEW_ID, account("new", "", &[]))]);
    let error = import("account = []\n", &new).unwrap_err();
    assert!(error.hint.contains("--into"), "{error}");
    let error = import("[[account]\n", &new).unwrap_err();
    assert!(error.message.starts_with("not TOML"), "{error}");
}

#[test]
fn names_change_only_on_request() {
    let text = "[[account]]\nid = \"000000000001\"\nname = \"payments\" # ours\n";
    let renamed = organization([("000000000001", account("Payments: live", "", &[]))]);
    let plan_of = |rename| {
        let options = ImportOptions {
            rename,
            ..ImportOptions::default()
        };
        plan(&renamed, &[file(text)], Some(0), options).unwrap()
    };
    let kept = plan_of(false);
    assert!(kept.files.is_empty());
    assert_eq!(kept.renamed[0].name_in_aws, "Payments: live");
    let replaced = plan_of(true);
    assert!(replaced.renamed.is_empty());
    assert_eq!(
        replaced.files[0].text,
        text.replace("\"payments\"", "\"Payments- live\"")
    );
}

#[test]
fn equal_names_contain_the_id() {
    let text = "[[account]]\nid = \"000000000001\"\nname = \"prod\"\n";
    let same = organization([
        ("000000000001", account("prod", "", &[])),
        ("000000000002", account("dev", "", &[])),
        ("000000000003", account("dev", "", &[])),
        ("000000000004", account("prod", "", &[])),
    ]);
    let plan = import(text, &same).unwrap();
    let names: Vec<&str> = plan.added.iter().map(|one| &*one.name).collect();
    assert_eq!(
        names,
        ["dev-000000000002", "dev-000000000003", "prod-000000000004"]
    );
    assert!(
        plan.renamed.is_empty(),
        "the account in the file keeps its name"
    );
    let again = import(&plan.files[0].text, &same).unwrap();
    assert!(
        again.files.is_empty() && again.renamed.is_empty(),
        "{:?}",
        again.renamed
    );
}

#[test]
fn inactive_and_unknown_accounts_are_reported_and_stay() {
    let text = "[[account]]\nid = \"000000000001\"\nname = \"a\"\n[[account]]\nid = \"000000000002\"\nname = \"b\"\n";
    let closing = |state| OrganizationAccount {
        state,
        ..account("c", "", &[])
    };
    let organization = organization([
        ("000000000001", closing(AccountState::parse("SUSPENDED"))),
        ("000000000003", closing(AccountState::parse("CLOSED"))),
        (
            "000000000004",
            closing(AccountState::parse("PENDING_CLOSURE")),
        ),
        (
            "000000000005",
            closing(AccountState::parse("PENDING_ACTIVATION")),
        ),
        ("000000000006", closing(AccountState::parse("MOTHBALLED"))),
    ]);
    let plan = import(text, &organization).unwrap();
    assert!(plan.files.is_empty() && plan.added.is_empty());
    assert_eq!(plan.closed[0].reason, "SUSPENDED");
    assert_eq!(plan.absent[0].id.as_str(), "000000000002");
    assert_eq!(plan.inactive, 4);
}

#[test]
fn hostile_names_and_tags_stay_text() {
    let long = "x".repeat(250);
    let hostile = [
        "\"",
        "'''",
        "\"\"\"",
        "\\",
        "a\nb",
        "\u{0}",
        "\u{202e}gnp",
        "]]\n[[deny]]",
        "# c",
        "{}",
        "a.b",
        "=",
        "*",
        "é",
        " ",
        "",
        &long,
        "\u{e0001}",
        "${x}",
        "%{x}",
    ];
    for name in hostile {
        for value in hostile {
            let own = [(name, value)];
            let organization = organization([
                (
                    "000000000001",
                    account(name, &format!("Prod {}", value.replace('/', "")), &own),
                ),
                (
                    "000000000002",
                    account(value, "Prod", &[("a.b", value), ("plain", "1")]),
                ),
            ]);
            let text =
                "[[account]]\nid = \"000000000002\"\nname = \"b\"\ntags = { plain = \"0\" }\n";
            let plan = import(text, &organization).unwrap();
            let after = plan.files.first().map_or(text, |file| &file.text);
            let table: toml::Table = after.parse().unwrap();
            assert_eq!(table.len(), 1, "{after}");
            let shown =
                |c: char| c == '\n' || !(c.is_control() || matches!(c, '\u{202e}' | '\u{e0001}'));
            assert!(after.chars().all(shown), "{after:?}");
            assert!(
                import(after, &organization).unwrap().files.is_empty(),
                "idempotent"
            );
        }
    }
}

#[test]
fn tags_that_a_file_cannot_contain_are_left_out() {
    let own = [("empty", ""), ("star", "a*"), ("a=b", "1"), ("env", "prod")];
    let organization = organization([("000000000001", account("a", "", &own))]);
    let plan = import("", &organization).unwrap();
    assert_eq!(plan.added[0].tags, tags(&[("env", "prod")]));
    assert_eq!(plan.omitted_tags[0].reason, "\"a=b\", \"empty\", \"star\"");
}

#[test]
fn units_that_are_not_a_path_skip_the_account() {
    let text = "[[account]]\nid = \"000000000001\"\nname = \"a\"\nou = \"Prod\"\n";
    let strange = OrganizationAccount {
        placement: Some(Placement::Units(vec!["Prod/EU".to_owned()])),
        ..account("a", "", &[])
    };
    let organization = organization([("000000000001", strange.clone()), ("000000000002", strange)]);
    let plan = import(text, &organization).unwrap();
    assert!(plan.files.is_empty() && plan.added.is_empty());
    assert_eq!(plan.skipped.len(), 2, "{:?}", plan.skipped);
}

#[test]
fn unknown_units_and_tags_stay() {
    let text =
        "[[account]]\nid = \"000000000001\"\nname = \"a\"\nou = \"Prod\"\ntags = { own = \"1\" }\n";
    let unknown = OrganizationAccount {
        placement: None,
        tags: None,
        ..account("a", "", &[])
    };
    let plan = import(text, &organization([("000000000001", unknown)])).unwrap();
    assert!(plan.files.is_empty());
    assert_eq!((plan.without_ou, plan.without_tags), (1, 1));
}

#[test]
fn own_tags_are_kept_on_request() {
    let text =
        "[[account]]\nid = \"000000000001\"\nname = \"a\"\ntags = { own = \"1\", env = \"dev\" }\n";
    let organization = organization([("000000000001", account("a", "", &[("env", "prod")]))]);
    let options = ImportOptions {
        keep_tags: true,
        ..ImportOptions::default()
    };
    let plan = plan(&organization, &[file(text)], Some(0), options).unwrap();
    assert_eq!(plan.files[0].text, text.replace("\"dev\"", "\"prod\""));
}
