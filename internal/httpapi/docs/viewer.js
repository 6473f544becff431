// Shows the contract that this server was built with. Everything is made as text
// nodes: nothing of the contract is ever read as HTML.
"use strict";

const main = document.getElementById("main");
const nav = document.getElementById("nav");

function el(name, props, ...children) {
  const node = Object.assign(document.createElement(name), props || {});
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

// words shows a text whose `quoted` parts are code.
function words(text) {
  const p = el("p");
  (text || "").split("`").forEach((part, i) => p.append(i % 2 ? el("code", {}, part) : part));
  return p;
}

function refName(schema) {
  return schema && schema.$ref ? schema.$ref.split("/").pop() : "";
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return refName(schema);
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "any";
  if (schema.items) return "list of " + typeOf(schema.items);
  if (schema.enum) return schema.enum.join(" | ");
  return schema.format ? type + " (" + schema.format + ")" : type;
}

// sample makes an example of a schema; depth ends what refers to itself.
function sample(spec, schema, depth) {
  if (!schema || depth > 6) return null;
  if (schema.$ref) return sample(spec, spec.components.schemas[refName(schema)], depth + 1);
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "object": {
      const out = {};
      for (const [name, s] of Object.entries(schema.properties || {})) out[name] = sample(spec, s, depth + 1);
      return out;
    }
    case "array": return [sample(spec, schema.items, depth + 1)];
    case "integer": case "number": return schema.minimum || 0;
    case "boolean": return false;
    case "string": return schema.format === "date-time" ? "2026-01-31T12:00:00Z" : "…";
  }
  return null;
}

function table(head, rows) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, ...rows.map((r) => el("tr", {}, ...r.map((c) => el("td", {}, c))))));
}

function members(spec, schema) {
  const s = schema.$ref ? spec.components.schemas[refName(schema)] : schema;
  if (!s || !s.properties) return null;
  const required = s.required || [];
  return table(["Member", "Type", ""], Object.entries(s.properties).map(([name, p]) => [
    el("code", {}, name), typeOf(p) + (required.includes(name) ? ", required" : ""), words(p.description)]));
}

function bodyOf(spec, content) {
  const out = el("div");
  for (const [media, m] of Object.entries(content || {})) {
    out.append(el("p", {}, el("code", {}, media), refName(m.schema) ? " " + refName(m.schema) : ""));
    if (media.startsWith("application/problem")) continue;
    const list = members(spec, m.schema || {});
    if (list) out.append(list);
    if (media === "application/json") out.append(el("pre", {}, JSON.stringify(sample(spec, m.schema, 0), null, 2)));
  }
  return out;
}

function operation(spec, method, path, op) {
  const body = el("div");
  if (op.description) body.append(words(op.description));
  const scopes = (op.security || []).flatMap((s) => s.oauth2 || []);
  if (scopes.length) body.append(words("Scope: `" + scopes.join("` or `") + "`"));
  if (op.parameters && op.parameters.length) {
    body.append(el("h4", {}, "Parameters"), table(["Name", "In", "Type", ""], op.parameters.map((p) => [
      el("code", {}, p.name), p.in + (p.required ? ", required" : ""), typeOf(p.schema), words(p.description)])));
  }
  if (op.requestBody) body.append(el("h4", {}, "Body"), bodyOf(spec, op.requestBody.content));
  for (const [status, r] of Object.entries(op.responses)) {
    body.append(el("h4", {}, "Answer " + status), words(r.description));
    if (status < 400) body.append(bodyOf(spec, r.content));
  }
  return el("details", { className: "op", id: op.operationId },
    el("summary", {}, el("span", { className: "verb" }, method.toUpperCase()), el("code", {}, path), " " + op.summary), body);
}

function open() {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
}

function show(spec) {
  const points = el("ul", { className: "intro" });
  main.replaceChildren();
  for (const line of (spec.info.description || "").split("\n").filter(Boolean)) {
    if (line.startsWith("- ")) points.append(el("li", {}, words(line.slice(2))));
    else main.append(words(line));
  }
  main.append(points);
  for (const tag of spec.tags) {
    const section = el("section", {}, el("h2", {}, tag.name), words(tag.description));
    const list = el("ul");
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const method of ["get", "post", "put", "patch", "delete"]) {
        const op = item[method];
        if (!op || !(op.tags || []).includes(tag.name)) continue;
        const shown = operation(spec, method, path, op);
        const link = el("li", {}, el("a", { href: "#" + op.operationId }, op.summary));
        shown.dataset.words = link.dataset.words = (op.operationId + " " + path + " " + op.summary).toLowerCase();
        section.append(shown);
        list.append(link);
      }
    }
    nav.append(el("strong", {}, tag.name), list);
    main.append(section);
  }
  open();
}

document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const node of document.querySelectorAll("[data-words]")) node.hidden = !node.dataset.words.includes(wanted);
});
window.addEventListener("hashchange", open);

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((err) => { document.getElementById("state").textContent = "The contract could not be read: " + err.message; });
