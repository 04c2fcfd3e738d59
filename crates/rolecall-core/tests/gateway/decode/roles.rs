//! Which roles can decode messages.

use rolecall_core::issue::{CannotDecode, DecodingRoles};

use super::{NO_DELETE, fixture_with};
use crate::fixture::context;

/// Session policies are those of a permission set or variant, and the trust is that of an account.
#[tokio::test]
async fn each_session_policy_is_narrowed_once() {
    const USER: &str = r#"trust = "federation-token"
credentials = { access_key_id = { file = "key.id" }, secret_access_key = { file = "key.secret" } }"#;
    let only_s3 = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#;
    for (statements, trust, expected) in [
        (NO_DELETE, "", Ok(())),
        (only_s3, "", Err(CannotDecode::SessionPolicy)),
        (NO_DELETE, USER, Err(CannotDecode::FederatedUser)),
    ] {
        let fixture = fixture_with(statements, trust);
        let alice = fixture.session_of("alice").await;
        let entitlements = fixture.gateway.entitlements();
        let grants = entitlements.grants(&alice, &context().client_info).await;
        let grants: Vec<_> = grants.unwrap().iter().collect();
        let mut roles = DecodingRoles::default();
        for _ in 0..2 {
            for grant in &grants {
                let is_ours = (grant.account().id.as_str(), &*grant.role_name())
                    == ("111122223333", "Developer");
                if is_ours {
                    assert_eq!(roles.check(grant), expected, "{statements} {trust}");
                } else {
                    roles.check(grant).ok();
                }
            }
        }
        let mut names: Vec<_> = grants.iter().map(|grant| grant.role_name()).collect();
        names.sort();
        names.dedup();
        assert!(
            roles.narrowed() <= names.len(),
            "{} {names:?}",
            roles.narrowed()
        );
        assert!(roles.narrowed() > 0);
    }
}
