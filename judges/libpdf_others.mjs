// Signs PDFs with LibPDF at every level it has, so that our verifier judges them.
//
//   node libpdf_others.mjs WORLD OUT INPUT.pdf …
//
// WORLD is as for pyhanko_others.py; the key is in ec.pem.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { HttpTimestampAuthority, PDF } from "@libpdf/core";

const [world, out, ...inputs] = process.argv.slice(2);
const read = (name) => new Uint8Array(readFileSync(join(world, name)));
const key = createPrivateKey(readFileSync(join(world, "ec.pem")));
const signer = {
  certificate: read("ec.0.der"),
  certificateChain: [read("ec.1.der"), read("ec.2.der")],
  keyType: "EC",
  signatureAlgorithm: "ECDSA",
  sign: async (data) => new Uint8Array(sign("sha256", data, key)),
};
const timestampAuthority = new HttpTimestampAuthority(readFileSync(join(world, "tsa.url"), "utf8"));

const signed = async (data, level) => {
  const pdf = await PDF.load(data);
  const options = { signer, level, reason: "Agreement" };
  if (level !== "B-B") options.timestampAuthority = timestampAuthority;
  const { bytes } = await pdf.sign(options);
  return bytes;
};

for (const input of inputs) {
  const data = new Uint8Array(readFileSync(input));
  const stem = basename(input, ".pdf");
  for (const level of ["B-B", "B-T", "B-LT", "B-LTA"]) {
    writeFileSync(join(out, `${stem}-${level.slice(2)}.pdf`), await signed(data, level));
  }
  writeFileSync(join(out, `${stem}-twice-B.pdf`), await signed(await signed(data, "B-B"), "B-B"));
}
