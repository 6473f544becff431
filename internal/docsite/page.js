// What the pages of the documentation do beyond being read: search, copying of code,
// and the forms that try an operation. All that comes from elsewhere is shown as text.
"use strict";

const el = (name, props, ...children) => {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children);
  return node;
};

// The menu is longer than a screen: it begins where the reader is.
const menu = document.getElementById("contents");
const here = menu.querySelector("[aria-current]");
if (here && here.offsetTop > menu.clientHeight) menu.scrollTop = here.offsetTop - menu.clientHeight / 2;

// ---- Search. The index is read once somebody wants to search.

const search = document.querySelector(".search");
const box = document.getElementById("q");
const results = document.getElementById("results");
const count = document.getElementById("found-count");
const found = document.getElementById("found");
let index;

search.hidden = false;

async function read() {
  index ??= fetch("/docs/search.json").then((res) => res.json());
  return index;
}

const begins = (text, word) => (" " + text).includes(" " + word);

// score tells how well a part fits: 0 where a word is missing.
function score(part, words) {
  const title = (part.t || part.p).toLowerCase().replace(/[^\p{L}\p{N}_]+/gu, " ");
  const page = part.p.toLowerCase();
  let sum = part.t ? 0 : 1;
  for (const word of words) {
    if (title === word) sum += 20;
    else if (begins(title, word)) sum += 10;
    else if (begins(page, word)) sum += 3;
    else if (begins(part.w || "", word)) sum += 1;
    else return 0;
  }
  return sum;
}

async function find() {
  const words = box.value.toLowerCase().split(/[^\p{L}\p{N}_-]+/u).filter(Boolean);
  results.hidden = words.length === 0;
  if (words.length === 0) return;
  const parts = await read();
  const hits = parts.map((part) => [score(part, words), part]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]);
  count.textContent = hits.length === 0 ? "Nothing has all these words. Try fewer, or the beginning of one." :
    hits.length === 1 ? "1 place" : hits.length > 20 ? `${hits.length} places; the best 20` : `${hits.length} places`;
  found.replaceChildren(...hits.slice(0, 20).map(([, part]) =>
    el("li", {}, el("a", { href: part.a }, part.t || part.p, el("br", {}), el("span", {}, part.t ? part.p : "Page")))));
}

box.addEventListener("focus", read);
box.addEventListener("input", find);
search.addEventListener("submit", (e) => {
  e.preventDefault();
  found.querySelector("a")?.click();
});
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && !results.hidden) {
    box.value = "";
    results.hidden = true;
    box.focus();
  }
  if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
  e.preventDefault();
  box.focus();
});
results.addEventListener("click", (e) => {
  if (e.target.closest("a")) results.hidden = true;
});

// ---- Code is copied by a button.

for (const figure of document.querySelectorAll("figure.code:not(.out)")) {
  const caption = figure.querySelector("figcaption");
  if (!caption || !navigator.clipboard) continue;
  const button = el("button", { type: "button", className: "copy", textContent: "Copy" });
  button.setAttribute("aria-label", "Copy " + caption.textContent);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(figure.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  caption.append(button);
}

// ---- Trying operations.

const kept = "paraph_docs_token";
const signin = document.getElementById("signin");
for (const form of document.querySelectorAll(".try")) form.hidden = false;

if (signin) {
  const form = signin.querySelector("form");
  const status = form.querySelector("[role=status]");
  const token = form.elements.token;
  token.value = sessionStorage.getItem(kept) || "";
  token.addEventListener("input", () => sessionStorage.setItem(kept, token.value.trim()));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    status.textContent = "Asking for a token …";
    try {
      const body = new URLSearchParams({ grant_type: "client_credentials", client_id: form.elements.id.value.trim(), client_secret: form.elements.secret.value });
      const res = await fetch("/oauth/token", { method: "POST", body, credentials: "omit" });
      const said = await res.json();
      if (!said.access_token) throw new Error(said.error_description || said.detail || said.error || `The server answered ${res.status}.`);
      token.value = said.access_token;
      form.elements.secret.value = "";
      sessionStorage.setItem(kept, token.value);
      status.textContent = `There is a token for ${Math.round(said.expires_in / 60)} minutes. Open “Try it” below an operation.`;
    } catch (err) {
      status.textContent = "There is no token. " + err.message;
    }
  });
}

