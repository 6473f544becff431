"""What can go wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request."""

    pointer: str
    """JSON pointer into the body, or query/…, header/…, path/…."""
    code: str
    message: str


class ParaphError(Exception):
    """Anything this SDK raises by itself."""


class Problem(ParaphError):
    """A refusal by the server (RFC 9457), with every fault of the request."""

    def __init__(self, status: int, code: str, detail: str, request_id: str, faults: list[Fault], retry_after: float) -> None:
        self.status = status
        self.code = code
        """Stable, for programs."""
        self.detail = detail
        """For people."""
        self.request_id = request_id
        """Name it when asking for help."""
        self.faults = faults
        self.retry_after = retry_after
        """Seconds, as the server asked for; 0: it did not."""
        self._token = ""  # that was refused
        self._wants_nonce = False  # the proof of the token lacked the server's nonce
        super().__init__("\n".join([f"{detail} ({status} {code})", *(f"  {f.pointer}: {f.message}" for f in faults)]))


class ConnectionFailed(ParaphError):
    """A request got no answer, or half of one."""


class TimedOut(ConnectionFailed):
    """The other side was silent for longer than the timeout."""


class DigestMismatch(ParaphError):
    """A file arrived with another SHA-256 than the server announced."""


class WebhookRefused(ParaphError):
    """A webhook that is not from the server, or not of now."""


class OperationFailed(ParaphError):
    """An operation ended without its result."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation
        super().__init__(f"the {operation.kind} of {operation.document_id} failed: {operation.reason} ({operation.code})")


def problem_of(status: int, headers: Mapping[str, str], raw: bytes) -> Problem:
    """Reads a refusal. What is no problem document (a proxy's page, an OAuth error) becomes one as far as it can be told."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {}
    errors = body.get("errors")
    faults = [Fault(str(f.get("pointer", "")), str(f.get("code", "")), str(f.get("message", ""))) for f in errors if isinstance(f, dict)] if isinstance(errors, list) else []
    problem = Problem(
        status,
        str(body.get("code") or body.get("error") or f"http_{status}"),
        str(body.get("detail") or body.get("error_description") or f"HTTP status {status}"),
        str(body.get("request_id") or ""),
        faults,
        _retry_after(headers.get("Retry-After", "")),
    )
    problem._wants_nonce = "use_dpop_nonce" in headers.get("WWW-Authenticate", "")
    return problem


def _retry_after(header: str) -> float:
    """Reads seconds or a date (RFC 9110 section 10.2.3)."""
    header = header.strip()
    if header.isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return 0
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())
