//! Pages of accounts and roles: complete, stable during policy changes, and bound to a person.

use rolecall_core::aws::AccountId;
use rolecall_core::clients::{InvalidPageToken, PageRequest};
use rolecall_core::session::Session;

use crate::fixture::{Fixture, context};

/// `count` accounts with two permission sets each for everyone, without the account `without`.
fn access(count: usize, without: Option<usize>) -> String {
    let accounts: String = (0..count)
        .filter(|number| Some(*number) != without)
        .map(|number| {
            format!("[[account]]\nid = \"1000000{number:05}\"\nname = \"account {number:05}\"\n")
        })
        .collect();
    format!(
        "{accounts}
[[permission_set]]
name = \"Plain\"
variants = {{ b = {{ session_duration = \"1h\" }}, a = {{ session_duration = \"1h\" }} }}
[[permission_set]]
name = \"Plain-a\"
[[assignment]]
id = \"all\"
who = {{ everyone = true }}
accounts = [\"*\"]
permission_sets = [\"*\"]
"
    )
}

fn asked(entries_max: i64, token: Option<String>) -> PageRequest {
    PageRequest {
        entries_max: Some(entries_max),
        token,
    }
}

/// The account IDs on a page, and the token of the next page.
async fn accounts(
    fixture: &Fixture,
    session: &Session,
    request: &PageRequest,
) -> Result<(Vec<String>, Option<String>), InvalidPageToken> {
    let grants = fixture
        .gateway
        .entitlements()
        .grants(session, &context().client_info)
        .await
        .unwrap();
    let page = fixture
        .gateway
        .clients()
        .accounts_page(&session.identity, &grants, request)?;
    let ids = page.entries.iter().map(|one| one.id.to_string()).collect();
    Ok((ids, page.next))
}

async fn roles(
    fixture: &Fixture,
    session: &Session,
    account: &str,
    request: &PageRequest,
) -> Result<(Vec<String>, Option<String>), InvalidPageToken> {
    let grants = fixture
        .gateway
        .entitlements()
        .grants(session, &context().client_info)
        .await
        .unwrap();
    let account = AccountId::parse(account).unwrap();
    let page =
        fixture
            .gateway
            .clients()
            .roles_page(&session.identity, &grants, &account, request)?;
    Ok((
        page.entries.iter().map(|one| one.role_name()).collect(),
        page.next,
    ))
}

#[tokio::test]
async fn pages_contain_every_entry_once() {
    let fixture = Fixture::with_access(&access(250, None));
    let session = fixture.session_of("alice").await;
    for (size, pages) in [
        (i64::MIN, 250),
        (0, 250),
        (1, 250),
        (7, 36),
        (100, 3),
        (101, 3),
        (i64::MAX, 3),
    ] {
        let (mut ids, mut token, mut count) = (Vec::new(), None, 0);
        loop {
            let (page, next) = accounts(&fixture, &session, &asked(size, token))
                .await
                .unwrap();
            assert!((1..=100).contains(&page.len()));
            ids.extend(page);
            count += 1;
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(count, pages, "pages of {size}");
        let all: Vec<String> = (0..250)
            .map(|number| format!("1000000{number:05}"))
            .collect();
        assert_eq!(ids, all, "pages of {size}");
    }
    let (first, _) = accounts(&fixture, &session, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(first.len(), 100, "without max_result");
}

#[tokio::test]
async fn removed_account_hides_no_other() {
    let fixture = Fixture::with_access(&access(4, None));
    let session = fixture.session_of("alice").await;
    let (page, token) = accounts(&fixture, &session, &asked(2, None)).await.unwrap();
    assert_eq!(page, ["100000000000", "100000000001"]);
    // The last entry of the page is removed, or the one before it, or the next one.
    for (gone, next) in [(1, 2), (0, 2), (2, 3)] {
        fixture.replace_policy(&access(4, Some(gone))).await;
        let (page, _) = accounts(&fixture, &session, &asked(1, token.clone()))
            .await
            .unwrap();
        assert_eq!(page, [format!("10000000000{next}")], "without {gone}");
    }
}

#[tokio::test]
async fn permission_set_precedes_its_variants() {
    let fixture = Fixture::with_access(&access(1, None));
    let session = fixture.session_of("alice").await;
    let (mut names, mut token) = (Vec::new(), None);
    loop {
        let (page, next) = roles(&fixture, &session, "100000000000", &asked(1, token))
            .await
            .unwrap();
        names.extend(page);
        token = next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["Plain", "Plain@a", "Plain@b", "Plain-a"]);
    let nowhere = roles(&fixture, &session, "999999999999", &asked(1, None))
        .await
        .unwrap();
    assert_eq!(nowhere, (Vec::new(), None));
}

#[tokio::test]
async fn page_token_is_bound_to_person_and_list() {
    let fixture = Fixture::with_access(&access(3, None));
    let (alice, bob) = (
        fixture.session_of("alice").await,
        fixture.session_of("bob").await,
    );
    let (_, token) = accounts(&fixture, &alice, &asked(1, None)).await.unwrap();
    let token = token.unwrap();
    let (_, of_roles) = roles(&fixture, &alice, "100000000000", &asked(1, None))
        .await
        .unwrap();
    let ask = async |session, token: &str| {
        accounts(&fixture, session, &asked(1, Some(token.to_owned()))).await
    };
    assert!(ask(&alice, &token).await.is_ok() && ask(&alice, "").await.is_ok());
    assert_eq!(
        ask(&bob, &token).await,
        Err(InvalidPageToken),
        "another person's"
    );
    assert_eq!(
        ask(&alice, &of_roles.unwrap()).await,
        Err(InvalidPageToken),
        "another list's"
    );
    let other = roles(
        &fixture,
        &alice,
        "100000000000",
        &asked(1, Some(token.clone())),
    )
    .await;
    assert_eq!(other, Err(InvalidPageToken));
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(
            ask(&alice, &changed).await,
            Err(InvalidPageToken),
            "{changed}"
        );
    }
    for nonsense in [".", "a.b", "é.é", &"x".repeat(10_000)] {
        assert_eq!(
            ask(&alice, nonsense).await,
            Err(InvalidPageToken),
            "{nonsense}"
        );
    }
}
