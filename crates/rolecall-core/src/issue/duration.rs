//! How long a session lasts, and which limit ends it.

use chrono::TimeDelta;

use crate::access::{DurationReason, Grant};
use crate::audit::CredentialDelivery;
use crate::aws::{AssumedRole, RoleSessionDuration};

use super::Issuer;

/// A session that ends so much before the time that was requested was shortened by AWS; clocks differ by less.
const SHORTENED_MIN: TimeDelta = TimeDelta::minutes(2);

impl Issuer {
    /// How long credentials of this role last if they are requested now, and which limit makes it so.
    pub fn duration(&self, grant: &Grant) -> (RoleSessionDuration, DurationReason) {
        let configured = grant.duration();
        let (role, now) = (|| grant.role().clone(), self.clock.now());
        match self.learned.exceeds_maximum(role, configured.0, now) {
            // IAM's smallest `MaxSessionDuration`.
            true => (RoleSessionDuration::DEFAULT, DurationReason::RoleMaximum),
            false => configured,
        }
    }

    /// As [`Self::duration`], for a console session.
    pub fn console_duration(&self, grant: &Grant) -> (RoleSessionDuration, DurationReason) {
        // The browser posts the response to AWS's sign-in endpoint, which does not look at the role's maximum.
        if grant.trust().console_post().is_some() {
            return grant.duration();
        }
        self.duration(grant)
    }

    /// `DurationSeconds` of a request.
    pub(super) fn requested_duration(
        &self,
        grant: &Grant,
        delivery: CredentialDelivery,
    ) -> (RoleSessionDuration, DurationReason) {
        match delivery {
            // Its clients renew every quarter of an hour, and know no longer life.
            CredentialDelivery::AwsLogin => (RoleSessionDuration::MIN, DurationReason::AwsLogin),
            // They are used at once, and for one request.
            CredentialDelivery::Decode => (RoleSessionDuration::MIN, DurationReason::Decode),
            CredentialDelivery::Console => self.console_duration(grant),
            CredentialDelivery::Credentials | CredentialDelivery::Client => self.duration(grant),
        }
    }

    /// What was requested, or how AWS shortened it: it takes the earliest end of a SAML response (IAM User Guide, "Configure
    /// SAML assertions for the authentication response").
    pub(super) fn granted_duration(
        &self,
        grant: &Grant,
        requested: (RoleSessionDuration, DurationReason),
        issued: &AssumedRole,
    ) -> (RoleSessionDuration, DurationReason) {
        let left = issued.credentials.expires_at - self.clock.now();
        let shortened = left < requested.0.as_delta() - SHORTENED_MIN;
        if !shortened || grant.trust().saml_provider().is_none() {
            return requested;
        }
        let minutes = u32::try_from(left.num_minutes()).unwrap_or_default();
        let duration = RoleSessionDuration::from_seconds(minutes.saturating_mul(60));
        (
            duration.unwrap_or(RoleSessionDuration::MIN),
            DurationReason::SamlResponse,
        )
    }
}
