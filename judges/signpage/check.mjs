// Looks at the signing page in a real browser, in every state.
//
//   node judges/signpage/check.mjs [--out FOLDER] [LIST]
//
// LIST holds one "name<tab>address" a line; without it, `go run
// ./internal/signpage/preview` is started and gives the list. Of each state it
// takes screenshots at 360 and 1280 px, light and dark, runs axe, and looks for
// errors in the console (a breach of the content security policy is one) and
// for sideways scrolling at 320 px. States called sign, drawn, typed, plain and
// decline are then walked through: by touch, by keyboard, without script.
// Each verdict is a line "ok …" or "not ok …"; the exit code is 1 where one is not ok.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import path from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const args = process.argv.slice(2);
let out = path.join(root, ".cache", "judges", "signpage");
if (args[0] === "--out") [, out] = args.splice(0, 2);
mkdirSync(out, { recursive: true });

let found = 0, checks = 0;
const fault = (what) => { found++; console.log("not ok signing page: " + what); };
const check = (ok, what) => { checks++; if (ok) console.log("ok signing page: " + what); else fault(what); };

// What a click brings about may come a moment after it.
const seen = (where) => where.waitFor({ state: "visible", timeout: 10_000 }).then(() => true, () => false);
const reads = async (where, text) => {
  for (const end = Date.now() + 10_000; Date.now() < end; await where.page().waitForTimeout(50)) {
    if ((await where.innerText().catch(() => "")) === text) return true;
  }
  return false;
};

async function preview() {
  const child = spawn("go", ["run", "./internal/signpage/preview"], { cwd: root, stdio: ["ignore", "pipe", "inherit"], detached: true });
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "ready") break;
    lines.push(line);
  }
  return { lines, stop: () => process.kill(-child.pid) };
}

const source = args[0] ? { lines: readFileSync(args[0], "utf8").split("\n"), stop() {} } : await preview();
const states = source.lines.filter((l) => l.includes("\t")).map((l) => l.split("\t"));
const urlOf = Object.fromEntries(states);

const browser = await chromium.launch({
  executablePath: process.env.PARAPH_CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});

async function open(url, options = {}, name = url) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin", viewport: { width: 360, height: 740 }, ...options });
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error" && !/status of (4|5)\d\d/.test(m.text())) fault(`${name}: console: ${m.text()}`); });
  page.on("pageerror", (e) => fault(`${name}: ${e.message}`));
  page.on("request", (r) => { if (!r.url().startsWith(new URL(url).origin) && !r.url().startsWith("data:")) fault(`${name}: asks another host: ${r.url()}`); });
  await page.goto(url, { waitUntil: "load" });
  return { context, page };
}

// settle scrolls through, so that every picture and text layer is there.
async function settle(page) {
  await page.evaluate(async () => {
    document.documentElement.style.scrollBehavior = "auto";
    for (const i of document.images) {
      i.scrollIntoView();
      await i.decode().catch(() => {});
    }
    scrollTo(0, 0);
  });
  await page.waitForFunction(() => [...document.querySelectorAll("[data-words]")].every((s) => s.childElementCount));
}

async function audit(page, name) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const grave = result.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  check(grave.length === 0, `${name}: axe finds nothing serious`);
  for (const v of result.violations) {
    const line = `${name}: axe ${v.impact}: ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(" | ")}`;
    console.log("  " + line);
  }
}

