"""python3-saml and pysaml2, told whom to believe: `issuer`, `certificate` (base64 of DER), `metadata` (XML), `audience` and
`recipient`."""

import tempfile
from urllib.parse import urlsplit


def python3_saml_settings(told, **security):
    """python3-saml's settings, with what must be signed."""
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    return OneLogin_Saml2_Settings({
        "strict": True,
        "sp": {"entityId": told["audience"], "assertionConsumerService": {"url": told["recipient"]}},
        "idp": {
            "entityId": told["issuer"],
            "singleSignOnService": {"url": "https://idp.example/sso"},
            "x509cert": told["certificate"],
        },
        "security": {"wantAssertionsSigned": True, "wantNameId": True, "rejectDeprecatedAlgorithm": True, **security},
    })


def python3_saml_request(told):
    """The request that brings a response, as python3-saml wants to see it."""
    here = urlsplit(told["recipient"])
    https = "on" if here.scheme == "https" else "off"
    return {"https": https, "http_host": here.netloc, "script_name": here.path, "get_data": {}, "post_data": {}}


def pysaml2_client(told, **service):
    """pysaml2's client, with what must be signed and what may come unasked."""
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    with tempfile.NamedTemporaryFile("w", suffix=".xml", encoding="utf-8") as metadata:
        metadata.write(told["metadata"])
        metadata.flush()
        config = SPConfig()
        config.load({
            "entityid": told["audience"],
            "metadata": {"local": [metadata.name]},
            "allow_unknown_attributes": True,
            "service": {"sp": {
                "endpoints": {"assertion_consumer_service": [(told["recipient"], BINDING_HTTP_POST)]},
                "want_assertions_signed": True,
                **service,
            }},
        })
        return Saml2Client(config)
