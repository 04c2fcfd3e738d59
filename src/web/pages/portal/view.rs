//! The portal page: accounts and their roles. The view model borrows from the grants, because a page can list thousands of roles.
use crate::web::pages::layout::{PageLink, Viewer};
use askama::Template;
use std::borrow::Cow;

/// The maximum number of words of a search. Each is searched in every row.
const SEARCH_WORDS_MAX: usize = 16;

/// `GET /`: all accounts and roles of the user, with a search.
#[derive(Debug, Template)]
#[template(path = "portal.html")]
pub struct PortalPage<'a> {
    /// The signed-in user.
    pub viewer: Viewer,
    /// The search that [`PortalPage::narrow`] applied; empty for none.
    pub query: String,
    /// The accounts, in display order.
    pub accounts: Vec<AccountSection<'a>>,
}

/// An account and the roles of the user in it.
#[derive(Debug, Clone)]
pub struct AccountSection<'a> {
    /// The 12-digit account ID.
    pub id: Cow<'a, str>,
    /// The configured account name.
    pub name: Cow<'a, str>,
    /// The path of the organizational unit; empty for none.
    pub ou: Cow<'a, str>,
    /// The tags, as `key=value`.
    pub tags: Vec<Cow<'a, str>>,
    /// At least one role.
    pub roles: Vec<RoleRow<'a>>,
}

/// A permission set, or a variant of one, in an account.
#[derive(Debug, Clone)]
pub struct RoleRow<'a> {
    /// The name of the permission set.
    pub permission_set: Cow<'a, str>,
    /// The name of the variant; empty for the permission set itself.
    pub variant: Cow<'a, str>,
    /// The maximum role session duration, such as `1 h`.
    pub duration: Cow<'a, str>,
    /// What limits the duration, such as `limited by assignment payments-developers`. Also how long the sign-in is valid for a
    /// role that trusts ID tokens.
    pub reason: Cow<'a, str>,
    /// The unmet conditions; none if the role can be used now. Boxed, because it is rare and large.
    pub lock: Option<Box<Lock>>,
}

/// Why an assigned role cannot be used now.
#[derive(Debug, Clone)]
pub struct Lock {
    /// A sentence, such as `Needs a second factor.`
    pub reason: String,
    /// The next step of the user, such as signing in again with a second factor.
    pub action: Option<PageLink>,
}

impl PortalPage<'_> {
    /// The number of listed roles.
    #[must_use]
    pub fn role_count(&self) -> usize {
        self.accounts
            .iter()
            .map(|account| account.roles.len())
            .sum()
    }

    /// The approximate size of the page, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const FRAME: usize = 6 * 1024;
        const ACCOUNT: usize = 384;
        const ROLE: usize = 704;
        FRAME + ACCOUNT * self.accounts.len() + ROLE * self.role_count()
    }

    /// Keeps the roles that match `query`; see [`narrow`].
    pub fn narrow(&mut self, query: &str) {
        self.query = query.trim().to_owned();
        narrow(&mut self.accounts, &self.query);
    }
}

/// Keeps the roles that match `query`, for browsers without JavaScript. Each word must occur in the name of the role or in the
/// name, ID, organizational unit or tags of its account, regardless of case. The search of the script follows the same rule.
pub fn narrow(accounts: &mut Vec<AccountSection<'_>>, query: &str) {
    let words = query.split_whitespace().take(SEARCH_WORDS_MAX);
    let words: Vec<String> = words.map(search_word).collect();
    if words.is_empty() {
        return;
    }
    accounts.retain_mut(|account| {
        let about = account.search_text();
        let missing: Vec<&String> = words
            .iter()
            .filter(|word| !about.contains(word.as_str()))
            .collect();
        account.roles.retain(|role| {
            let name = format!("{}@{}", role.permission_set, role.variant).to_lowercase();
            missing.iter().all(|word| name.contains(word.as_str()))
        });
        !account.roles.is_empty()
    });
}

impl AccountSection<'_> {
    fn search_text(&self) -> String {
        format!(
            "{} {} {} {}",
            self.name,
            self.id,
            self.ou,
            self.tags.join(" ")
        )
        .to_lowercase()
    }
}

/// Normalizes a search word. Account IDs are often written as `1111-2222-3333`, so the dashes are removed.
fn search_word(word: &str) -> String {
    let id_like = word.len() > 4 && word.chars().all(|c| c.is_ascii_digit() || c == '-');
    if id_like {
        word.replace('-', "")
    } else {
        word.to_lowercase()
    }
}

#[cfg(test)]
pub mod samples {
    use super::{AccountSection, Lock, PortalPage, RoleRow};
    use crate::web::pages::layout::samples::HOSTILE;
    use crate::web::pages::layout::{PageLink, Viewer};

    const OF_SET: &str = "limited by the permission set";

