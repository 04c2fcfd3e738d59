//! Where the two verifiers do not agree: the guard's first words about a document that bergshamra finds well signed, which documents
//! those are, and why nobody needs to worry. Anything else is news.

/// The beginning of what the guard says, the documents, and the reason.
pub type Finding = (&'static str, &'static [&'static str], &'static str);

/// All of them are refused by the guard, before any signature is looked at. There is none where both find something signed and it
/// is not the same, and none that ours takes and bergshamra does not.
pub const FINDINGS: &[Finding] = &[
    (
        "malformed: there is a document type",
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
        "Canonical XML leaves comments out and expands entities: signed text and read text differ, which is how NameIDs were cut",
    ),
    (
        "structure: an ID begins with a digit",
        &[
            "crewjam/TestSPRealWorldKeyInfoHasRSAPublicKeyNotX509Cert_response",
            "crewjam/TestSPRealWorldAssertionSignedNotResponse_response",
        ],
        "Such an ID is none of the schema's, whoever signs it",
    ),
    (
        "structure: elements of the Response",
        &[
            "xsw3_fresh_ids",
            "wrapping_evil_after",
            "wrapping_two_assertions",
            "encrypted_forged_sibling",
        ],
        "The genuine part is signed; beside it stands what is not, or it is out of order",
    ),
    (
        "structure: there is an assertion that",
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
        "The genuine assertion is signed, and there is another one (signature wrapping)",
    ),
    (
        "malformed: a namespace is relative",
        &["document_relative_namespace"],
        "A relative namespace has no meaning in canonical XML (Canonical XML 1.1, 1.3)",
    ),
    (
        "malformed: it has ",
        &[
            "document_padded",
            "document_many_attributes",
            "document_many_namespaces",
            "document_many_elements",
        ],
        "What is signed well can still be a burden: the bound is met before any parser",
    ),
    (
        "malformed: it is no XML",
        &["document_colon_attribute"],
        "It is not well-formed with namespaces; roxmltree minds, uppsala does not",
    ),
    (
        "malformed: the XML declaration",
        &[
            "markup_style_sheet",
            "document_utf7_declared",
            "document_latin1_declared",
            "document_xml11",
        ],
        "One encoding and one version, or two parsers read two documents",
    ),
    (
        "malformed: there is a processing instruction",
        &["markup_instruction_in_subject"],
        "An instruction splits a text as a comment does",
    ),
    (
        "structure: a Signature is not",
        &["signature_object"],
        "An Object in a Signature is where signed elements are hidden",
    ),
    (
        "structure: a signature does not refer",
        &["wrapping_signature_moved", "samlify/response_signed.xml"],
        "The signature is good, and in another element than the one it signs",
    ),
    (
        "structure: the attribute \"ID\" of",
        &["document_prefixed_id", "document_protocol_id_on_assertion"],
        "Two kinds of ID are two ideas of what a Reference means",
    ),
    (
        "structure: the root is no Response",
        &[
            "document_foreign_root",
            "document_soap",
            "document_assertion_alone",
            "document_other_message",
        ],
        "Something is signed well, and it is no Response",
    ),
    (
        "structure: there are other transforms",
        &["signature_many_transforms"],
        "Transforms that repeat are sound, and nothing of SAML (Core 5.4.4)",
    ),
    (
        "structure: there is an unknown",
        &[
            "xsw2_fresh_ids",
            "wrapping_response_in_response",
            "document_assertion_namespace",
            "document_foreign_assertion",
            "document_foreign_child",
        ],
        "The genuine part is signed, and it is not where it is read (signature wrapping)",
    ),
];
