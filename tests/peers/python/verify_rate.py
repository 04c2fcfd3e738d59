"""How often python3-saml or pysaml2 verifies a response in a second of a processor, its own and its children's.

Usage: verify_rate.py python3-saml|pysaml2
Reads lines of JSON from stdin. The first: `response` (base64), `certificate` (base64 of DER), `metadata` (XML), `issuer`, `audience`,
`recipient`, `request`, `subject`. Each further one is a number of seconds; for each prints `COUNT SECONDS`: verifications, and seconds
on a processor.
"""

import json
import os
import sys
import tempfile
import time
from urllib.parse import urlsplit


def python3_saml(told):
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    settings = OneLogin_Saml2_Settings({
        "strict": True,
        "sp": {"entityId": told["audience"], "assertionConsumerService": {"url": told["recipient"]}},
        "idp": {
            "entityId": told["issuer"],
            "singleSignOnService": {"url": "https://idp.example/sso"},
            "x509cert": told["certificate"],
        },
        "security": {"wantAssertionsSigned": True, "wantNameId": True, "rejectDeprecatedAlgorithm": True},
    })
    here = urlsplit(told["recipient"])
    request = {"https": "on", "http_host": here.netloc, "script_name": here.path, "get_data": {}, "post_data": {}}

    def verify():
        response = OneLogin_Saml2_Response(settings, told["response"])
        if not response.is_valid(request, told["request"]):
            raise ValueError(response.get_error())
        return response.get_nameid()

    return verify


def pysaml2(told):
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
                "want_response_signed": False,
                "want_assertions_signed": True,
            }},
        })
        client = Saml2Client(config)

    def verify():
        outstanding = {told["request"]: "/"}
        response = client.parse_authn_request_response(told["response"], BINDING_HTTP_POST, outstanding)
        return response.name_id.text

    return verify


def main():
    told = json.loads(sys.stdin.readline())
    verify = {"python3-saml": python3_saml, "pysaml2": pysaml2}[sys.argv[1]](told)
    for line in sys.stdin:
        seconds, before, begun, count = float(line), sum(os.times()[:4]), time.monotonic(), 0
        while not count or time.monotonic() - begun < seconds:
            if verify() != told["subject"]:
                raise ValueError("read somebody else")
            count += 1
        print(count, sum(os.times()[:4]) - before, flush=True)


main()