    pub fn role(
        permission_set: &'static str,
        variant: &'static str,
        duration: &'static str,
        reason: &'static str,
    ) -> RoleRow<'static> {
        RoleRow {
            permission_set: permission_set.into(),
            variant: variant.into(),
            duration: duration.into(),
            reason: reason.into(),
            lock: None,
        }
    }

    fn locked(role: RoleRow<'static>, reason: &str, action: Option<PageLink>) -> RoleRow<'static> {
        RoleRow {
            lock: Some(Box::new(Lock {
                reason: reason.into(),
                action,
            })),
            ..role
        }
    }

    fn account(
        id: &'static str,
        name: &'static str,
        ou: &'static str,
        tags: &[&'static str],
        roles: Vec<RoleRow<'static>>,
    ) -> AccountSection<'static> {
        AccountSection {
            id: id.into(),
            name: name.into(),
            ou: ou.into(),
            tags: tags.iter().map(|tag| (*tag).into()).collect(),
            roles,
        }
    }

    impl PortalPage<'static> {
        /// A page with `accounts` accounts of five roles each.
        pub fn of_size(accounts: usize) -> Self {
            let section = |n: usize| AccountSection {
                id: format!("{:012}", 100_000_000_000 + n * 7_919).into(),
                name: format!(
                    "{}-{}-{n:03}",
                    ["payments", "search", "data", "identity"][n % 4],
                    ["prod", "stage", "dev"][n % 3]
                )
                .into(),
                ou: "Workloads/Prod".into(),
                tags: vec!["env=prod".into(), "team=payments".into()],
                roles: vec![
                    role(
                        "Administrator",
                        "",
                        "1 h",
                        "limited by assignment platform-administrators",
                    ),
                    role(
                        "Developer",
                        "",
                        "1 h",
                        "limited by assignment payments-developers",
                    ),
                    role("Developer", "readonly", "1 h", OF_SET),
                    role("Billing", "", "8 h", OF_SET),
                    role("ReadOnly", "", "12 h", OF_SET),
                ],
            };
            Self {
                viewer: Viewer::sample(),
                query: String::new(),
                accounts: (0..accounts).map(section).collect(),
            }
        }

        pub fn samples() -> Vec<Self> {
            let again = PageLink::sample(
                "/sign-in/okta?return_to=%2F",
                "Sign in again with a second factor",
            );
            let accounts = vec![
                account(
                    "111122223333",
                    "payments-prod",
                    "Workloads/Prod",
                    &["env=prod", "team=payments"],
                    vec![
                        locked(
                            role("Administrator", "", "1 h", ""),
                            "Needs a second factor.",
                            Some(again),
                        ),
                        role(
                            "Developer",
                            "",
                            "1 h",
                            "limited by assignment payments-developers",
                        ),
                        role("Developer", "readonly", "1 h", OF_SET),
                    ],
                ),
                account(
                    "444455556666",
                    "payments-dev",
                    "Workloads/Dev",
                    &["env=dev", "team=payments"],
                    vec![
                        role("Developer", "", "4 h", OF_SET),
                        role("ReadOnly", "", "12 h", OF_SET),
                    ],
                ),
                account(
                    "777788889999",
                    "sandbox",
                    "",
                    &[],
                    vec![
                        role("PowerUser", "", "8 h", OF_SET),
                        locked(
                            role("BreakGlass", "", "1 h", ""),
                            "Opens on 1 January 2031.",
                            None,
                        ),
                    ],
                ),
            ];
            let one = Self {
                viewer: Viewer::sample(),
                query: String::new(),
                accounts,
            };
            let mut found = Self {
                viewer: Viewer::sample(),
                query: String::new(),
                accounts: one.accounts.clone(),
            };
            found.narrow("dev readonly");
            let mut nothing = Self {
                viewer: Viewer::sample(),
                query: String::new(),
                accounts: one.accounts.clone(),
            };
            nothing.narrow("no such account");
            let hostile_role = role(HOSTILE, HOSTILE, HOSTILE, HOSTILE);
            let hostile_lock = locked(
                hostile_role.clone(),
                HOSTILE,
                Some(PageLink::sample(HOSTILE, HOSTILE)),
            );
            let hostile = Self {
                viewer: Viewer::hostile(),
                query: HOSTILE.into(),
                accounts: vec![account(
                    HOSTILE,
                    HOSTILE,
                    HOSTILE,
                    &[HOSTILE],
                    vec![hostile_role, hostile_lock],
                )],
            };
            vec![one, found, nothing, Self::of_size(40), hostile]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PortalPage;

    fn found(query: &str) -> Vec<String> {
        let mut page = PortalPage::samples().remove(0);
        page.narrow(query);
        let roles = |account: &super::AccountSection<'_>| {
            account
                .roles
                .iter()
                .map(|role| format!("{}/{}@{}", account.name, role.permission_set, role.variant))
                .collect::<Vec<_>>()
        };
        page.accounts.iter().flat_map(roles).collect()
    }

    #[test]
    fn search_matches_account_role_tag_and_id() {
        assert_eq!(found("  "), found(""));
        assert_eq!(found("").len(), 7);
        assert_eq!(found("SANDBOX").len(), 2);
        assert_eq!(found("7777-8888-9999").len(), 2);
        assert_eq!(found("env=dev read"), ["payments-dev/ReadOnly@"]);
        assert_eq!(found("prod readonly"), ["payments-prod/Developer@readonly"]);
        assert_eq!(
            found("developer@readonly"),
            ["payments-prod/Developer@readonly"]
        );
        assert!(found("sandbox developer").is_empty());
        assert!(found("\u{0}<script>").is_empty());
    }
}
