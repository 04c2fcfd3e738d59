//! One saved response of AWS Organizations. The members are those of the API; the members of requests (`ParentId`, `ChildId`,
//! `ResourceId`) can be added to a response.

use serde::Deserialize;

use super::hierarchy::Parent;

/// A response of one of the operations that are read. Other members are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Response {
    /// ListAccounts, ListAccountsForParent.
    pub accounts: Option<Vec<AccountEntry>>,
    /// DescribeAccount.
    pub account: Option<AccountEntry>,
    /// ListParents.
    pub parents: Option<Vec<Member>>,
    /// ListChildren.
    pub children: Option<Vec<Member>>,
    /// ListOrganizationalUnitsForParent.
    pub organizational_units: Option<Vec<UnitEntry>>,
    /// DescribeOrganizationalUnit.
    pub organizational_unit: Option<UnitEntry>,
    /// ListRoots.
    pub roots: Option<Vec<Member>>,
    /// ListTagsForResource.
    pub tags: Option<Vec<Tag>>,
    /// Present if another page follows.
    pub next_token: Option<String>,
    /// Member of the request.
    pub parent_id: Option<String>,
    /// Member of the request.
    pub child_id: Option<String>,
    /// Member of the request.
    pub resource_id: Option<String>,
}

/// `Account`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountEntry {
    pub id: String,
    #[serde(default)]
    pub arn: String,
    pub name: Option<String>,
    /// Replaces `Status`.
    pub state: Option<String>,
    pub status: Option<String>,
    /// Such as `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/111122223333/`.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// `OrganizationalUnit`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnitEntry {
    pub id: String,
    pub name: String,
    /// As `paths` of an account.
    pub path: Option<String>,
}

/// `Parent`, `Child` or `Root`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Member {
    pub id: String,
}

/// `Tag`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub key: String,
    pub value: String,
}

impl Response {
    /// The operation, as the AWS CLI names it; `None` if it is another one.
    pub fn operation(&self) -> Option<&'static str> {
        [
            (self.accounts.is_some(), "list-accounts"),
            (self.account.is_some(), "describe-account"),
            (self.parents.is_some(), "list-parents"),
            (self.children.is_some(), "list-children"),
            (
                self.organizational_units.is_some(),
                "list-organizational-units-for-parent",
            ),
            (
                self.organizational_unit.is_some(),
                "describe-organizational-unit",
            ),
            (self.roots.is_some(), "list-roots"),
            (self.tags.is_some(), "list-tags-for-resource"),
        ]
        .into_iter()
        .find_map(|(is_present, name)| is_present.then_some(name))
    }
}

/// What an ID of Organizations names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    Root,
    Unit,
    Account,
}

/// Whether the text is an ID: `r-ab12`, `ou-ab12-11111111` or 12 digits.
pub(super) fn id_kind(text: &str) -> Option<IdKind> {
    let word = |text: &str, min: usize| {
        (min..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(IdKind::Account);
    }
    if let Some(unit) = text.strip_prefix("ou-") {
        let (root, own) = unit.split_once('-')?;
        return (word(root, 4) && word(own, 8)).then_some(IdKind::Unit);
    }
    let root = text.strip_prefix("r-")?;
    word(root, 4).then_some(IdKind::Root)
}

/// The ID at the end of the name of a file, without its extension: `list-parents-111122223333` names an account.
pub(super) fn id_at_end(stem: &str) -> Option<&str> {
    let starts = stem.char_indices().filter(|(at, _)| {
        let before = stem[..*at].chars().next_back();
        before.is_none_or(|c| !c.is_ascii_alphanumeric())
    });
    let mut ends = starts.map(|(at, _)| &stem[at..]);
    ends.find(|end| id_kind(end).is_some())
}

/// The parent with this ID; `None` if it is the ID of neither a root nor a unit.
pub(super) fn parent(id: &str) -> Option<Parent> {
    match id_kind(id)? {
        IdKind::Root => Some(Parent::Root),
        IdKind::Unit => Some(Parent::Unit(id.to_owned())),
        IdKind::Account => None,
    }
}

/// The parent in a path such as `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/111122223333/` of the last member, `child`.
pub(super) fn parent_in_path(path: &str, child: &str) -> Option<Parent> {
    let mut steps = path
        .split('/')
        .filter(|step| !step.is_empty() && *step != child);
    parent(steps.next_back()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_at_the_end_of_a_file_name() {
        for (stem, id) in [
            ("list-parents-111122223333", Some("111122223333")),
            ("111122223333", Some("111122223333")),
            ("list-parents-ou-ab12-11111111", Some("ou-ab12-11111111")),
            (
                "list-organizational-units-for-parent-r-ab12",
                Some("r-ab12"),
            ),
            ("tags.of.ou-ab12-cdefgh12", Some("ou-ab12-cdefgh12")),
            ("list-organizational-units-for-parent", None),
            ("list-accounts", None),
            ("1111222233334", None),
            ("x111122223333", None),
            ("ou-ab12", None),
            ("ü-r-ab12", Some("r-ab12")),
            ("", None),
        ] {
            assert_eq!(id_at_end(stem), id, "{stem}");
        }
    }

    #[test]
    fn parents_are_found_in_paths() {
        let unit = Some(Parent::Unit("ou-ab12-11111111".to_owned()));
        for (path, child, parent) in [
            (
                "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/111122223333/",
                "111122223333",
                unit.clone(),
            ),
            (
                "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/",
                "111122223333",
                unit.clone(),
            ),
            (
                "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/",
                "ou-ab12-22222222",
                unit,
            ),
            (
                "o-a1b2c3d4e5/r-ab12/111122223333",
                "111122223333",
                Some(Parent::Root),
            ),
            ("o-a1b2c3d4e5/", "111122223333", None),
            ("", "111122223333", None),
        ] {
            assert_eq!(parent_in_path(path, child), parent, "{path}");
        }
    }
}