for (const [name, url] of states) {
  if (["drawn", "typed", "plain", "decline"].includes(name) && urlOf.sign) continue; // look like "sign" until walked through
  for (const scheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      const { context, page } = await open(url, { viewport: { width, height: width === 360 ? 740 : 900 }, colorScheme: scheme, deviceScaleFactor: width === 360 ? 2 : 1 }, name);
      await settle(page);
      await audit(page, `${name} ${width} ${scheme}`);
      if (name === "sign") await page.screenshot({ path: path.join(out, `fold-${width}-${scheme}.png`) });
      await page.evaluate(() => document.querySelector(".bar")?.style.setProperty("position", "static")); // it would cover the middle of a long picture
      await page.screenshot({ path: path.join(out, `${name}-${width}-${scheme}.png`), fullPage: true });
      if (width === 360 && scheme === "light") {
        await page.setViewportSize({ width: 320, height: 640 });
        check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: no sideways scrolling at 320 px`);
        const small = await page.evaluate(() => [...document.querySelectorAll("button, input:not([type=hidden],[type=radio],[type=checkbox]), .check, .tabs label, a.button, summary")]
          .filter((e) => e.checkVisibility()).map((e) => [e.textContent || e.id, e.getBoundingClientRect().height]).filter(([, h]) => h < 44));
        check(small.length === 0, `${name}: targets of 44 px and more${small.length ? ", not so " + JSON.stringify(small) : ""}`);
      }
      await context.close();
    }
  }
}

const shot = (page, name) => page.screenshot({ path: path.join(out, name + ".png") });
const label = (page) => page.locator("#go").innerText();

// The step posted by an action.
const posted = (page, step) => page.waitForResponse((r) => r.request().method() === "POST" && r.url().endsWith("/" + step));

if (urlOf.sign) {
  const { context, page } = await open(urlOf.sign);
  await page.evaluate(() => { document.documentElement.style.scrollBehavior = "auto"; });
  await page.locator("#go").click();
  check(await page.evaluate(() => document.activeElement.id) === "page-2", "Next leads to page 2");
  await settle(page);
  const text = await page.evaluate(() => {
    const svg = document.querySelectorAll(".sheet svg");
    return [...svg].map((s) => s.textContent).join("\n");
  });
  check(text.includes("Purchase order") && text.includes("packing list"), "the text layers hold the words of all pages");
  const off = await page.evaluate(() => {
    const t = [...document.querySelectorAll(".sheet text")].find((e) => e.textContent.startsWith("Purchase"));
    const s = t.closest("svg").getBoundingClientRect(), b = t.getBoundingClientRect();
    return [(b.left - s.left) / s.width * 595.28, (b.top - s.top) / s.height * 841.89];
  });
  check(Math.abs(off[0] - 56) < 3 && Math.abs(off[1] - 72) < 6, `the text layer lies on its words (at ${off.map(Math.round)})`);
  const tree = await page.accessibility?.snapshot({ interestingOnly: false }).catch(() => null);
  if (tree) check(JSON.stringify(tree).includes("Torque"), "the words are in the accessibility tree");
  const turned = page.locator("[data-turn]");
  if (await turned.count()) {
    await turned.click();
    const box = await page.evaluate(() => {
      const b = document.querySelector("[data-turn]").closest(".page"), s = b.querySelector(".sheet").getBoundingClientRect(), i = b.querySelector("img").getBoundingClientRect();
      return [s.width - i.width, s.height - i.height, s.left - i.left, s.top - i.top].map(Math.abs);
    });
    check(Math.max(...box) < 4, `a turned page fills its place (off by ${box.map(Math.round)})`);
    await turned.scrollIntoViewIfNeeded();
    await shot(page, "flow-turned");
  }
  await page.evaluate(() => document.getElementById("agree").scrollIntoView());
  await page.waitForTimeout(100);
  await page.locator("#go").click();
  check(await seen(page.locator("#consent-fault")) && await page.evaluate(() => document.activeElement.id) === "consent", "a missing consent is named and reached");
  await audit(page, "sign with a fault");
  await shot(page, "flow-missing-consent");
  await context.close();
}

if (urlOf.drawn) {
  const { context, page } = await open(urlOf.drawn, { hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  await page.evaluate(() => { document.documentElement.style.scrollBehavior = "auto"; });
  const labels = [];
  for (let i = 0; i < 8 && !(await page.locator("#consent").evaluate((e) => { const b = e.getBoundingClientRect(); return b.top > 0 && b.bottom < innerHeight - 100; })); i++) {
    labels.push(await label(page));
    await page.locator("#go").tap();
    await page.waitForTimeout(80);
  }
  check(labels.length <= 5 && labels[0] === "Next page", `one button leads to the consent (${labels})`);
  const consented = posted(page, "consented");
  await page.locator(".check").tap();
  check((await consented).status() === 204, "the consent is noted when it is given");
  await page.locator(".tabs label").nth(1).tap();
  await page.locator("#go").tap();
  await page.waitForTimeout(80);
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const b = await page.locator("#pad").boundingBox();
  const at = (t) => [b.x + b.width * (0.1 + 0.8 * t), b.y + b.height * (0.5 + 0.3 * Math.sin(t * 19) * (1 - t / 2))];
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let t = 0; t <= 1; t += 0.02) await page.mouse.move(...at(t));
  await page.mouse.up();
  check(JSON.parse(await page.locator("[name=strokes]").inputValue()).s[0].length > 40, "the strokes are kept as data");
  await shot(page, "flow-drawn");
  await page.setViewportSize({ width: 740, height: 360 });
  await page.waitForTimeout(80);
  await shot(page, "flow-drawn-landscape");
  await page.setViewportSize({ width: 360, height: 740 });
  for (let i = 0; i < 4 && (await label(page)) !== "Sign"; i++) {
    await page.locator("#go").tap();
    await page.waitForTimeout(80);
  }
  await page.waitForTimeout(600);
  await shot(page, "flow-review");
  const answer = posted(page, "sign");
  await page.locator("#go").tap();
  check((await answer).status() === 200, "a drawn signature is taken");
  check(await reads(page.locator(".status h1"), "Everybody has signed"), "then the page says what happens next");
  await context.close();
}

if (urlOf.typed) {
  const { context, page } = await open(urlOf.typed, { viewport: { width: 1280, height: 900 } });
  await page.evaluate(() => { document.documentElement.style.scrollBehavior = "auto"; });
  const key = async (...keys) => { for (const k of keys) await page.keyboard.press(k); };
  const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.value || document.activeElement.className);
  await key("Tab");
  check((await focus()) === "skip", "the first Tab reaches the way past the pages");
  await key("Enter", "Tab");
  check((await focus()) === "consent", `from there Tab reaches the consent (${await focus()})`);
  await key("Space", "Tab", "Tab");
  check((await focus()) === "text", `then the name (${await focus()})`);
  await page.keyboard.press("Control+A");
  await page.keyboard.type("J. Berg");
  check(await reads(page.locator("#ink"), "J. Berg"), "the typed name is shown as it will look");
  await shot(page, "flow-typed");
  await key("Enter");
  await page.waitForTimeout(700);
  for (let i = 0; i < 6 && (await focus()) !== "go"; i++) await key("Tab");
  check((await focus()) === "go" && (await label(page)) === "Sign", `then the button (${await focus()}: ${await label(page)})`);
  const answer = posted(page, "sign");
  await key("Enter");
  check((await answer).status() === 200, "a typed signature is given by keyboard alone");
  check(await reads(page.locator(".status h1"), "You have signed"), "then the page says so");
  await context.close();
}

if (urlOf.plain) {
  const { context, page } = await open(urlOf.plain, { javaScriptEnabled: false });
  await page.screenshot({ path: path.join(out, "flow-no-script.png"), fullPage: true });
  await page.locator("form button:visible").click();
  check(await seen(page.locator("#faults")) && (await page.title()).startsWith("One thing"), "without script: a missing consent is named");
  await page.screenshot({ path: path.join(out, "flow-no-script-fault.png"), fullPage: true });
  await page.locator("#consent").check();
  await page.locator("#text").fill("Jonas Berg");
  await page.locator("form button:visible").click();
  check(await reads(page.locator("h1"), "You have signed"), "without script: signed");
  await context.close();
}

if (urlOf.decline) {
  const { context, page } = await open(urlOf.decline);
  await page.getByRole("link", { name: "I do not want to sign" }).click();
  await page.locator("button.bad").click();
  check(await seen(page.locator("#reason-fault")), "declining asks for a reason");
  await audit(page, "declining");
  await shot(page, "flow-decline");
  await page.locator("#reason").fill("The date is wrong.");
  await page.locator("button.bad").click();
  check(await reads(page.locator("h1"), "You have declined"), "declined");
  await context.close();
}

await browser.close();
source.stop();
console.log(`signing page: ${checks} checks, ${found} found; pictures in ${path.relative(root, out)}`);
process.exit(found ? 1 : 0);
