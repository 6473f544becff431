"""Has Authlib judge the running authorization server that PARAPH_OAUTH describes:
logins, refreshes, a pushed request, a device code, private_key_jwt, and the ID
token by the published keys. A verdict a line."""

import html
import json
import os
import re
import sys
import time
from urllib.parse import urljoin

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # the server is on this machine

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

SET = json.loads(os.environ["PARAPH_OAUTH"])
ISSUER, REDIRECT = SET["issuer"], SET["redirect"]
failed = 0


def verdict(name, fn):
    global failed
    try:
        fn()
        print("ok Authlib", name)
    except Exception as e:  # whatever it is, it is the verdict
        failed += 1
        print(f"not ok Authlib {name}: {type(e).__name__} {e}")


def must(good, why):
    if not good:
        raise AssertionError(why)


def browse(address):
    """A person with a browser, who logs in and allows."""
    browser = requests.Session()
    res = browser.get(address, allow_redirects=False)
    for _ in range(12):
        if res.is_redirect:
            to = urljoin(res.url, res.headers["Location"])
            if to.startswith(REDIRECT):
                return to
            res = browser.get(to, allow_redirects=False)
            continue
        if "The device is connected" in res.text:
            return None
        action = re.search(r'<form method="post" action="([^"]*)"', res.text)
        must(action, f"{res.status_code} {res.text}")
        form = {"answer": "allow"}
        for tag in re.finditer(r'<input[^>]* name="([^"]*)"[^>]*>', res.text):
            value = re.search(r' value="([^"]*)"', tag[0])
            form[tag[1]] = html.unescape(value[1]) if value else ""
        if "secret" in form:
            form |= {"key": SET["person"]["id"], "secret": SET["person"]["secret"]}
        res = browser.post(urljoin(res.url, action[1]), data=form, allow_redirects=False)
    raise AssertionError("the pages lead nowhere")


metadata = AuthorizationServerMetadata(requests.get(ISSUER + "/.well-known/oauth-authorization-server", timeout=30).json())
VERIFIER = "a" * 20 + "B" * 20 + "0123456789"


def session(name, **more):
    return OAuth2Session(SET[name]["id"], SET[name].get("secret"), redirect_uri=REDIRECT, code_challenge_method="S256", token_endpoint=metadata["token_endpoint"], **more)


def signed():
    s = OAuth2Session(SET["signed"]["id"], ECKey.import_key(SET["key"]), redirect_uri=REDIRECT, code_challenge_method="S256",
                      token_endpoint=metadata["token_endpoint"], token_endpoint_auth_method="private_key_jwt", scope="documents:read")
    # The one audience that is taken is the issuer.
    s.register_client_auth_method(PrivateKeyJWT(ISSUER, headers={"kid": SET["key"]["kid"]}, alg="ES256"))
    return s


def works(s):
    must(s.get(ISSUER + "/v1/documents").status_code == 200, "the API refuses the token")


def discovery():
    metadata.validate()


def login():
    s = session("web", scope="openid email documents:read", token_endpoint_auth_method="client_secret_basic")
    url, state = s.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1")
    token = s.fetch_token(metadata["token_endpoint"], authorization_response=browse(url), state=state, code_verifier=VERIFIER)
    works(s)
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    told = jwt.decode(token["id_token"], keys, algorithms=["ES256"])
    jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, nonce={"essential": True, "value": "n-1"}).validate(told.claims)
    must(SET["web"]["id"] in told.claims["aud"], f"aud {told.claims['aud']}")
    before = token["refresh_token"]
    after = s.refresh_token(metadata["token_endpoint"], refresh_token=before)
    must(after["refresh_token"] != before, "the refresh token did not rotate")
    works(s)
    must(s.introspect_token(metadata["introspection_endpoint"], token=after["access_token"]).json()["active"], "not active")
    must(s.revoke_token(metadata["revocation_endpoint"], token=after["refresh_token"]).status_code == 200, "not revoked")
    must(not s.introspect_token(metadata["introspection_endpoint"], token=after["refresh_token"]).json()["active"], "active after its revocation")


def public():
    s = session("app", scope="documents:read", token_endpoint_auth_method="none")
    url, state = s.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
    token = s.fetch_token(metadata["token_endpoint"], authorization_response=browse(url), state=state, code_verifier=VERIFIER)
    works(s)
    s.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    works(s)


def assertion():
    s = signed()
    s.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    works(s)


def pushed():
    s = signed()
    url, state = s.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
    form = dict(requests.compat.urlparse(url).query and [p.split("=", 1) for p in requests.compat.urlparse(url).query.split("&")])
    form = {k: requests.compat.unquote_plus(v) for k, v in form.items()}
    auth = s.client_auth("private_key_jwt")
    res = requests.post(metadata["pushed_authorization_request_endpoint"], data=form, auth=auth, timeout=30)
    must(res.status_code == 201, res.text)
    short = requests.Request("GET", metadata["authorization_endpoint"], params={"client_id": SET["signed"]["id"], "request_uri": res.json()["request_uri"]}).prepare().url
    s.fetch_token(metadata["token_endpoint"], authorization_response=browse(short), state=state, code_verifier=VERIFIER)
    works(s)


def device():
    s = session("app", scope="documents:read", token_endpoint_auth_method="none")
    started = requests.post(metadata["device_authorization_endpoint"], data={"client_id": SET["app"]["id"], "scope": "documents:read"}, timeout=30).json()
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": started["device_code"]}
    try:
        s.fetch_token(metadata["token_endpoint"], **grant)
        must(False, "tokens before anybody answered")
    except Exception as e:
        must(getattr(e, "error", "") == "authorization_pending", repr(e))
    browse(started["verification_uri_complete"])
    time.sleep(started["interval"])
    s.fetch_token(metadata["token_endpoint"], **grant)
    works(s)


verdict("finds the metadata valid (RFC 8414)", discovery)
verdict("logs in with PKCE, takes the ID token, refreshes, introspects and revokes", login)
verdict("logs in without a secret, and refreshes", public)
verdict("proves itself by private_key_jwt", assertion)
verdict("pushes a request, and logs in by it", pushed)
verdict("gets tokens by a device code", device)
sys.exit(1 if failed else 0)
