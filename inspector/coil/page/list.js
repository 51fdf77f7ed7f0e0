// The list: as many rows as the window shows, whatever the number of defects. And the worst defects as cards.

import { area, big, coil, count, el, ids, leftMm, lengthMm, loadIds, meta, metres, SEVERITIES, short, startMm, t, unit, widthMm, word, written } from "./data.js";
import { nice } from "./map.js";
import { colourOf, printing, sign } from "./marks.js";

const PITCH = 26, PRINTED = 60;
const COLUMNS = [
  ["class", (i) => meta.names[coil.kind[i]], (i) => coil.kind[i]], ["severity", (i) => word("severity", SEVERITIES[coil.severity[i]]), (i) => coil.severity[i]],
  ["side", (i) => word("side", meta.sides_by_number[coil.side[i]]), (i) => coil.side[i]], ["place", (i) => metres(startMm(i)), (i) => coil.start[i], 1],
  ["from_tail", (i) => metres(meta.length_mm - startMm(i) - lengthMm(i)), (i) => -coil.start[i] - coil.length[i], 1], ["across", (i) => short(leftMm(i)), (i) => coil.left[i], 1],
  ["length_of", (i) => short(lengthMm(i)), (i) => coil.length[i], 1], ["width_of", (i) => short(widthMm(i)), (i) => coil.width[i], 1],
  ["area_of", (i) => area(coil.area[i]), (i) => coil.area[i], 1], ["certain", (i) => Math.round(coil.confidence[i] / 10) + " %", (i) => coil.confidence[i], 1],
  ["camera", (i) => meta.cameras[coil.camera[i]], (i) => coil.camera[i]], ["id", (i) => (ids ? ids[i] : "\u2026"), (i) => i],
];

// A column's name with the reader's units.
const titled = (name) => t(name, unit());

export class List {
  constructor(pane, onPick) {
    this.pane = pane; this.table = pane.querySelector("table"); this.body = pane.querySelector("tbody"); this.onPick = onPick; this.by = 1; this.down = true; this.chosen = -1; this.order = new Int32Array(0);
    this.space = el("div", undefined, pane);
    const head = pane.querySelector("thead tr");
    COLUMNS.forEach(([name, , , isNumber], n) => { const cell = el("th", titled(name), head); if (isNumber) cell.className = "number"; cell.tabIndex = 0; pressed(cell, () => { this.down = this.by === n ? !this.down : Boolean(isNumber) || n === 1; this.by = n; this.sort(); }); });
    pane.addEventListener("keydown", (event) => this.press(event));
    pane.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()));
  }

  // Up and down pick the defect before and behind, as a click on its row does.
  press(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || event.target !== this.pane || !this.order.length) return;
    event.preventDefault();
    const at = this.order.indexOf(this.chosen), next = at < 0 ? (by > 0 ? 0 : this.order.length - 1) : Math.min(this.order.length - 1, Math.max(0, at + by));
    const y = next * PITCH, room = this.pane.clientHeight - 2 * PITCH;
    if (y < this.pane.scrollTop || y > this.pane.scrollTop + room) this.pane.scrollTop = Math.max(0, y - room / 2);
    this.onPick(this.order[next], true);
  }

  set(shown) { this.order = Int32Array.from(shown); this.sort(); }

  sort() {
    const value = COLUMNS[this.by][2], keys = new Float64Array(count), turn = this.down ? -1 : 1;
    for (const i of this.order) keys[i] = this.by === 1 ? coil.rank[i] : value(i);
    this.order.sort((a, b) => turn * (keys[a] - keys[b]) || a - b);
    this.pane.querySelectorAll("th").forEach((cell, n) => { if (n === this.by) cell.setAttribute("aria-sort", this.down ? "descending" : "ascending"); else cell.removeAttribute("aria-sort"); });
    this.pane.style.height = Math.min(460, (this.order.length + 1) * PITCH + 20) + "px";
    this.pane.scrollTop = 0; this.draw();
  }

  draw() {
    const first = printing ? 0 : Math.max(0, Math.floor(this.pane.scrollTop / PITCH) - 4), rows = printing ? PRINTED : Math.ceil(this.pane.clientHeight / PITCH) + 8;
    this.space.style.height = (this.order.length + 1) * PITCH + "px"; this.space.hidden = printing; this.table.style.top = first * PITCH + "px";
    this.body.replaceChildren();
    for (const i of this.order.slice(first, first + rows)) {
      const row = el("tr", undefined, this.body); if (i === this.chosen) row.className = "chosen"; row.onclick = () => this.onPick(i);
      COLUMNS.forEach(([, show, , isNumber], n) => { const cell = el("td", undefined, row); if (isNumber) cell.className = "number"; if (!n) cell.append(sign(coil.kind[i]), " "); cell.append(show(i)); });
    }
    if (this.order.length && !ids && !printing) loadIds().then(() => this.draw());
    document.getElementById("print-note").textContent = this.order.length > PRINTED ? t("print_note", { shown: PRINTED, count: big(this.order.length), column: titled(COLUMNS[this.by][0]) }) : "";
  }
}

