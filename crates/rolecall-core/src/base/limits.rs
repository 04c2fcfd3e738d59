//! Every bound in the system, each with its reason. A number that limits an input stands here and nowhere else.

use chrono::TimeDelta;

/// How far clocks may differ where nothing else is configured, for verification and for replay records alike (OIDC Core
/// 3.1.3.7; NTP-kept machines stay well within it).
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// The same for SAML providers (saml2int recommends three to five minutes).
pub const SAML_LEEWAY: TimeDelta = TimeDelta::seconds(180);
/// The most that one provider may be given.
pub const LEEWAY_MAX: TimeDelta = TimeDelta::minutes(5);

/// How long the mark of an ended session outlasts the time at which it would have ended anyway: for clocks that differ, and
/// for requests that take long.
pub const ENDED_MARK_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// How long a person may take at the identity provider: long enough for a forgotten phone, short enough that an
/// abandoned sign-in is worthless.
pub const SIGN_IN_MAX: TimeDelta = TimeDelta::minutes(10);

/// Bytes of a program's name, and of its version, that are kept of a `User-Agent`: the longest names of AWS's clients have 25.
pub const PRODUCT_BYTES_MAX: usize = 32;

/// How long a browser that has signed out may end the command lines that are still signed in: a sign-out at the provider
/// fits in between, as long as a sign-in may take there.
pub const SIGN_OUT_TICKET_LIFE: TimeDelta = SIGN_IN_MAX;

/// How long a provider's order to end sessions also ends those of assertions that arrive after it (SAML Core 3.7.3.1). Longer
/// than any assertion of before it is accepted: [`SIGN_IN_MAX`] and twice [`LEEWAY_MAX`], for a clock that is ahead.
pub const LOGOUT_REQUEST_LIFE: TimeDelta = TimeDelta::minutes(20);

/// How long a SAML response waits for its browser to fetch the session: a redirect's time, on a slow line.
pub const HELD_RESPONSE_MAX: TimeDelta = TimeDelta::minutes(2);

/// Bytes of one held response, compressed and in base64: what is not encrypted shrinks to a quarter or less.
pub const HELD_RESPONSE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of all responses that one replica holds within [`HELD_RESPONSE_MAX`]: 500 of the largest, or 10,000 of the usual
/// ones, each signed by its provider.
pub const HELD_RESPONSES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Life of a token minted for AWS; it is used at once. IAM itself adds five minutes after `exp`.
pub const WEB_IDENTITY_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(5);

/// Life of a SAML response for AWS, which takes one within five minutes of its making.
pub const SAML_RESPONSE_LIFE: TimeDelta = TimeDelta::minutes(5);

/// A session is written back at most this often when it is used, so that most page loads write nothing.
pub const SESSION_TOUCH_INTERVAL: TimeDelta = TimeDelta::seconds(60);

/// A session's secret is replaced when it has been in use for this long, so that one that leaked is soon worthless.
pub const SESSION_SECRET_LIFE: TimeDelta = TimeDelta::minutes(15);
/// A secret that was replaced still works this long: for requests that were under way, and for other tabs.
pub const SESSION_SECRET_GRACE: TimeDelta = TimeDelta::seconds(30);

/// The longest that a session may be configured to last.
pub const SESSION_LIFE_MAX: TimeDelta = TimeDelta::days(30);

/// Sessions one person may have at once; beginning one more ends the oldest.
pub const SESSIONS_PER_SUBJECT_MAX: usize = 20;

/// Claims of one identity that are kept; of those beyond it that nothing depends on, the names are.
pub const CLAIMS_MAX: usize = 128;
/// Names of claims that are not kept, in one identity. A Keycloak token names each of some hundred clients.
pub const UNREAD_CLAIMS_MAX: usize = 512;
/// Bytes of those names together.
pub const UNREAD_CLAIMS_BYTES_MAX: usize = 32 * 1024;
/// Values of one claim. Entra stops at 200 groups and Okta at 100 in a token; userinfo may carry more.
pub const CLAIM_VALUES_MAX: usize = 1_024;
/// Bytes of one claim value.
pub const CLAIM_VALUE_BYTES_MAX: usize = 1_024;
/// Bytes of `sub`: OIDC Core 2 allows 255 ASCII characters.
pub const SUBJECT_BYTES_MAX: usize = 255;
/// Bytes of an e-mail address (RFC 5321 4.5.3.1.3).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Addresses of one person that are kept although none of them is believed.
pub const UNTRUSTED_EMAILS_MAX: usize = 16;

/// Bytes of an ID token at the callback: one with 600 groups by their LDAP names has 66 kB. STS takes at most 20,000 characters, providers with many groups send more.
pub const ID_TOKEN_BYTES_MAX: usize = 96 * 1024;
/// Characters of a token AWS takes (`AssumeRoleWithWebIdentity`, `WebIdentityToken`).
pub const WEB_IDENTITY_TOKEN_CHARS_MAX: usize = 20_000;

