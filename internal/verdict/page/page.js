// The page around the check. Files are read and judged in a worker, so that the
// page stays alive; nothing leaves the browser.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const words = { valid: ["✓", "Valid"], invalid: ["✗", "Not valid"], indeterminate: ["?", "Not decided"] };
  const lacks = {
    roots: "To say whom to trust, give certificates under “Whom to trust”.",
    "log-key": "To check proofs, give the key of the log under “Whom to trust”.",
    "stamp-roots": "To check who made the time stamps, give their authorities’ certificates.",
  };
  const given = { roots: {}, log_key: "", stamp_ca: "" }; // what came with the page
  const worker = new Worker("worker.js");
  const waiting = new Map();
  let number = 0;

  worker.onmessage = ({ data }) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  };
  worker.onerror = () => {
    $("progress").textContent = "The program that checks could not be loaded. Load the page again; if that does not help, use paraph verify.";
  };
  const ask = (file, order) =>
    new Promise((done) => {
      waiting.set(++number, done);
      worker.postMessage({ id: number, file, order });
    });

  // beside gives a text that lies next to the page, "" where there is none.
  const beside = async (name) => {
    try {
      const answer = await fetch(name);
      return answer.ok ? await answer.text() : "";
    } catch {
      return "";
    }
  };
  const prepared = (async () => {
    const [ca, key, tsa] = await Promise.all(["ca.pem", "log.vkey", "tsa.pem"].map(beside));
    if (ca.includes("BEGIN CERTIFICATE")) given.roots["the certificates that came with this page"] = ca;
    if (key.includes("+")) given.log_key = key.trim();
    if (tsa.includes("BEGIN CERTIFICATE")) given.stamp_ca = tsa;
    const said = [];
    if (Object.keys(given.roots).length) said.push("certificates");
    if (given.log_key) said.push("the key of a log");
    $("trusted").textContent = said.length
      ? `This page brought ${said.join(" and ")}; trust them as far as you trust whoever gave you the page.`
      : "No certificates came with this page. Say whom to trust below.";
  })();

  const order = async (name) => {
    const roots = { ...given.roots };
    for (const f of $("roots").files) roots[`the file ${f.name}`] = await f.text();
    const stamps = $("stampca").files[0];
    return JSON.stringify({
      name, roots, log_key: $("logkey").value.trim() || given.log_key, stamp_ca: stamps ? await stamps.text() : given.stamp_ca,
      sealed: $("sealed").checked, password: $("password").value,
    });
  };

  const list = (into, lines) => into.replaceChildren(...(lines ?? []).map((text) => Object.assign(document.createElement("li"), { textContent: text })));

  const show = (name, answer) => {
    const card = $("card").content.cloneNode(true).firstElementChild;
    const v = answer.verdict;
    const kind = v ? v.verdict : "indeterminate";
    const [sign, word] = words[kind];
    card.classList.add(kind);
    card.querySelector(".sign").textContent = sign;
    card.querySelector(".word").textContent = word;
    card.querySelector(".name").textContent = name;
    list(card.querySelector(".facts"), v?.facts);
    list(card.querySelector(".reasons"), v ? [...(v.reasons ?? []), ...(v.lacks ?? []).map((l) => lacks[l] ?? l)] : [answer.error]);
    list(card.querySelector(".notes"), v?.notes);
    if (v?.pdf) card.querySelector("pre").textContent = JSON.stringify(v.pdf, null, 2);
    else card.querySelector("details").remove();
    $("verdicts").append(card);
  };

  const judge = async () => {
    await prepared;
    $("verdicts").replaceChildren();
    const files = [...$("files").files];
    for (const [n, file] of files.entries()) {
      $("progress").textContent = `Checking ${file.name} (${n + 1} of ${files.length}) …`;
      show(file.name, await ask(file, await order(file.name)));
    }
    $("progress").textContent = files.length ? `${files.length} checked.` : "";
    $("verdicts").querySelector("h2")?.focus();
  };
  for (const id of ["files", "roots", "stampca", "logkey", "password", "sealed"]) $(id).addEventListener("change", judge);
  $("form").addEventListener("submit", (e) => e.preventDefault());
})();
