import { DPoP } from "./dpop.js";
import { ConnectionError, DigestError, ParaphError, Problem, problemOf, TimeoutError } from "./errors.js";
import { sha256 } from "./sha256.js";
import { Tokens } from "./tokens.js";

/** Says which server to speak to, and as whom. */
export interface Config {
  /** Of the server, without a path behind its root. */
  url: string;
  /** Of an OAuth 2 client; left out: only what needs no token. */
  clientId?: string;
  clientSecret?: string;
  /** To narrow the tokens to; left out: all the client has. */
  scopes?: string[];
  /** Gives access tokens instead of a client id and secret, for people who logged in. `refused` was not taken. */
  token?: (refused: string | undefined) => Promise<string>;
  /** Binds tokens to this key (RFC 9449); see generateKey. */
  dpop?: CryptoKeyPair;
  /** Repeats of a request at most; 4. */
  retries?: number;
  /** Milliseconds before the first repeat, doubling up to 10 s; 200. */
  backoff?: number;
  /** Milliseconds of silence, without an answer or between its bytes; 100,000. */
  timeout?: number;
  /** Put before the SDK's own name. */
  userAgent?: string;
  /** Another fetch. */
  fetch?: typeof fetch;
}

/** Changes one call. */
export interface CallOptions {
  /** Names a writing call, for callers that keep their keys over a restart. One key serves one call. */
  idempotencyKey?: string;
  /** Seconds, 60 at most, that the server may hold its answer back until the work has ended. */
  wait?: number;
  /** Hold the answer back until the change stands in the log. */
  ack?: "checkpointed" | "witnessed";
  /** A change happens only to what still has this ETag. */
  ifMatch?: string;
  /** Ends the call. */
  signal?: AbortSignal;
  /** Told how many bytes of a file have gone or come; total is undefined where nobody knows it. */
  onProgress?: (done: number, total: number | undefined) => void;
}

/** A file to send. A Blob, bytes, or `open` can be sent again where the connection breaks; a stream is sent once. */
export interface Source {
  content: Blob | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | { open: (from?: number) => AsyncIterable<Uint8Array>; size: number };
  /** Of the file, for people. */
  name?: string;
  /** application/octet-stream where it is left out. */
  mediaType?: string;
}

/** One page of a list. `next` is the cursor of the page behind it, and absent on the last one. */
export interface Page<T> {
  items: T[];
  next?: string;
}

/** One request, before it is sent. */
export interface Call {
  method: string;
  path: string;
  query?: object;
  /** Needs no token. */
  open?: boolean;
}

/** Escapes a part of a path. */
export const segment = (value: string | number) => encodeURIComponent(value);

/** Goes through a list page by page. */
export async function* all<P extends { after?: string }, T>(params: P, ask: (params: P) => Promise<Page<T>>): AsyncIterableIterator<T> {
  for (let after = params.after; ; ) {
    const page = await ask({ ...params, after });
    yield* page.items;
    if (!page.next || page.next === after || page.items.length === 0) return;
    after = page.next;
  }
}

const mostBackoff = 10_000;
/** The longest the client waits because a server asks for it, in seconds. Who is told to come later gets the refusal at once. */
const mostRetryAfter = 60;
const mostAnswer = 64 << 20;
const mostProblem = 1 << 20;

/** A file that is being fetched. It can be read once. */
export class Download implements AsyncIterable<Uint8Array> {
  /** SHA-256 of what came, in hexadecimal, once all of it has. */
  sha256 = "";
  /** Bytes that came. */
  size = 0;

  constructor(
    readonly fileName: string | undefined,
    readonly mediaType: string | undefined,
    /** Bytes that are to come, where the server says so. */
    readonly total: number | undefined,
    private readonly pieces: AsyncGenerator<Uint8Array>,
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.pieces;
  }

  /** As a stream. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      pull: async (controller) => {
        const { done, value } = await this.pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => this.pieces.return(undefined).then(() => undefined),
    });
  }

  /** All of it, in memory. */
  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of this.pieces) parts.push(part);
    return join(parts);
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Ends an attempt that nothing moves for a while, or that the caller ends. */
class Watch {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  readonly signal = this.controller.signal;
  timedOut = false;

  constructor(private readonly patience: number, private readonly outer?: AbortSignal) {
    outer?.addEventListener("abort", this.stop);
    if (outer?.aborted) this.stop();
    this.moved();
  }

