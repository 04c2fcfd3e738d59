//! Every limit of the system, with its reason. Limits for input are defined only here.

use chrono::TimeDelta;

/// Default tolerance for clock differences, for verification and for replay records (OIDC Core 3.1.3.7). Clocks that
/// use NTP are well within it.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// The default for SAML providers (saml2int recommends three to five minutes).
pub const SAML_LEEWAY: TimeDelta = TimeDelta::seconds(180);
/// Maximum tolerance that can be configured for a provider.
pub const LEEWAY_MAX: TimeDelta = TimeDelta::minutes(5);

/// How long the mark of an ended session is kept after the session would have expired: for clock differences and slow
/// requests.
pub const ENDED_MARK_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// Maximum duration of a sign-in at the identity provider: long enough for a second factor on
/// another device, short enough that an abandoned sign-in cannot be used later.
pub const SIGN_IN_MAX: TimeDelta = TimeDelta::minutes(10);

/// Bytes of the product name, and of its version, that are kept of a `User-Agent`. The longest names of AWS's clients
/// have 25 bytes.
pub const PRODUCT_BYTES_MAX: usize = 32;

/// How long a browser that has signed out can end the remaining client sessions. The sign-out at the provider happens
/// in this time and may take as long as a sign-in.
pub const SIGN_OUT_TICKET_LIFE: TimeDelta = SIGN_IN_MAX;

/// How long a provider's logout request also ends sessions of assertions that arrive after it (SAML Core 3.7.3.1). It
/// is longer than an earlier assertion is accepted: [`SIGN_IN_MAX`] plus twice [`LEEWAY_MAX`], for a clock that is
/// ahead.
pub const LOGOUT_REQUEST_LIFE: TimeDelta = TimeDelta::minutes(20);

/// How long a SAML response is held for its browser: the time of a redirect on a slow connection.
pub const HELD_RESPONSE_MAX: TimeDelta = TimeDelta::minutes(2);

/// Bytes of one held response, compressed and in base64. Unencrypted responses compress to a quarter or less.
pub const HELD_RESPONSE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of all responses that one replica holds within [`HELD_RESPONSE_MAX`]: 500 of maximum size, or 10,000 usual
/// ones. Each is signed by its provider.
pub const HELD_RESPONSES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Lifetime of a token for AWS. It is used immediately; IAM adds five minutes after `exp`.
pub const WEB_IDENTITY_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(5);

/// How long a response of AWS is used for later requests. A role whose `MaxSessionDuration` was raised is noticed within
/// this time.
pub const LEARNED_KEPT: TimeDelta = TimeDelta::hours(1);
/// Number of roles, and of permission sets with their variants, for which a replica keeps responses.
pub const LEARNED_MAX: usize = 4_096;

/// Lifetime of a SAML response for AWS, which accepts it within five minutes after it was issued.
pub const SAML_RESPONSE_LIFE: TimeDelta = TimeDelta::minutes(5);

/// Minimum interval at which the use of a session is saved, so that most requests write nothing.
pub const SESSION_TOUCH_INTERVAL: TimeDelta = TimeDelta::seconds(60);

/// How long after additional verification the page that requested it moves the focus to its button. Anyone can send a link
/// to that page, so at other times a key press must not be enough.
pub const STEP_UP_RECENT: TimeDelta = TimeDelta::minutes(2);

/// How long a session secret is used before it is replaced, so that a leaked secret soon becomes invalid.
pub const SESSION_SECRET_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a replaced secret remains valid, for requests in progress and other tabs.
pub const SESSION_SECRET_GRACE: TimeDelta = TimeDelta::seconds(30);

/// Maximum configurable lifetime of a session.
pub const SESSION_LIFE_MAX: TimeDelta = TimeDelta::days(30);

/// Browser sessions of one person. One more ends the oldest.
pub const SESSIONS_PER_SUBJECT_MAX: usize = 20;

/// Claims that are kept of one identity. Beyond this limit, only the names of claims that no rule needs are kept.
pub const CLAIMS_MAX: usize = 128;
/// Names of claims that are not kept, per identity. A Keycloak token contains a claim for each of some hundred clients.
pub const UNREAD_CLAIMS_MAX: usize = 512;
/// Bytes of these names.
pub const UNREAD_CLAIMS_BYTES_MAX: usize = 32 * 1024;
/// Values of one claim. A token of Entra ID has at most 200 groups, one of Okta 100; userinfo may have more.
pub const CLAIM_VALUES_MAX: usize = 1_024;
/// Bytes of one claim value.
pub const CLAIM_VALUE_BYTES_MAX: usize = 1_024;
/// Bytes of the record of a person's last sign-in, in JSON. A person with 1,000 groups of 60 bytes needs 70 kB.
pub const RECORDED_PERSON_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of `sub`. OIDC Core 2 allows 255 ASCII characters.
pub const SUBJECT_BYTES_MAX: usize = 255;
/// Bytes of an e-mail address (RFC 5321 4.5.3.1.3).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Addresses of one person that are kept although none is trusted.
pub const UNTRUSTED_EMAILS_MAX: usize = 16;

