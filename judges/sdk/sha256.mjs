// Holds the SHA-256 that browsers get against Node's own: node sha256.mjs FILE.js
import { createHash, randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";

const { Sha256 } = await import(pathToFileURL(process.argv[2]).href);
for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 1_000_000]) {
  const raw = randomBytes(size);
  const sum = new Sha256();
  for (let at = 0; at < size; at += 777) sum.update(raw.subarray(at, at + 777));
  if (sum.digest() !== createHash("sha256").update(raw).digest("hex")) throw new Error(`SHA-256 of ${size} bytes is wrong`);
}