  private readonly stop = () => this.controller.abort(this.outer?.reason);

  moved(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timedOut = true;
      this.controller.abort();
    }, this.patience);
  }

  end(): void {
    clearTimeout(this.timer);
    this.outer?.removeEventListener("abort", this.stop);
    this.controller.abort(); // frees what was not read
  }

  why(err: unknown): Error {
    if (this.timedOut) return new TimeoutError("paraph: the server was silent for too long");
    if (this.outer?.aborted) return this.outer.reason instanceof Error ? this.outer.reason : new ParaphError("paraph: the call was ended");
    const cause = err instanceof Error && err.cause instanceof Error ? err.cause.message : String(err);
    if (cause === "unexpected redirect") return new ParaphError("paraph: the server answered an upload with a redirect", { cause: err });
    return new ConnectionError(`paraph: no whole answer: ${cause}`, { cause: err });
  }
}

/** An answer below 300, under its watch. */
class Answer {
  constructor(readonly res: Response, private readonly watch: Watch) {}

  async *chunks(): AsyncGenerator<Uint8Array> {
    if (!this.res.body) return;
    const reader = this.res.body.getReader();
    for (;;) {
      let part;
      try {
        part = await reader.read();
      } catch (err) {
        throw this.watch.why(err);
      }
      this.watch.moved();
      if (part.done) return;
      yield part.value;
    }
  }

  /** All of it up to a limit; what is longer is left. */
  async bytes(limit: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.chunks()) {
      parts.push(part.subarray(0, limit - size));
      if ((size += part.length) >= limit) break;
    }
    return join(parts);
  }

  end(): void {
    this.watch.end();
  }
}

/** One call over all its attempts. */
class Attempts {
  readonly headers: Record<string, string> = {};
  private attempt = 0;
  private renewed = false;
  private nonces = 0;
  /** The body can be read a single time, and was. */
  spent = false;
  /** The caller's own source failed, which no repeat can mend. */
  sourceFault: unknown;

  constructor(private readonly transport: Transport, readonly call: Call, readonly options: CallOptions) {
    if (call.method !== "GET" && call.method !== "HEAD") this.headers["Idempotency-Key"] = options.idempotencyKey ?? crypto.randomUUID();
    const prefer = [options.wait ? `wait=${Math.min(Math.floor(options.wait), 60)}` : "", options.ack ? `ack=${options.ack}` : ""].filter(Boolean);
    if (prefer.length > 0) this.headers.Prefer = prefer.join(", ");
    if (options.ifMatch) this.headers["If-Match"] = options.ifMatch;
  }

  /** Waits until the next attempt may be made, or throws what ended the last one. moved: it brought something that counts. */
  async failed(err: unknown, moved = false): Promise<void> {
    if (this.sourceFault !== undefined) throw this.sourceFault;
    if (moved) this.attempt = 0;
    const wait = this.delay(err);
    if (this.spent || wait === undefined) throw err;
    if (wait > 0) await pause(wait, this.options.signal);
  }

