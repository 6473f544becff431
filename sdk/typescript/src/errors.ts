import type { Operation } from "./types.gen.js";

/** One fault of a request. */
export interface Fault {
  /** JSON pointer into the body, or query/…, header/…, path/…. */
  pointer: string;
  code: string;
  message: string;
}

/** Anything this SDK throws by itself. */
export class ParaphError extends Error {
  override name = "ParaphError";
}

/** A refusal by the server (RFC 9457), with every fault of the request. */
export class Problem extends ParaphError {
  override name = "Problem";
  /** That was refused; of use to the runtime only. */
  token = "";
  /** The proof of the token lacked the server's nonce. */
  wantsNonce = false;

  constructor(
    readonly status: number,
    /** Stable, for programs. */
    readonly code: string,
    /** For people. */
    readonly detail: string,
    /** Name it when asking for help. */
    readonly requestId: string,
    readonly faults: Fault[],
    /** Seconds, as the server asked for; 0: it did not. */
    readonly retryAfter: number,
  ) {
    super([`${detail} (${status} ${code})`, ...faults.map((f) => `  ${f.pointer}: ${f.message}`)].join("\n"));
  }
}

/** A request that got no answer, or half of one. */
export class ConnectionError extends ParaphError {
  override name = "ConnectionError";
}

/** A ConnectionError where the other side was silent for longer than the timeout. */
export class TimeoutError extends ConnectionError {
  override name = "TimeoutError";
}

/** A file arrived with another SHA-256 than the server announced. */
export class DigestError extends ParaphError {
  override name = "DigestError";
}

/** A webhook that is not from the server, or not of now. */
export class WebhookError extends ParaphError {
  override name = "WebhookError";
}

/** An operation ended without its result. */
export class OperationFailed extends ParaphError {
  override name = "OperationFailed";

  constructor(readonly operation: Operation) {
    super(`the ${operation.kind} of ${operation.document_id} failed: ${operation.reason} (${operation.code})`);
  }
}

/** Reads a refusal. What is no problem document (a proxy's page, an OAuth error) becomes one as far as it can be told. */
export function problemOf(status: number, headers: Headers, raw: Uint8Array): Problem {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(raw));
    if (parsed !== null && typeof parsed === "object") body = parsed as Record<string, unknown>;
  } catch {
    // not JSON: the status has to do
  }
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  const code = text("code") || text("error") || `http_${status}`;
  const detail = text("detail") || text("error_description") || `HTTP status ${status}`;
  const faults = Array.isArray(body.errors) ? (body.errors as Fault[]) : [];
  const problem = new Problem(status, code, detail, text("request_id"), faults, retryAfter(headers.get("Retry-After"), Date.now()));
  problem.wantsNonce = (headers.get("WWW-Authenticate") ?? "").includes("use_dpop_nonce");
  return problem;
}

/** Reads seconds or a date (RFC 9110 section 10.2.3), and gives seconds. */
export function retryAfter(header: string | null, now: number): number {
  const text = (header ?? "").trim();
  if (/^\d+$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(0, (at - now) / 1000);
}
