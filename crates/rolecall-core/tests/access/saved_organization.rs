//! Saved responses of AWS Organizations.

use std::path::PathBuf;

use rolecall_core::aws::Partition;
use rolecall_core::organization::{AccountState, Organization, Placement, SavedFile, read_saved};

const ROOTS: &str = r#"{"Roots": [{"Id": "r-ab12", "Arn": "arn:aws:organizations::999900001111:root/o-a1b2c3d4e5/r-ab12", "Name": "Root", "PolicyTypes": []}]}"#;
const TOP: &str = r#"{"OrganizationalUnits": [{"Id": "ou-ab12-11111111", "Arn": "arn:aws:organizations::999900001111:ou/o-a1b2c3d4e5/ou-ab12-11111111", "Name": "Workloads"}]}"#;
const BELOW: &str = r#"{"OrganizationalUnits": [{"Id": "ou-ab12-22222222", "Name": "Prod"}]}"#;
const NONE: &str = r#"{"OrganizationalUnits": []}"#;
const ACCOUNTS: &str = r#"{
    "Accounts": [
        {
            "Id": "111122223333",
            "Arn": "arn:aws:organizations::999900001111:account/o-a1b2c3d4e5/111122223333",
            "Email": "payments@example.com",
            "Name": "payments-prod",
            "Status": "ACTIVE",
            "State": "ACTIVE",
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": "2026-01-01T09:00:00.123000+00:00"
        },
        {"Id": "999900001111", "Name": "management", "Status": "ACTIVE"},
        {"Id": "444455556666", "Name": "old", "Status": "SUSPENDED"},
        {"Id": "777788889999", "Name": "older", "State": "PENDING_CLOSURE", "Status": "ACTIVE"}
    ]
}
"#;

fn files(files: &[(&str, &str)]) -> Vec<SavedFile> {
    let file = |(path, text): &(&str, &str)| SavedFile {
        path: PathBuf::from(path),
        text: (*text).to_owned(),
    };
    files.iter().map(file).collect()
}

