"""pysaml2's identity provider, on a port that the system picks.

Reads JSON from the file named by its argument: `key` and `certificate` (PEM files), `sign_response`, `sign_assertion`,
`content` (the URI of an AES mode to encrypt assertions with, or null), `people` (attributes by username). Prints
"listening on http://127.0.0.1:PORT". `POST /register` takes a service provider's metadata, as it is.
"""

import functools
import html
import json
import os
import sys
import tempfile
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, entity
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.saml import NAME_FORMAT_BASIC, NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.sigver import pre_encryption_part
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

ALGORITHMS = {"sign_alg": SIG_RSA_SHA256, "digest_alg": DIGEST_SHA256}
settings = json.load(open(sys.argv[1], encoding="utf-8"))
folder = tempfile.mkdtemp(prefix="rolecall-saml-peer-")
waiting, sessions = {}, {}
idp, base = None, None

if settings["content"]:
    # Its own default is Triple DES.
    entity.pre_encryption_part = functools.partial(pre_encryption_part, msg_enc=settings["content"])
    size = "aes-256" if "256" in settings["content"] else "aes-128"


def serve(metadata=None):
    """The provider, knowing the service provider of this metadata."""
    endpoints = lambda path: [(base + path, BINDING_HTTP_REDIRECT), (base + path, BINDING_HTTP_POST)]
    told = {
        "entityid": base + "/metadata",
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": settings["key"],
        "cert_file": settings["certificate"],
        "signing_algorithm": SIG_RSA_SHA256,
        "digest_algorithm": DIGEST_SHA256,
        "service": {
            "idp": {
                "endpoints": {
                    "single_sign_on_service": endpoints("/sso"),
                    "single_logout_service": endpoints("/slo"),
                },
                "name_id_format": [NAMEID_FORMAT_PERSISTENT],
                "want_authn_requests_signed": True,
                "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": NAME_FORMAT_BASIC}},
            }
        },
    }
    if metadata:
        told["metadata"] = {"inline": [metadata]}
    server = Server(config=IdPConfig().load(told))
    if settings["content"]:
        server.sec.encrypt_assertion = functools.partial(server.sec.encrypt_assertion, key_type=size)
    return server


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(BINDING_HTTP_REDIRECT, urlsplit(self.path).query)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.answer(BINDING_HTTP_POST, self.rfile.read(length).decode())

    def answer(self, binding, sent):
        path = urlsplit(self.path).path
        fields = {name: values[0] for name, values in parse_qs(sent, keep_blank_values=True).items()}
        try:
            getattr(self, "at_" + path.strip("/").replace("-", "_"))(binding, fields, sent)
        except Exception as error:
            print(f"{type(error).__name__} at {path}: {error}", flush=True)
            self.show(400, f"{type(error).__name__}: {html.escape(str(error))}")

    def at_metadata(self, binding, fields, sent):
        from saml2.metadata import entity_descriptor

        self.show(200, str(entity_descriptor(idp.config)), "application/samlmetadata+xml")

    def at_register(self, binding, fields, sent):
        global idp
        idp = serve(sent)
        self.show(200, "registered")

    def at_sso(self, binding, fields, sent):
        request = idp.parse_authn_request(fields["SAMLRequest"], binding, **self.signature(fields))
        waiting[request.message.id] = (request.message, fields.get("RelayState", ""))
        self.show(200, f'<form method="post" action="{base}/sign-in"><input type="hidden" name="request" value="{request.message.id}">'
                       '<input name="username"><input type="password" name="password"><button>Sign in</button></form>')

    def at_sign_in(self, binding, fields, sent):
        request, relay_state = waiting.pop(fields["request"])
        username = fields["username"]
        told = idp.response_args(request, bindings=[BINDING_HTTP_POST])
        name = NameID(format=NAMEID_FORMAT_PERSISTENT, text="00u-" + username)
        response = idp.create_authn_response(
            identity=settings["people"][username],
            userid=username,
            name_id=name,
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": base},
            sign_response=settings["sign_response"],
            sign_assertion=settings["sign_assertion"],
            encrypt_assertion=bool(settings["content"]),
            encrypt_assertion_self_contained=True,
            **ALGORITHMS,
            **told,
        )
        sessions[username] = (name, request.issuer.text)
        http = idp.apply_binding(told["binding"], str(response), told["destination"], relay_state, response=True)
        self.send(http, cookie=username)

    def at_slo(self, binding, fields, sent):
        if "SAMLResponse" in fields:
            answer = idp.parse_logout_request_response(fields["SAMLResponse"], binding)
            if not answer.status_ok():
                raise ValueError("the service provider could not sign out")
            self.show(200, "You are signed out")
            return
        request = idp.parse_logout_request(fields["SAMLRequest"], binding, **self.signature(fields)).message
        for username, (name, _) in list(sessions.items()):
            if name.text == request.name_id.text:
                del sessions[username]
        response = idp.create_logout_response(request, [binding], sign=binding == BINDING_HTTP_POST, **ALGORITHMS)
        destination = idp.response_args(request, [binding])["destination"]
        http = idp.apply_binding(binding, str(response), destination, fields.get("RelayState", ""), response=True, sign=True, sigalg=SIG_RSA_SHA256)
        self.send(http)

    def at_sign_out(self, binding, fields, sent):
        """Asks the service provider, by the binding that `by` names."""
        username = SimpleCookie(self.headers.get("Cookie", ""))["username"].value
        name, service_provider = sessions.pop(username)
        wanted = BINDING_HTTP_POST if fields.get("by") == "post" else BINDING_HTTP_REDIRECT
        chosen, destination = idp.pick_binding(
            "single_logout_service", [wanted], "spsso", entity_id=service_provider
        )
        _, request = idp.create_logout_request(
            destination, service_provider, name_id=name, sign=chosen == BINDING_HTTP_POST, **ALGORITHMS
        )
        self.send(idp.apply_binding(chosen, str(request), destination, "", sign=True, sigalg=SIG_RSA_SHA256))

    def at_sessions(self, binding, fields, sent):
        self.show(200, json.dumps(sorted(sessions)), "application/json")

    def signature(self, fields):
        return {
            "relay_state": fields.get("RelayState"),
            "sigalg": fields.get("SigAlg"),
            "signature": fields.get("Signature"),
        }

    def send(self, http, cookie=None):
        headers = list(http["headers"])
        if cookie:
            headers.append(("Set-Cookie", f"username={cookie}; HttpOnly; Path=/"))
        data = http["data"]
        body = (data if isinstance(data, str) else "".join(data)).encode()
        self.send_response(http.get("status", 200) if http["method"] == "POST" else 303)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def show(self, status, text, kind="text/html; charset=utf-8"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


os.chdir(folder)
server = HTTPServer(("127.0.0.1", 0), Handler)
base = f"http://127.0.0.1:{server.server_port}"
idp = serve()
print(f"listening on {base}", flush=True)
server.serve_forever()
