"""Webhooks as a receiver sees them (Standard Webhooks 1.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import Any, Mapping

from . import types as t
from ._json import decode
from .errors import ParaphError, WebhookRefused

#: How far a webhook's time may be from now, in seconds.
TOLERANCE = 300


class Webhooks:
    """Verifies the webhooks of an endpoint."""

    def __init__(self, *secrets: str) -> None:
        """Takes the endpoint's secrets (whsec_…) or public keys (whpk_…, which need `paraph-sdk[keys]`): more than one
        while they are rotated."""
        self._secrets: list[bytes] = []
        self._keys: list[Any] = []
        for secret in secrets:
            kind, _, rest = secret.partition("_")
            try:
                raw = base64.b64decode(rest, validate=True)
            except binascii.Error:
                raw = b""
            if kind == "whsec" and raw:
                self._secrets.append(raw)
            elif kind == "whpk" and len(raw) == 32:
                from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

                self._keys.append(Ed25519PublicKey.from_public_bytes(raw))
            else:
                raise ParaphError("a webhook's secret is whsec_ or whpk_ and base64")
        if not secrets:
            raise ParaphError("a webhook cannot be verified without a secret")

    def verify(self, headers: Mapping[str, str], body: bytes) -> t.Event:
        """Gives the event of a webhook whose signature is good. body is the request's body, byte for byte."""
        given = {name.lower(): value for name, value in headers.items()}
        id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not id or not stamp.isdecimal():
            raise WebhookRefused("the webhook is not genuine: a header is missing")
        if abs(time.time() - int(stamp)) > TOLERANCE:
            raise WebhookRefused("the webhook is not genuine: its time is not now")
        text = f"{id}.{stamp}.".encode() + body
        for signature in given.get("webhook-signature", "").split():
            version, _, coded = signature.partition(",")
            try:
                raw = base64.b64decode(coded, validate=True)
            except binascii.Error:
                continue
            if self._good(version, raw, text):
                return decode(t.Event, json.loads(body))
        raise WebhookRefused("the webhook is not genuine: no signature fits")

    def _good(self, version: str, signature: bytes, text: bytes) -> bool:
        if version == "v1":
            return any(hmac.compare_digest(hmac.new(s, text, hashlib.sha256).digest(), signature) for s in self._secrets)
        if version != "v1a":
            return False
        for key in self._keys:
            from cryptography.exceptions import InvalidSignature

            try:
                key.verify(signature, text)
                return True
            except InvalidSignature:
                continue
        return False
