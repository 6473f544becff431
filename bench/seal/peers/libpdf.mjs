// LibPDF, the library of Documenso. Its signer gets the key through Node's own
// crypto, which is faster than WebCrypto for short messages.
import { createPrivateKey, sign as cryptoSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { HttpTimestampAuthority, PDF } from "@libpdf/core";
import { loop } from "./loop.mjs";

const world = JSON.parse(process.argv[2]);
const [certificate, ...chain] = world.chain.map((f) => new Uint8Array(readFileSync(f)));
const key = createPrivateKey(readFileSync(world.key));
const signer = {
  certificate,
  certificateChain: chain,
  keyType: "EC",
  signatureAlgorithm: "ECDSA",
  sign: async (data) => new Uint8Array(cryptoSign("sha256", data, key)),
};
const timestampAuthority = new HttpTimestampAuthority(world.tsa);

// Answers are kept, as ours and pyHanko's are.
const answers = JSON.parse(readFileSync(world.answers));
const hex = (b) => Buffer.from(b).toString("hex");
const revocationProvider = {
  getOCSP: async (cert) => (answers.ocsp[hex(cert)] ? new Uint8Array(Buffer.from(answers.ocsp[hex(cert)], "hex")) : null),
  getCRL: async (cert) => (answers.crl[hex(cert)] ? new Uint8Array(Buffer.from(answers.crl[hex(cert)], "hex")) : null),
};

const version = JSON.parse(readFileSync(new URL("./node_modules/@libpdf/core/package.json", import.meta.url))).version;
loop("@libpdf/core", version, async (input, level) => {
  const pdf = await PDF.load(new Uint8Array(input));
  const options = { signer, level, reason: "bench" };
  if (level !== "B-B") options.timestampAuthority = timestampAuthority;
  if (level === "B-LTA") options.revocationProvider = revocationProvider;
  const { bytes, warnings } = await pdf.sign(options);
  if (level === "B-LTA" && warnings?.some((w) => /REVOCATION|TIMESTAMP/i.test(w.code ?? ""))) throw new Error(warnings[0].message);
  return bytes;
});
