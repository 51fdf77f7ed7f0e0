// The live page: what the stream brings, drawn at every frame.

import { sign } from "/static/coil/marks.js";
import { Alarms, hearable } from "./alarms.js";
import { address, rememberOperator } from "./ask.js";
import { Backdrop, chooser as backdropChooser, dottedSign, isOn } from "./backdrop.js";
import { nowMs, setClock } from "./clock.js";
import { byId, el } from "./dom.js";
import { facts } from "./facts.js";
import { Fold, gravest } from "./fold.js";
import { Link } from "./link.js";
import { Newest } from "./newest.js";
import { Reached } from "./reached.js";
import { reworded } from "./sentences.js";
import { stateSign } from "./shapes.js";
import { banner, shell } from "./shell.js";
import { Strips } from "./strip.js";
import { metres, perMetre } from "./units.js";
import { date, number, t, time } from "./words.js";

const fold = new Fold(facts.kept), reached = new Reached(), alarms = new Alarms(reason), strips = new Strips(byId("strip"), byId("tip")), newest = new Newest(byId("newest"), byId("newest-rows"));
let line = null, now = null, isDue = true, isLost = false, silentSince = 0, hasAnswered = false;

function receive(kind, data) {
  if (kind === "event") alarms.note(data);
  switch (kind) {
    case "begin": fold.begin(data.put_away); reached.begin(); flood(); break;
    case "line": line = data; legend(); break;
    case "dropped": fold.dropped = new Map(Object.entries(data)); fold.changes++; break;
    case "event": fold.take(data); if (data.data.kind === "flood") flood(); later(); break;
    case "alarms": alarms.set(data); break;
    case "now": take(data); break;
  }
  isDue = true;
}

function take(data) {
  now = data; setClock(data.utc);
  if (fold.coil && data.is_measured) for (const [coil, mm] of reached.take(performance.now(), data.gauges.position_m, fold.coils)) if (!coil.isOver) fold.reach(coil, mm);
  if (data.is_answering) { silentSince = 0; hasAnswered = true; } else silentSince ||= nowMs();
  report(); figures(); cameras();
}

function report() {
  if (isLost) banner(t("lost.station"), t("since", { time: time(new Date(isLost).toISOString()) }));
  else if (silentSince) banner(t("lost.line", { line: facts.line }), [now?.fault, lastSign()].filter(Boolean).join("; "));
  else banner("");
}

// Since when the line is silent; of one that never answered here, when its newest event was.
function lastSign() {
  if (hasAnswered) return t("since", { time: time(new Date(silentSince).toISOString()) });
  return fold.latest ? t("last_sign", { time: date(fold.latest) }) : "";
}

function figures() {
  const gauges = now.gauges, coil = fold.coil, known = now.is_measured && now.is_answering, set = (id, text, unit = "") => byId(id).replaceChildren(text, ...(unit && text !== "–" ? [el("small", {}, ` ${unit}`)] : []));
  put(byId("coil"), "title", coil?.name ?? "");
  set("coil", coil ? coil.name : "–", coil?.isOver ? t("over") : "");
  set("metre", coil ? metres((!coil.isOver && reached.farthest(coil)) || coil.length, 1, true) : "–", t("unit.large"));
  set("speed", known && gauges.speed_mps !== null ? number(gauges.speed_mps * perMetre, 2) : "–", `${t("unit.large")}/s`);
  set("frames", known ? number(gauges.frames_per_s, 1) : "–", "/s");
  const isDropping = known && gauges.dropped_per_s > 0;
  byId("frames").parentElement.classList.toggle("wrong", isDropping);
  put(byId("frames-word"), "textContent", isDropping ? t("frames.dropped", { rate: number(gauges.dropped_per_s, 1) }) : t("frames"));
  set("latency", known ? number(gauges.latency_ms) : "–", gauges.latency_p99_ms === null ? "ms" : `ms · p99 ${number(gauges.latency_p99_ms)}`);
  set("recipe", gauges.recipe || "–"); set("engine", [gauges.engine, gauges.device].filter(Boolean).join(" ") || "–");
}