  private delay(err: unknown): number | undefined {
    if (err instanceof Problem && err.status === 401) {
      if (err.wantsNonce && this.nonces < 2) {
        this.nonces++;
        return 0;
      }
      if (err.token !== "" && !this.renewed) {
        this.transport.tokens.forget(err.token);
        this.renewed = true;
        return 0;
      }
    }
    const { retries, backoff } = this.transport;
    if (this.attempt >= retries) return undefined;
    const most = Math.min(backoff * 2 ** Math.min(this.attempt, 10), mostBackoff);
    const wait = most / 2 + (Math.random() * most) / 2;
    let again = err instanceof ConnectionError;
    if (err instanceof Problem) again = [429, 502, 503, 504].includes(err.status) && err.retryAfter <= mostRetryAfter;
    if (!again) return undefined;
    this.attempt++;
    return err instanceof Problem ? Math.max(wait, err.retryAfter * 1000) : wait;
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

interface Body {
  mediaType: string;
  /** A fresh body for each attempt, which tells how far it got. */
  make(note: (n: number) => void, failed: (err: unknown) => void): BodyInit;
  once: boolean;
  total: number | undefined;
  /** Bytes of the file that the server has already. */
  from: number;
}

/** Sends requests, with tokens, and again where that may help. */
export class Transport {
  readonly base: string;
  readonly retries: number;
  readonly backoff: number;
  readonly timeout: number;
  readonly tokens: Tokens;
  readonly dpop: DPoP | undefined;
  private readonly agent: string | undefined;
  private readonly fetch: typeof fetch;

  constructor(config: Config) {
    const base = new URL(config.url);
    if (!/^https?:$/.test(base.protocol)) throw new ParaphError(`paraph: the server's URL ${config.url} is not an http or https URL`);
    this.base = base.origin + base.pathname.replace(/\/+$/, "");
    this.retries = config.retries ?? 4;
    this.backoff = config.backoff ?? 200;
    this.timeout = config.timeout ?? 100_000;
    this.fetch = config.fetch ?? ((input, init) => fetch(input, init));
    this.dpop = config.dpop && new DPoP(config.dpop);
    // A browser does not let its name be changed.
    this.agent = typeof window === "undefined" ? `${config.userAgent ?? ""} paraph-typescript/1`.trim() : undefined;
    this.tokens = new Tokens(config, this);
  }

  /** Sends a request once and gives whatever is answered, whole. For the token endpoint. */
  async raw(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<{ status: number; headers: Headers; body: Uint8Array }> {
    const watch = new Watch(this.timeout);
    try {
      const answer = await this.send(url, init, watch);
      return { status: answer.res.status, headers: answer.res.headers, body: await answer.bytes(mostProblem) };
    } finally {
      watch.end();
    }
  }

  private async send(url: string, init: RequestInit & { headers: Record<string, string> }, watch: Watch): Promise<Answer> {
    if (this.agent) init.headers["User-Agent"] = this.agent;
    let res;
    try {
      // A redirect is never followed: the API makes none, and a token must not go where an answer points.
      res = await this.fetch(url, { redirect: "manual", ...init, signal: watch.signal });
    } catch (err) {
      throw watch.why(err);
    }
    watch.moved();
    this.dpop?.note(res.headers);
    return new Answer(res, watch);
  }

  /** Makes one attempt, and gives an answer below 300. */
  private async once(tries: Attempts, body?: Body): Promise<Answer> {
    const { call, options } = tries;
    const token = call.open ? "" : await this.tokens.get();
    const url = this.base + call.path;
    const headers: Record<string, string> = { ...tries.headers };
    if (token) await this.authorize(headers, call.method, url, token);
    const watch = new Watch(this.timeout + (options.wait ?? 0) * 1000, options.signal);
    const init: RequestInit & { headers: Record<string, string>; duplex?: "half" } = { method: call.method, headers };
    if (body) {
      let done = 0;
      tries.spent = body.once;
      headers["Content-Type"] = body.mediaType;
      if (body.total !== undefined || body.once) {
        // Node keeps all of a streamed body in memory unless it is told that no redirect will want it again.
        Object.assign(init, { duplex: "half", redirect: "error", window: null });
      }
      init.body = body.make(
        (n) => {
          watch.moved();
          options.onProgress?.(body.from + (done += n), body.total);
        },
        (err) => (tries.sourceFault = err ?? new ParaphError("paraph: the file could not be read")),
      );
    }
    try {
      const answer = await this.send(url + queryOf(call.query), init, watch);
      if (answer.res.ok) return answer;
      // A refusal whose words were cut off is one all the same.
      const raw = await answer.bytes(mostProblem).catch(() => new Uint8Array());
      const problem = problemOf(answer.res.status, answer.res.headers, raw);
      problem.token = token;
      throw problem;
    } catch (err) {
      watch.end();
      throw err;
    }
  }

  async authorize(headers: Record<string, string>, method: string, url: string, token: string): Promise<void> {
    if (token) headers.Authorization = `${this.dpop ? "DPoP" : "Bearer"} ${token}`;
    if (this.dpop) headers.DPoP = await this.dpop.proof(method, url, token);
  }

  /** Sends a request until its answer has come whole, and gives that. */
  private async whole(call: Call, accept: string, body: Body | undefined, options: CallOptions): Promise<string> {
    const tries = new Attempts(this, call, options);
    tries.headers.Accept = accept;
    for (;;) {
      try {
        const answer = await this.once(tries, body);
        try {
          return new TextDecoder().decode(await answer.bytes(mostAnswer));
        } finally {
          answer.end();
        }
      } catch (err) {
        await tries.failed(err);
      }
    }
  }

  private async parsed<T>(call: Call, body: Body | undefined, options: CallOptions): Promise<T> {
    const text = await this.whole(call, "application/json", body, options);
    try {
      return JSON.parse(text) as T;
    } catch (err) {
      throw new ParaphError(`paraph: the answer to ${call.method} ${call.path} is not JSON`, { cause: err });
    }
  }

  /** An operation whose answer is one thing. */
  json<T>(call: Call, body: unknown, options: CallOptions = {}): Promise<T> {
    if (body === undefined) return this.parsed(call, undefined, options);
    const text = JSON.stringify(body);
    return this.parsed(call, { mediaType: "application/json", make: () => text, once: false, total: undefined, from: 0 }, options);
  }

  /** An operation whose answer is a list that comes whole. */
  async items<T>(call: Call, options: CallOptions = {}): Promise<T[]> {
    return (await this.json<{ items: T[] }>(call, undefined, options)).items;
  }

  /** An operation whose answer is a small text. */
  text(call: Call, options: CallOptions = {}): Promise<string> {
    return this.whole(call, "text/plain, */*", undefined, options);
  }

  /** Streams a file to the server. */
  upload<T>(call: Call, file: Source, options: CallOptions = {}): Promise<T> {
    const query = file.name ? { file_name: file.name, ...call.query } : call.query;
    return this.parsed({ ...call, query }, bodyOf(file), options);
  }

  /**
   * Begins to fetch a file. Where the connection breaks it goes on behind the last byte that came (RFC 9110 section
   * 14), as long as the file is the same. The digest the server names in its ETag is checked at the end.
   */
  async download(call: Call, options: CallOptions = {}): Promise<Download> {
    const tries = new Attempts(this, call, options);
    let answer: Answer;
    for (;;) {
      try {
        answer = await this.once(tries);
        break;
      } catch (err) {
        await tries.failed(err);
      }
    }
    const { headers } = answer.res;
    const length = headers.get("Content-Length");
    const download: Download = new Download(
      fileNameOf(headers.get("Content-Disposition")),
      headers.get("Content-Type") ?? undefined,
      length === null ? undefined : Number(length),
      pieces.call(this, answer),
    );
    return download;

    async function* pieces(this: Transport, answer: Answer): AsyncGenerator<Uint8Array> {
      const sum = sha256();
      const tag = answer.res.headers.get("ETag");
      for (;;) {
        let moved = false;
        try {
          for await (const part of answer.chunks()) {
            sum.update(part);
            download.size += part.length;
            moved = true;
            options.onProgress?.(download.size, download.total);
            yield part;
          }
          break;
        } catch (err) {
          if (download.size > 0 && !tag) throw err; // nothing tells that the rest is of the same file
          await tries.failed(err, moved);
        } finally {
          answer.end();
        }
        if (download.size > 0) {
          tries.headers.Range = `bytes=${download.size}-`;
          tries.headers["If-Range"] = tag ?? "";
        }
        for (;;) {
          try {
            answer = await this.once(tries);
            break;
          } catch (err) {
            await tries.failed(err);
          }
        }
        if (download.size > 0 && answer.res.status !== 206) {
          answer.end();
          throw new ParaphError("paraph: the file changed while it was fetched");
        }
      }
      download.sha256 = sum.digest();
      const announced = (tag ?? "").replace(/^"|"$/g, "");
      if (announced.length === 64 && announced !== download.sha256) {
        throw new DigestError("paraph: the file arrived changed: its SHA-256 is not the one announced");
      }
    }
  }

  /** Begins an upload in pieces, and gives its address. */
  async begin(headers: Record<string, string>, options: CallOptions = {}): Promise<string> {
    return (await this.headersOf({ method: "POST", path: "/v1/uploads" }, headers, options)).get("Location") ?? "";
  }

  private async headersOf(call: Call, headers: Record<string, string>, options: CallOptions): Promise<Headers> {
    const tries = new Attempts(this, call, options);
    Object.assign(tries.headers, { "Tus-Resumable": "1.0.0" }, headers);
    for (;;) {
      try {
        const answer = await this.once(tries);
        answer.end();
        return answer.res.headers;
      } catch (err) {
        await tries.failed(err);
      }
    }
  }

  /** Sends what is still missing of an upload in pieces. Where the connection breaks it goes on behind what arrived. */
  async continue(path: string, file: Source, options: CallOptions = {}): Promise<Headers> {
    const tries = new Attempts(this, { method: "PATCH", path }, options);
    for (let had = -1, differing = 0; ; ) {
      const head = await this.headersOf({ method: "HEAD", path }, {}, { signal: options.signal });
      const at = Number(head.get("Upload-Offset"));
      const moved = at > had && had >= 0;
      had = at;
      Object.assign(tries.headers, { "Tus-Resumable": "1.0.0", "Upload-Offset": String(at) });
      try {
        const answer = await this.once(tries, bodyOf({ ...file, mediaType: "application/offset+octet-stream" }, at));
        answer.end();
        return answer.res.headers;
      } catch (err) {
        if (err instanceof Problem && err.code === "offset_differs" && differing++ < 5) await pause(this.backoff * differing, options.signal);
        else await tries.failed(err, moved);
      }
    }
  }

  /** Lines of a stream that is taken up again where it breaks off; take tells whether what it got counts as progress. */
  async *lines(call: Call, headers: Record<string, string>, options: CallOptions, ended: () => boolean): AsyncGenerator<string | undefined> {
    const tries = new Attempts(this, call, options);
    for (;;) {
      Object.assign(tries.headers, headers);
      try {
        const answer = await this.once(tries);
        try {
          const decoder = new TextDecoder();
          let rest = "";
          for await (const part of answer.chunks()) {
            rest += decoder.decode(part, { stream: true });
            const lines = rest.split("\n");
            rest = lines.pop() ?? "";
            for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
          }
        } finally {
          answer.end();
        }
        throw new ConnectionError("paraph: the stream ended"); // in order; there is more to hear
      } catch (err) {
        yield undefined; // what was begun is lost
        await tries.failed(err, ended());
      }
    }
  }
}

function queryOf(query: object | undefined): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null || value === "") continue;
    if (Array.isArray(value)) {
      if (value.length > 0) out.set(name, value.join(","));
    } else if (typeof value === "object") {
      for (const [key, member] of Object.entries(value as Record<string, string>)) out.set(`${name}[${key}]`, member);
    } else {
      out.set(name, String(value));
    }
  }
  return out.size > 0 ? `?${out}` : "";
}

