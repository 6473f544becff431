"""What happens between a call and its answer, written once for the client that waits and the one of asyncio.

A call is a generator. It gives what is to be done (send this, read on, wait so long) and is handed what came of it; a
runner does these things, with or without await.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import random
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Any, AsyncIterator, BinaryIO, Callable, Generator, Generic, Iterable, Iterator, Mapping, Sequence, TypeVar, Union
from urllib.parse import quote, quote_plus, urlencode

import httpx

from ._json import decode, encode, format_time
from .errors import ConnectionFailed, DigestMismatch, ParaphError, Problem, TimedOut, problem_of

T = TypeVar("T")

MOST_BACKOFF = 10.0
#: The longest the client waits because a server asks for it, in seconds. Who is told to come later gets the refusal at once.
MOST_RETRY_AFTER = 60.0
MOST_ANSWER = 64 << 20
MOST_PROBLEM = 1 << 20
PIECE = 256 << 10


@dataclass(kw_only=True, slots=True)
class Options:
    """Changes one call."""

    idempotency_key: str | None = None
    """Names a writing call, for callers that keep their keys over a restart. One key serves one call."""
    wait: float = 0
    """Seconds, 60 at most, that the server may hold its answer back until the work has ended."""
    ack: str | None = None
    """Hold the answer back until the change stands in the log: checkpointed or witnessed."""
    if_match: str | None = None
    """A change happens only to what still has this ETag."""
    on_progress: Callable[[int, int | None], None] | None = None
    """Told how many bytes of a file have gone or come, and of how many, where that is known."""


@dataclass(kw_only=True, slots=True)
class Source:
    """A file to send. A path, bytes, or a file that can seek are sent again where the connection breaks, others once."""

    content: str | os.PathLike[str] | bytes | BinaryIO | Iterable[bytes]
    name: str | None = None
    """Of the file, for people; of a path its last part where it is None."""
    media_type: str = "application/octet-stream"


#: Where a file goes: a path, or something to write to.
Sink = Union[str, "os.PathLike[str]", BinaryIO]


@dataclass(slots=True)
class Download:
    """What is known of a file that was fetched."""

    file_name: str | None = None
    media_type: str | None = None
    sha256: str = ""
    """Of the bytes written, in hexadecimal."""
    size: int = 0


@dataclass(slots=True)
class Made:
    """What became of an upload in pieces, once the file was whole."""

    document_id: str
    operation_id: str
    """Reads the file."""


@dataclass(slots=True)
class Page(Generic[T]):
    """One page of a list. next is the cursor of the page behind it; it is None on the last one."""

    items: list[T]
    next: str | None = None


@dataclass(slots=True)
class Call:
    """One request, before it is sent."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    open: bool = False  # needs no token


def segment(value: object) -> str:
    """Escapes a part of a path."""
    return quote(str(value), safe="")


def _query(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for name, value in query.items():
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, datetime):
            value = format_time(value)
        elif isinstance(value, Mapping):
            out += [(f"{name}[{key}]", str(member)) for key, member in value.items()]
            continue
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = ",".join(value)
            if not value:
                continue
        out.append((name, str(value)))
    return out


# What a call asks its runner to do.


@dataclass(slots=True)
class Send:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | Iterator[bytes] | None
    timeout: float


@dataclass(slots=True)
class Read:
    """Gives the next bytes of an answer; none at its end."""

    answer: "Answer"


@dataclass(slots=True)
class Close:
    answer: "Answer"


@dataclass(slots=True)
class Pause:
    seconds: float


class Lock:
    """Asks for the one place in which tokens are asked for."""


class Unlock:
    """Gives it back."""


@dataclass(slots=True)
class Emit:
    """Hands a value to whoever iterates."""

    value: Any


Effect = Union[Send, Read, Close, Pause, Lock, Unlock, Emit]
Steps = Generator[Effect, Any, T]


@dataclass(slots=True)
class Answer:
    response: httpx.Response
    parts: Any  # an iterator of bytes, of the runner's kind


class SourceFailed(Exception):
    """The caller's own source failed, which no repeat can mend."""


