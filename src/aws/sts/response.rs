//! Converts the responses of all STS operations to types of core. All members are treated as optional.

use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role_with_saml::AssumeRoleWithSamlOutput;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityOutput;
use aws_sdk_sts::operation::get_federation_token::GetFederationTokenOutput;
use aws_sdk_sts::types::Credentials as SdkCredentials;
use rolecall_core::aws::{AssumedRole, Credentials, Region};
use rolecall_core::base::secret::SecretText;
use rolecall_core::base::timestamp;

/// The members that the responses have in common.
pub(super) struct StsResponse {
    credentials: Option<SdkCredentials>,
    /// `Arn` of the assumed role user or of the federated user.
    arn: Option<String>,
    request_id: Option<String>,
    packed: Option<i32>,
}

/// The output types of the SDK have the same members but no common trait.
macro_rules! answer_of {
    ($output:ty, $user:ident) => {
        impl From<$output> for StsResponse {
            fn from(output: $output) -> Self {
                let request_id = output.request_id().map(str::to_owned);
                // SessionTokenUtilization is a percentage of the whole token, and depends on more than policies and tags.
                #[expect(
                    deprecated,
                    reason = "STS deprecated PackedPolicySize in 2026, but only it has the measure of PackedPolicyTooLarge"
                )]
                let packed = output
                    .packed_policy_size()
                    .or(output.session_token_utilization());
                Self {
                    credentials: output.credentials,
                    arn: output.$user.map(|user| user.arn),
                    request_id,
                    packed,
                }
            }
        }
    };
}
answer_of!(AssumeRoleWithWebIdentityOutput, assumed_role_user);
answer_of!(AssumeRoleWithSamlOutput, assumed_role_user);
answer_of!(AssumeRoleOutput, assumed_role_user);
answer_of!(GetFederationTokenOutput, federated_user);

impl StsResponse {
    /// Returns `None` if a required member is missing.
    pub fn issued(self, region: &Region) -> Option<AssumedRole> {
        let credentials = self.credentials?;
        let expiration = credentials.expiration();
        Some(AssumedRole {
            credentials: Credentials {
                access_key_id: credentials.access_key_id().to_owned(),
                secret_access_key: SecretText::new(credentials.secret_access_key()),
                session_token: SecretText::new(credentials.session_token()),
                expires_at: timestamp::from_unix(expiration.secs(), expiration.subsec_nanos())?,
            },
            assumed_role_arn: self.arn?,
            request_id: self.request_id,
            region: region.as_str().to_owned(),
            packed_size_percent: self.packed.and_then(|percent| u8::try_from(percent).ok()),
            unanswered: 0,
            via: Vec::new(),
        })
    }
}
