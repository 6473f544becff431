"""What schemathesis has to know of a running Paraph that no contract can say.

The test that starts it (internal/e2e/contract) hands over in GROUND a file with places by
operation id: ids in paths, and the members of bodies that name things. Requests that fit
the contract are carried out there three times of four, and elsewhere the fourth time.
"""

import itertools
import json
import os
import random
import urllib.parse
import urllib.request
import uuid

import schemathesis
from schemathesis.core.parameters import ParameterLocation as At

with open(os.environ["GROUND"]) as file:
    GROUND = json.load(file)
with open(os.path.join(os.path.dirname(__file__), "exceptions.json")) as file:
    EXCEPTIONS = {(e["failure"], e["operation"], e["code"]) for e in json.load(file)}
OWN = set(os.environ["OWN"].split())  # what the requests themselves are sent with
TURNS = {operation: itertools.cycle(places) for operation, places in GROUND.items()}
TALLY = {}  # operation id: statuses of answers, as often as they came
USED = set()  # exceptions that were met
DICE = random.Random(1)


@schemathesis.auth(refresh_interval=600)
class Token:
    """A client's token, by its credentials."""

    def get(self, case, context):
        form = {"grant_type": "client_credentials", "client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"]}
        with urllib.request.urlopen(os.environ["SERVER"] + "/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
            return json.load(answer)["access_token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = "Bearer " + data


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def fits(case, where):
    return case.meta is None or not case.meta.is_negative_at(where)


def put(body, pointer, value):
    """Sets the member at a JSON pointer, making what leads there."""
    *way, last = pointer.split("/")[1:]
    for name, following in zip(way, [*way[1:], last]):
        body = body.setdefault(name, [] if following.isdigit() else {})
    if isinstance(body, list):
        body[:] = [value]
    else:
        body[last] = value


@schemathesis.hook
def before_call(context, case, kwargs):
    name = operation_id(case)
    linked = bool(case._override and case._override.path_parameters)
    if name in TURNS and not linked and (DICE.random() < 0.75 or name == "streamEvents"):
        stand(case, next(TURNS[name]))
    # A key of each request's own: hypothesis likes short ones, and again and again the same.
    if case.headers and "Idempotency-Key" in case.headers and fits(case, At.HEADER) and DICE.random() < 0.9:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # JSON Schema calls 1.0 an integer. Programs write it as 1, and so do we.
    if case.method in ("POST", "PUT", "PATCH") and fits(case, At.BODY) and isinstance(case.body, (dict, list)):
        whole(case.body)
    # Parts of a form have an order, which schemas have not: the file comes last.
    if isinstance(case.body, dict) and "file" in case.body and case.media_type == "multipart/form-data":
        case.body["file"] = case.body.pop("file")
    # Waiting is tried for a second, not for a minute, and now and then.
    if case.query and fits(case, At.QUERY) and case.query.get("wait") not in (None, 0):
        case.query["wait"] = 1 if DICE.random() < 0.1 else 0
    # A stream is listened to from an event on, mostly without filters, and not for long.
    if name == "streamEvents":
        kwargs["timeout"] = 3
        if fits(case, At.QUERY) and DICE.random() < 0.9:
            case.query = {"after": case.query["after"]} if case.query and "after" in case.query else {}
    # What the requests are sent with stays as it is.
    if case.path_parameters and case.method not in ("GET", "HEAD") and OWN & {urllib.parse.unquote(str(v)) for v in case.path_parameters.values()}:
        for key, value in case.path_parameters.items():
            if urllib.parse.unquote(str(value)) in OWN:
                case.path_parameters[key] = "none-of-ours"


def whole(value):
    """Writes whole numbers as such, everywhere in a body."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, float) and item.is_integer() and abs(item) < 2**53:
            value[key] = int(item)
        elif isinstance(item, (dict, list)):
            whole(item)


@schemathesis.serializer("application/pdf", "application/offset+octet-stream", "image/jpeg", "image/png", "image/tiff", "image/webp", "application/zip")
def as_bytes(context, value):
    value = getattr(value, "data", value)
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def stand(case, place):
    if place.get("path") and fits(case, At.PATH):
        for key, value in place["path"].items():
            case.path_parameters[key] = value
    if place.get("query") and fits(case, At.QUERY):
        case.query = {**(case.query or {}), **place["query"]}
    if place.get("header") and (case.meta is None or case.meta.generation.mode.is_positive):
        for key, value in place["header"].items():
            case.headers[key] = value
    if place.get("body") and fits(case, At.BODY) and isinstance(case.body, dict):
        for pointer, value in place["body"].items():
            if pointer:
                put(case.body, pointer, value)


@schemathesis.hook
def after_call(context, case, response):
    seen = TALLY.setdefault(operation_id(case), {})
    status = str(response.status_code)
    seen[status] = seen.get(status, 0) + 1


def code_of(response):
    try:
        return response.json()["code"]
    except (ValueError, KeyError, TypeError):
        return ""


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops what exceptions.json names, with its reason; and one that needs a look at the request."""
    check = type(failure).__name__
    # A query parameter without a value is one that is not there (HTML forms send them).
    if check == "AcceptedNegativeData" and "" in (case.query or {}).values():
        USED.add((check, operation_id(case), "an empty query parameter"))
        return False
    # Nobody refuses a header that is not described (RFC 9110 section 5.1).
    if check == "AcceptedNegativeData" and any(name.lower() == "x-schemathesis-unknown-property" for name in case.headers or {}):
        USED.add((check, operation_id(case), "a header that is not described"))
        return False
    for operation in (operation_id(case), "*"):
        met = (check, operation, code_of(response))
        if met in EXCEPTIONS:
            USED.add(met)
            return False
    return True


def report():
    with open(os.environ["TALLY"], "w") as file:
        json.dump({"statuses": TALLY, "exceptions": sorted(USED)}, file)


import atexit  # noqa: E402

atexit.register(report)
