"""Lets three SAML libraries judge a response for AWS: signxml, python3-saml and pysaml2.

Reads JSON from stdin: `response` (base64), `certificate` (base64 of DER), `metadata` (XML), `issuer`, `audience`,
`recipient`. Prints JSON: for each library what it read of the verified document, or why it read nothing.
"""

import base64
import json
import sys

from lxml import etree
from saml_peers import pysaml2_client, python3_saml_request, python3_saml_settings

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"


def read(assertion):
    """Subject and attributes of a verified Assertion element."""
    attributes = [
        [attribute.get("Name"), [value.text or "" for value in attribute.findall(SAML + "AttributeValue")]]
        for attribute in assertion.iter(SAML + "Attribute")
    ]
    return {"subject": assertion.findtext(f"{SAML}Subject/{SAML}NameID"), "attributes": attributes}


def by_signxml(told, document):
    from signxml import SignatureConfiguration, XMLVerifier

    pem = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n".format(told["certificate"])
    root = etree.fromstring(document)
    config = SignatureConfiguration(location="./")
    verify = lambda element: XMLVerifier().verify(element, x509_cert=pem, id_attribute="ID", expect_config=config).signed_xml
    response = verify(root)
    of_response = read(response.find(SAML + "Assertion"))
    of_assertion = read(verify(root.find(SAML + "Assertion")))
    if of_response != of_assertion:
        raise ValueError("the two signatures do not cover the same")
    return of_assertion


def by_python3_saml(told, document):
    from onelogin.saml2.response import OneLogin_Saml2_Response

    settings = python3_saml_settings(told, wantMessagesSigned=True)
    response = OneLogin_Saml2_Response(settings, told["response"])
    if not response.is_valid(python3_saml_request(told)):
        raise ValueError(response.get_error())
    attributes = [[name, values] for name, values in response.get_attributes().items()]
    return {"subject": response.get_nameid(), "attributes": attributes}


def by_pysaml2(told, document):
    from saml2 import BINDING_HTTP_POST

    client = pysaml2_client(told, allow_unsolicited=True, want_response_signed=True)
    response = client.parse_authn_request_response(told["response"], BINDING_HTTP_POST)
    attributes = [
        [attribute.name, [value.text or "" for value in attribute.attribute_value]]
        for statement in response.assertion.attribute_statement
        for attribute in statement.attribute
    ]
    return {"subject": response.name_id.text, "attributes": attributes}


def main():
    told = json.load(sys.stdin)
    document = base64.b64decode(told["response"])
    judged = {}
    for judge in (by_signxml, by_python3_saml, by_pysaml2):
        name = judge.__name__.removeprefix("by_")
        try:
            judged[name] = judge(told, document)
        except Exception as error:  # whatever a library says is its verdict
            judged[name] = {"refused": f"{type(error).__name__}: {error}"}
    json.dump(judged, sys.stdout)


main()
