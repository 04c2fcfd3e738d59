//! Codes of rejections, which are part of the audit trail and of metrics.

use super::RejectReason;

#[test]
fn reject_reasons_have_stable_codes() {
    for (reason, code) in [
        (RejectReason::Issuer, "issuer"),
        (RejectReason::Audience, "audience"),
        (RejectReason::Signature, "signature"),
        (RejectReason::Algorithm, "algorithm"),
        (RejectReason::Malformed, "malformed"),
        (RejectReason::Nonce, "nonce"),
        (RejectReason::Expired, "expired"),
        (RejectReason::NotYetValid, "not_yet_valid"),
        (RejectReason::Subject, "subject"),
        (RejectReason::Userinfo, "userinfo"),
        (RejectReason::AccessTokenHash, "access_token_hash"),
        (RejectReason::HostedDomain, "hosted_domain"),
        (RejectReason::NotFresh, "not_fresh"),
        (RejectReason::TooManyGroups, "too_many_groups"),
        (RejectReason::Claims, "claims"),
        (RejectReason::Code, "code"),
        (RejectReason::Unsolicited, "unsolicited"),
        (RejectReason::Unsigned, "unsigned"),
        (RejectReason::Structure, "structure"),
        (RejectReason::Decryption, "decryption"),
        (RejectReason::Status, "status"),
        (RejectReason::Destination, "destination"),
        (RejectReason::InResponseTo, "in_response_to"),
        (RejectReason::Conditions, "conditions"),
        (RejectReason::Confirmation, "confirmation"),
        (RejectReason::AuthnStatement, "authn_statement"),
    ] {
        assert_eq!(reason.code(), code);
    }
}