class Body:
    """A request's body, for each attempt anew."""

    def __init__(self, source: Source, progress: Callable[[int, int | None], None] | None) -> None:
        self.content = source.content
        self.progress = progress
        self.size: int | None = None
        self.start = 0
        self.once = False
        self.skip = 0  # bytes that the server has already
        if isinstance(self.content, bytes):
            self.size = len(self.content)
        elif isinstance(self.content, (str, os.PathLike)):
            self.size = os.stat(self.content).st_size
        elif hasattr(self.content, "seek") and self.content.seekable():
            self.start = self.content.tell()
            self.size = self.content.seek(0, os.SEEK_END) - self.start
        else:
            self.once = True

    def read(self) -> Iterator[bytes]:
        done = self.skip
        try:
            for part in self._parts():
                yield part
                done += len(part)
                if self.progress:
                    self.progress(done, self.size)
        except GeneratorExit:
            raise
        except Exception as err:
            raise SourceFailed from err

    def _parts(self) -> Iterator[bytes]:
        content = self.content
        if isinstance(content, bytes):
            for at in range(self.skip, len(content), PIECE):
                yield content[at : at + PIECE]
        elif isinstance(content, (str, os.PathLike)):
            with open(content, "rb") as file:
                file.seek(self.skip)
                while part := file.read(PIECE):
                    yield part
        elif hasattr(content, "read"):
            if not self.once:
                content.seek(self.start + self.skip)
            while part := content.read(PIECE):
                yield part
        else:
            yield from content


