// Runs the check. The program is loaded once; each file is read when its turn comes.
"use strict";
importScripts("wasm_exec.js");

const ready = (async () => {
  const go = new Go();
  const { instance } = await WebAssembly.instantiateStreaming(fetch("verify.wasm"), go.importObject);
  go.run(instance); // ends only with the page
})();

onmessage = async ({ data: { id, file, order } }) => {
  try {
    await ready;
    const bytes = new Uint8Array(await file.arrayBuffer());
    postMessage({ id, ...JSON.parse(self.paraphVerify(bytes, order)) });
  } catch (e) {
    postMessage({ id, error: `The file could not be checked: ${e.message}` });
  }
};
