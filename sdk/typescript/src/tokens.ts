import { ParaphError, Problem, problemOf, ConnectionError } from "./errors.js";
import type { Config, Transport } from "./runtime.js";

/**
 * Gets access tokens by client credentials (RFC 6749 section 4.4) and keeps one until shortly before its end. Many
 * requests at once ask once.
 */
export class Tokens {
  private token = "";
  private renewAt = 0;
  private refused: string | undefined;
  private asking: Promise<string> | undefined;

  constructor(private readonly config: Config, private readonly transport: Transport) {}

  get(): Promise<string> {
    if (this.token && Date.now() < this.renewAt) return Promise.resolve(this.token);
    this.asking ??= this.fetch().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Drops a token the server refused, unless another has taken its place. */
  forget(token: string): void {
    if (this.token === token) this.token = "";
    this.refused = token;
  }

  private async fetch(): Promise<string> {
    const { token, clientId, clientSecret } = this.config;
    if (token) {
      this.token = await token(this.refused);
      this.renewAt = 0; // who gives it knows how long it lasts
      return this.token;
    }
    if (!clientId || !clientSecret) throw new ParaphError("paraph: this needs a client id and a client secret");
    try {
      return await this.ask(clientId, clientSecret);
    } catch (err) {
      if (err instanceof Problem && err.code === "use_dpop_nonce") return this.ask(clientId, clientSecret);
      throw err;
    }
  }

  private async ask(id: string, secret: string): Promise<string> {
    const form = new URLSearchParams({ grant_type: "client_credentials" });
    if (this.config.scopes) form.set("scope", this.config.scopes.join(" "));
    const url = `${this.transport.base}/oauth/token`;
    const headers: Record<string, string> = {
      "Content-Type": "application/x-www-form-urlencoded",
      // Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
      Authorization: `Basic ${btoa(`${formEncode(id)}:${formEncode(secret)}`)}`,
    };
    if (this.transport.dpop) headers.DPoP = await this.transport.dpop.proof("POST", url, "");
    const asked = Date.now();
    const answer = await this.transport.raw(url, { method: "POST", headers, body: form.toString() });
    if (answer.status !== 200) throw problemOf(answer.status, answer.headers, answer.body);
    let got: { access_token?: string; token_type?: string; expires_in?: number };
    try {
      got = JSON.parse(new TextDecoder().decode(answer.body));
    } catch (err) {
      throw new ConnectionError("paraph: the token answer is not JSON", { cause: err });
    }
    const want = this.transport.dpop ? "dpop" : "bearer";
    if (!got.access_token || got.token_type?.toLowerCase() !== want) throw new ParaphError(`paraph: the token answer holds no ${want} token`);
    const life = (got.expires_in ?? 0) * 1000;
    this.token = got.access_token;
    this.renewAt = asked + life - Math.min(life / 5, 30_000);
    return this.token;
  }
}

const formEncode = (text: string) => new URLSearchParams({ x: text }).toString().slice(2);
