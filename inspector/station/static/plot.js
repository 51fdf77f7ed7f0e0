// Charts as SVG: stacked bars for each day, a line for each name. Grey, with colour only for what is wrong; read as a table too.

import { bars, dated, stacked, ticks } from "./scale.js";
import { number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg", LEFT = 46, RIGHT = 8, TOP = 8, LOW = 20;
const shape = (kind, values = {}, ...children) => { const node = document.createElementNS(SVG, kind); for (const [key, value] of Object.entries(values)) node.setAttribute(key, value); node.append(...children); return node; };

// As wide as its room, so that its words are as large as the page's.
function frame(title, top, labels, width, least = 0) {
  const height = Math.round(Math.min(300, Math.max(180, .24 * width))), svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title, class: "plot" }), marks = ticks(top, 4, least), high = height - TOP - LOW;
  const y = (value) => TOP + high * (1 - value / marks.at(-1)), digits = marks[1] < .1 ? 2 : marks[1] < 1 ? 1 : 0;
  for (const mark of marks) svg.append(shape("line", { x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark), class: "grid" }), shape("text", { x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end" }, number(mark, digits)));
  const places = bars(labels.length, width - LEFT - RIGHT).map(([left, width]) => [LEFT + left, width]), isDated = dated(labels.length, width / 70);
  labels.forEach((label, n) => { if (isDated(n)) svg.append(shape("text", { x: Math.min(places[n][0] + places[n][1] / 2, width - RIGHT - 18), y: height - 5, "text-anchor": "middle" }, label)); });
  return { svg, y, places };
}

// `series`: [{ name, kind, values }]; `kind` is the class that gives its look. `limit` is drawn as a line across.
export function stack(title, labels, series, { width = 600, digits = 0, limit = 0 } = {}) {
  const sums = labels.map((_, n) => series.reduce((sum, one) => sum + one.values[n], 0)), { svg, y, places } = frame(title, Math.max(...sums, 0), labels, width, digits ? 0 : 1);   // no half coils
  labels.forEach((label, n) => {
    const [x, width] = places[n];
    stacked(series.map((one) => one.values[n])).forEach(([from, to], which) => {
      if (to <= from) return;
      svg.append(shape("rect", { x, width, y: y(to), height: Math.max(.8, y(from) - y(to)), class: `part ${series[which].kind}` }, shape("title", {}, `${label}: ${series[which].name} ${number(to - from, digits)}`)));
    });
  });
  if (limit && y(limit) > TOP) svg.append(shape("text", { x: width - RIGHT, y: y(limit) - 4, "text-anchor": "end" }, number(limit)), shape("line", { x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit), class: "limit" }));
  return svg;
}

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "1 2", "12 4", "6 2 1 2"];
export const dash = (which) => DASHES[which % DASHES.length];

// A line for each name, distinguished by dashes and a sign at each point; a day without a value is a gap.
export function lines(title, labels, series, { width = 600, digits = 1 } = {}) {
  const { svg, y, places } = frame(title, Math.max(0, ...series.flatMap((one) => one.values.map((value) => value ?? 0))), labels, width);
  series.forEach((one, which) => {
    let path = "", isDown = false;
    one.values.forEach((value, n) => {
      if (value === null) { isDown = false; return; }
      const x = places[n][0] + places[n][1] / 2;
      path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y(value).toFixed(1)}`; isDown = true;
      svg.append(shape("circle", { cx: x, cy: y(value), r: 2.6, fill: one.colour, class: "dot" }, shape("title", {}, `${labels[n]}: ${one.name} ${number(value, digits)}`)));
    });
    if (path) svg.append(shape("path", { d: path, fill: "none", stroke: one.colour, "stroke-width": 1.8, "stroke-dasharray": dash(which) }));
  });
  return svg;
}

// A small line of one coil after the other, for a row of a table.
export function spark(title, values, isWrong) {
  const svg = shape("svg", { viewBox: "0 0 160 26", role: "img", "aria-label": title, class: `spark${isWrong ? " wrong" : ""}` }), top = Math.max(...values, 1e-9);
  const at = values.map((value, n) => [values.length > 1 ? 4 + (152 * n) / (values.length - 1) : 80, 22 - (18 * value) / top]);
  svg.append(shape("polyline", { points: at.map((place) => place.map((one) => one.toFixed(1)).join(" ")).join(", "), fill: "none" }), shape("circle", { cx: at.at(-1)[0], cy: at.at(-1)[1], r: 3 }));
  return svg;
}
