// The newest defects of the coil as links, as many as there is room for: what the strip shows, for who has no mouse, too.

import { sign } from "/static/coil/marks.js";
import { address } from "./ask.js";
import { el } from "./dom.js";
import { metres, mm } from "./units.js";
import { t } from "./words.js";

const ROW_PX = 28, HEAD_PX = 55, LEAST = 1, MOST = 40, AGAIN_MS = 1000, MARGIN_PX = 10;

export class Newest {
  constructor(room, list) {
    this.room = room; this.list = list; this.rows = 0; this.coil = null; this.classes = []; this.shown = ""; this.drawnMs = -Infinity; this.timer = 0;
    new ResizeObserver(() => this.fit()).observe(room);
  }

  fit() {
    const high = this.room.clientHeight - (this.list.parentElement.hidden ? MARGIN_PX : 0);   // of the alarms' panel, which has it otherwise
    const rows = Math.min(MOST, Math.floor((high - HEAD_PX) / ROW_PX));
    if (rows !== this.rows) { this.rows = rows; this.draw(); }
  }

  // Once a second at most: nobody reads faster.
  show(coil, classes) {
    this.coil = coil; this.classes = classes;
    this.timer ||= setTimeout(() => { this.timer = 0; this.drawnMs = performance.now(); this.draw(); }, Math.max(0, this.drawnMs + AGAIN_MS - performance.now()));
  }

  draw() {
    const panel = this.list.parentElement, found = this.coil ? [...this.coil.defects.values()].slice(-Math.max(0, this.rows)).reverse() : [];
    panel.hidden = this.rows < LEAST || !found.length;
    if (panel.hidden || this.list.matches(":hover, :focus-within")) return;   // nothing moves from under a hand
    const key = found.map((one) => [one.id, one.end_mm, one.severity].join()).join();
    if (key === this.shown) return;
    this.shown = key;
    this.list.replaceChildren(...found.map((defect) => this.row(defect)));
  }

  row(defect) {
    const place = this.classes.indexOf(defect.name);
    return el("li", {}, el("a", { href: address("/coil", { coil: defect.coil, defect: defect.id }) },
      sign(place < 0 ? this.classes.length : place, 15), el("b", {}, defect.name), el("span", { class: `hint ${defect.severity ?? ""}` }, defect.severity ? t(`severity.${defect.severity}`) : ""),
      el("span", { class: "place" }, metres(defect.start_mm, 2)), el("span", { class: "hint" }, t(`side.${defect.side}`)),
      el("span", { class: "hint" }, `${t("across")} ${mm(defect.left_mm, 0)}`), el("span", { class: "hint" }, `${mm(defect.end_mm - defect.start_mm, 0, true)} × ${mm(defect.right_mm - defect.left_mm, 0)}`)));
  }
}