// A click, and what stands for it on a keyboard.
function pressed(node, act) {
  node.onclick = act;
  node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } });
}

export function drawWorst(shown, onPick) {
  const pane = document.getElementById("worst"), best = []; pane.replaceChildren();
  for (const i of shown) { if (best.length < 12 || coil.rank[i] > coil.rank[best[11]]) { best.push(i); best.sort((a, b) => coil.rank[b] - coil.rank[a]); best.length = Math.min(12, best.length); } }
  for (const i of best) {
    const figure = el("figure", undefined, pane), crop = meta.crops[i]; const shown = crop ? pictured(i, crop) : outlined(i); figure.onclick = () => onPick(i); figure.append(shown);
    const words = el("figcaption", undefined, figure), name = el("b", undefined, words); name.append(sign(coil.kind[i]), ` ${meta.names[coil.kind[i]]}, ${word("severity", SEVERITIES[coil.severity[i]])}`);
    words.append(t("at", { place: `${metres(startMm(i))} ${unit().large}`, across: `${short(leftMm(i), 0)} ${unit().small}`, side: word("side", meta.sides_by_number[coil.side[i]]) }), document.createElement("br"), `${short(lengthMm(i))} x ${short(widthMm(i))} ${unit().small}`);
    shown.setAttribute("tabindex", "0"); shown.setAttribute("role", "button"); shown.setAttribute("aria-label", `${words.innerText || words.textContent} ${shown.textContent}`.trim());
    shown.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onPick(i, true); } });
    if (!crop) el("i", t("no_picture"), el("div", undefined, words));
    else if (crop.label) el("i", t("labelled", { label: crop.label }), el("div", undefined, words));
  }
}

const SVG = "http://www.w3.org/2000/svg";
function shape(name, facts, parent) { const node = document.createElementNS(SVG, name); for (const key in facts) node.setAttribute(key, facts[key]); if (parent) parent.append(node); return node; }

function pictured(i, crop) {
  const svg = shape("svg", { viewBox: `0 0 ${crop.width} ${crop.height}`, preserveAspectRatio: "xMidYMid meet" });
  shape("image", { href: crop.src, width: crop.width, height: crop.height }, svg);
  for (const [ink, wide] of [["#fff", 3.2], [colourOf(coil.kind[i]), 1.6]]) for (const points of crop.outlines) shape("polygon", { points: points.join(" "), fill: "none", stroke: ink, "stroke-width": wide, "stroke-linejoin": "round", "vector-effect": "non-scaling-stroke" }, svg);
  return svg;
}

function outlined(i) {
  const w = Math.max(lengthMm(i), 1), h = Math.max(widthMm(i), 1), room = Math.max(w / 200, h / 100) * 1.35, left = 100 - w / room / 2, top = 52 - h / room / 2;
  const svg = shape("svg", { viewBox: "0 0 200 128" }), by = unit().smallMm, bar = nice(40 * room / by), long = bar * by / room;
  shape("rect", { x: left, y: top, width: Math.max(1.5, w / room), height: Math.max(1.5, h / room), fill: colourOf(coil.kind[i]), "fill-opacity": .22, stroke: colourOf(coil.kind[i]), "stroke-width": 1.6 }, svg);
  shape("path", { d: `M12 112v6M12 115h${long}M${12 + long} 112v6`, stroke: "#68717b", fill: "none" }, svg);
  shape("text", { x: 18 + long, y: 119, "font-size": 11, fill: "#68717b" }, svg).textContent = `${written(+bar.toPrecision(2))} ${unit().small}`;
  return svg;
}
