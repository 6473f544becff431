/** Makes a key that tokens can be bound to. It cannot be read out of this process. */
export function generateKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]) as Promise<CryptoKeyPair>;
}

/** Makes proofs that a token's owner sends it (RFC 9449). */
export class DPoP {
  private nonce = "";
  private jwk: Promise<JsonWebKey>;

  constructor(private readonly key: CryptoKeyPair) {
    this.jwk = crypto.subtle.exportKey("jwk", key.publicKey).then(({ kty, crv, x, y }) => ({ kty, crv, x, y }));
    this.jwk.catch(() => undefined); // told at the first proof
  }

  /** Keeps the server's newest nonce. */
  note(headers: Headers): void {
    this.nonce = headers.get("DPoP-Nonce") ?? this.nonce;
  }

  async proof(method: string, url: string, token: string): Promise<string> {
    const claims: Record<string, unknown> = { jti: crypto.randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000) };
    if (this.nonce) claims.nonce = this.nonce;
    if (token) claims.ath = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
    const part = (value: unknown) => base64url(new TextEncoder().encode(JSON.stringify(value)));
    const text = `${part({ typ: "dpop+jwt", alg: "ES256", jwk: await this.jwk })}.${part(claims)}`;
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, this.key.privateKey, new TextEncoder().encode(text));
    return `${text}.${base64url(new Uint8Array(signature))}`;
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