// More alarms than anybody can answer: it is shown that some are not announced.
function flood() {
  const data = fold.flood, node = byId("flood");
  node.hidden = data?.state !== "started";
  if (!node.hidden) node.textContent = t("flood", { raised: number(data.raised), seconds: number(data.within_s), withheld: number(data.withheld) });
}

const statusOf = (camera) => {
  const known = fold.cameras.get(camera), faults = now?.gauges.faults[camera] ?? [];
  if (now && (!now.is_answering || isLost)) return "check_function";
  return faults.length && (!known || known.status === "normal") ? "failure" : known?.status ?? "normal";
};

// A fault of a device: the line's own words in English, else those of the catalogue.
const isEnglish = document.documentElement.lang === "en";
const faultWords = (fault) => (isEnglish ? reworded(fault.message) : t(`fault.${fault.fault}`));

// Why a device is as it is, as an alarm quotes the line's own words.
function reason(why) {
  const fault = fold.reported.get(why);
  if (!fault) return why;
  return isEnglish || fault.state === "raised" ? faultWords(fault) : t("fault.over", { fault: faultWords(fault) });
}

// Each camera's sides, in words: a camera may have been on both.
function sides() {
  const found = new Map();
  for (const { camera, side } of line?.cameras ?? []) found.set(camera, [...(found.get(camera) ?? []), t(`side.${side}`)]);
  return found;
}

function cameras() {
  const rows = [...sides()].map(([camera, its]) => {
    const status = statusOf(camera), faults = [...(fold.cameras.get(camera)?.faults.values() ?? [])];
    const words = faults.length ? faults.map(faultWords).join("; ") : (now.gauges.faults[camera] ?? []).map((fault) => t(`fault.${fault}`)).join(", ");
    return el("li", { class: `device ${status}` }, stateSign(status, t(`ne107.${status}`)), el("b", {}, camera), el("span", { class: "hint" }, `${its.join(", ")} · ${t(`ne107.${status}`)}`), el("p", {}, words));
  });
  for (const fault of fold.standing.values()) rows.push(el("li", { class: `device ${fault.status}` }, stateSign(fault.status, t(`ne107.${fault.status}`)), el("b", {}, t(fault.kind)), el("span", { class: "hint" }, t(`ne107.${fault.status}`)), el("p", {}, faultWords(fault))));
  if (now.journal_fault && ![...fold.standing.values()].some((fault) => fault.kind === "journal")) rows.push(el("li", { class: "device failure" }, stateSign("failure", t("ne107.failure")), el("b", {}, t("journal")), el("p", {}, now.journal_fault)));
  if (now.lost) rows.push(el("li", { class: "device failure" }, stateSign("failure", t("ne107.failure")), el("b", {}, t("journal")), el("p", {}, t("lost.events", { count: number(now.lost) }))));
  byId("cameras").replaceChildren(...rows);
}

// Hatching for strip that was not surely seen: most coils have none.
const doubtSign = () => el("i", { class: "hatched doubt" }), doubtKey = el("span", { hidden: true }, doubtSign(), t("doubtful"));

function legend() {
  const canvas = byId("legend");
  canvas.replaceChildren(...line.classes.map((name, kind) => el("span", {}, sign(kind, 15), name)), el("span", {}, el("i", { class: "hatched" }), t("missed")), doubtKey, ...(facts.has_strip ? [el("span", {}, dottedSign(), t("backdrop.none"))] : []));
}

// Sums of the coil, a few times a second at most.
let isSumDue = false;
function later() { if (!isSumDue) { isSumDue = true; setTimeout(() => { isSumDue = false; sums(); }, 300); } }

