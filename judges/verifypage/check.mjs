// Checks files on the static page in a real browser.
//
//   node judges/verifypage/check.mjs PAGE SEALED.pdf CA.pem [PACKAGE.zip LOG.vkey] [--out FOLDER]
//
// PAGE is the folder that `make verify-page` builds. The page has to call the files
// valid and changed copies not, to say what it could not check, and to send nothing:
// every request it makes is recorded. axe looks at it in both colour schemes.
// Each verdict is a line "ok …" or "not ok …".

import { createServer } from "node:http";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const args = process.argv.slice(2);
let out = "";
const at = args.indexOf("--out");
if (at >= 0) [, out] = args.splice(at, 2);
const [folder, sealed, ca, pack, key] = args;
if (out) mkdirSync(out, { recursive: true });

let faults = 0;
const check = (ok, what) => {
  if (!ok) faults++;
  console.log(`${ok ? "ok" : "not ok"} verify page: ${what}`);
};

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml" };
let beside = {}; // texts that lie beside the page
const asked = [];
const server = createServer((req, res) => {
  const name = path.basename(new URL(req.url, "http://x").pathname) || "index.html";
  asked.push(`${req.method} ${name}`);
  try {
    const body = name in beside ? beside[name] : readFileSync(path.join(folder, name));
    res.writeHead(200, { "content-type": types[path.extname(name)] ?? "text/plain" }).end(body);
  } catch {
    res.writeHead(404).end();
  }
}).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));
const address = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({ executablePath: process.env.PARAPH_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const changed = (b) => {
  const c = Buffer.from(b);
  c[Math.floor(c.length / 2)] ^= 1;
  return c;
};
const file = (name, buffer) => ({ name, mimeType: "application/octet-stream", buffer });

async function open(context) {
  const page = await context.newPage();
  page.on("pageerror", (e) => check(false, `no fault in the script: ${e}`));
  page.on("console", (m) => m.type() === "error" && !/404/.test(m.text()) && check(false, `no error in the console: ${m.text()}`));
  page.on("request", (r) => r.url().startsWith(address) || check(false, `nothing is asked elsewhere: ${r.url()}`));
  await page.goto(address);
  return page;
}

async function judge(page, files) {
  await page.setInputFiles("#files", files);
  await page.waitForFunction((n) => document.querySelectorAll(".verdict").length === n && /checked/.test(document.getElementById("progress").textContent), files.length, { timeout: 120_000 });
  return page.$$eval(".verdict", (cards) => cards.map((c) => ({ word: c.querySelector(".word").textContent, text: c.innerText })));
}

const pdf = readFileSync(sealed);
{
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await open(context);
  const [one] = await judge(page, [file("sealed.pdf", pdf)]);
  check(one.word === "Not decided" && /not checked: no trusted certificates/.test(one.text), "nobody is trusted, so nothing is decided, and the page says what is lacking");
  await page.setInputFiles("#roots", ca);
  await page.waitForFunction(() => document.querySelector(".valid"), null, { timeout: 120_000 }).catch(() => {});
  check((await page.$$(".valid")).length === 1, "with the authority's certificate the file is valid");
  await context.close();
}
beside = { "ca.pem": readFileSync(ca) };
if (key) beside["log.vkey"] = readFileSync(key);
for (const scheme of ["light", "dark"]) {
  const context = await browser.newContext({ viewport: { width: 320, height: 800 }, colorScheme: scheme });
  const page = await open(context);
  const before = asked.length;
  const list = [file("sealed.pdf", pdf), file("changed.pdf", changed(pdf)), file("cut.pdf", pdf.subarray(0, pdf.length - 9)), file("text.txt", Buffer.from("hello"))];
  if (pack) list.push(file("package.zip", readFileSync(pack)));
  const found = await judge(page, list);
  const want = ["Valid", "Not valid", "Not valid", "Not valid", "Valid"].slice(0, list.length);
  check(found.every((f, i) => f.word === want[i]), `${scheme}: ${list.map((f, i) => `${f.name} is ${found[i].word.toLowerCase()}`).join(", ")}`);
  const late = asked.slice(before).filter((a) => !/^GET (verify\.wasm|wasm_exec\.js|worker\.js|ca\.pem|log\.vkey|tsa\.pem|icon\.svg)$/.test(a));
  check(late.length === 0, `${scheme}: nothing was sent (${asked.length - before} requests, all for parts of the page)${late.length ? ": " + late.join(", ") : ""}`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  check(violations.length === 0, `${scheme}: axe finds nothing${violations.map((v) => ` [${v.id}: ${v.nodes[0].html.slice(0, 120)}]`).join("")}`);
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${scheme}: no sideways scrolling at 320 px`);
  if (out) await page.screenshot({ path: path.join(out, `verify-${scheme}.png`), fullPage: true });
  await context.close();
}
await browser.close();
server.close();
process.exit(faults ? 1 : 0);