const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

// request makes what a form asks for: for fetch, and as a curl line.
function request(form) {
  let path = form.dataset.path;
  const query = [];
  const headers = {};
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value.trim();
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
    if (value === "") continue;
    if (field.dataset.in === "header") headers[field.name] = value;
    if (field.dataset.in !== "query") continue;
    // A filter such as label[cost_centre]=4711 is put in as cost_centre=4711.
    const [, name, is] = field.dataset.form === "object" ? value.match(/^([^=]*)=(.*)$/) || [] : [];
    query.push(name === undefined ? `${field.name}=${encodeURIComponent(value)}` : `${field.name}[${encodeURIComponent(name)}]=${encodeURIComponent(is)}`);
  }
  if (query.length) path += "?" + query.join("&");
  if (form.hasAttribute("data-key")) headers["Idempotency-Key"] = crypto.randomUUID?.() ?? "try-" + Date.now() + Math.random().toString(36).slice(2);
  const shown = [`curl -X ${form.dataset.method} ${quote(location.origin + path)}`];
  const out = { method: form.dataset.method, headers, credentials: "omit" };
  const body = form.elements.body;
  if (body && body.type === "file" && body.files[0]) {
    out.body = body.files[0];
    headers["Content-Type"] = body.files[0].type || body.dataset.media;
    shown.push(`--data-binary ${quote("@" + body.files[0].name)}`);
  } else if (body && body.type !== "file" && body.value.trim()) {
    out.body = body.value;
    headers["Content-Type"] = body.dataset.media || "application/json";
    shown.push(`-d ${quote(body.value)}`);
  }
  for (const [name, value] of Object.entries(headers)) shown.splice(1, 0, `-H ${quote(name + ": " + value)}`);
  if (form.hasAttribute("data-token")) {
    shown.splice(1, 0, '-H "Authorization: Bearer $TOKEN"');
    headers.Authorization = "Bearer " + (sessionStorage.getItem(kept) || "");
  }
  return { path, out, curl: shown.join(" \\\n  ") };
}

const longest = 200000; // characters of an answer that are shown

async function send(form) {
  const { path, out, curl } = request(form);
  const show = (name) => form.querySelector(`[data-${name}]`);
  const [status, answer, stop] = [show("status"), show("answer"), show("stop")];
  const line = new AbortController();
  show("shown").hidden = false;
  show("curl").textContent = curl;
  status.textContent = "Waiting for the answer …";
  answer.replaceChildren();
  stop.hidden = false;
  stop.onclick = () => line.abort();
  try {
    const res = await fetch(path, { ...out, signal: line.signal, cache: "no-store" });
    const media = res.headers.get("Content-Type") || "";
    const says = ["ETag", "Location", "Retry-After", "Idempotency-Replayed"].filter((h) => res.headers.has(h)).map((h) => `${h}: ${res.headers.get(h)}`);
    status.textContent = [`${res.status} ${res.statusText}`, ...says].join(" · ");
    if (/json/.test(media)) {
      const text = await res.text();
      try { answer.textContent = JSON.stringify(JSON.parse(text), null, 2).slice(0, longest); } catch { answer.textContent = text.slice(0, longest); }
    } else if (/^text\//.test(media)) {
      const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let next; answer.textContent.length < longest && !(next = await reader.read()).done;) answer.textContent += next.value;
    } else if (res.status !== 204) {
      const file = await res.blob();
      if (file.size) answer.append(el("a", { href: URL.createObjectURL(file), download: "answer", textContent: `Keep the file (${file.size} bytes, ${media})` }));
    }
    if (res.status === 401 && form.hasAttribute("data-token")) status.textContent += " · Say who you are at the top of this page.";
  } catch (err) {
    status.textContent = line.signal.aborted ? status.textContent + " · Stopped." : "No answer came. " + err.message;
  }
  stop.hidden = true;
}

for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    send(form);
  });
}