function sums() {
  const coil = fold.coil;
  if (!coil || !line) return;
  const rows = line.classes.map((name, kind) => {
    const its = [...coil.defects.values()].filter((defect) => defect.name === name), count = its.length + (fold.gone(coil).defects[name] ?? 0), last = Math.max(0, ...its.map((defect) => defect.start_mm));
    return el("tr", {}, el("th", { scope: "row" }, sign(kind, 15), ` ${name}`), el("td", { class: "number" }, number(count)), el("td", { class: "hint" }, its.length ? t("last_at", { metre: metres(last, 1) }) : ""));
  });
  const unseen = (sign, words, mm) => el("tr", { class: mm > 0 ? "wrong" : "" }, el("th", { scope: "row" }, sign, ` ${words}`), el("td", { class: "number" }, number(mm / 1000 * perMetre, 2)), el("td", { class: "hint" }, sides().size > 1 ? t("unit.all_cameras") : t("unit.large")));
  rows.push(unseen(el("i", { class: "hatched" }), t("missed"), fold.missed(coil)), unseen(doubtSign(), t("doubtful"), fold.doubtful(coil)));
  doubtKey.hidden = !fold.coils.some((one) => fold.doubtful(one) > 0);
  if (coil.record) rows.push(el("tr", {}, el("th", { scope: "row" }, t("grade")), el("td", { class: "number", colSpan: 2 }, t(`grade.${coil.record.grade}`))));
  byId("classes").replaceChildren(...rows);
  newest.show(coil, line.classes);
}

function frame() {
  requestAnimationFrame(frame);
  const ms = performance.now();
  if (!isDue && !reached.isMoving(ms)) return;
  isDue = false;
  if (!line) return;
  const statuses = Object.fromEntries(line.cameras.map(({ camera }) => [camera, statusOf(camera)]));
  isDue = !strips.draw({ fold, line, backdrops, ms, head: reached.at(ms) || (fold.coil ? fold.coil.base + fold.coil.length : 0), behind: reached.behind(ms), statuses });
  const hints = [t("strip.hint", { metres: metres((strips.right - 52) / strips.scale, 1) })], undrawn = fold.coil ? fold.undrawn(fold.coil) : 0;
  if (undrawn > 0) hints.push(t("undrawn", { metre: metres(undrawn, 1) }));
  put(byId("strip"), "ariaLabel", fold.coils.length ? t("strip") : t("strip.none")); put(byId("strip-hint"), "textContent", hints.join(" · "));
}

// Writes what is another: each word that is written has the page laid out again.
function put(node, what, words) { if (node[what] !== words) node[what] = words; }

// The archive's picture of what is to be seen: asked for as it grows.
const AGAIN_MS = 500, LATE = 8, passed = [], backdrops = new Map(), onPicture = () => { isDue = true; };
function backdrop() {
  const seen = strips.seen ?? [];
  for (const coil of [...backdrops.keys()]) if (!seen.some((stretch) => stretch.coil === coil)) backdrops.delete(coil);
  if (fold.coil) passed.push({ coil: fold.coil, mm: fold.coil.length });
  if (passed.length > LATE) passed.shift();   // what passed so long ago has its picture by now, or none at all
  if (!isOn() || isLost) return;
  for (const { coil, from, to } of seen) {
    if (!backdrops.has(coil)) backdrops.set(coil, new Backdrop({ coil: coil.name, ...(coil.started ? { since: coil.started } : {}) }, onPicture));
    const backdrop = backdrops.get(coil);
    backdrop.until = coil.isOver ? Infinity : (passed.find((one) => one.coil === coil)?.mm ?? 0);
    backdrop.load({ from, to: to + 5000, scale: strips.scale * strips.sharp });
  }
}

shell(); rememberOperator();
if (facts.has_strip) { byId("backdrop-label").hidden = false; backdropChooser(byId("backdrop"), onPicture); setInterval(backdrop, AGAIN_MS); }
const chooser = byId("window");
chooser.value = localStorage.getItem("window") ?? "10";
const resize = () => { strips.windowM = (Number(chooser.value) || 10) / perMetre; isDue = true; };
chooser.addEventListener("change", () => { localStorage.setItem("window", chooser.value); resize(); });
window.addEventListener("resize", resize); resize();
byId("sound").checked = localStorage.getItem("sound") === "1";
byId("sound").addEventListener("change", () => localStorage.setItem("sound", byId("sound").checked ? "1" : "0"));
hearable(byId("sound"), byId("sound-hint"));
strips.onPick = (coil, defect) => location.assign(address("/coil", { coil: coil.name, defect: defect.id }));
const link = new Link(address("/api/stream"), receive, (gone, since) => { isLost = gone ? since : 0; report(); if (now) cameras(); isDue = true; });
requestAnimationFrame(frame);
window.station = { fold, reached, strips, link };   // for whoever looks from outside: tests, a console