/// Bytes of a DPoP proof: one of ES256 has some 500.
pub const DPOP_PROOF_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a proof's `jti`; clients send a UUID.
pub const DPOP_ID_BYTES_MAX: usize = 255;
/// Characters of a SAML response AWS takes (`AssumeRoleWithSAML`, `SAMLAssertion`).
pub const SAML_RESPONSE_CHARS_MAX: usize = 100_000;

/// Bytes of `SAMLResponse` and its like as posted, in base64; with encryption and many groups they reach 100 KiB.
pub const SAML_MESSAGE_BYTES_MAX: usize = 512 * 1024;
/// Bytes of all SAML forms that a replica reads or looks at, as they were sent, before each address may have only
/// [`SAML_FORMS_RESERVED_BYTES`]; with those there are at most twice as many. One address may have an eighth. A form takes up to
/// three times as many while it is looked at.
pub const SAML_FORMS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of them that each address may have when others take the rest: three of the largest, or some forty of the usual ones.
pub const SAML_FORMS_RESERVED_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one tag of a SAML document, its attributes included; the longest are addresses.
pub const XML_TAG_BYTES_MAX: usize = 8 * 1024;
/// Prefixes of one `InclusiveNamespaces` (Exclusive XML Canonicalization 1.0, 4); providers list up to five.
pub const SAML_PREFIXES_MAX: usize = 16;
/// Bytes of that list.
pub const SAML_PREFIX_LIST_BYTES_MAX: usize = 512;
/// Characters of a `SignatureValue`: RSA with 16,384 bits has some 2,800 in lines.
pub const SAML_SIGNATURE_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a `RelayState` (SAML Bindings 3.4.3).
pub const RELAY_STATE_BYTES_MAX: usize = 80;

/// Bytes of one answer of an identity provider: discovery, JWKS, token, userinfo.
pub const UPSTREAM_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a federation's metadata, of which one entity is kept: eduGAIN has some 100 MB.
pub const FEDERATION_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Keys of one provider's JWKS that are looked at: one for each client of a large installation that signs with keys of
/// their own.
pub const JWKS_KEYS_MAX: usize = 2_048;
/// Characters of a provider's explanation (`error_description`, `StatusMessage`) that are logged.
pub const PROVIDER_TEXT_CHARS_MAX: usize = 500;

/// Bytes of `return_to`: a deep link into the console with a long destination fits. In base64 and with the rest of an address
/// it stays within the 8 KiB that a request's address may have.
pub const RETURN_TO_BYTES_MAX: usize = 5_632;
/// Bytes of a console destination: a query of CloudWatch Logs Insights has one or two thousand, percent-encoded in the link to
/// AWS's sign-in endpoint it takes up to three times as many.
pub const DESTINATION_BYTES_MAX: usize = 4_096;

/// Entries of one access policy (accounts, permission sets, assignments and denies together).
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
/// Managed policies of one role session (STS, `PolicyArns`).
pub const POLICY_ARNS_MAX: usize = 10;

/// Life of a code that a person carries to a terminal by hand.
pub const CROSS_DEVICE_CODE_LIFE: TimeDelta = TimeDelta::minutes(5);

/// Characters of a name from outside that are kept for the audit trail when it names nothing we know.
pub const NAME_SHOWN_CHARS_MAX: usize = 64;

/// Life of a client's registration; as long as AWS's.
pub const REGISTRATION_LIFE: TimeDelta = TimeDelta::days(90);
/// Characters of a client id: with the rest of an authorization request it fits into [`RETURN_TO_BYTES_MAX`].
pub const CLIENT_ID_CHARS_MAX: usize = 1_280;
/// Characters of a client's name that are shown.
pub const CLIENT_NAME_CHARS_MAX: usize = 64;
/// Scopes of one registration, as at AWS.
pub const SCOPES_MAX: usize = 25;
/// Bytes of one scope.
pub const SCOPE_BYTES_MAX: usize = 80;
/// Redirect URIs of one registration; AWS's clients have one.
pub const REDIRECT_URIS_MAX: usize = 10;
/// Bytes of one redirect URI.
pub const REDIRECT_URI_BYTES_MAX: usize = 256;
/// Bytes of `issuerUrl`.
pub const ISSUER_URL_BYTES_MAX: usize = 512;

/// Sessions of registered clients one person may have at once: a morning's parallel tools fit. One more ends the oldest.
pub const CLIENT_SESSIONS_PER_SUBJECT_MAX: usize = 100;
/// A refresh token that was replaced still gets its successors this long: parallel processes share one, and each may
/// have read it before another wrote the next.
pub const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(60);
/// Replacements of one session's refresh token within [`REFRESH_GRACE`]. One more has to wait, so that none of those that
/// were replaced is forgotten before its grace is over.
pub const REFRESH_TOKENS_RETIRED_MAX: usize = 64;
/// Access tokens of one client session that work at the same time; one more ends the oldest.
pub const ACCESS_TOKENS_MAX: usize = 128;
/// Life of an access token of the device flow at most, whatever `[clients] access_token` says.
pub const DEVICE_ACCESS_TOKEN_LIFE_MAX: TimeDelta = TimeDelta::hours(1);