function bodyOf(file: Source, from = 0): Body {
  const mediaType = file.mediaType ?? "application/octet-stream";
  const { content } = file;
  if (content instanceof Uint8Array) {
    return bodyOf({ ...file, content: { open: (at = 0) => pieces(content.subarray(at)), size: content.length } }, from);
  }
  if (content instanceof Blob) {
    if (typeof window !== "undefined") {
      // Browsers send streams over HTTP/2 only, a Blob over anything.
      return { mediaType, once: false, total: content.size, from, make: (note) => (note(content.size - from), content.slice(from)) };
    }
    return bodyOf({ ...file, content: { open: (at = 0) => content.slice(at).stream() as unknown as AsyncIterable<Uint8Array>, size: content.size } }, from);
  }
  const stream = (parts: AsyncIterable<Uint8Array>, note: (n: number) => void, failed: (err: unknown) => void) => {
    const iterator = parts[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await iterator.next();
          if (done) return controller.close();
          controller.enqueue(value);
          note(value.length);
        } catch (err) {
          failed(err);
          controller.error(err);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    }, { highWaterMark: 1 });
  };
  if (!(Symbol.asyncIterator in content) && "open" in content) {
    return { mediaType, once: false, total: content.size, from, make: (note, failed) => stream(content.open(from), note, failed) };
  }
  const parts = content as AsyncIterable<Uint8Array>;
  return { mediaType, once: true, total: undefined, from: 0, make: (note, failed) => stream(parts, note, failed) };
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

function fileNameOf(disposition: string | null): string | undefined {
  const coded = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  if (coded !== undefined) {
    try {
      return decodeURIComponent(coded);
    } catch {
      // not what it says it is: the plain name has to do
    }
  }
  return /filename="((?:[^"\\]|\\.)*)"/i.exec(disposition ?? "")?.[1]?.replace(/\\(.)/g, "$1") ?? /filename=([^;"]+)/i.exec(disposition ?? "")?.[1];
}
