//! Documents on which the two verifiers disagree: the beginning of the guard's message for documents that bergshamra
//! considers correctly signed, with an explanation. Any other disagreement is a new finding.

/// The beginning of the guard's message, the documents, and the explanation.
pub type Finding = (&'static str, &'static [&'static str], &'static str);

/// All of them are rejected by the guard before signatures are verified. There is no document in which the verifiers
/// find different signed elements, and none that we accept and bergshamra rejects.
pub const FINDINGS: &[Finding] = &[
    (
        "malformed: the document contains a document type",
        &[
            "dex/two-assertions-first-signed.xml",
            "signature_digest_comment",
            "markup_comment_in_subject",
            "markup_comment_in_attribute",
            "markup_comment_in_issuer",
            "markup_comment_elsewhere",
            "markup_many_comments",
            "markup_cdata_in_subject",
            "markup_document_type",
            "markup_internal_entity",
            "markup_external_document_type",
            "markup_parameter_entity",
            "markup_attribute_list",
            "markup_entity_in_id",
        ],
        "Canonical XML omits comments and expands entities: signed and parsed text can differ, which allowed to truncate NameIDs",
    ),
    (
        "structure: an ID begins with a digit",
        &[
            "crewjam/TestSPRealWorldKeyInfoHasRSAPublicKeyNotX509Cert_response",
            "crewjam/TestSPRealWorldAssertionSignedNotResponse_response",
        ],
        "Such an ID is not valid according to the schema",
    ),
    (
        "structure: elements of the Response",
        &[
            "xsw3_fresh_ids",
            "wrapping_evil_after",
            "wrapping_two_assertions",
            "encrypted_forged_sibling",
        ],
        "The original part is signed, but there are unsigned elements, or elements out of order",
    ),
    (
        "structure: the Response contains an assertion that",
        &[
            "node-saml/valid/response.root-signed.assertion-signed.1advice-signed.xml",
            "node-saml/valid/response.root-signed.assertion-signed.1advice-unsigned.xml",
            "node-saml/valid/response.root-signed.assertion-signed.2advice-unsigned.xml",
            "node-saml/valid/response.root-signed.assertion-unsigned.1advice-unsigned.xml",
            "node-saml/valid/response.root-signed.assertion-unsigned.2advice-unsigned.xml",
            "node-saml/valid/response.root-unsigned.assertion-signed.1advice-signed.xml",
            "node-saml/valid/response.root-unsigned.assertion-signed.1advice-unsigned.xml",
            "xsw4_fresh_ids",
            "xsw7_fresh_ids",
            "wrapping_genuine_in_extensions",
            "wrapping_genuine_in_status_detail",
            "wrapping_genuine_in_advice",
        ],
        "The original assertion is signed, but there is another one (signature wrapping)",
    ),
    (
        "malformed: a namespace URI is relative",
        &["document_relative_namespace"],
        "A relative namespace has no meaning in canonical XML (Canonical XML 1.1, 1.3)",
    ),
    (
        "malformed: the document has ",
        &[
            "document_padded",
            "document_many_attributes",
            "document_many_namespaces",
            "document_many_elements",
        ],
        "A valid signature does not limit the cost: limits are enforced before parsing",
    ),
    (
        "malformed: not well-formed XML",
        &["document_colon_attribute"],
        "It is not namespace-well-formed, which roxmltree checks and uppsala does not",
    ),
    (
        "malformed: the XML declaration",
        &[
            "markup_style_sheet",
            "document_utf7_declared",
            "document_latin1_declared",
            "document_xml11",
        ],
        "Other encodings or versions could be parsed differently",
    ),
    (
        "malformed: the document contains a processing instruction",
        &["markup_instruction_in_subject"],
        "A processing instruction splits text like a comment",
    ),
    (
        "structure: a Signature must consist of",
        &["signature_object"],
        "An Object in a Signature can hide signed elements",
    ),
    (
        "structure: a signature does not refer",
        &["wrapping_signature_moved", "samlify/response_signed.xml"],
        "The signature is valid, but not in the element that it signs",
    ),
    (
        "structure: the attribute \"ID\" of",
        &["document_prefixed_id", "document_protocol_id_on_assertion"],
        "Two kinds of IDs make references ambiguous",
    ),
    (
        "structure: the root element is not Response",
        &[
            "document_foreign_root",
            "document_soap",
            "document_assertion_alone",
            "document_other_message",
        ],
        "The signature is valid, but the document is not a Response",
    ),
    (
        "structure: only the two transforms",
        &["signature_many_transforms"],
        "Repeated transforms are harmless, but not allowed in SAML (Core 5.4.4)",
    ),
    (
        "structure: the Response contains an unknown",
        &[
            "xsw2_fresh_ids",
            "wrapping_response_in_response",
            "document_assertion_namespace",
            "document_foreign_assertion",
            "document_foreign_child",
        ],
        "The original part is signed, but not at the position that is read (signature wrapping)",
    ),
];
