"""Access tokens for schemathesis: a new one before the last runs out."""

import json
import os
import urllib.parse
import urllib.request

import schemathesis


@schemathesis.auth(refresh_interval=240)
class Token:
    """A client's token, by its credentials."""

    def get(self, case, context):
        form = {"grant_type": "client_credentials", "client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"]}
        with urllib.request.urlopen(os.environ["BASE_URL"] + "/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
            return json.load(answer)["access_token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = "Bearer " + data