/// How long a person may take to answer a client's request (RFC 8628 3.2 `expires_in`; AWS's is the same).
pub const AUTHORIZATION_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Life of an authorization code: it is redeemed at once (RFC 6749 4.1.2 recommends at most ten minutes).
pub const AUTHORIZATION_CODE_LIFE: TimeDelta = TimeDelta::seconds(60);
/// Bytes of `state` of an authorization request; AWS's CLI sends 36.
pub const CLIENT_STATE_BYTES_MAX: usize = 512;
/// Seconds between two polls of a device (RFC 8628 3.2 `interval`).
pub const POLL_INTERVAL: TimeDelta = TimeDelta::seconds(5);
/// Polls that come too soon, after which a device code is worthless.
pub const EARLY_POLLS_MAX: u32 = 60;
/// Device authorizations that one address may begin in [`DEVICE_AUTHORIZATIONS_WINDOW`]: an office behind one address,
/// or a burst of tools, fits.
pub const DEVICE_AUTHORIZATIONS_MAX: u32 = 120;
/// See [`DEVICE_AUTHORIZATIONS_MAX`].
pub const DEVICE_AUTHORIZATIONS_WINDOW: TimeDelta = TimeDelta::minutes(1);
/// A person who allows a device must have signed in within this time: a stolen session is not enough.
pub const DEVICE_APPROVAL_SIGN_IN_AGE: TimeDelta = TimeDelta::minutes(10);
/// Wrong user codes that one session may type in [`WRONG_CODES_WINDOW`] (RFC 8628 5.1: 34.5 bits against five guesses).
pub const WRONG_CODES_PER_SESSION_MAX: u32 = 5;
/// Wrong user codes of one person, in all their sessions, in [`WRONG_CODES_WINDOW`]. Who is signed in is held by their own
/// number and never by their address's.
pub const WRONG_CODES_PER_PERSON_MAX: u32 = 20;
/// See [`WRONG_CODES_PER_SESSION_MAX`].
pub const WRONG_CODES_WINDOW: TimeDelta = TimeDelta::minutes(10);
/// When less than this is left of a browser's session, somebody who lets a program in is asked whether to sign in again first.
pub const SESSION_ENDS_SOON: TimeDelta = TimeDelta::hours(1);
/// Requests of one program and address that began within this time of each other are answered together.
pub const JOINT_CONSENT_WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Requests of one program and address that are remembered for that.
pub const JOINT_CONSENT_REQUESTS_MAX: usize = 100;

/// How long refusals of requests that show nothing of ours are counted before they are written to the audit trail.
pub const REFUSALS_WINDOW: TimeDelta = TimeDelta::minutes(5);
/// Rows of the audit trail that such refusals take in [`REFUSALS_WINDOW`], for each replica: some 30 MB a day under a
/// flood that never ends.
pub const REFUSAL_ROWS_MAX: usize = 256;

/// Refused sign-ins with a live `state` that get an event of their own in [`REFUSALS_WINDOW`], for each replica: those that
/// the provider refused, and as many that failed a check. Further ones are summarised. A provider that is set up wrongly
/// refuses a whole company in the morning; a flood that never ends takes some 150 MB a day.
pub const REFUSAL_EVENTS_MAX: u32 = 500;

/// SAML responses that are verified for one sign-in: a second is a form that was sent twice.
pub const SAML_RESPONSES_PER_SIGN_IN_MAX: u32 = 3;
/// Threads that verify SAML messages have a queue; a message that waits longer than this is refused.
pub const SAML_VERIFICATION_WAIT_MAX: TimeDelta = TimeDelta::seconds(5);

/// SAML messages of one kind that are verified or wait for it, before each address may have only
/// [`MESSAGES_WAITING_RESERVED`]; with those there are at most twice as many.
pub const MESSAGES_WAITING_MAX: usize = 1024;
/// Those of one address.
pub const MESSAGES_WAITING_OF_ADDRESS_MAX: usize = MESSAGES_WAITING_MAX / 8;
/// Those that each address may have when there are many.
pub const MESSAGES_WAITING_RESERVED: usize = 4;

/// Sign-ins, and as many device authorizations, of the whole installation that were begun and not completed in
/// [`SIGN_IN_MAX`], before each address from which nobody has signed in lately may have only [`PENDING_RESERVED_PER_ADDRESS`]: at some 700 bytes each 175 MB, at the largest
/// `return_to` 750 MB, and twice that where one window follows another.
pub const PENDING_MAX: u32 = 250_000;
/// See [`PENDING_MAX`].
pub const PENDING_RESERVED_PER_ADDRESS: u32 = 10;
/// How long an address is known from which somebody has completed a sign-in, from the first one on; the next one after that
/// makes it known again.
pub const KNOWN_ADDRESS_LIFE: TimeDelta = TimeDelta::hours(24);

/// Client addresses that one rate limit tells apart in its window; beyond it networks count: 200,000 numbers in Redis take
/// some 30 MB.
pub const RATE_BUCKETS_MAX: u32 = 200_000;
