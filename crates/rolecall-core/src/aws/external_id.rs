//! `ExternalId` of `AssumeRole` (IAM User Guide, "Access to AWS accounts owned by third parties").

use crate::base::text_newtype;

text_newtype!(
    /// The external id that a trust policy requires with `sts:ExternalId`: 2 to 1,224 characters. AWS does not treat it as a
    /// secret.
    ExternalId,
    InvalidExternalId,
    "an external id is 2 to 1224 characters of A-Z a-z 0-9 _ + = , . @ : / -",
    |text| (2..=1_224).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b))
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_ids_follow_the_rule_of_sts() {
        for good in ["ab", "a:/-_+=,.@9", &"x".repeat(1_224)] {
            assert!(ExternalId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a b", "a*", "ü1", "a\n", &"x".repeat(1_225)] {
            assert!(ExternalId::parse(bad).is_err(), "{bad}");
        }
    }
}