/// Bytes of an ID token at the callback. A token with 600 groups by LDAP name has 66 kB. (STS accepts at most 20,000
/// characters, but providers send more.)
pub const ID_TOKEN_BYTES_MAX: usize = 96 * 1024;
/// Characters of a token that AWS accepts (`AssumeRoleWithWebIdentity`, `WebIdentityToken`).
pub const WEB_IDENTITY_TOKEN_CHARS_MAX: usize = 20_000;

/// How long before its `exp` an ID token of a provider is no longer sent to AWS: for clock differences and slow requests.
pub const ID_TOKEN_FOR_AWS_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Time for which an ID token must be usable for AWS when it arrives. Otherwise every use would need a new sign-in.
pub const ID_TOKEN_FOR_AWS_LIFE_MIN: TimeDelta = TimeDelta::seconds(60);
/// How long it is remembered that an ID token cannot be used for AWS. A sign-in after the provider was reconfigured
/// replaces it at once.
pub const UNUSABLE_ID_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(10);

/// Bytes of a DPoP proof. A proof with ES256 has about 500.
pub const DPOP_PROOF_BYTES_MAX: usize = 4 * 1024;
/// Bytes of `jti` of a proof. Clients send a UUID.
pub const DPOP_ID_BYTES_MAX: usize = 255;
/// Characters of a SAML response that AWS accepts (`AssumeRoleWithSAML`, `SAMLAssertion`).
pub const SAML_RESPONSE_CHARS_MAX: usize = 100_000;

/// Bytes of a posted `SAMLResponse` or `SAMLRequest`, in base64. With encryption and many groups they reach 100 KiB.
pub const SAML_MESSAGE_BYTES_MAX: usize = 512 * 1024;
/// Bytes of all SAML forms that a replica processes at the same time, before each address is limited to
/// [`SAML_FORMS_RESERVED_BYTES`]; the hard limit is twice as many. One address may use an eighth. A form needs up to
/// three times its size while it is processed.
pub const SAML_FORMS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes that each address may use beyond that limit: three forms of maximum size, or about forty usual ones.
pub const SAML_FORMS_RESERVED_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one tag of a SAML document, including its attributes. The longest attributes are URLs.
pub const XML_TAG_BYTES_MAX: usize = 8 * 1024;
/// Prefixes of one `InclusiveNamespaces` (Exclusive XML Canonicalization 1.0, 4). Providers list up to five.
pub const SAML_PREFIXES_MAX: usize = 16;
/// Bytes of that list.
pub const SAML_PREFIX_LIST_BYTES_MAX: usize = 512;
/// Characters of a `SignatureValue`. RSA with 16,384 bits has about 2,800, with line breaks.
pub const SAML_SIGNATURE_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a `RelayState` (SAML Bindings 3.4.3).
pub const RELAY_STATE_BYTES_MAX: usize = 80;

/// Bytes of one response of an identity provider: discovery, JWKS, token, userinfo.
pub const UPSTREAM_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the metadata of a federation, of which one entity is kept. That of eduGAIN has about 100 MB.
pub const FEDERATION_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Keys of a provider's JWKS that are read. A large installation has one per client with its own signing key.
pub const JWKS_KEYS_MAX: usize = 2_048;
/// Logged characters of a provider's explanation (`error_description`, `StatusMessage`).
pub const PROVIDER_TEXT_CHARS_MAX: usize = 500;

/// Bytes of `return_to`. A deep link into the console with a long destination fits. In base64, with the rest of a URL,
/// it stays within the 8 KiB of a request line.
pub const RETURN_TO_BYTES_MAX: usize = 5_632;
/// Bytes of a console destination. A query of CloudWatch Logs Insights has one or two thousand; percent-encoded in the
/// link to AWS's sign-in endpoint it has up to three times as many.
pub const DESTINATION_BYTES_MAX: usize = 4_096;

/// People that a report on the differences of two policies names for each role.
pub const COMPARED_NAMES_MAX: usize = 50;
/// Rules that it names for each role and difference.
pub const COMPARED_CAUSES_MAX: usize = 8;
/// Roles that it lists.
pub const COMPARED_ROLES_MAX: usize = 1_000_000;
/// Results that are kept while two policies are compared.
pub const COMPARED_KEYS_MAX: usize = 100_000;
/// People for whom a command evaluates policies.
pub const PEOPLE_MAX: usize = 1_000_000;

