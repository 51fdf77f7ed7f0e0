// What an alarm says, in the reader's words: the line writes it in English, each kind in a form of its own (alarms/quantity.py, standing.py).
// One that is not known here stays as the line wrote it.

import { figure, isInches } from "./units.js";
import { number, t } from "./words.js";

const WITHIN = String.raw`within (?<within>[\d.e+-]+) m(?: \((?<classes>.*)\))?`, NUMBER = String.raw`[\d.e+-]+`;
const FORMS = [
  ["defects", `(?<count>\\d+) defects? ${WITHIN}`],
  ["crowded", `(?<count>\\d+) crowded frames? ${WITHIN}`],
  ["density", `(?<density>${NUMBER}) defects a metre ${WITHIN}`],
  ["area", `(?<area>${NUMBER}) mm² of defects ${WITHIN}`],
  ["missed", `(?<length>${NUMBER}) m of strip missed ${WITHIN}`],
  ["nothing", "no longer reported"],
  ["none", `no defect ${WITHIN}`],
  ["fewer", `fewer than (?<count>\\d+) defects ${WITHIN}`],
  ["repeats", `(?<name>.+) repeats each (?<period>${NUMBER}) mm(?: \\((?<rolls>.*)\\))?: (?<count>\\d+) marks?`],
  ["grade", "coil (?<coil>.+): (?<grade>release|hold|block)"],
  ["device", "(?<device>[^:]+): (?<status>failure|check function|out of specification|maintenance required|normal)(?:, (?<why>.*))?"],
].map(([key, form]) => [key, new RegExp(`^${form}$`, "dsu")]);
// What a fault of a camera says that has a length in it (camera_health/faults.py).
const ASIDE = new RegExp(`^camera .+ sees the strip (?<shift>${NUMBER}) mm (?:left|right) of its usual place:.*$`, "dsu");
// What of a form is measured, and the unit behind it.
const MEASURED = { density: "defects a metre", area: "mm²", length: "m", within: "m", period: "mm", shift: "mm" };

// The kind of a sentence, and what it names; null where it is none of those.
export function parsed(text) {
  for (const [kind, form] of FORMS) { const found = form.exec(text); if (found) return { kind, ...found.groups }; }
  return null;
}

// The line's own words, with their lengths as the reader wants them: what is measured, and no name that reads like it.
export function reworded(text, units) {
  const form = isInches(units) && [...FORMS.map(([, form]) => form), ASIDE].find((form) => form.test(text));
  if (!form) return text;
  const { groups = {}, indices } = form.exec(text);
  if (groups.why) return text.slice(0, -groups.why.length) + reworded(groups.why, units);
  const places = Object.entries(MEASURED).filter(([name]) => groups[name]).map(([name, unit]) => ({ unit, from: indices.groups[name][0], to: indices.groups[name][1] }));
  return places.sort((a, b) => b.from - a.from).reduce((words, { unit, from, to }) => words.slice(0, from) + figure(words.slice(from, to), unit, units).join(" ") + words.slice(to + 1 + unit.length), text);
}

const DEVICES = ["recipe", "journal", "archive"];      // the rest are cameras, and the inspector itself
const measure = (text, unit) => text && figure(text, unit).join(" ");
const listed = (text) => (text ? ` (${text.split(" or ").join(", ")})` : "");

// `reasons` says in the reader's words why a device is as it is, where it knows the line's.
export function sentence(text, language = document.documentElement.lang, reasons = (why) => why) {
  const found = language === "en" ? null : parsed(text);
  if (!found) return reworded(text);
  const { kind, within, classes, length, period, rolls, grade, status, why, density, area, count } = found;
  const values = {
    ...found, device: DEVICES.includes(found.device) ? t(found.device) : found.device, count: count && number(+count), density: density && figure(density, "defects a metre")[0],
    area: measure(area, "mm²"), within: measure(within, "m"), length: measure(length, "m"), period: measure(period, "mm"), grade: grade && t(`grade.${grade}`), status: status && t(`ne107.${status.replaceAll(" ", "_")}`), why: why ? `, ${reasons(why)}` : "",
  };
  return t(`sentence.${kind}`, values) + listed(classes ?? rolls);
}
