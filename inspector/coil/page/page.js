// The page: what is shown follows the filters; a defect picked anywhere is picked everywhere.

import { drawDensity, drawPareto } from "./charts.js";
import { big, coil, count, el, ids, loadIds, meta, speak, t, unit, unpack, word } from "./data.js";
import { drawWorst, List } from "./list.js";
import { Strip } from "./map.js";
import { hatch, printing, setPrinting, sign } from "./marks.js";

const byId = (id) => document.getElementById(id);
export let strip;
let shown = new Int32Array(0), list, onPick = () => {};
const hidden = new Set();

function filter() { choose(); strip.draw(); follow(); }

// What a field asks for, in tenths of a millimetre: 1.1 mm are 11 of them, not 11.000000000000002.
const tenths = (id, unitMm, none) => (byId(id).value === "" ? none : +(10 * unitMm * byId(id).value).toFixed(3));

function choose() {
  const side = byId("side").value, severity = +byId("severity").value, { smallMm, largeMm } = unit(), least = tenths("length", smallMm, 0), text = byId("id").value.trim();
  const from = tenths("from", largeMm, -Infinity), to = tenths("to", largeMm, Infinity), found = [];
  for (let i = 0; i < count; i++) {
    if (hidden.has(coil.kind[i]) || coil.severity[i] < severity || coil.length[i] < least || coil.start[i] > to || coil.start[i] + coil.length[i] < from) continue;
    if (side !== "" && coil.side[i] !== +side) continue;
    if (text && ids && !ids[i].includes(text)) continue;
    found.push(i);
  }
  strip.shown = shown = Int32Array.from(found);
}

const MANY = 20000;   // defects that take longer to count than a picture of the screen

// What is below the map.
function follow() {
  byId("count").textContent = shown.length === count ? t("in_all", { count: big(count) }) : t("of_all", { shown: big(shown.length), count: big(count) });
  charts(); list.set(shown); drawWorst(shown, pick);
}

function charts() { drawDensity(shown, (mm) => strip.go(mm, Math.max(strip.scale, strip.whole * 4))); drawPareto(shown); }

// Who picks by key goes on where they are: the map comes into view for others.
function pick(i, byKey = false) { list.chosen = i; list.draw(); strip.show(i); onPick(i); if (!byKey) byId("map").scrollIntoView({ block: "nearest" }); }

function legend() {
  const numbers = new Array(meta.names.length).fill(0);
  for (const kind of coil.kind) numbers[kind]++;
  meta.names.forEach((name, kind) => {
    const button = el("button", undefined, byId("legend")); button.append(sign(kind), `${name} ${big(numbers[kind])}`); button.setAttribute("aria-pressed", "true"); button.title = t("toggle");
    button.onclick = () => { if (!hidden.delete(kind)) hidden.add(kind); button.setAttribute("aria-pressed", String(!hidden.has(kind))); filter(); };
  });
  const note = (draw, words) => { const span = el("span", undefined, byId("legend")), canvas = el("canvas", undefined, span); canvas.width = canvas.height = 48; const ctx = canvas.getContext("2d"); ctx.scale(3, 3); draw(ctx); span.append(words); };
  note((ctx) => hatch(ctx, 1, 2, 14, 12, 4), t("missed"));
  if (meta.doubtful.length) note((ctx) => hatch(ctx, 1, 2, 14, 12, 6, -1, "#8a5a00"), t("doubt"));
  if (meta.crowded.length) note((ctx) => hatch(ctx, 1, 2, 14, 12, 4, -1, "#8b1d16"), t("crowd"));
  if (meta.welds.length) note((ctx) => { ctx.strokeStyle = "#111"; ctx.lineWidth = 1.6; for (const x of [6, 10]) { ctx.beginPath(); ctx.moveTo(x, 1); ctx.lineTo(x, 15); ctx.stroke(); } }, t("weld"));
  if (meta.repeats.length) note((ctx) => { ctx.strokeStyle = "#111"; ctx.beginPath(); ctx.arc(8, 8, 5, 0, 7); ctx.stroke(); ctx.setLineDash([2, 2]); ctx.beginPath(); ctx.moveTo(0, 8); ctx.lineTo(16, 8); ctx.stroke(); }, t("mark"));
}

function options() {
  meta.sides.forEach((side) => { const option = el("option", word("side", side.name), byId("side")); option.value = meta.sides_by_number.indexOf(side.name); });
  el("option", t("none"), byId("zones")).value = "";
  meta.zones.forEach((zone, n) => { el("option", `${zone.rules}@${zone.version}`, byId("zones")).value = n; });
  byId("zones").onchange = () => { strip.zones = byId("zones").value === "" ? null : meta.zones[byId("zones").value]; strip.draw(); };
  if (meta.zones.length === 1) { byId("zones").value = "0"; strip.zones = meta.zones[0]; }
  for (const id of ["side", "severity", "length", "from", "to"]) byId(id).addEventListener("input", filter);
  byId("id").addEventListener("input", () => loadIds().then(filter));
  byId("clear").onclick = () => { for (const id of ["side", "length", "from", "to", "id"]) byId(id).value = ""; byId("severity").value = "0"; hidden.clear(); byId("legend").querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", "true")); filter(); };
  byId("in").onclick = () => strip.zoom(1.8); byId("out").onclick = () => strip.zoom(1 / 1.8); byId("fit").onclick = () => strip.fit();
}

function print(yes) {
  if (printing === yes) return;
  const kept = strip.scale; setPrinting(yes); strip.fit(); charts(); list.draw();
  if (!yes) { strip.scale = kept; strip.layout(); strip.draw(); }
}

// Shows a coil: `source` as in data.js; `picked` is called with each defect that is picked; `behind` as in map.js.
export async function show(source, picked = () => {}, behind = null) {
  onPick = picked;
  speak(source);
  if (!("DecompressionStream" in window)) throw new Error(t("old_browser"));
  await unpack(source);
  strip = new Strip(byId("map"), pick, behind); list = new List(byId("list"), pick);
  legend(); options(); choose(); strip.fit();
  document.documentElement.dataset.mapped = String(Math.round(performance.now()));
  window.addEventListener("beforeprint", () => print(true)); window.addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", (event) => print(event.matches));
  if (count > MANY) await new Promise((done) => setTimeout(done));   // the map is seen before the rest is counted
  follow();
  let wide = strip.width;
  new ResizeObserver(() => {
    if (printing || strip.measure() === wide) return;
    const was = strip.whole, now = strip.scale, seen = strip.seen;
    wide = strip.width; strip.fit(); charts();
    if (now > was * 1.01) strip.keep(now, seen);
  }).observe(byId("map"));
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

export function redraw() { strip?.soon(); }

// Pictures that come later than the page, by ids.
export async function illustrate(crops) {
  const known = await loadIds();
  known.forEach((id, place) => { if (crops[id]) meta.crops[place] = crops[id]; });
  drawWorst(shown, pick);
}

export function fail(error) { byId("fault").hidden = false; byId("fault").textContent = t("cannot", { why: error.message }); document.documentElement.dataset.fault = error.message; }
