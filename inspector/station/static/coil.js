// One coil: the report's own page and drawing, a defect's pictures, a person's decision.

import { area, coil as columns, ids, lengthMm, leftMm, loadIds, meta, SEVERITIES, startMm, unit, widthMm } from "/static/coil/data.js";
import { colourOf } from "/static/coil/marks.js";
import { fail, illustrate, redraw, show, strip } from "/static/coil/page.js";
import { address, ask, command, rememberOperator } from "./ask.js";
import { Backdrop, chooser, dottedSign } from "./backdrop.js";
import { nowUtc } from "./clock.js";
import { byId, el } from "./dom.js";
import { catalogue, facts } from "./facts.js";
import { picture } from "./picture.js";
import { reach, shell } from "./shell.js";
import { metres, mm } from "./units.js";
import { number, t, time } from "./words.js";

const asked = new URLSearchParams(location.search), name = asked.get("coil") ?? "", which = { coil: name, units: facts.units, zone: facts.zone || Intl.DateTimeFormat().resolvedOptions().timeZone, language: document.documentElement.lang, ...Object.fromEntries(["seq", "defect"].flatMap((key) => (asked.get(key) ? [[key, asked.get(key)]] : []))) };
const read = async () => (await ask("/api/coil", which)).json();

async function load() {
  const page = await reach(read);
  which.seq = page.record.first_seq;        // this one from now on, also where another of its name begins
  byId("report").innerHTML = page.body;     // made by the station, with every name escaped
  document.querySelector("#report .grades").after(byId("decide"));
  byId("decide").hidden = facts.role !== "engineer";
  byId("decision").hidden = !page.is_newest; byId("older").hidden = page.is_newest;
  byId("newer").href = address("/coil", { coil: name });
  document.title = `${name} ${facts.line}`;
  const packed = async (part) => (await ask("/api/coil", { stamp: page.stamp, part })).arrayBuffer();
  await show({ meta: { ...page.meta, units: facts.units, words: catalogue }, packed }, picked, backdrop(page.record));
  legend();
  if (page.record.is_partial) asOf();
  const crops = await (await ask("/api/coil", { stamp: page.stamp, part: "pictures" })).json();
  if (Object.keys(crops).length) await illustrate(crops);
  const wanted = asked.get("defect");
  if (wanted) {
    const place = (await loadIds()).indexOf(wanted);
    if (place >= 0) picked(place);
  }
}

// A coil that runs is another a minute later.
function asOf() {
  const again = el("button", { class: "quiet", onclick: () => location.reload() }, t("again"));
  document.querySelector("#report .title p").append(` · ${t("as_of", { time: time(nowUtc()) })} `, again);
}

let legend = () => {};
// The archive's picture of this passage of the coil; it can be turned off.
function backdrop({ started, ended }) {
  if (!facts.has_strip) return null;
  const label = el("label", {}, el("input", { type: "checkbox", id: "backdrop" }), ` ${t("backdrop")}`);
  document.querySelector("#map-panel .tools").prepend(label);
  chooser(label.firstChild, redraw); legend = () => byId("legend").append(el("span", {}, dottedSign(), t("backdrop.none")));
  return new Backdrop({ coil: name, ...(started ? { since: started } : {}), ...(ended ? { until: ended } : {}) }, redraw);
}

function crop(facts) {
  const wide = facts.height * facts.mm_per_row, high = facts.width * facts.mm_per_px, svg = picture(facts, (name) => colourOf(Math.max(0, meta.names.indexOf(name))));
  const words = `${metres(facts.start_mm, 3)} · ${mm(wide, 0, true)} × ${mm(high, 0)} · ${facts.camera}${facts.label ? ` · ${t("labelled", { label: facts.label.name, name: facts.label.operator })}` : ""}`;
  return el("figure", { class: "crop" }, svg, el("figcaption", {}, words));
}

let chosen = -1;
async function picked(place) {
  chosen = place;
  const id = (await loadIds(), ids[place]), severity = SEVERITIES[columns.severity[place]];
  byId("defect").hidden = false;
  byId("defect-title").textContent = `${meta.names[columns.kind[place]]}, ${t(`severity.${severity}`)}`;
  const rows = [
    [t("from_head"), metres(startMm(place), 3)], [t("from_tail"), metres(meta.length_mm - startMm(place) - lengthMm(place), 3)],
    [t("across"), `${mm(leftMm(place), 1, true)} – ${mm(leftMm(place) + widthMm(place), 1)}`], [t("size"), `${mm(lengthMm(place), 1, true)} × ${mm(widthMm(place), 1)}`],
    [t("area"), `${area(columns.area[place])} ${unit().area}`], [t("certain"), `${number(columns.confidence[place] / 10)} %`], [t("camera"), meta.cameras[columns.camera[place]]], ["id", id],
  ];
  byId("numbers").replaceChildren(...rows.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
  byId("crops").replaceChildren(el("p", { class: "hint" }, t("reading")));
  const found = await ask("/api/crops", { coil: name, defect: id }).then((answer) => answer.json()).catch((error) => error);
  if (chosen !== place) return;
  byId("crops").replaceChildren(...(found.length ? found.map(crop) : [el("p", { class: "hint" }, found.message ?? t("no_picture"))]));
}

async function decide(event) {
  event.preventDefault();
  const form = byId("decision"), answer = await command({ command: "decide", coil: name, first_seq: which.seq, grade: form.elements.grade.value, reason: form.elements.reason.value });
  if (!answer?.is_done) return;
  form.reset(); rememberOperator();
  const fresh = new DOMParser().parseFromString((await read()).body, "text/html");
  for (const place of [".grades", ".verdict"]) document.querySelector(`#report ${place}`).replaceWith(fresh.querySelector(place));
}

const unknown = (why) => el("section", { class: "panel empty" }, el("h2", {}, t("coil.unknown")), el("p", {}, why), el("p", {}, el("a", { href: address("/coils") }, t("coil.all"))));

shell(); rememberOperator();
window.station = { get strip() { return strip; } };   // for whoever looks from outside: tests, a console
byId("defect-close").addEventListener("click", () => { byId("defect").hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") byId("defect").hidden = true; });
byId("decision").addEventListener("submit", decide);
load().catch((error) => { if (byId("fault")) fail(error); else byId("report").replaceChildren(unknown(error.message)); });
