/** A SHA-256 that takes its text in parts, which WebCrypto does not. */
export interface Sum {
  update(part: Uint8Array): void;
  /** In hexadecimal. */
  digest(): string;
}

/** Node's own where it is there, else the one below (FIPS 180-4). */
export function sha256(): Sum {
  const node = globalThis.process?.getBuiltinModule?.("node:crypto");
  if (!node) return new Sha256();
  const hash = node.createHash("sha256");
  return { update: (part) => void hash.update(part), digest: () => hash.digest("hex") };
}

/** The first 32 bits of the fractions of roots of primes: square roots for the start, cube roots for the rounds. */
function fractions(count: number, power: number): Uint32Array {
  const out = new Uint32Array(count);
  for (let n = 2, found = 0; found < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
    if (prime) out[found++] = ((n ** power) % 1) * 2 ** 32;
  }
  return out;
}

const start = fractions(8, 1 / 2);
const rounds = fractions(64, 1 / 3);

export class Sha256 implements Sum {
  private readonly state = start.slice();
  private readonly block = new Uint8Array(64);
  private readonly words = new Uint32Array(64);
  private filled = 0;
  private length = 0;

  update(part: Uint8Array): void {
    this.length += part.length;
    for (let at = 0; at < part.length; ) {
      const n = Math.min(64 - this.filled, part.length - at);
      this.block.set(part.subarray(at, at + n), this.filled);
      at += n;
      this.filled += n;
      if (this.filled === 64) {
        this.mix();
        this.filled = 0;
      }
    }
  }

  digest(): string {
    const bits = this.length * 8;
    const tail = new Uint8Array(this.filled < 56 ? 64 - this.filled : 128 - this.filled);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits >>> 0);
    this.update(tail);
    return Array.from(this.state, (w) => w.toString(16).padStart(8, "0")).join("");
  }

  private mix(): void {
    const w = this.words;
    const view = new DataView(this.block.buffer);
    const turn = (x: number, n: number) => (x >>> n) | (x << (32 - n));
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(i * 4);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15]!;
      const b = w[i - 2]!;
      w[i] = w[i - 16]! + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7]! + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = this.state as unknown as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const t1 = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i]! + w[i]!) | 0;
      const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((v, i) => (this.state[i] = this.state[i]! + v));
  }
}
