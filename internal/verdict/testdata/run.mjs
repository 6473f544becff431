// Runs the page's program without a page: node run.mjs wasm_exec.js verify.wasm, with
// one {"file", "order"} a line on standard input and one answer a line.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

createRequire(import.meta.url)(process.argv[2]);
const go = new globalThis.Go();
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[3]), go.importObject);
go.run(instance);
for await (const line of createInterface({ input: process.stdin })) {
  const { file, order } = JSON.parse(line);
  console.log(globalThis.paraphVerify(new Uint8Array(readFileSync(file)), JSON.stringify(order)));
}
process.exit(0);