fn read(saved: &[(&str, &str)]) -> Organization {
    let read = read_saved(&files(saved), Partition::Aws);
    read.unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn errors(saved: &[(&str, &str)]) -> String {
    let errors = read_saved(&files(saved), Partition::Aws).unwrap_err();
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("\n")
}

fn path_of(organization: &Organization, id: &str) -> Option<String> {
    let account = organization
        .accounts
        .iter()
        .find(|(own, _)| own.as_str() == id)
        .unwrap()
        .1;
    account.placement.as_ref().map(|placement| match placement {
        Placement::Root => String::new(),
        Placement::Units(units) => units.join("/"),
    })
}

const TREE: [(&str, &str); 5] = [
    ("list-roots.json", ROOTS),
    ("list-accounts.json", ACCOUNTS),
    ("list-organizational-units-for-parent-r-ab12.json", TOP),
    (
        "list-organizational-units-for-parent-ou-ab12-11111111.json",
        BELOW,
    ),
    (
        "list-organizational-units-for-parent-ou-ab12-22222222.json",
        NONE,
    ),
];

#[test]
fn responses_in_files_of_their_own_are_combined() {
    let organization = read(
        &[
            &TREE[..],
            &[
                (
                    "saved/list-parents-111122223333.json",
                    r#"{"Parents": [{"Id": "ou-ab12-22222222", "Type": "ORGANIZATIONAL_UNIT"}]}"#,
                ),
                (
                    "saved/list-parents-999900001111.json",
                    r#"{"Parents": [{"Id": "r-ab12", "Type": "ROOT"}]}"#,
                ),
                (
                    "saved/list-tags-for-resource-111122223333.json",
                    r#"{"Tags": [{"Key": "env", "Value": "prod"}, {"Key": "empty", "Value": ""}]}"#,
                ),
                (
                    "saved/list-tags-for-resource-999900001111.json",
                    r#"{"Tags": []}"#,
                ),
                (
                    "saved/list-tags-for-resource-ou-ab12-22222222.json",
                    r#"{"Tags": [{"Key": "of", "Value": "unit"}]}"#,
                ),
            ],
        ]
        .concat(),
    );
    assert_eq!(
        path_of(&organization, "111122223333").as_deref(),
        Some("Workloads/Prod")
    );
    assert_eq!(path_of(&organization, "999900001111").as_deref(), Some(""));
    assert_eq!(path_of(&organization, "444455556666"), None);
    let states: Vec<&AccountState> = organization
        .accounts
        .values()
        .map(|account| &account.state)
        .collect();
    assert_eq!(
        states,
        [
            &AccountState::Active,
            &AccountState::Suspended,
            &AccountState::PendingClosure,
            &AccountState::Active
        ]
    );
    let tags: Vec<Option<usize>> = organization
        .accounts
        .values()
        .map(|account| account.tags.as_ref().map(|tags| tags.len()))
        .collect();
    assert_eq!(tags, [Some(2), None, None, Some(0)]);
}

/// The same with the parameters of the requests, one document on each line.
#[test]
fn responses_with_parameters_are_combined() {
    let lines = format!(
        "{}\n{ROOTS}\n{}\n{}\n{}\n{}",
        ACCOUNTS.replace('\n', ""),
        TOP.replacen('{', r#"{"ParentId": "r-ab12","#, 1),
        BELOW.replacen('{', r#"{"ParentId": "ou-ab12-11111111","#, 1),
        r#"{"ChildId": "111122223333", "Parents": [{"Id": "ou-ab12-22222222", "Type": "ORGANIZATIONAL_UNIT"}]}"#,
        r#"{"ResourceId": "111122223333", "Tags": [{"Key": "env", "Value": "prod"}]}"#,
    );
    for text in [
        lines.clone(),
        lines.replace('\n', ""),
        format!("\u{feff}{lines}\r\n"),
    ] {
        let organization = read(&[("organization.jsonl", &text)]);
        assert_eq!(
            path_of(&organization, "111122223333").as_deref(),
            Some("Workloads/Prod")
        );
    }
}

#[test]
fn accounts_of_a_parent_and_children_place_accounts() {
    let account =
        r#"{"Accounts": [{"Id": "111122223333", "Name": "payments-prod", "State": "ACTIVE"}]}"#;
    let described = r#"{"OrganizationalUnit": {"Id": "ou-ab12-22222222", "Name": "Prod"}}"#;
    let parent = r#"{"Parents": [{"Id": "r-ab12", "Type": "ROOT"}]}"#;
    for placed in [
        ("list-accounts-for-parent-ou-ab12-22222222.json", account),
        (
            "list-children-ou-ab12-22222222.json",
            r#"{"Children": [{"Id": "111122223333", "Type": "ACCOUNT"}]}"#,
        ),
    ] {
        let organization = read(&[
            ("list-accounts.json", account),
            ("unit.json", described),
            ("list-parents-ou-ab12-22222222.json", parent),
            placed,
        ]);
        assert_eq!(
            path_of(&organization, "111122223333").as_deref(),
            Some("Prod")
        );
    }
}

#[test]
fn paths_of_newer_responses_are_sufficient() {
    let accounts = r#"{"Accounts": [{"Id": "111122223333", "Name": "a", "State": "ACTIVE", "Paths": ["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/111122223333/"]}]}"#;
    let units = r#"{"OrganizationalUnits": [
        {"Id": "ou-ab12-11111111", "Name": "Workloads", "Path": "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/"},
        {"Id": "ou-ab12-22222222", "Name": "Prod", "Path": "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/"}]}"#;
    let organization = read(&[("accounts.json", accounts), ("units.json", units)]);
    assert_eq!(
        path_of(&organization, "111122223333").as_deref(),
        Some("Workloads/Prod")
    );
}

#[test]
fn pages_are_combined() {
    let page = |id: &str, more: &str| {
        format!(r#"{{"Accounts": [{{"Id": "{id}", "Name": "a", "Status": "ACTIVE"}}]{more}}}"#)
    };
    let (first, last) = (
        page("000000000001", r#", "NextToken": "x""#),
        page("000000000002", ""),
    );
    assert_eq!(
        read(&[("a.json", &format!("{first}\n{last}"))])
            .accounts
            .len(),
        2
    );
    assert_eq!(
        read(&[("b.json", &last), ("a.json", &first)])
            .accounts
            .len(),
        2
    );
    assert!(errors(&[("a.json", &first)]).starts_with("a.json: the last page is missing"));
}

#[test]
fn wrong_files_are_explained() {
    let account = r#"{"Accounts": [{"Id": "111122223333", "Name": "a", "Status": "ACTIVE"}]}"#;
    for (name, text, expected) in [
        ("a.json", "", "a.json: the file is empty"),
        ("a.json", " \n", "a.json: the file is empty"),
        (
            "a.json",
            "<!DOCTYPE html><html>Sign in</html>",
            "a.json: this is a page in HTML or XML, not JSON",
        ),
        (
            "a.json",
            "111122223333\tpayments",
            "a.json: this is not a response of aws organizations",
        ),
        (
            "a.json",
            "An error occurred (AccessDeniedException)",
            "a.json: not JSON (line 1, column 1)",
        ),
        (
            "a.json",
            "[{\"Id\": \"111122223333\"}]",
            "a.json: this is a JSON array",
        ),
        (
            "a.json",
            &account[..40],
            "a.json: the file ends in the middle of a response (line 1, column 40)",
        ),
        (
            "a.json",
            &format!("{account}{{"),
            "a.json: the file ends in the middle",
        ),
        ("a.json", &format!("{account}x"), "a.json: not JSON"),
        (
            "a.json",
            "{}",
            "a.json: this is not a response of an operation that is read",
        ),
        (
            "a.json",
            r#"{"Roles": [{"RoleName": "x"}]}"#,
            "a.json: this is not a response of an operation that is read",
        ),
        (
            "a.json",
            r#"{"UserId": "A", "Account": "111122223333", "Arn": "a"}"#,
            "a.json: this is not a response of aws organizations",
        ),
        (
            "a.json",
            r#"{"Accounts": [{"Id": "1", "Name": "a", "Status": "ACTIVE"}]}"#,
            "a.json: `Id` of an account is \"1\"",
        ),
        (
            "a.json",
            r#"{"Accounts": [{"Id": "111122223333", "Name": "a"}]}"#,
            "a.json: account 111122223333 has neither `State` nor `Status`",
        ),
        (
            "a.json",
            r#"{"Accounts": [{"Id": "111122223333", "Arn": "arn:aws-cn:organizations::1:account/x", "Name": "a", "Status": "ACTIVE"}]}"#,
            "a.json: account 111122223333 is in the partition aws-cn",
        ),
        (
            "list-parents.json",
            r#"{"Parents": [{"Id": "r-ab12", "Type": "ROOT"}]}"#,
            "list-parents.json: this response of list-parents does not say what it is about",
        ),
        (
            "tags.json",
            r#"{"Tags": []}"#,
            "tags.json: this response of list-tags-for-resource does not say what it is about",
        ),
        (
            "ous.json",
            TOP,
            "ous.json: this response of list-organizational-units-for-parent does not say what it is about",
        ),
        ("list-roots.json", ROOTS, "no file contains accounts"),
    ] {
        let found = errors(&[(name, text)]);
        assert!(found.starts_with(expected), "{text}: {found}");
        assert!(found.contains("\n  hint: "), "{found}");
    }
}

#[test]
fn missing_and_contradictory_responses_are_explained() {
    let parent = |id: &str| format!(r#"{{"Parents": [{{"Id": "{id}", "Type": "X"}}]}}"#);
    let known = parent("ou-ab12-22222222");
    let base = [
        ("list-accounts.json", ACCOUNTS),
        ("list-parents-111122223333.json", &known),
    ];
    let found = errors(&base);
    assert!(
        found.starts_with("no response contains the name of ou-ab12-22222222"),
        "{found}"
    );
    let named = [
        &base[..],
        &[(
            "list-organizational-units-for-parent-ou-ab12-11111111.json",
            BELOW,
        )],
    ]
    .concat();
    assert!(errors(&named).contains("no response contains the name of ou-ab12-11111111"));
    let other = parent("r-ab12");
    let found = errors(
        &[
            &named[..],
            &[("again/list-parents-111122223333.json", &other)],
        ]
        .concat(),
    );
    assert!(
        found.contains("the responses contradict each other about 111122223333"),
        "{found}"
    );
    let ring = r#"{"OrganizationalUnits": [{"Id": "ou-ab12-11111111", "Name": "Ring"}]}"#;
    let found = errors(
        &[
            &named[..],
            &[(
                "list-organizational-units-for-parent-ou-ab12-22222222.json",
                ring,
            )],
        ]
        .concat(),
    );
    assert!(found.contains("is below itself"), "{found}");
    let tags = |value: &str| format!(r#"{{"Tags": [{{"Key": "env", "Value": "{value}"}}]}}"#);
    let found = errors(&[
        ("list-accounts.json", ACCOUNTS),
        ("a/tags-111122223333.json", &tags("dev")),
        ("b/tags-111122223333.json", &tags("prod")),
    ]);
    assert!(
        found.contains("contradict each other about a tag of 111122223333"),
        "{found}"
    );
}

#[test]
fn deep_and_hostile_json_is_refused() {
    let deep = format!(
        "{{\"Accounts\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(!errors(&[("a.json", &deep)]).is_empty());
    let twice = r#"{"Accounts": [], "Accounts": []}"#;
    assert!(errors(&[("a.json", twice)]).contains("duplicate"));
    let control = r#"{"Accounts": [{"Id": "\u001b[31m\u202e", "Name": "a", "Status": "ACTIVE"}]}"#;
    assert!(!errors(&[("a.json", control)]).contains('\u{1b}'));
}