/// Entries of one access policy (accounts, permission sets, assignments and deny rules together).
pub const POLICY_ENTRIES_MAX: usize = 100_000;
/// Bytes of one file of the access policy.
pub const POLICY_FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Session tags of one role session (STS, `Tags`).
pub const SESSION_TAGS_MAX: usize = 50;
/// Characters of a session tag's key (STS, `Tag.Key`).
pub const SESSION_TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a session tag's value (STS, `Tag.Value`).
pub const SESSION_TAG_VALUE_CHARS_MAX: usize = 256;
/// Characters of an inline session policy (STS, `Policy`).
pub const SESSION_POLICY_CHARS_MAX: usize = 2_048;
/// Characters of the text of an error that a person pastes: the longest encoded message (10,240), and the sentences around it.
pub const ERROR_TEXT_CHARS_MAX: usize = 14_000;
/// Managed policies of one role session (STS, `PolicyArns`).
pub const POLICY_ARNS_MAX: usize = 10;
/// Managed policies of one role, by default and with the highest quota (IAM, "Managed policies attached to an IAM role").
pub const ROLE_MANAGED_POLICIES_DEFAULT: usize = 10;
/// See [`ROLE_MANAGED_POLICIES_DEFAULT`].
pub const ROLE_MANAGED_POLICIES_MAX: usize = 20;
/// Characters of a trust policy without white space, by default and with the highest quota (IAM, "Role trust policy length").
pub const TRUST_POLICY_CHARS_DEFAULT: usize = 2_048;
/// See [`TRUST_POLICY_CHARS_DEFAULT`].
pub const TRUST_POLICY_CHARS_MAX: usize = 4_096;
/// Characters of all inline policies of a role together, without white space (IAM).
pub const ROLE_INLINE_POLICIES_CHARS_MAX: usize = 10_240;
/// Characters of a managed policy without white space (IAM).
pub const MANAGED_POLICY_CHARS_MAX: usize = 6_144;

/// Maximum number of intermediate roles in `via` of an account. Each adds a call to STS to every credential request.
pub const VIA_ROLES_MAX: usize = 3;

/// Lifetime of a code that a person copies to a terminal.
pub const CROSS_DEVICE_CODE_LIFE: TimeDelta = TimeDelta::minutes(5);

/// Characters of an unknown name that are kept for the audit trail.
pub const NAME_SHOWN_CHARS_MAX: usize = 64;

/// Lifetime of a client registration, as in AWS.
pub const REGISTRATION_LIFE: TimeDelta = TimeDelta::days(90);
/// Characters of a client ID. With the rest of an authorization request it fits into [`RETURN_TO_BYTES_MAX`].
pub const CLIENT_ID_CHARS_MAX: usize = 1_280;
/// Displayed characters of a client's name.
pub const CLIENT_NAME_CHARS_MAX: usize = 64;
/// Scopes of one registration, as in AWS.
pub const SCOPES_MAX: usize = 25;
/// Bytes of one scope.
pub const SCOPE_BYTES_MAX: usize = 80;
/// Redirect URIs of one registration; AWS's clients have one.
pub const REDIRECT_URIS_MAX: usize = 10;
/// Bytes of one redirect URI.
pub const REDIRECT_URI_BYTES_MAX: usize = 256;
/// Bytes of `issuerUrl`.
pub const ISSUER_URL_BYTES_MAX: usize = 512;

/// Client sessions of one person. Parallel tools of a working day fit. One more ends the oldest.
pub const CLIENT_SESSIONS_PER_SUBJECT_MAX: usize = 100;
/// How long a replaced refresh token still returns its successors: parallel processes share one, and each may have read
/// it before another wrote the next.
pub const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(60);
/// Replacements of one session's refresh token within [`REFRESH_GRACE`]. One more is delayed, so that each replaced
/// token keeps its grace period.
pub const REFRESH_TOKENS_RETIRED_MAX: usize = 64;
/// Valid access tokens of one client session. One more invalidates the oldest.
pub const ACCESS_TOKENS_MAX: usize = 128;
/// Maximum lifetime of an access token of the device flow, whatever `[clients] access_token` is.
pub const DEVICE_ACCESS_TOKEN_LIFE_MAX: TimeDelta = TimeDelta::hours(1);

