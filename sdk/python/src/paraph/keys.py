"""Keys that tokens are bound to (DPoP, RFC 9449). It needs `pip install paraph-sdk[keys]`."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


class Key:
    """Makes proofs that a token's owner sends it. Give one to a client as dpop."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        if not isinstance(numbers.curve, ec.SECP256R1):
            raise ValueError("a key for DPoP has to be of P-256")
        self._private = private
        self._jwk = {"kty": "EC", "crv": "P-256", "x": _b64(numbers.x.to_bytes(32, "big")), "y": _b64(numbers.y.to_bytes(32, "big"))}
        self.nonce = ""
        """The server's newest."""

    @classmethod
    def generate(cls) -> "Key":
        """Makes a new one."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def proof(self, method: str, url: str, token: str) -> str:
        """Proves the key for one request; with a token, for that."""
        claims: dict[str, object] = {"jti": str(uuid.uuid4()), "htm": method, "htu": url, "iat": int(time.time())}
        if self.nonce:
            claims["nonce"] = self.nonce
        if token:
            claims["ath"] = _b64(hashlib.sha256(token.encode()).digest())
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._jwk}
        text = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
