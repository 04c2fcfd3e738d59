//! GetSessionToken with the key of an IAM user, and MFA codes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use rolecall_testkit::aws::{AccessKey, MfaDevice, Role, SessionKind};
use serde_json::json;

use crate::caller::sdk;
use crate::setup::{ACCOUNT, Setup};
use crate::signed::{credentials, refused};

/// A user with an MFA device, and a role that requires MFA.
struct Users {
    setup: Setup,
    user: AccessKey,
    device: MfaDevice,
    role: String,
}

impl Users {
    async fn new() -> Result<Self> {
        let setup = Setup::new().await?;
        let account = setup.aws.account(ACCOUNT)?;
        let user = account.user("alice")?;
        let device = account.mfa_device(&user)?;
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole",
            "Condition": {
                "Bool": {"aws:MultiFactorAuthPresent": "true"},
                "NumericLessThan": {"aws:MultiFactorAuthAge": "600"},
            },
        }]});
        let role = account.role("careful", Role::with_trust_policy(trust))?;
        Ok(Self {
            setup,
            user,
            device,
            role,
        })
    }

    fn client(&self) -> Client {
        let (id, secret) = (&self.user.access_key_id, &self.user.secret_access_key);
        sdk(
            &self.setup,
            Some(Credentials::new(id, secret, None, None, "test")),
        )
    }

    fn code(&self) -> Result<String> {
        self.device.code(self.setup.clock.now())
    }

    /// Temporary credentials of the user, with an MFA code if there is one.
    async fn session(&self, code: Option<String>) -> Result<Client> {
        let request = self.client().get_session_token();
        let request =
            request.set_serial_number(code.is_some().then(|| self.device.serial_number.clone()));
        let output = request.set_token_code(code).send().await?;
        let given = output.credentials().context("credentials")?;
        let credentials = Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            None,
            "test",
        );
        Ok(sdk(&self.setup, Some(credentials)))
    }

    async fn assumes_role(&self, client: &Client) -> bool {
        let assume = client.assume_role().role_arn(&self.role);
        assume.role_session_name("alice").send().await.is_ok()
    }
}

#[tokio::test]
async fn session_is_the_user_for_twelve_hours() -> Result<()> {
    let users = Users::new().await?;
    let session = users.session(None).await?;
    let caller = session.get_caller_identity().send().await?;
    assert_eq!(caller.arn(), Some(users.user.user_arn.as_str()));
    let issued = users.setup.aws.issued().pop().context("a session")?;
    assert_eq!(issued.kind, SessionKind::User);
    assert_eq!(
        (issued.expiration - issued.issued_at).num_seconds() + 1,
        43_200
    );
    for seconds in [899, 129_601] {
        let request = users.client().get_session_token();
        let answer = request.duration_seconds(seconds).send().await;
        let error = answer.err().context("it was issued")?;
        assert_eq!(error.code(), Some("ValidationError"), "{seconds}");
    }
    // At STS it can call AssumeRole and GetCallerIdentity only.
    let again = session.get_session_token().send().await;
    assert_eq!(
        again.err().context("it was issued")?.code(),
        Some("AccessDenied")
    );
    let federated = session.get_federation_token().name("alice").send().await;
    assert_eq!(
        federated.err().context("it was issued")?.code(),
        Some("AccessDenied")
    );
    Ok(())
}

#[tokio::test]
async fn role_can_require_mfa() -> Result<()> {
    let users = Users::new().await?;
    assert!(!users.assumes_role(&users.client()).await, "a key alone");
    let without = users.session(None).await?;
    assert!(!users.assumes_role(&without).await, "a session without MFA");
    let with = users.session(Some(users.code()?)).await?;
    assert!(users.assumes_role(&with).await);
    let issued = users.setup.aws.issued().pop().context("a session")?;
    assert_eq!(issued.kind, SessionKind::Assumed, "not role chaining");
    users.setup.clock.advance(Duration::from_secs(601));
    assert!(!users.assumes_role(&with).await, "the code is too old");
    Ok(())
}

#[tokio::test]
async fn code_of_assume_role_is_verified() -> Result<()> {
    let users = Users::new().await?;
    let assume = |code: &str| {
        let request = users.client().assume_role().role_arn(&users.role);
        let request = request.role_session_name("alice").token_code(code);
        request.serial_number(&users.device.serial_number)
    };
    let code = users.code()?;
    let wrong = format!("{:06}", (code.parse::<u32>()? + 1) % 1_000_000);
    for (request, message) in [
        (assume(&wrong), "invalid MFA one time pass code"),
        (
            assume(&code).serial_number("arn:aws:iam::111122223333:mfa/bob"),
            "unable to validate MFA code",
        ),
        (
            assume(&code).set_serial_number(None),
            "must provide both MFA serial number and one time pass code",
        ),
    ] {
        let (refused, text) = refused(request).await?;
        assert_eq!(refused, "AccessDenied");
        assert!(text.contains(message), "{text}");
    }
    assert_eq!(refused(assume("12345a")).await?.0, "ValidationError");
    let output = assume(&code).send().await?;
    credentials(&output)?;
    let (_, text) = refused(assume(&code)).await?;
    assert!(text.contains("invalid MFA one time pass code"), "{text}");
    Ok(())
}
