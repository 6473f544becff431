"use strict";
(() => {
document.documentElement.classList.add("js");
const $ = (id) => document.getElementById(id);
const body = document.body, base = body.dataset.base, form = $("form");
const say = (text) => { $("live").textContent = text; };
const post = (step) => fetch(base + "/" + step, {method: "POST", headers: {Accept: "application/json"}, keepalive: true}).catch(() => {});

// Times in the reader's zone; the exact time in UTC on hover.
for (const t of document.querySelectorAll("time")) {
  t.title = t.dateTime;
  const how = t.className == "day" ? {dateStyle: "long"} : {dateStyle: "long", timeStyle: "short"};
  t.textContent = new Intl.DateTimeFormat(document.documentElement.lang == "en" && navigator.language.startsWith("en") ? navigator.language : document.documentElement.lang, how).format(new Date(t.dateTime));
}

// Copy a digest.
for (const b of document.querySelectorAll("[data-copy]")) {
  const word = b.textContent;
  b.onclick = async () => {
    try { await navigator.clipboard.writeText(b.dataset.copy); } catch {
      const d = b.previousElementSibling;
      d.open = true;
      getSelection().selectAllChildren(d.lastElementChild);
      return;
    }
    b.textContent = b.dataset.copied;
    say(b.dataset.copied);
    setTimeout(() => { b.textContent = word; }, 2000);
  };
}

// While the seal is made, look for news.
if ("poll" in body.dataset) {
  const look = async () => {
    try {
      const r = await fetch(base + "/state", {headers: {Accept: "application/json"}});
      if (r.ok && (await r.json()).state != body.dataset.state) return location.reload();
    } catch { /* the next look may reach the server */ }
    setTimeout(look, 1500);
  };
  setTimeout(look, 1000);
}
if ($("faults") && !$("faults").hidden) $("faults").focus();
if (!form) return;

// The text of further pages, one after another so that a phone is not flooded.
(async () => {
  for (const svg of document.querySelectorAll("[data-words]")) {
    try {
      const r = await fetch(svg.dataset.words);
      if (r.ok) svg.innerHTML = await r.text();
    } catch { /* the picture stays, and the page of plain text */ }
  }
})();

// Seen: the first page's picture is there and the tab is looked at.
const first = document.querySelector(".sheet img");
const seen = () => { if (document.visibilityState == "visible") { post("viewed"); document.removeEventListener("visibilitychange", seen); } };
const loaded = () => { document.addEventListener("visibilitychange", seen); seen(); };
if (first) { if (first.complete && first.naturalWidth) loaded(); else first.addEventListener("load", loaded, {once: true}); }

// The drawing: strokes kept as data in a box of 600 × 200 units, painted from it.
const pad = $("pad"), pen = pad.getContext("2d"), W = 600, H = 200;
let strokes = [], line = null, points = 0;
const restore = () => {
  try { strokes = JSON.parse(form.strokes.value).s; } catch { strokes = []; }
  points = strokes.reduce((n, s) => n + s.length / 2, 0);
};
const paint = () => {
  const k = pad.width / W;
  pen.setTransform(k, 0, 0, k, 0, 0);
  pen.clearRect(0, 0, W, H);
  pen.strokeStyle = "#e3e0d8";
  pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(24, 152); pen.lineTo(W - 24, 152); pen.stroke();
  pen.strokeStyle = "#1b1f24";
  pen.lineWidth = 3;
  pen.lineCap = pen.lineJoin = "round";
  for (const s of strokes) {
    pen.beginPath();
    pen.moveTo(s[0], s[1]);
    for (let i = 2; i < s.length - 2; i += 2) pen.quadraticCurveTo(s[i], s[i + 1], (s[i] + s[i + 2]) / 2, (s[i + 1] + s[i + 3]) / 2);
    pen.lineTo(s[s.length - 2] + .01, s[s.length - 1]);
    pen.stroke();
  }
};
const keep = () => { form.strokes.value = points > 1 ? JSON.stringify({w: W, h: H, s: strokes}) : ""; };
const at = (e) => {
  const b = pad.getBoundingClientRect(), fit = (v, max) => Math.round(Math.min(max, Math.max(0, v)) * 10) / 10;
  return [fit((e.clientX - b.left - 1) * W / (b.width - 2), W), fit((e.clientY - b.top - 1) * H / (b.height - 2), H)];
};
const add = (e) => {
  const p = at(e), n = line.length;
  if (points >= 4900 || (n && Math.hypot(p[0] - line[n - 2], p[1] - line[n - 1]) < 1.5)) return;
  line.push(...p);
  points++;
};
pad.onpointerdown = (e) => {
  if (e.button || line || strokes.length >= 200) return;
  e.preventDefault();
  pad.focus({preventScroll: true});
  pad.setPointerCapture(e.pointerId);
  strokes.push(line = []);
  add(e);
  paint();
};
pad.onpointermove = (e) => {
  if (!line) return;
  const all = e.getCoalescedEvents ? e.getCoalescedEvents() : [];
  for (const c of all.length ? all : [e]) add(c);
  paint();
};
pad.onpointerup = pad.onpointercancel = () => {
  if (!line) return;
  if (line.length == 2) { line.push(line[0] + .5 > W ? line[0] - .5 : line[0] + .5, line[1]); points++; }
  line = null;
  keep();
  mend("pad", "");
  say(pad.dataset.drawn);
  next();
};
$("undo").onclick = () => { const s = strokes.pop(); if (s) points -= s.length / 2; keep(); paint(); next(); };
$("clear").onclick = () => { strokes = []; points = 0; keep(); paint(); next(); pad.focus(); };

// What is missing, and where.
const [noConsent, noName, noDrawing] = form.dataset.none.split("|");
const drawn = () => form.kind.value == "drawn";
const missing = () => {
  const out = [];
  if (!form.consent.checked) out.push({Field: "consent", Message: noConsent});
  if (drawn() ? !form.strokes.value : !form.text.value.trim()) out.push(drawn() ? {Field: "pad", Message: noDrawing} : {Field: "text", Message: noName});
  return out;
};
const mend = (field, message) => {
  const p = $(field + "-fault");
  p.textContent = message;
  p.hidden = !message;
  if (message) $(field).setAttribute("aria-invalid", "true"); else $(field).removeAttribute("aria-invalid");
};
const show = (faults, notice) => {
  const box = $("faults"), ids = ["consent", "text", "pad"];
  for (const id of ids) mend(id, "");
  for (const f of faults) if (ids.includes(f.Field)) mend(f.Field, f.Message);
  box.textContent = notice || "";
  box.hidden = !notice;
  if (notice) { box.focus(); box.scrollIntoView({block: "center"}); }
  else if (faults[0]) { $(faults[0].Field).focus(); $(faults[0].Field).scrollIntoView({block: "center"}); say(faults[0].Message); }
};

// Turn a page that lies on its side, for reading only.
for (const b of document.querySelectorAll("[data-turn]")) {
  const leaf = b.closest(".page").querySelector(".leaf"), sheet = leaf.parentElement, turn = +b.dataset.turn;
  let on = false;
  b.onclick = () => {
    const r = leaf.offsetWidth / leaf.offsetHeight, side = turn % 180;
    b.setAttribute("aria-pressed", on = !on);
    sheet.style.aspectRatio = on && side ? 1 / r : "";
    Object.assign(leaf.style, !on ? {position: "", width: "", left: "", top: "", transform: "", transformOrigin: ""} : side ?
      {position: "absolute", width: r * 100 + "%", left: turn == 90 ? "100%" : 0, top: turn == 270 ? "100%" : 0, transform: `rotate(${turn}deg)`, transformOrigin: "0 0"} :
      {transform: "rotate(180deg)"});
    next();
  };
}

// One button leads through: read, agree, signature, sign.
const go = $("go"), step = $("step"), heads = [...document.querySelectorAll(".page h2")];
const [toNext, toGo, toSign] = go.dataset.labels.split("|"), names = step.dataset.names.split("|");
const fill = (f, ...v) => f.replace(/%d/g, () => v.shift());
let page = 0, read = false, now = -1, ready = 0, busy = false, reviewed = false;
const where = () => {
  if (!read) return 0;
  const m = missing();
  if (m.some((f) => f.Field == "consent")) return 1;
  if (m.length) return 2;
  return reviewed ? 4 : 3;
};
const next = () => {
  const middle = innerHeight * .6;
  heads.forEach((h, i) => { if (h.getBoundingClientRect().top < middle) page = i; });
  const card = $("agree").getBoundingClientRect();
  if (card.top < innerHeight - 120 || (page == heads.length - 1 && heads.length == 1 && card.top < innerHeight)) read = true;
  const last = $("review").getBoundingClientRect();
  reviewed = last.bottom < innerHeight - 72 || last.top < 32;
  const to = where(), label = to == 4 ? toSign : to == 0 && page < heads.length - 1 ? toNext : toGo;
  const name = names[Math.min(to, 3)];
  step.innerHTML = "<strong></strong><span></span>";
  step.firstChild.textContent = name;
  step.lastChild.textContent = to == 0 && heads.length > 1 ? fill(step.dataset.page, page + 1, heads.length) : fill(step.dataset.of, Math.min(to, 3) + 1);
  if (!busy) go.textContent = label;
  if (to != now) {
    if (to == 4) ready = performance.now() + 500; // no second tap of "Continue" may sign
    if (now >= 0 && Math.min(to, 3) != Math.min(now, 3)) say(step.lastChild.textContent + ": " + name);
    now = to;
  }
};
const lead = (id) => { $(id).focus({preventScroll: true}); $(id).scrollIntoView(); };
go.onclick = () => {
  next();
  if (now == 0) {
    if (page < heads.length - 1) return lead(heads[page + 1].id);
    read = true;
    lead("agree-title");
    return next();
  }
  if (now == 1) {
    const c = $("agree").getBoundingClientRect();
    return c.top < -96 || c.top > innerHeight * .6 ? lead("agree-title") : show(missing().slice(0, 1));
  }
  if (now == 2) {
    const c = $("signature-title").getBoundingClientRect();
    return c.top < -96 || c.top > innerHeight * .6 ? lead("signature-title") : show(missing());
  }
  if (now == 3) return lead("review-title");
  if (performance.now() >= ready) send();
};
addEventListener("scroll", next, {passive: true});
addEventListener("resize", () => { paint(); next(); });

// Sign: the same form as without a script, sent so that nothing is lost on the way.
const send = async () => {
  if (busy) return;
  const m = missing();
  if (m.length) return show(m);
  busy = true;
  go.textContent = form.dataset.signing;
  go.setAttribute("aria-disabled", "true");
  say(form.dataset.signing);
  try {
    const r = await fetch(form.action, {method: "POST", headers: {Accept: "application/json"}, body: new URLSearchParams(new FormData(form))});
    const out = await r.json();
    if (r.ok || (r.status == 409 && !out.message)) return location.replace(base);
    show(out.faults || [], out.message);
  } catch { show([], form.dataset.offline); }
  busy = false;
  go.removeAttribute("aria-disabled");
  next();
};
// Enter in the name leads on, but only the button itself signs.
form.onsubmit = (e) => { e.preventDefault(); next(); now == 4 ? go.focus() : go.click(); };

// The rest of the form.
const kind = () => { $("typed").hidden = drawn(); $("drawn").hidden = !drawn(); paint(); next(); };
for (const r of form.kind) r.onchange = kind;
form.text.oninput = () => { $("ink").textContent = form.text.value; if (form.text.value.trim()) mend("text", ""); next(); };
form.consent.onchange = () => { if (form.consent.checked) { mend("consent", ""); post("consented"); } next(); };
try { form.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || ""; } catch { /* the zone is not needed */ }
restore();
kind();
})();
