// The last weeks: grades, defects, what was missed, rolls, alarms, cameras. Each has a table to take along.

import { colourOf } from "/static/coil/marks.js";
import { address, ask, Lost } from "./ask.js";
import { byId, el } from "./dom.js";
import { facts } from "./facts.js";
import { dash, lines, spark, stack } from "./plot.js";
import { prioritySign } from "./shapes.js";
import { reach, shell } from "./shell.js";
import { mm, perMetre } from "./units.js";
import { date, dayOf, lasting, number, t } from "./words.js";

const GRADES = ["release", "hold", "block", "ungraded"], STATES = ["failure", "check_function", "out_of_specification", "maintenance_required", "normal", "unknown"];
const cell = (text, kind = "number") => el("td", { class: kind }, text);
const legend = (place, ...parts) => byId(place).replaceChildren(...parts);
const colour = (classes, name) => colourOf(Math.max(0, classes.indexOf(name)));

// How wide a chart is; on paper they are half as wide as on a screen.
const PAPER = 600;
const wide = (place, isPaper) => (isPaper ? PAPER : Math.max(440, byId(place).clientWidth));

function drawDays({ days, classes, alarms_a_day, most_a_day }, isPaper) {
  const labels = days.map((day) => dayOf(day.day));
  byId("grades").replaceChildren(stack(t("grades"), labels, GRADES.map((grade) => ({ name: t(`grade.${grade}`), kind: grade, values: days.map((day) => day.grades[grade] ?? 0) })), { width: wide("grades", isPaper) }));
  legend("grades-legend", ...GRADES.map((grade) => el("span", {}, el("i", { class: `swatch ${grade}` }), t(`grade.${grade}`))));
  const names = [...new Set([...classes, ...days.flatMap((day) => Object.keys(day.per_km))])];
  byId("density").replaceChildren(lines(t("per_km"), labels, names.map((name) => ({ name, colour: colour(names, name), values: days.map((day) => (day.coils ? (day.per_km[name] ?? 0) / perMetre : null)) })), { width: wide("density", isPaper) }));
  legend("density-legend", ...names.map((name, which) => { const key = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "line"); key.setAttribute("viewBox", "0 0 30 8"); key.setAttribute("class", "key"); for (const [fact, value] of Object.entries({ x1: 0, x2: 30, y1: 4, y2: 4, stroke: colour(names, name), "stroke-width": 2.4, "stroke-dasharray": dash(which) })) line.setAttribute(fact, value); key.append(line); return el("span", {}, key, name); }));
  byId("missed").replaceChildren(stack(t("missed"), labels, [{ name: t("missed"), kind: "missed", values: days.map((day) => day.missed_m * perMetre) }], { width: wide("missed", isPaper), digits: 2 }));
  byId("raised").replaceChildren(stack(t("raised"), labels, [{ name: t("raised"), kind: "raised", values: alarms_a_day }], { width: wide("raised", isPaper), limit: most_a_day }));
  const sum = (pick) => days.reduce((all, day) => all + pick(day), 0);
  const figures = [["coils", number(sum((day) => day.coils))], ["strip_km", number(sum((day) => day.length_m) * perMetre / 1000, sum((day) => day.length_m) < 1000 ? 3 : 1)], ...["missed_m", "doubtful_m"].map((name) => { const metres = sum((day) => day[name]); return [name, number(metres * perMetre, 1), metres > 0]; }), ["blocked", number(sum((day) => day.grades.block ?? 0)), sum((day) => day.grades.block ?? 0) > 0]];
  return figures;
}

function drawRolls({ rolls }) {
  byId("rolls").replaceChildren(...rolls.map((roll) => el("tr", { class: roll.grows_since ? "wrong" : "" },
    el("th", { scope: "row" }, roll.roll || t("unknown_roll")), cell(roll.name, ""), cell(t(`side.${roll.side}`), ""), cell(mm(roll.period_mm, 1, true)), cell(number(roll.coils.length)), el("td", {}, spark(t("per_100m"), roll.per_100_m.map((value) => value / perMetre), !!roll.grows_since)), cell(number(roll.per_100_m.at(-1) / perMetre, 2)), cell(roll.grows_since ? t("grows_since", { time: date(roll.grows_since) }) : "", ""))));
  byId("no-rolls").hidden = rolls.length > 0;
}

function drawAlarms({ alarms, overall, worst, most_a_day }) {
  const figures = [["a_day", number(overall.a_day, 1), overall.a_day > most_a_day], ["worst_ten_min", number(overall.worst_ten_min), overall.worst_ten_min > 10], ["flooded", `${number(100 * overall.flooded, 1)} %`, overall.flooded > .01], ["chattering", number(overall.chattering), overall.chattering > 0], ["standing", number(overall.standing), overall.standing > 0]];
  byId("alarm-figures").replaceChildren(...figures.map(figure));
  const all = Math.max(1, overall.raised);
  byId("priorities").textContent = ["high", "medium", "low"].map((priority) => `${t(`priority.${priority}`)} ${number((100 * (overall.priorities[priority] ?? 0)) / all)} %`).join(", ");
  byId("worst").replaceChildren(...alarms.slice(0, worst).map((one) => el("tr", {}, el("th", { scope: "row" }, prioritySign(one.priority, t(`priority.${one.priority}`), 18), ` ${one.name}`), cell(number(one.raised)), cell(`${number(100 * one.share)} %`), cell(one.chattering ? number(one.chattering) : "–"), cell(one.longest_h ? lasting(3600 * one.longest_h) : "–"), cell(one.is_standing ? t("stands") : "", ""), cell(one.answered_s === null ? "–" : lasting(one.answered_s)))));
}

function drawCameras({ cameras }) {
  byId("cameras").replaceChildren(...cameras.map((one) => el("tr", {}, el("th", { scope: "row" }, one.camera), ...STATES.map((state) => cell(one.hours[state] >= .01 ? number(one.hours[state], 1) : "–", `number${state === "failure" && one.hours[state] >= .01 ? " bad" : ""}`)), cell(Object.entries(one.faults).map(([fault, count]) => `${t(`fault.${fault}`)} ${count}`).join(", "), ""))));
}

const figure = ([name, text, isWrong]) => el("div", { class: isWrong ? "wrong" : "" }, el("span", {}, t(`figure.${name}`)), el("b", {}, text));

let found = null;
function draw(isPaper = false) {
  if (!found) return;
  byId("sums").replaceChildren(...drawDays(found, isPaper).map(figure));
  drawRolls(found); drawAlarms(found); drawCameras(found);
  byId("since").hidden = !found.since; byId("since").textContent = found.since ? t("history.since", { time: date(found.since) }) : "";
}

async function load() {
  const days = byId("days").value;
  try {
    found = await (await ask("/api/history", { days })).json();
    byId("fault").hidden = true;
    draw();
    for (const link of document.querySelectorAll("[data-table]")) link.href = address("/api/history", { days, table: link.dataset.table, units: facts.units });
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    if (error instanceof Lost) throw error;
    byId("fault").hidden = false; byId("fault").textContent = error.message;
  }
}

shell();
byId("days").addEventListener("change", () => reach(load)); byId("print").addEventListener("click", () => window.print());
const AGAIN_MS = 300_000;                // a wall shows it for days
setInterval(() => reach(load), AGAIN_MS);
let later = 0;
window.addEventListener("resize", () => { clearTimeout(later); later = setTimeout(draw, 150); });
window.addEventListener("beforeprint", () => draw(true)); window.addEventListener("afterprint", () => draw());
reach(load);
