"""The clients: Paraph, which waits, and AsyncParaph, for asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import Any, AsyncIterator, Callable, Iterator, Mapping, Sequence

import httpx

from . import types as t
from ._core import Call, Core, Made, Options, Source, segment
from ._json import decode
from ._operations import AsyncOperations, Operations
from .errors import OperationFailed, ParaphError

#: How long the server may hold back an answer while something is awaited, in seconds.
LOOKS = 30


class Paraph(Operations):
    """Speaks with one server as one OAuth client. It may be used from many threads."""

    def __init__(self, url: str, client_id: str | None = None, client_secret: str | None = None, *, scopes: Sequence[str] | None = None,
                 token: Callable[[str | None], str] | None = None, dpop: Any = None, retries: int = 4, backoff: float = 0.2, timeout: float = 100,
                 user_agent: str = "", http: httpx.Client | None = None) -> None:
        """url is the server's, without a path behind its root. token gives access tokens instead of an id and a secret;
        it is told the one that was refused. dpop is a paraph.keys.Key that tokens are bound to. retries are repeats of a
        request at most, backoff the seconds before the first, doubling up to 10. timeout is of silence, in seconds."""
        super().__init__(Core(url, client_id, client_secret, scopes, token, dpop, retries, backoff, timeout, user_agent), http or httpx.Client())

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> "Paraph":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin_upload(self, file: Source, *, document_type: str | None = None, business_unit: str | None = None, title: str | None = None,
                     external_id: str | None = None, label: Mapping[str, str] | None = None, metadata: str | None = None, options: Options | None = None) -> str:
        """Begins an upload in pieces (tus 1.0.0), for files of many gigabytes and lines that break, and gives its id. Keep
        that to go on after a restart: an upload runs out 24 hours after its last piece."""
        about = {"document_type": document_type, "business_unit": business_unit, "title": title, "external_id": external_id, "label": label, "metadata": metadata}
        return self._run(self._core.begin(file, about, options))

    def continue_upload(self, id: str, file: Source, *, options: Options | None = None) -> Made:
        """Sends what is still missing of an upload, and gives what was made of the file."""
        return self._run(self._core.go_on(f"/v1/uploads/{segment(id)}", file, options))

    def wait_operation(self, id: str) -> t.Operation:
        """Waits for the end of an operation. One that failed is raised as OperationFailed."""
        while True:
            asked = time.monotonic()
            op = self.get_operation(id, options=Options(wait=LOOKS))
            if (done := _ended(op)) is not None:
                return done
            time.sleep(max(0, 1 - (time.monotonic() - asked)))  # the server did not wait

    def wait_document(self, id: str, ready: Callable[[t.Document], bool]) -> t.Document:
        """Gives the document once ready says so. Between two looks it waits for its next event, so it needs the scope events:read."""
        after = None
        while not ready(d := self.get_document(id)):
            after = self.list_events(document_id=id, after=after, wait=LOOKS, limit=200).next
        return d

    def wait_envelope(self, id: str, ready: Callable[[t.Envelope], bool]) -> t.Envelope:
        """wait_document for an envelope."""
        after = None
        while not ready(e := self.get_envelope(id)):
            after = self.list_events(subject_id=id, after=after, wait=LOOKS, limit=200).next
        return e

    def tail(self, *, after: str | None = None, type: Sequence[str] | None = None, document_id: str | None = None, subject_id: str | None = None) -> Iterator[t.Event]:
        """Gives events as they happen, until the caller stops. A stream that breaks off is taken up behind the last event
        that came whole, so that none is missed and none comes twice."""
        return self._iterate(self._core.tail({"after": after, "type": type, "document_id": document_id, "subject_id": subject_id}, t.Event))

    def proof_file(self, event_id: str) -> str:
        """The .tlog-proof file of an event. Shortly after the event the problem not_in_log_yet may come instead."""
        return self._text(Call("GET", f"/v1/events/{segment(event_id)}/proof"), None)

    def log_key(self) -> str:
        """The key that verifies the log's checkpoints, in the note format."""
        return self._text(Call("GET", "/.well-known/paraph/log.vkey", open=True), None)

    def ca(self) -> str:
        """The root certificates of the server's own seals, in PEM."""
        return self._text(Call("GET", "/.well-known/paraph/ca.pem", open=True), None)


