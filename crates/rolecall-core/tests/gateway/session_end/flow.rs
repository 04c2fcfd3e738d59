//! The flows that a session end interrupts.

use crate::at_provider;
use crate::fixture::{ACCESS, Fixture};

/// A flow that awaits something between the check of a session and a write or a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    AllowDevice,
    RedeemDevice,
    AllowCode,
    RedeemCode,
    RefreshTokens,
    AllowLogin,
    RedeemLogin,
    RefreshLogin,
    Credentials,
    ClientCredentials,
    ConsoleLink,
    ConsolePost,
    ConsoleTicket,
    AtProvider,
    RenewSecret,
    Touch,
    EndOthers,
    /// Another sign-in of the same provider session.
    SignIn,
}

impl Flow {
    pub const ALL: [Self; 18] = [
        Self::AllowDevice,
        Self::RedeemDevice,
        Self::AllowCode,
        Self::RedeemCode,
        Self::RefreshTokens,
        Self::AllowLogin,
        Self::RedeemLogin,
        Self::RefreshLogin,
        Self::Credentials,
        Self::ClientCredentials,
        Self::ConsoleLink,
        Self::ConsolePost,
        Self::ConsoleTicket,
        Self::AtProvider,
        Self::RenewSecret,
        Self::Touch,
        Self::EndOthers,
        Self::SignIn,
    ];

    /// Whether the result is for AWS.
    pub fn delivers(self) -> bool {
        match self {
            Self::RedeemLogin
            | Self::RefreshLogin
            | Self::Credentials
            | Self::ClientCredentials
            | Self::ConsoleLink
            | Self::ConsolePost
            | Self::ConsoleTicket
            | Self::AtProvider => true,
            Self::AllowDevice
            | Self::RedeemDevice
            | Self::AllowCode
            | Self::RedeemCode
            | Self::RefreshTokens
            | Self::AllowLogin
            | Self::RenewSecret
            | Self::Touch
            | Self::EndOthers
            | Self::SignIn => false,
        }
    }

    /// Whether the browser posts a SAML response to AWS.
    pub fn posts(self) -> bool {
        matches!(self, Self::ConsolePost | Self::ConsoleTicket)
    }

    pub fn fixture(self) -> Fixture {
        if self == Self::AtProvider {
            return at_provider::fixture();
        }
        if !self.posts() {
            return Fixture::new();
        }
        let sandbox = "name = \"sandbox\"";
        let trust = r#"
trust = "gateway-saml"
console = "saml-post"
saml_provider_arn = "arn:aws:iam::777788889999:saml-provider/rolecall""#;
        Fixture::with_access(&ACCESS.replacen(sandbox, &format!("{sandbox}{trust}"), 1))
    }
}