class Core:
    """Tokens and repeats."""

    def __init__(self, url: str, client_id: str | None, client_secret: str | None, scopes: Sequence[str] | None, token: Callable[[str | None], str] | None,
                 dpop: Any, retries: int, backoff: float, timeout: float, user_agent: str) -> None:
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ParaphError(f"the server's URL {url!r} is not an http or https URL")
        self.base = str(parsed.copy_with(query=None, fragment=None)).rstrip("/")
        self.id, self.secret, self.scopes, self.give = client_id, client_secret, scopes, token
        self.dpop, self.retries, self.backoff, self.timeout = dpop, retries, backoff, timeout
        self.agent = f"{user_agent} paraph-python/1".strip()
        self.token = ""
        self.refused: str | None = None
        self.renew_at = 0.0

    # Tokens.

    def access(self) -> Steps[str]:
        """Gives an access token that is good for a while. Many calls at once ask once."""
        yield Lock()
        try:
            if self.token and time.monotonic() < self.renew_at:
                return self.token
            if self.give is not None:
                self.token, self.renew_at = self.give(self.refused), 0.0  # who gives it knows how long it lasts
                return self.token
            if not self.id or not self.secret:
                raise ParaphError("this needs a client id and a client secret")
            try:
                yield from self.ask()
            except Problem as err:
                if err.code != "use_dpop_nonce":
                    raise
                yield from self.ask()
            return self.token
        finally:
            yield Unlock()

    def ask(self) -> Steps[None]:
        form = {"grant_type": "client_credentials"}
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        url = self.base + "/oauth/token"
        # Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
        basic = httpx.BasicAuth(quote_plus(self.id or ""), quote_plus(self.secret or ""))._auth_header
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": basic, "User-Agent": self.agent}
        if self.dpop:
            headers["DPoP"] = self.dpop.proof("POST", url, "")
        asked = time.monotonic()
        answer = yield Send("POST", url, headers, urlencode(form).encode(), self.timeout)
        self.note(answer)
        raw = yield from self.whole(answer, MOST_PROBLEM)
        if answer.response.status_code != 200:
            raise problem_of(answer.response.status_code, answer.response.headers, raw)
        try:
            got = json.loads(raw)
        except ValueError as err:
            raise ConnectionFailed("the token answer is not JSON") from err
        want = "dpop" if self.dpop else "bearer"
        if not got.get("access_token") or str(got.get("token_type")).lower() != want:
            raise ParaphError(f"the token answer holds no {want} token")
        life = float(got.get("expires_in") or 0)
        self.token, self.renew_at = got["access_token"], asked + life - min(life / 5, 30)

    def note(self, answer: Answer) -> None:
        nonce = answer.response.headers.get("DPoP-Nonce")
        if self.dpop and nonce:
            self.dpop.nonce = nonce

    # Requests.

    def whole(self, answer: Answer, limit: int) -> Steps[bytes]:
        """Reads an answer up to a limit, and closes it."""
        out = bytearray()
        try:
            while len(out) < limit and (part := (yield Read(answer))):
                out += part
        finally:
            yield Close(answer)
        return bytes(out[:limit])

    def once(self, tries: "Attempts", body: bytes | Body | None) -> Steps[Answer]:
        """Makes one attempt, and gives an answer below 300."""
        call, headers = tries.call, dict(tries.headers)
        token = ""
        url = self.base + call.path
        if not call.open:
            token = yield from self.access()
            headers["Authorization"] = f"{'DPoP' if self.dpop else 'Bearer'} {token}"
            if self.dpop:
                headers["DPoP"] = self.dpop.proof(call.method, url, token)
        headers["User-Agent"] = self.agent
        query = _query(call.query)
        content: bytes | Iterator[bytes] | None = body if not isinstance(body, Body) else body.read()
        if isinstance(body, Body):
            tries.spent = body.once
            if body.size is not None:
                headers["Content-Length"] = str(body.size - body.skip)
        answer = yield Send(call.method, url + ("?" + urlencode(query) if query else ""), headers, content, self.timeout + tries.options.wait)
        self.note(answer)
        status = answer.response.status_code
        if 200 <= status < 300:
            return answer
        try:
            raw = yield from self.whole(answer, MOST_PROBLEM)
        except ConnectionFailed:
            raw = b""  # a refusal whose words were cut off is one all the same
        problem = problem_of(status, answer.response.headers, raw)
        problem._token = token
        raise problem

    def fetch(self, call: Call, body: bytes | Body | None, options: Options | None, headers: dict[str, str]) -> Steps[bytes]:
        """Sends a request until its answer has come whole, and gives that."""
        tries = Attempts(self, call, options, headers)
        while True:
            try:
                answer = yield from self.once(tries, body)
                return (yield from self.whole(answer, MOST_ANSWER))
            except ParaphError as err:
                yield from tries.failed(err)

    def json(self, call: Call, body: Any, kind: Any, options: Options | None) -> Steps[Any]:
        headers = {"Accept": "application/json"}
        raw = None
        if isinstance(body, Source):
            headers["Content-Type"] = body.media_type
            name = body.name
            if name is None and isinstance(body.content, (str, os.PathLike)):
                name = os.path.basename(body.content)
            call = Call(call.method, call.path, {"file_name": name, **{k: v for k, v in call.query.items() if v is not None}})
            raw = Body(body, options.on_progress if options else None)
        elif body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(encode(body), ensure_ascii=False).encode()
        answer = yield from self.fetch(call, raw, options, headers)
        try:
            return decode(kind, json.loads(answer))
        except (ValueError, TypeError, AttributeError) as err:
            raise ParaphError(f"the answer to {call.method} {call.path} is not what the contract says: {err}") from err

    def page(self, call: Call, kind: Any, options: Options | None) -> Steps[Page[Any]]:
        got = yield from self.json(call, None, Any, options)
        return Page(decode(list[kind], got.get("items")), got.get("next"))

    def text(self, call: Call, options: Options | None) -> Steps[str]:
        raw = yield from self.fetch(call, None, options, {"Accept": "text/plain, */*"})
        return raw.decode()

    def download(self, call: Call, to: Sink, options: Options | None) -> Steps[Download]:
        """Where the connection breaks it goes on behind the last byte that came (RFC 9110 section 14), as long as the
        file is the same. The digest the server names in its ETag is checked at the end."""
        if isinstance(to, (str, os.PathLike)):
            with open(to, "wb") as file:
                return (yield from self.download(call, file, options))
        out, total, digest, tag = Download(), None, hashlib.sha256(), ""
        tries = Attempts(self, call, options, {"Accept-Encoding": "identity"})
        while True:
            moved = False
            try:
                answer = yield from self.once(tries, None)
                try:
                    headers = answer.response.headers
                    if out.size > 0 and answer.response.status_code != 206:
                        raise ParaphError("the file changed while it was fetched")
                    if out.size == 0:
                        tag, out.media_type, out.file_name = headers.get("ETag", ""), headers.get("Content-Type"), _file_name(headers)
                        total = int(headers["Content-Length"]) if "Content-Length" in headers else None
                    while part := (yield Read(answer)):
                        to.write(part)
                        digest.update(part)
                        out.size += len(part)
                        moved = True
                        if options and options.on_progress:
                            options.on_progress(out.size, total)
                    break
                finally:
                    yield Close(answer)
            except ParaphError as err:
                if out.size > 0 and not tag:
                    raise  # nothing tells that the rest is of the same file
                yield from tries.failed(err, moved)
            if out.size > 0:
                tries.headers["Range"], tries.headers["If-Range"] = f"bytes={out.size}-", tag
        out.sha256 = digest.hexdigest()
        announced = tag.strip('"')
        if len(announced) == 64 and announced != out.sha256:
            raise DigestMismatch("the file arrived changed: its SHA-256 is not the one announced")
        return out

    def begin(self, file: Source, params: Mapping[str, Any], options: Options | None) -> Steps[str]:
        """Begins an upload in pieces, and gives its id."""
        body = Body(file, None)
        if body.size is None:
            raise ParaphError("a file that is sent in pieces has to be one that can be read again")
        name = file.name or (os.path.basename(file.content) if isinstance(file.content, (str, os.PathLike)) else None)
        labels = params.get("label")
        about = {"filename": name, "filetype": file.media_type, **{k: v for k, v in params.items() if k != "label"}, "labels": json.dumps(labels) if labels else None}
        pairs = [f"{k} {base64.b64encode(str(v).encode()).decode()}" for k, v in about.items() if v]
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(body.size), "Upload-Metadata": ",".join(pairs)}
        got = yield from self.headers_of(Call("POST", "/v1/uploads"), options, headers)
        return got.get("Location", "").rpartition("/")[2]

    def headers_of(self, call: Call, options: Options | None, headers: dict[str, str]) -> Steps[Mapping[str, str]]:
        tries = Attempts(self, call, options, headers)
        while True:
            try:
                answer = yield from self.once(tries, None)
                yield Close(answer)
                return answer.response.headers
            except ParaphError as err:
                yield from tries.failed(err)

    def go_on(self, path: str, file: Source, options: Options | None) -> Steps[Made]:
        """Sends what is still missing of an upload in pieces. Where the connection breaks it goes on behind what arrived."""
        tries = Attempts(self, Call("PATCH", path), options, {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"})
        body = Body(file, tries.options.on_progress)
        had, differing = -1, 0
        while True:
            head = yield from self.headers_of(Call("HEAD", path), None, {"Tus-Resumable": "1.0.0"})
            body.skip = int(head.get("Upload-Offset", "0"))
            moved, had = 0 <= had < body.skip, body.skip
            tries.headers["Upload-Offset"] = str(body.skip)
            try:
                answer = yield from self.once(tries, body)
                yield Close(answer)
                headers = answer.response.headers
                return Made(headers.get("Paraph-Document-Id", ""), headers.get("Paraph-Operation-Id", ""))
            except ParaphError as err:
                if isinstance(err, Problem) and err.code == "offset_differs" and differing < 5:
                    differing += 1
                    yield Pause(self.backoff * differing)
                else:
                    yield from tries.failed(err, moved)

    def tail(self, query: Mapping[str, Any], kind: Any) -> Steps[None]:
        """A stream that breaks off is taken up behind the last event that came whole: half an event leaves no trace."""
        tries = Attempts(self, Call("GET", "/v1/events/stream", query), None, {"Accept": "text/event-stream"})
        while True:
            moved = False
            try:
                answer = yield from self.once(tries, None)
                try:
                    rest, data, last = b"", [], ""
                    while part := (yield Read(answer)):
                        *lines, rest = (rest + part).split(b"\n")
                        for line in lines:
                            name, _, value = line.removesuffix(b"\r").decode().partition(":")
                            value = value.removeprefix(" ")
                            if name == "id":
                                last = value
                            elif name == "data":
                                data.append(value)
                            if line.strip(b"\r"):
                                continue
                            if last:
                                tries.headers["Last-Event-ID"], moved = last, True
                            text, data, last = "\n".join(data), [], ""
                            if text:
                                yield Emit(decode(kind, json.loads(text)))
                finally:
                    yield Close(answer)
                raise ConnectionFailed("the stream ended")  # in order; there is more to hear
            except ParaphError as err:
                yield from tries.failed(err, moved)


class Attempts:
    """One call over all its attempts."""

    def __init__(self, core: Core, call: Call, options: Options | None, headers: dict[str, str]) -> None:
        self.core, self.call, self.options, self.headers = core, call, options or Options(), headers
        self.attempt, self.renewed, self.nonces, self.spent = 0, False, 0, False
        if call.method not in ("GET", "HEAD"):
            headers["Idempotency-Key"] = self.options.idempotency_key or str(uuid.uuid4())
        prefer = [f"wait={min(int(self.options.wait), 60)}"] if self.options.wait else []
        if self.options.ack:
            prefer.append(f"ack={self.options.ack}")
        if prefer:
            headers["Prefer"] = ", ".join(prefer)
        if self.options.if_match:
            headers["If-Match"] = self.options.if_match

    def failed(self, err: ParaphError, moved: bool = False) -> Steps[None]:
        """Waits until the next attempt may be made, or raises what ended the last one. moved: it brought something that counts."""
        if moved:
            self.attempt = 0
        wait = self.delay(err)
        if self.spent or wait is None:
            raise err
        if wait > 0:
            yield Pause(wait)

    def delay(self, err: ParaphError) -> float | None:
        if isinstance(err, Problem) and err.status == 401:
            if err._wants_nonce and self.nonces < 2:
                self.nonces += 1
                return 0
            if err._token and not self.renewed:
                if self.core.token == err._token:
                    self.core.token = ""
                self.core.refused, self.renewed = err._token, True
                return 0
        if self.attempt >= self.core.retries:
            return None
        most = min(self.core.backoff * 2 ** min(self.attempt, 10), MOST_BACKOFF)
        wait = most / 2 + random.random() * most / 2
        if isinstance(err, Problem):
            if err.status not in (429, 502, 503, 504) or err.retry_after > MOST_RETRY_AFTER:
                return None
            wait = max(wait, err.retry_after)
        elif not isinstance(err, ConnectionFailed):
            return None
        self.attempt += 1
        return wait


def _file_name(headers: Mapping[str, str]) -> str | None:
    message = Message()
    message["Content-Disposition"] = headers.get("Content-Disposition", "")
    name = message.get_filename()
    return None if name is None else re.sub(r"^.*[/\\]", "", name)


def _mapped(err: Exception) -> Exception:
    """Makes an error of httpx one of ours."""
    if isinstance(err, SourceFailed) and err.__cause__ is not None:
        return err.__cause__ if isinstance(err.__cause__, Exception) else err
    if isinstance(err, httpx.TimeoutException):
        return TimedOut("the server was silent for too long")
    if isinstance(err, (httpx.TransportError, httpx.StreamError)):
        return ConnectionFailed(f"no whole answer: {err}")
    return err


class Runner:
    """Does what calls ask for, and waits for it."""

    def __init__(self, core: Core, http: httpx.Client) -> None:
        self._core, self._http, self._lock = core, http, threading.Lock()

    def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Read):
            return next(effect.answer.parts, b"")
        if isinstance(effect, Send):
            request = self._http.build_request(effect.method, effect.url, headers=effect.headers, content=effect.body, timeout=effect.timeout)
            response = self._http.send(request, stream=True, follow_redirects=False)
            return Answer(response, response.iter_bytes())
        if isinstance(effect, Close):
            return effect.answer.response.close()
        if isinstance(effect, Pause):
            return time.sleep(effect.seconds)
        if isinstance(effect, Lock):
            return self._lock.acquire()
        return self._lock.release()

    def _iterate(self, steps: Steps[Any]) -> Generator[Any, None, Any]:
        """Carries a call out. What it emits is yielded, what it returns is returned."""
        value, failed = None, None
        try:
            while True:
                try:
                    effect = steps.send(value) if failed is None else steps.throw(failed)
                except StopIteration as stop:
                    return stop.value
                value, failed = None, None
                if isinstance(effect, Emit):
                    yield effect.value
                    continue
                try:
                    value = self._do(effect)
                except Exception as err:
                    failed = _mapped(err)
        except GeneratorExit:
            self._http_close(steps)
            raise

    def _http_close(self, steps: Steps[Any]) -> None:
        """Ends a call whose caller wants no more: what it still asks for is to close its answer."""
        try:
            effect = steps.throw(GeneratorExit())
            while True:
                effect = steps.send(self._do(effect))
        except (StopIteration, GeneratorExit):
            pass

    def _run(self, steps: Steps[T]) -> T:
        runs = self._iterate(steps)
        try:
            next(runs)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("a call that is run emits nothing")

    def _json(self, call: Call, body: Any, kind: Any, options: Options | None) -> Any:
        return self._run(self._core.json(call, body, kind, options))

    def _upload(self, call: Call, file: Source, kind: Any, options: Options | None) -> Any:
        return self._run(self._core.json(call, file, kind, options))

    def _text(self, call: Call, options: Options | None) -> str:
        return self._run(self._core.text(call, options))

    def _items(self, call: Call, kind: Any, options: Options | None) -> list[Any]:
        return self._run(self._core.page(call, kind, options)).items

    def _page(self, call: Call, kind: Any, options: Options | None) -> Page[Any]:
        return self._run(self._core.page(call, kind, options))

    def _download(self, call: Call, to: Sink, options: Options | None) -> Download:
        return self._run(self._core.download(call, to, options))

    def _all(self, call: Call, kind: Any, options: Options | None) -> Iterator[Any]:
        while True:
            page = self._page(call, kind, options)
            yield from page.items
            if not page.next or page.next == call.query.get("after") or not page.items:
                return
            call.query = {**call.query, "after": page.next}


class AsyncRunner:
    """Does what calls ask for, and lets others run meanwhile."""

    def __init__(self, core: Core, http: httpx.AsyncClient) -> None:
        self._core, self._http, self._lock = core, http, asyncio.Lock()

    async def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Read):
            return await anext(effect.answer.parts, b"")
        if isinstance(effect, Send):
            body = effect.body if isinstance(effect.body, (bytes, type(None))) else _awaited(effect.body)
            request = self._http.build_request(effect.method, effect.url, headers=effect.headers, content=body, timeout=effect.timeout)
            response = await self._http.send(request, stream=True, follow_redirects=False)
            return Answer(response, response.aiter_bytes())
        if isinstance(effect, Close):
            return await effect.answer.response.aclose()
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Lock):
            return await self._lock.acquire()
        return self._lock.release()

    async def _iterate(self, steps: Steps[Any], result: list[Any]) -> AsyncIterator[Any]:
        """Carries a call out. What it emits is yielded, what it returns is put into result."""
        value: Any = None
        failed: BaseException | None = None
        try:
            while True:
                try:
                    effect = steps.send(value) if failed is None else steps.throw(failed)
                except StopIteration as stop:
                    result.append(stop.value)
                    return
                value, failed = None, None
                if isinstance(effect, Emit):
                    yield effect.value
                    continue
                try:
                    value = await self._do(effect)
                except Exception as err:
                    failed = _mapped(err)
        except (GeneratorExit, asyncio.CancelledError) as end:
            try:
                effect = steps.throw(end)
                while True:
                    effect = steps.send(await self._do(effect))
            except (StopIteration, GeneratorExit, asyncio.CancelledError):
                pass
            raise

    async def _run(self, steps: Steps[T]) -> T:
        result: list[T] = []
        async for _ in self._iterate(steps, result):
            raise AssertionError("a call that is run emits nothing")
        return result[0]

    async def _json(self, call: Call, body: Any, kind: Any, options: Options | None) -> Any:
        return await self._run(self._core.json(call, body, kind, options))

    async def _upload(self, call: Call, file: Source, kind: Any, options: Options | None) -> Any:
        return await self._run(self._core.json(call, file, kind, options))

    async def _text(self, call: Call, options: Options | None) -> str:
        return await self._run(self._core.text(call, options))

    async def _items(self, call: Call, kind: Any, options: Options | None) -> list[Any]:
        return (await self._run(self._core.page(call, kind, options))).items

    async def _page(self, call: Call, kind: Any, options: Options | None) -> Page[Any]:
        return await self._run(self._core.page(call, kind, options))

    async def _download(self, call: Call, to: Sink, options: Options | None) -> Download:
        return await self._run(self._core.download(call, to, options))

    async def _all(self, call: Call, kind: Any, options: Options | None) -> AsyncIterator[Any]:
        while True:
            page = await self._page(call, kind, options)
            for item in page.items:
                yield item
            if not page.next or page.next == call.query.get("after") or not page.items:
                return
            call.query = {**call.query, "after": page.next}


async def _awaited(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