class AsyncParaph(AsyncOperations):
    """Paraph for asyncio."""

    def __init__(self, url: str, client_id: str | None = None, client_secret: str | None = None, *, scopes: Sequence[str] | None = None,
                 token: Callable[[str | None], str] | None = None, dpop: Any = None, retries: int = 4, backoff: float = 0.2, timeout: float = 100,
                 user_agent: str = "", http: httpx.AsyncClient | None = None) -> None:
        """As Paraph's."""
        super().__init__(Core(url, client_id, client_secret, scopes, token, dpop, retries, backoff, timeout, user_agent), http or httpx.AsyncClient())

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncParaph":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def begin_upload(self, file: Source, *, document_type: str | None = None, business_unit: str | None = None, title: str | None = None,
                     external_id: str | None = None, label: Mapping[str, str] | None = None, metadata: str | None = None, options: Options | None = None) -> str:
        """Begins an upload in pieces (tus 1.0.0), for files of many gigabytes and lines that break, and gives its id. Keep
        that to go on after a restart: an upload runs out 24 hours after its last piece."""
        about = {"document_type": document_type, "business_unit": business_unit, "title": title, "external_id": external_id, "label": label, "metadata": metadata}
        return await self._run(self._core.begin(file, about, options))

    async def continue_upload(self, id: str, file: Source, *, options: Options | None = None) -> Made:
        """Sends what is still missing of an upload, and gives what was made of the file."""
        return await self._run(self._core.go_on(f"/v1/uploads/{segment(id)}", file, options))

    async def wait_operation(self, id: str) -> t.Operation:
        """Waits for the end of an operation. One that failed is raised as OperationFailed."""
        while True:
            asked = time.monotonic()
            op = await self.get_operation(id, options=Options(wait=LOOKS))
            if (done := _ended(op)) is not None:
                return done
            await asyncio.sleep(max(0, 1 - (time.monotonic() - asked)))  # the server did not wait

    async def wait_document(self, id: str, ready: Callable[[t.Document], bool]) -> t.Document:
        """Gives the document once ready says so. Between two looks it waits for its next event, so it needs the scope events:read."""
        after = None
        while not ready(d := await self.get_document(id)):
            after = (await self.list_events(document_id=id, after=after, wait=LOOKS, limit=200)).next
        return d

    async def wait_envelope(self, id: str, ready: Callable[[t.Envelope], bool]) -> t.Envelope:
        """wait_document for an envelope."""
        after = None
        while not ready(e := await self.get_envelope(id)):
            after = (await self.list_events(subject_id=id, after=after, wait=LOOKS, limit=200)).next
        return e

    def tail(self, *, after: str | None = None, type: Sequence[str] | None = None, document_id: str | None = None, subject_id: str | None = None) -> AsyncIterator[t.Event]:
        """Gives events as they happen, until the caller stops. A stream that breaks off is taken up behind the last event
        that came whole, so that none is missed and none comes twice."""
        return self._iterate(self._core.tail({"after": after, "type": type, "document_id": document_id, "subject_id": subject_id}, t.Event), [])

    async def proof_file(self, event_id: str) -> str:
        """The .tlog-proof file of an event. Shortly after the event the problem not_in_log_yet may come instead."""
        return await self._text(Call("GET", f"/v1/events/{segment(event_id)}/proof"), None)

    async def log_key(self) -> str:
        """The key that verifies the log's checkpoints, in the note format."""
        return await self._text(Call("GET", "/.well-known/paraph/log.vkey", open=True), None)

    async def ca(self) -> str:
        """The root certificates of the server's own seals, in PEM."""
        return await self._text(Call("GET", "/.well-known/paraph/ca.pem", open=True), None)


def _ended(op: t.Operation) -> t.Operation | None:
    if op.state == "failed":
        raise OperationFailed(op)
    return op if op.state == "succeeded" else None


def event_data(event: t.Event) -> Any:
    """Gives an event's data as the dataclass of its type, such as DocumentEventData."""
    kind = t.EVENT_DATA.get(event.type)
    if kind is None:
        raise ParaphError(f"this version does not know events of the type {event.type}")
    return decode(kind, event.data)