/// How long a person can decide on a client's request (RFC 8628 3.2, `expires_in`), as in AWS.
pub const AUTHORIZATION_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Lifetime of an authorization code, which is redeemed immediately (RFC 6749 4.1.2 recommends at most ten minutes).
pub const AUTHORIZATION_CODE_LIFE: TimeDelta = TimeDelta::seconds(60);
/// Bytes of `state` of an authorization request; AWS's CLI sends 36.
pub const CLIENT_STATE_BYTES_MAX: usize = 512;
/// Seconds between two polls of a device (RFC 8628 3.2 `interval`).
pub const POLL_INTERVAL: TimeDelta = TimeDelta::seconds(5);
/// Number of early polls after which a device code is denied.
pub const EARLY_POLLS_MAX: u32 = 60;
/// Device authorizations that one address may start in [`DEVICE_AUTHORIZATIONS_WINDOW`]: enough for an office behind
/// one address, or for a burst of tools.
pub const DEVICE_AUTHORIZATIONS_MAX: u32 = 120;
/// Window of [`DEVICE_AUTHORIZATIONS_MAX`].
pub const DEVICE_AUTHORIZATIONS_WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Maximum age of the sign-in of a person who approves a device. A stolen session is not enough.
pub const DEVICE_APPROVAL_SIGN_IN_AGE: TimeDelta = TimeDelta::minutes(10);
/// Wrong user codes per session in [`WRONG_CODES_WINDOW`] (RFC 8628 5.1: 34.5 bits against five guesses).
pub const WRONG_CODES_PER_SESSION_MAX: u32 = 5;
/// Wrong user codes per person, in all sessions, in [`WRONG_CODES_WINDOW`]. People who are signed in are limited by
/// their own number, never by that of their address.
pub const WRONG_CODES_PER_PERSON_MAX: u32 = 20;
/// Window of [`WRONG_CODES_PER_SESSION_MAX`] and [`WRONG_CODES_PER_PERSON_MAX`].
pub const WRONG_CODES_WINDOW: TimeDelta = TimeDelta::minutes(10);
/// If less than this remains of a browser session, a person who approves a client is offered to sign in again first.
pub const SESSION_ENDS_SOON: TimeDelta = TimeDelta::hours(1);
/// Requests of one client and address that started within this interval are decided together.
pub const JOINT_CONSENT_WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Pending requests of one client and address that are listed for that.
pub const JOINT_CONSENT_REQUESTS_MAX: usize = 100;

/// Interval in which refusals of requests without a valid secret are counted before they are written to the audit
/// trail.
pub const REFUSALS_WINDOW: TimeDelta = TimeDelta::minutes(5);
/// Rows of the audit trail for these refusals in [`REFUSALS_WINDOW`], per replica: about 30 MB a day during a permanent
/// attack.
pub const REFUSAL_ROWS_MAX: usize = 256;

/// Refused sign-ins with a valid `state` that get an event of their own in [`REFUSALS_WINDOW`], per replica: those that
/// the provider refused, and as many that failed a check. Further ones are summarized. A misconfigured provider refuses
/// a whole company in the morning; a permanent attack needs about 150 MB a day.
pub const REFUSAL_EVENTS_MAX: u32 = 500;

/// SAML responses that are verified for one sign-in. A second one is a form that was submitted twice.
pub const SAML_RESPONSES_PER_SIGN_IN_MAX: u32 = 3;
/// Maximum wait of a SAML message for a verification thread. After that it is rejected.
pub const SAML_VERIFICATION_WAIT_MAX: TimeDelta = TimeDelta::seconds(5);

/// SAML messages of one kind that are verified or queued, before each address is limited to
/// [`MESSAGES_WAITING_RESERVED`]; the hard limit is twice as many.
pub const MESSAGES_WAITING_MAX: usize = 1024;
/// Such messages per address.
pub const MESSAGES_WAITING_OF_ADDRESS_MAX: usize = MESSAGES_WAITING_MAX / 8;
/// Such messages per address beyond [`MESSAGES_WAITING_MAX`].
pub const MESSAGES_WAITING_RESERVED: usize = 4;

/// Pending sign-ins, and as many device authorizations, of the installation in [`SIGN_IN_MAX`]. Beyond it, each address
/// without a recent sign-in is limited to [`PENDING_RESERVED_PER_ADDRESS`]. With about 700 bytes each they need 175 MB;
/// with the largest `return_to` 750 MB, and twice that at the end of a window.
pub const PENDING_MAX: u32 = 250_000;
/// See [`PENDING_MAX`].
pub const PENDING_RESERVED_PER_ADDRESS: u32 = 10;
/// How long an address counts as known after a completed sign-in. The first sign-in after that makes it known again.
pub const KNOWN_ADDRESS_LIFE: TimeDelta = TimeDelta::hours(24);

/// Client addresses that one rate limit counts separately in its window; beyond it, networks are counted. 200,000
/// counters in Redis need about 30 MB.
pub const RATE_BUCKETS_MAX: u32 = 200_000;
