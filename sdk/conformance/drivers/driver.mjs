// The driver of the TypeScript SDK: a command a line in, a result a line out.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { ConnectionError, DigestError, generateKey, OperationFailed, Paraph, Problem, TimeoutError, WebhookError, Webhooks } from "@paraph/sdk";
import { openFile, save } from "@paraph/sdk/node";

function failureOf(err) {
  const failure = { kind: "other", message: String(err?.message ?? err) };
  if (err instanceof Problem) {
    Object.assign(failure, { kind: "problem", status: err.status, code: err.code, request_id: err.requestId, retry_after: err.retryAfter });
    failure.faults = err.faults.map((f) => `${f.pointer} ${f.code}`);
  } else if (err instanceof TimeoutError) failure.kind = "timeout";
  else if (err instanceof ConnectionError) failure.kind = "connection";
  else if (err instanceof DigestError) failure.kind = "digest";
  else if (err instanceof WebhookError) failure.kind = "webhook";
  else if (err instanceof OperationFailed) Object.assign(failure, { kind: "operation", code: err.operation.code });
  return failure;
}

const actions = {
  async get(paraph, { id }) {
    const d = await paraph.getDocument(id);
    return { id: d.id, title: d.title, created_at: `${new Date(d.created_at).toISOString().slice(0, 19)}Z`, label: d.labels.a };
  },
  async create(paraph, { title }) {
    return { id: (await paraph.createDraft({ title })).id };
  },
  async update(paraph, { id, title }) {
    await paraph.updateDocument(id, { title });
    return {};
  },
  async list(paraph) {
    const ids = [];
    for await (const d of paraph.allDocuments({ state: ["draft", "approved"], label: { a: "b c" } })) ids.push(d.id);
    return { ids };
  },
  async upload(paraph, { path, stream }) {
    let progress = 0;
    const file = await openFile(path, { name: "s can.pdf", mediaType: "application/pdf" });
    if (stream) file.content = createReadStream(path);
    const up = await paraph.createDocument(file, { title: "A file" }, { onProgress: (done) => (progress = done) });
    return { id: up.document.id, sha256: up.version.sha256, progress };
  },
  async upload_large(paraph, { path }) {
    let progress = 0;
    const file = await openFile(path, { name: "s can.pdf", mediaType: "application/pdf" });
    const id = await paraph.beginUpload(file, { title: "Ä file", label: { a: "b" } });
    const made = await paraph.continueUpload(id, file, { onProgress: (done) => (progress = done) });
    return { upload: id, document: made.documentId, operation: made.operationId, progress };
  },
  async download(paraph, { id, path }) {
    let progress = 0;
    const d = await save(await paraph.getDocumentContent(id, { onProgress: (done) => (progress = done) }), path);
    return { sha256: d.sha256, size: d.size, file_name: d.fileName, progress };
  },
  async wait_operation(paraph, { id }) {
    return { state: (await paraph.waitOperation(id)).state };
  },
  async tail(paraph, { after, count }) {
    const ids = [];
    for await (const e of paraph.tail({ after })) if (ids.push(e.id) === count) break;
    return { ids };
  },
  async webhook(_, { secrets, headers, body }) {
    const e = await new Webhooks(...secrets).verify(headers, body);
    return { type: e.type, document: e.documentid };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  let result;
  try {
    const paraph = new Paraph({
      url: c.url, clientId: c.client_id, clientSecret: c.client_secret, retries: c.retries, backoff: c.backoff_ms, timeout: c.timeout_ms,
      dpop: c.dpop ? await generateKey() : undefined,
    });
    result = { ok: true, value: await actions[c.action](paraph, c.args) };
  } catch (err) {
    if (process.env.PARAPH_SDK_TRACE) console.error(err);
    result = { ok: false, error: failureOf(err) };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
