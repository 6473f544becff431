// The loop of the peers that run in Node: one order a line comes in, one result
// a line goes out. Reading the file and starting up are not measured.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

export function loop(name, version, sign) {
  console.log(JSON.stringify({ peer: name, version, runtime: "Node " + process.versions.node }));
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const order = JSON.parse(line);
    let result;
    try {
      const input = readFileSync(order.path);
      const times = [];
      let output;
      const started = performance.now();
      for (let i = 0; i < order.warm || times.length < order.least || (performance.now() - started < order.seconds * 1000 && times.length < order.most); i++) {
        if (global.gc) global.gc(); // outside of what is measured
        const t = performance.now();
        output = await sign(input, order.level);
        if (i >= order.warm) times.push((performance.now() - t) * 1000);
      }
      if (order.keep) writeFileSync(order.keep, output);
      result = { times, size: output.length };
    } catch (e) {
      result = { error: String(e?.message ?? e).slice(0, 200) };
    }
    result.peak = process.resourceUsage().maxRSS / 1024;
    console.log(JSON.stringify(result));
  });
}
