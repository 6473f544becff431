import { OperationFailed, ParaphError } from "./errors.js";
import { Operations } from "./operations.gen.js";
import { segment, Transport, type CallOptions, type Config, type Source } from "./runtime.js";
import type { CreateDocumentParams, Document, Envelope, Event, Operation, TypedEvent } from "./types.gen.js";

/** Which events are heard; what is left out does not count. */
export interface TailParams {
  /** Cursor to begin behind; left out: with what happens next. */
  after?: string;
  /** Types, or beginnings with .* at the end. */
  type?: string[];
  document_id?: string;
  subject_id?: string;
}

/** What became of an upload in pieces, once the file was whole. */
export interface Made {
  documentId: string;
  /** Reads the file. */
  operationId: string;
}

/** How long the server may hold back an answer while something is awaited, in seconds. */
const looks = 30;

/** Speaks with one server as one OAuth client. */
export class Paraph extends Operations {
  constructor(config: Config) {
    super(new Transport(config));
  }

  /**
   * Begins an upload in pieces (tus 1.0.0), for files of many gigabytes and lines that break, and gives its id. Keep that
   * to go on after a restart: an upload runs out 24 hours after its last piece.
   */
  async beginUpload(file: Source, params: CreateDocumentParams = {}, options?: CallOptions): Promise<string> {
    const { label, ...rest } = params;
    const about = { filename: file.name, filetype: file.mediaType, ...rest, labels: label && JSON.stringify(label) };
    const coded = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
    const pairs = Object.entries(about).flatMap(([name, value]) => (value ? [`${name} ${coded(String(value))}`] : []));
    const { content } = file;
    const size = content instanceof Uint8Array ? content.length : "size" in content ? content.size : undefined;
    if (size === undefined) throw new ParaphError("paraph: a file that is sent in pieces has to be one that can be read again");
    const where = await this.transport.begin({ "Upload-Length": String(size), "Upload-Metadata": pairs.join(",") }, options);
    return where.slice(where.lastIndexOf("/") + 1);
  }

  /** Sends what is still missing of an upload, and gives what was made of the file. */
  async continueUpload(id: string, file: Source, options?: CallOptions): Promise<Made> {
    const headers = await this.transport.continue(`/v1/uploads/${segment(id)}`, file, options);
    return { documentId: headers.get("Paraph-Document-Id") ?? "", operationId: headers.get("Paraph-Operation-Id") ?? "" };
  }

  /** Waits for the end of an operation. One that failed is thrown as OperationFailed. */
  async waitOperation(id: string, options: Pick<CallOptions, "signal"> = {}): Promise<Operation> {
    for (;;) {
      const asked = Date.now();
      const op = await this.getOperation(id, { ...options, wait: looks });
      if (op.state === "failed") throw new OperationFailed(op);
      if (op.state === "succeeded") return op;
      const left = 1000 - (Date.now() - asked);
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left)); // the server did not wait
    }
  }

  /** Gives the document once ready says so. Between two looks it waits for its next event, so it needs the scope events:read. */
  waitDocument(id: string, ready: (d: Document) => boolean, options: Pick<CallOptions, "signal"> = {}): Promise<Document> {
    return this.await({ document_id: id }, () => this.getDocument(id, options), ready, options);
  }

  /** waitDocument for an envelope. */
  waitEnvelope(id: string, ready: (e: Envelope) => boolean, options: Pick<CallOptions, "signal"> = {}): Promise<Envelope> {
    return this.await({ subject_id: id }, () => this.getEnvelope(id, options), ready, options);
  }

  private async await<T>(which: { document_id?: string; subject_id?: string }, look: () => Promise<T>, ready: (v: T) => boolean, options: CallOptions): Promise<T> {
    for (let after: string | undefined; ; ) {
      const v = await look();
      if (ready(v)) return v;
      after = (await this.listEvents({ ...which, after, wait: looks, limit: 200 }, options)).next;
    }
  }

  /**
   * Gives events as they happen, until the caller stops or options.signal ends it. A stream that breaks off is taken up
   * behind the last event that came whole, so that none is missed and none comes twice.
   */
  async *tail(params: TailParams = {}, options: Pick<CallOptions, "signal"> = {}): AsyncIterableIterator<TypedEvent> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    let moved = false;
    const ended = () => {
      const was = moved;
      moved = false;
      return was;
    };
    let data: string[] = [];
    let id = "";
    for await (const line of this.transport.lines({ method: "GET", path: "/v1/events/stream", query: params }, headers, options, ended)) {
      if (line === undefined) {
        data = []; // half an event leaves no trace
        id = "";
        continue;
      }
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "id") id = value;
      else if (name === "data" && colon > 0) data.push(value);
      if (line !== "") continue;
      if (id) {
        headers["Last-Event-ID"] = id;
        moved = true;
      }
      const text = data.join("\n");
      data = [];
      id = "";
      if (text) yield parse(text);
    }
  }

  /** The .tlog-proof file of an event. Shortly after the event the problem not_in_log_yet may come instead. */
  proofFile(eventId: string, options?: CallOptions): Promise<string> {
    return this.transport.text({ method: "GET", path: `/v1/events/${segment(eventId)}/proof` }, options);
  }

  /** The key that verifies the log's checkpoints, in the note format. */
  logKey(options?: CallOptions): Promise<string> {
    return this.transport.text({ method: "GET", path: "/.well-known/paraph/log.vkey", open: true }, options);
  }

  /** The root certificates of the server's own seals, in PEM. */
  ca(options?: CallOptions): Promise<string> {
    return this.transport.text({ method: "GET", path: "/.well-known/paraph/ca.pem", open: true }, options);
  }
}

function parse(text: string): TypedEvent {
  try {
    return JSON.parse(text) as Event as TypedEvent;
  } catch (err) {
    throw new ParaphError("paraph: an event of the stream is not JSON", { cause: err });
  }
}
