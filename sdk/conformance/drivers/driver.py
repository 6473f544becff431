"""The driver of the Python SDK: a command a line in, a result a line out. With the argument async it drives AsyncParaph."""

import asyncio
import json
import os
import sys
import traceback

import paraph
from paraph import types as t
from paraph.keys import Key

ASYNC = "async" in sys.argv[1:]


def failure_of(err):
    failure = {"kind": "other", "message": str(err)}
    if isinstance(err, paraph.Problem):
        failure |= {"kind": "problem", "status": err.status, "code": err.code, "request_id": err.request_id, "retry_after": err.retry_after}
        failure["faults"] = [f"{f.pointer} {f.code}" for f in err.faults]
    elif isinstance(err, paraph.TimedOut):
        failure["kind"] = "timeout"
    elif isinstance(err, paraph.ConnectionFailed):
        failure["kind"] = "connection"
    elif isinstance(err, paraph.DigestMismatch):
        failure["kind"] = "digest"
    elif isinstance(err, paraph.WebhookRefused):
        failure["kind"] = "webhook"
    elif isinstance(err, paraph.OperationFailed):
        failure |= {"kind": "operation", "code": err.operation.code}
    return failure


async def maybe(value):
    return await value if asyncio.iscoroutine(value) else value


async def listed(iterator, count=None):
    """The ids of what an iterator of either kind gives."""
    ids = []
    if hasattr(iterator, "__aiter__"):
        async for item in iterator:
            ids.append(item.id)
            if len(ids) == count:
                break
        await iterator.aclose()
    else:
        for item in iterator:
            ids.append(item.id)
            if len(ids) == count:
                break
        iterator.close()
    return {"ids": ids}


async def act(c, args):
    if c["action"] == "webhook":
        e = paraph.Webhooks(*args["secrets"]).verify(args["headers"], args["body"].encode())
        return {"type": e.type, "document": e.documentid}
    kind = paraph.AsyncParaph if ASYNC else paraph.Paraph
    client = kind(c["url"], c["client_id"], c["client_secret"], retries=c["retries"], backoff=c["backoff_ms"] / 1000, timeout=c["timeout_ms"] / 1000,
                  dpop=Key.generate() if c["dpop"] else None)
    try:
        return await ACTIONS[c["action"]](client, args)
    finally:
        await maybe(client.close())


async def get(client, a):
    d = await maybe(client.get_document(a["id"]))
    return {"id": d.id, "title": d.title, "created_at": d.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"), "label": d.labels["a"]}


async def create(client, a):
    return {"id": (await maybe(client.create_draft(t.DraftRequest(title=a["title"])))).id}


async def update(client, a):
    await maybe(client.update_document(a["id"], t.DocumentPatch(title=a["title"])))
    return {}


async def list_(client, _):
    return await listed(client.all_documents(state=["draft", "approved"], label={"a": "b c"}))


async def upload(client, a):
    progress = [0]
    with open(a["path"], "rb") as file:
        content = a["path"]
        if a.get("stream"):
            content = iter(lambda: file.read(65536), b"")
        source = paraph.Source(content=content, name="s can.pdf", media_type="application/pdf")
        options = paraph.Options(on_progress=lambda done, _: progress.__setitem__(0, done))
        up = await maybe(client.create_document(source, title="A file", options=options))
    return {"id": up.document.id, "sha256": up.version.sha256, "progress": progress[0]}


async def upload_large(client, a):
    progress = [0]
    source = paraph.Source(content=a["path"], name="s can.pdf", media_type="application/pdf")
    id = await maybe(client.begin_upload(source, title="Ä file", label={"a": "b"}))
    options = paraph.Options(on_progress=lambda done, _: progress.__setitem__(0, done))
    made = await maybe(client.continue_upload(id, source, options=options))
    return {"upload": id, "document": made.document_id, "operation": made.operation_id, "progress": progress[0]}


async def download(client, a):
    progress = [0]
    options = paraph.Options(on_progress=lambda done, _: progress.__setitem__(0, done))
    d = await maybe(client.get_document_content(a["id"], a["path"], options=options))
    return {"sha256": d.sha256, "size": d.size, "file_name": d.file_name, "progress": progress[0]}


async def wait_operation(client, a):
    return {"state": (await maybe(client.wait_operation(a["id"]))).state}


async def tail(client, a):
    return await listed(client.tail(after=a["after"]), int(a["count"]))


ACTIONS = {"get": get, "create": create, "update": update, "list": list_, "upload": upload, "upload_large": upload_large, "download": download, "wait_operation": wait_operation, "tail": tail}

for line in sys.stdin:
    c = json.loads(line)
    try:
        result = {"ok": True, "value": asyncio.run(act(c, c["args"]))}
    except Exception as err:
        if os.environ.get("PARAPH_SDK_TRACE"):
            traceback.print_exc()
        result = {"ok": False, "error": failure_of(err)}
    print(json.dumps(result), flush=True)
