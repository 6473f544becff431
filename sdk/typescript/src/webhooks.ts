import { ParaphError, WebhookError } from "./errors.js";
import type { TypedEvent } from "./types.gen.js";

/** How far a webhook's time may be from now, in seconds. */
const tolerance = 300;

/** Verifies the webhooks of an endpoint (Standard Webhooks 1.0), in Node and in browsers. */
export class Webhooks {
  private readonly keys: Promise<{ version: string; key: CryptoKey }[]>;

  /** Takes the endpoint's secrets (whsec_…) or public keys (whpk_…): more than one while they are rotated. */
  constructor(...secrets: string[]) {
    if (secrets.length === 0) throw new ParaphError("paraph: a webhook cannot be verified without a secret");
    for (const s of secrets) if (!/^wh(sec|pk)_[A-Za-z0-9+/]+=*$/.test(s)) throw new ParaphError("paraph: a webhook's secret is whsec_ or whpk_ and base64");
    this.keys = Promise.all(
      secrets.map(async (s) => {
        const raw = bytesOf(s.slice(s.indexOf("_") + 1));
        return s.startsWith("whsec_")
          ? { version: "v1", key: await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]) }
          : { version: "v1a", key: await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]) };
      }),
    );
    this.keys.catch(() => undefined); // told at the first webhook
  }

  /** Gives the event of a webhook whose signature is good. body is the request's body, byte for byte. */
  async verify(headers: Headers | Record<string, string | string[] | undefined>, body: string | Uint8Array): Promise<TypedEvent> {
    const id = header(headers, "webhook-id");
    const stamp = header(headers, "webhook-timestamp");
    if (!id || !/^\d+$/.test(stamp)) throw new WebhookError("paraph: the webhook is not genuine: a header is missing");
    if (Math.abs(Date.now() / 1000 - Number(stamp)) > tolerance) throw new WebhookError("paraph: the webhook is not genuine: its time is not now");
    const raw = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const head = new TextEncoder().encode(`${id}.${stamp}.`);
    const text = new Uint8Array(head.length + raw.length);
    text.set(head);
    text.set(raw, head.length);
    for (const signature of header(headers, "webhook-signature").split(" ")) {
      const [version, coded] = signature.split(",", 2);
      if (coded && (await this.good(version ?? "", coded, text))) return JSON.parse(new TextDecoder().decode(raw)) as TypedEvent;
    }
    throw new WebhookError("paraph: the webhook is not genuine: no signature fits");
  }

  private async good(version: string, coded: string, text: Uint8Array<ArrayBuffer>): Promise<boolean> {
    let signature;
    try {
      signature = bytesOf(coded);
    } catch {
      return false; // not base64
    }
    for (const { version: kind, key } of await this.keys) {
      if (kind === version && (await crypto.subtle.verify(key.algorithm.name, key, signature, text))) return true;
    }
    return false;
  }
}

function bytesOf(coded: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(coded), (c) => c.charCodeAt(0));
}

function header(headers: Headers | Record<string, string | string[] | undefined>, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? "";
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === name && value !== undefined) return Array.isArray(value) ? value.join(" ") : value;
  }
  return "";
}
