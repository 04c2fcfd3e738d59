"""How often python3-saml or pysaml2 verifies a response in a second of a processor, its own and its children's.

Usage: verify_rate.py python3-saml|pysaml2
Reads lines of JSON from stdin. The first: `response` (base64), `certificate` (base64 of DER), `metadata` (XML), `issuer`, `audience`,
`recipient`, `request`, `subject`. Each further one is a number of seconds; for each prints `COUNT SECONDS`: verifications, and seconds
on a processor.
"""

import json
import os
import sys
import time

from saml_peers import pysaml2_client, python3_saml_request, python3_saml_settings


def python3_saml(told):
    from onelogin.saml2.response import OneLogin_Saml2_Response

    settings, request = python3_saml_settings(told), python3_saml_request(told)

    def verify():
        response = OneLogin_Saml2_Response(settings, told["response"])
        if not response.is_valid(request, told["request"]):
            raise ValueError(response.get_error())
        return response.get_nameid()

    return verify


def pysaml2(told):
    from saml2 import BINDING_HTTP_POST

    client = pysaml2_client(told, want_response_signed=False)

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
