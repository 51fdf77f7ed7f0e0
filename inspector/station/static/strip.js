// The strip of each side under its cameras, true to scale: it comes in at the right, under the cameras, and goes left.

import { colourOf, hatch, sized, trace } from "/static/coil/marks.js";
import { marksOf } from "./fold.js";
import { drawState } from "./shapes.js";
import { Panes } from "./panes.js";
import { free, LABEL } from "./place.js";
import { metres, mm, perMetre } from "./units.js";
import { number, t } from "./words.js";

const LEFT = 52, RIGHT = 74, TOP = 16, SCALE = 24, GAP = 10, WHOLE = 10, LEAST_PX = 200, MOST_OF_SCREEN = .3, BAR_MS = 500, MARGIN = 160;
const STEEL = "#e9ebed", EDGE = "#9aa2ab", INK = "#2a3138", FAINT = "#5c656e", DOUBT = "#8a5a00";
const STEPS = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

// A long name's beginning: there is no more room on the scale.
const MOST_LETTERS = 20;
const shortened = (name) => (name.length > MOST_LETTERS ? `${[...name].slice(0, MOST_LETTERS - 1).join("")}…` : name);

export class Strips {
  constructor(canvas, tip) {
    this.canvas = canvas; this.tip = tip; this.windowM = 10; this.onPick = () => {};
    this.panes = new Panes((ctx, from, to) => this.pane(ctx, from, to)); this.bar = { canvas: document.createElement("canvas"), key: "", ms: -Infinity }; this.widths = new Map();
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("click", (event) => { const hit = this.near(event); if (hit) this.onPick(hit.coil, hit.defect); });
  }

  // `view`: fold, line (sides, cameras, classes), head of the strip on the line in mm, positions by camera, the time in ms.
  // Returns whether all that is to be seen is up to date; else it is to be drawn again soon.
  draw(view) {
    const sides = view.line?.sides ?? [], width = Math.max(320, this.canvas.parentElement.clientWidth), inner = width - LEFT - RIGHT;
    const across = sides.reduce((sum, side) => sum + side.right - side.left, 0) || 1;
    this.scale = Math.min(inner / (1000 * this.windowM), (this.tallest() - GAP * (sides.length - 1)) / across);
    let y = TOP;
    this.lanes = sides.map((side) => { const lane = { ...side, y, h: Math.max(8, (side.right - side.left) * this.scale) }; y += lane.h + GAP; return lane; });
    const low = y - GAP, height = low + SCALE + WHOLE * sides.length + 14;
    this.sharp = Math.min(3, (window.devicePixelRatio || 1) * this.enlarged());
    this.ctx = sized(this.canvas, width, height, this.sharp);
    this.right = width - RIGHT; this.head = view.head; this.from = view.head - inner / this.scale; this.view = view; this.labels = [];
    this.left = LEFT; this.zero = this.right - this.head * this.scale; this.to = this.head;
    for (const lane of this.lanes) this.lane(lane);
    const isFresh = this.marks(low);
    for (const lane of this.lanes) this.over(lane);
    if (!view.fold.coils.length) this.nothing(width, (TOP + low) / 2);
    return this.whole(low + SCALE + 10, inner) && isFresh;
  }

  // Strip of which the oldest defects are no longer here: it only looks clean.
  undrawn(lane, coil) {
    const begin = Math.max(this.left, this.x(coil.base)), end = Math.min(this.x(this.to), this.x(coil.base + this.view.fold.undrawn(coil)));
    hatch(this.ctx, begin, lane.y, end - begin, lane.h, 10, -1, EDGE);
  }

  x(mm) { return this.zero + mm * this.scale; }
  mm(x) { return (x - this.zero) / this.scale; }

  // What moves and grows with each picture: steel, and its picture.
  lane(lane) {
    const ctx = this.ctx, cameras = this.cameras(lane);
    ctx.save(); ctx.beginPath(); ctx.rect(LEFT, 0, this.right - LEFT, lane.y + lane.h + 14); ctx.clip();
    const spans = cameras.map((camera) => this.steel(lane, camera)), begin = Math.min(...spans.map(([from]) => from)), end = Math.max(...spans.map(([, to]) => to));
    if (end > begin) this.pictured(lane, begin, end);
    ctx.restore();
    ctx.fillStyle = FAINT; ctx.textAlign = "right"; ctx.textBaseline = "middle"; ctx.font = "12px system-ui, sans-serif";
    ctx.fillText(t(`side.${lane.name}`), LEFT - 8, lane.y + lane.h / 2);
    this.heads(lane);
  }

  // What lies on it, and the scale under it: copied from panes.
  marks(low) {
    const { fold, ms } = this.view, ctx = this.ctx, margin = 24;
    ctx.save(); ctx.beginPath();
    this.shown(low);
    const [begin, end] = this.uncut(LEFT - margin, this.right + margin);
    ctx.rect(begin, low, end - begin, SCALE + 4); ctx.clip();
    const key = [this.scale, this.sharp, ...this.lanes.map((lane) => `${lane.name} ${lane.h}`), ...fold.coils.map((coil) => `${coil.name} ${coil.base}`)].join();
    const isFresh = this.panes.copy(ctx, { key, changes: fold.changes, scale: this.scale, sharp: this.sharp, height: low + SCALE + 4, from: this.from - margin / this.scale, to: this.head + margin / this.scale, x: LEFT - margin, ms });
    ctx.restore();
    return isFresh;
  }

  // Where marks are drawn: a mark is not there before its strip. One piece where all cameras are at one place: it is copied faster.
  shown(low) {
    const ends = this.lanes.flatMap((lane) => this.cameras(lane).map((camera) => [...this.place(lane, camera.left_mm, camera.right_mm), Math.round(this.x(this.reach(camera)))]));
    if (ends.every(([, , x]) => x === ends[0][2])) this.ctx.rect(LEFT, 0, Math.max(0, (ends[0]?.[2] ?? LEFT) - LEFT), low);
    else for (const [y, h, x] of ends) this.ctx.rect(LEFT, y - GAP / 2, Math.max(0, x - LEFT), h + GAP);
  }

  // A pane: the strip from `from` to `to`, whose left edge is the canvas's.
  pane(ctx, from, to) {
    const kept = [this.ctx, this.left, this.zero, this.from, this.to], margin = MARGIN / this.scale;
    this.ctx = ctx; this.left = -60; this.zero = -from * this.scale; this.from = from - margin; this.to = to + margin;   // -60: where no hatching's lines are others
    for (const lane of this.lanes) for (const coil of this.view.fold.coils) this.lying(lane, coil);
    this.axis(this.lanes.at(-1).y + this.lanes.at(-1).h);
    [this.ctx, this.left, this.zero, this.from, this.to] = kept;
  }

  lying(lane, coil) {
    const isSeen = (box) => coil.base + box.end_mm >= this.from && coil.base + box.start_mm <= this.to;
    this.undrawn(lane, coil);
    for (const part of coil.doubtful) if (isSeen(part)) this.across(lane, coil, part, 12, -1, DOUBT);
    for (const gap of coil.missed) if (isSeen(gap)) this.across(lane, coil, gap);
    for (const box of coil.crowded) if (box.side === lane.name && isSeen(box)) this.box(lane, coil, box, (x, y, w, h) => hatch(this.ctx, x, y, Math.max(2, w), h, 4, -1, "#8b1d16"));
    for (const defect of coil.defects.values()) if (defect.side === lane.name && isSeen(defect)) this.defect(lane, coil, defect);
    for (const repeat of coil.repeats.values()) if (repeat.side === lane.name) this.repeat(lane, coil, repeat);
    if (coil.base > 0) this.weld(lane, coil);
  }

  // The words of repeats, which stay on the screen while their marks pass.
  over(lane) {
    const ctx = this.ctx;
    ctx.save(); ctx.beginPath(); ctx.rect(LEFT, 0, this.right - LEFT, lane.y + lane.h + 14); ctx.clip();
    for (const coil of this.view.fold.coils) for (const repeat of coil.repeats.values()) if (repeat.side === lane.name) this.words(lane, coil, repeat);
    ctx.restore();
  }

  cameras(lane) { return this.view.line.cameras.filter((camera) => camera.side === lane.name); }

  place(lane, left, right) { return [lane.y + (left - lane.left) * this.scale, Math.max(1, (right - left) * this.scale)]; }

  // Up to where a camera's strip is shown, mm on the line: what it has seen, or is reported to have missed.
  reach(camera) {
    const missed = this.view.fold.coils.map((coil) => (coil.missedTo[camera.camera] ? coil.base + coil.missedTo[camera.camera] : 0));
    return Math.min(this.head, Math.max(this.head - (this.view.behind[camera.camera] ?? 0), ...missed));
  }

  // What a camera has seen so far.
  steel(lane, camera) {
    const ctx = this.ctx, [y, h] = this.place(lane, camera.left_mm, camera.right_mm), first = this.view.fold.coils[0];
    const begin = Math.max(LEFT, this.x(first ? first.base : 0)), end = this.x(this.reach(camera));
    if (end <= begin) return [Infinity, -Infinity];
    ctx.fillStyle = STEEL; ctx.fillRect(begin, y, end - begin, h);
    ctx.strokeStyle = EDGE; ctx.lineWidth = 1; ctx.strokeRect(begin - .5, y + .5, end - begin + 1, Math.max(1, h - 1));
    return [begin, end];
  }

  // What the archive has of it, between two places of the screen.
  pictured(lane, begin, end) {
    const coils = this.view.fold.coils;
    coils.forEach((coil, n) => {
      const from = Math.max(0, this.mm(begin) - coil.base), to = Math.min(coils[n + 1] ? coil.length : Infinity, this.mm(end) - coil.base);
      if (to > from) this.view.backdrops.get(coil)?.paint(this.ctx, { side: lane.name, from, to, x: this.x(coil.base + from), y: lane.y, left: lane.left, right: lane.right, scale: this.scale, sharp: this.sharp, isMoving: true });
    });
  }

  nothing(width, y) {
    const ctx = this.ctx;
    ctx.fillStyle = FAINT; ctx.font = "15px system-ui, sans-serif"; ctx.textAlign = "center"; ctx.textBaseline = "middle"; ctx.fillText(t("strip.none"), width / 2, y);
  }

  // Stretches of coils that are on the screen.
  get seen() {
    const coils = this.view?.fold.coils ?? [];
    return coils.map((coil, n) => ({ coil, from: Math.max(0, this.from - coil.base), to: Math.min(coils[n + 1] ? coil.length : Infinity, this.head - coil.base) })).filter(({ from, to }) => to > from);
  }

  box(lane, coil, box, paint) {
    const [y, h] = this.place(lane, box.left_mm, box.right_mm), x = this.x(coil.base + box.start_mm);
    paint(x, y, (box.end_mm - box.start_mm) * this.scale, h);
  }

  // A stretch as wide as its camera sees, hatched.
  across(lane, coil, gap, ...how) {
    const camera = this.cameras(lane).find((one) => one.camera === gap.camera);
    if (!camera || gap.end_mm <= gap.start_mm) return;
    this.box(lane, coil, { ...gap, left_mm: camera.left_mm, right_mm: camera.right_mm }, (x, y, w, h) => { const begin = Math.max(x, this.left - 8), end = Math.min(Math.max(x + w, begin + 2), this.x(this.to)); hatch(this.ctx, begin, y, end - begin, h, ...how); });
  }

  kind(name) { const place = this.view.line.classes.indexOf(name); return place < 0 ? this.view.line.classes.length : place; }

  defect(lane, coil, defect) {
    const ctx = this.ctx, kind = this.kind(defect.name), colour = colourOf(kind);
    this.box(lane, coil, defect, (x, y, w, h) => {
      const wide = defect.severity === "critical" ? 2.6 : defect.severity === "major" ? 1.8 : 1.1;
      ctx.fillStyle = colour; ctx.globalAlpha = .2; ctx.fillRect(x, y, Math.max(1, w), h); ctx.globalAlpha = 1;
      ctx.strokeStyle = colour; ctx.lineWidth = wide; ctx.strokeRect(x, y, Math.max(1, w), h);
      const cx = x + w / 2, cy = y + h / 2;
      if (Math.min(w, h) < 26) { ctx.fillStyle = colour; ctx.strokeStyle = "#fff"; ctx.lineWidth = 1.4; ctx.beginPath(); trace(ctx, kind, cx, cy, defect.severity === "critical" ? 6.5 : 5); ctx.stroke(); ctx.fill(); }
    });
  }

  // The marks of a repeat, found once as long as nothing on the strip is another: their middles along the coil, mm, and its words.
  linked(coil, repeat) {
    const { changes } = this.view.fold;
    if (this.marksAt !== changes) { this.marksAt = changes; this.marksBy = new Map(); }
    if (!this.marksBy.has(repeat)) {
      const words = t("repeat", { each: mm(repeat.period_mm, 1), by: repeat.rolls.join(` ${t("or")} `) || t("unknown_roll") });
      this.marksBy.set(repeat, { middles: marksOf(repeat, coil.defects).map((one) => (one.start_mm + one.end_mm) / 2), words });
    }
    return this.marksBy.get(repeat);
  }

  // How wide words are.
  wide(words, font) {
    const key = `${font} ${words}`;
    if (this.widths.size > 500) this.widths.clear();
    if (!this.widths.has(key)) { this.ctx.font = font; this.widths.set(key, this.ctx.measureText(words).width); }
    return this.widths.get(key);
  }

  repeat(lane, coil, repeat) {
    const ctx = this.ctx, y = lane.y + (repeat.across_mm - lane.left) * this.scale, { middles } = this.linked(coil, repeat), first = this.x(coil.base + middles[0]), last = this.x(coil.base + middles.at(-1)), begin = this.x(this.from), end = this.x(this.to);
    if (middles.length < 2 || last < begin || first > end) return;
    ctx.strokeStyle = "#111"; ctx.lineWidth = 1.3; ctx.setLineDash([5, 3]); ctx.beginPath(); ctx.moveTo(first + Math.max(0, Math.floor((begin - first) / 8)) * 8, y); ctx.lineTo(Math.min(last, end), y); ctx.stroke(); ctx.setLineDash([]);
    for (const mm of middles) { const x = this.x(coil.base + mm); if (x >= begin && x <= end) { ctx.beginPath(); ctx.arc(x, y, 9, 0, 7); ctx.stroke(); } }
  }

  words(lane, coil, repeat) {
    const ctx = this.ctx, { middles, words } = this.linked(coil, repeat), y = lane.y + (repeat.across_mm - lane.left) * this.scale;
    if (middles.length < 2) return;
    const first = this.x(coil.base + middles[0]), last = this.x(coil.base + middles.at(-1));
    if (last <= LEFT || first >= this.right) return;
    const font = "600 12px system-ui, sans-serif", wide = this.wide(words, font);
    ctx.font = font; ctx.textAlign = "right"; ctx.textBaseline = "bottom"; ctx.lineWidth = 3; ctx.strokeStyle = STEEL;
    const place = free(this.labels, Math.min(this.right - 4, last), Math.max(LABEL, y - 11), wide, LEFT + 6);
    if (place) { ctx.strokeText(words, ...place); ctx.fillStyle = "#111"; ctx.fillText(words, ...place); }
  }

  weld(lane, coil) {
    const ctx = this.ctx, x = this.x(coil.base);
    ctx.strokeStyle = "#111"; ctx.lineWidth = 1.6; ctx.beginPath();
    for (const dx of [-2, 2]) { ctx.moveTo(x + dx, lane.y - 3); ctx.lineTo(x + dx, lane.y + lane.h + 3); }
    ctx.stroke();
  }

  // The cameras, where the strip comes in.
  heads(lane) {
    const ctx = this.ctx;
    for (const camera of this.cameras(lane)) {
      const [y, h] = this.place(lane, camera.left_mm, camera.right_mm), status = this.view.statuses[camera.camera] ?? "normal";
      ctx.fillStyle = "#3b444d"; ctx.beginPath(); ctx.moveTo(this.right + 1, y); ctx.lineTo(this.right + 9, y + h * .35); ctx.lineTo(this.right + 9, y + h * .65); ctx.lineTo(this.right + 1, y + h); ctx.closePath(); ctx.globalAlpha = .25; ctx.fill(); ctx.globalAlpha = 1;
      ctx.fillRect(this.right + 9, y + h / 2 - Math.min(9, h / 2), 6, Math.min(18, h));
      drawState(ctx, status, this.right + 30, y + h / 2, Math.min(20, Math.max(12, h)));
      ctx.fillStyle = INK; ctx.font = "11px system-ui, sans-serif"; ctx.textAlign = "center"; ctx.textBaseline = "top";
      if (h > 44) ctx.fillText(camera.camera.slice(0, 11), this.right + 34, y + h / 2 + 13);
    }
  }

  // The words of the scale between two places, with where they stand and how wide they are.
  *ticks(from, to) {
    const unit = 1000 / perMetre, step = unit / 1000 * (STEPS.find((one) => one * unit / 1000 * this.scale >= 70) ?? STEPS.at(-1)), coils = this.view.fold.coils;
    for (const [n, coil] of coils.entries()) {
      const end = Math.min(to, coils[n + 1] ? coils[n + 1].base - 60 / this.scale : Infinity);   // the next coil's name stands there
      for (let mm = Math.max(0, Math.ceil((from - coil.base) / step)) * step; coil.base + mm <= end; mm += step) {
        yield mm ? { x: this.x(coil.base + mm), words: metres(mm, step < .999 * unit ? 1 : 0), font: "12px system-ui, sans-serif" } : { x: this.x(coil.base) + 2, words: shortened(coil.name), font: "600 12px system-ui, sans-serif" };
      }
    }
  }

  axis(y) {
    const ctx = this.ctx;
    ctx.textAlign = "center"; ctx.textBaseline = "top"; ctx.strokeStyle = EDGE; ctx.fillStyle = FAINT; ctx.lineWidth = 1;
    for (const { x, words, font } of this.ticks(this.from, this.to)) {
      ctx.beginPath(); ctx.moveTo(x, y + 2); ctx.lineTo(x, y + 7); ctx.stroke();
      ctx.font = font; ctx.fillText(words, x, y + 9);
    }
  }

  // The part of the scale between two places of the screen in which no word is cut off.
  uncut(begin, end) {
    const wide = MOST_LETTERS * 8 / this.scale;
    for (const edge of [begin, end]) for (const { x, words, font } of this.ticks(this.mm(edge) - wide, this.mm(edge) + wide)) {
      const half = this.wide(words, font) / 2 + 2;
      if (x - half < edge && x + half > edge) { if (edge === begin) begin = x + half; else end = x - half; }
    }
    return [begin, Math.max(begin, end)];
  }

  // All of the coil on the screen that came last, squeezed along: where on it the picture above lies. Copied, and drawn again
  // now and then. Returns whether it is up to date.
  whole(y, inner) {
    const { fold, ms } = this.view, ctx = this.ctx, coil = fold.coils.findLast((one) => one.base <= this.head) ?? fold.coil, bar = this.bar, high = WHOLE * this.lanes.length + 8;
    if (!coil) return true;
    const reached = Math.max(1, this.head - coil.base), key = [coil.name, coil.base, fold.changes, reached, inner, this.sharp, high].join(), isOther = coil !== bar.coil || inner !== bar.inner;
    if (bar.key !== key && (isOther || ms - bar.ms >= BAR_MS)) { Object.assign(bar, { key, ms, coil, inner }); this.squeezed(coil, reached, inner, high); }
    ctx.fillStyle = FAINT; ctx.font = "11px system-ui, sans-serif"; ctx.textAlign = "right"; ctx.textBaseline = "middle"; ctx.fillText(t("whole"), LEFT - 8, y + WHOLE * this.lanes.length / 2);
    ctx.drawImage(bar.canvas, LEFT - 2, y - 4, inner + 4, high);
    return bar.key === key;
  }

  squeezed(coil, reached, inner, high) {
    const ctx = sized(this.bar.canvas, inner + 4, high, this.sharp), px = inner / reached, undrawn = Math.min(reached, this.view.fold.undrawn(coil));
    ctx.translate(2, 4);
    this.lanes.forEach((lane, n) => {
      const top = n * WHOLE, shown = (box) => [box.start_mm * px, Math.min(inner, box.end_mm * px) - box.start_mm * px];
      ctx.fillStyle = STEEL; ctx.fillRect(0, top, inner, WHOLE - 2);
      hatch(ctx, 0, top, undrawn * px, WHOLE - 2, 4, -1, EDGE);
      const across = (gaps, ...how) => { for (const gap of gaps) if (gap.start_mm <= reached && this.cameras(lane).some((one) => one.camera === gap.camera)) { const [x, w] = shown(gap); hatch(ctx, x, top, Math.max(2, w), WHOLE - 2, ...how); } };
      across(coil.doubtful, 8, -1, DOUBT); across(coil.missed, 4);
      for (const defect of coil.defects.values()) if (defect.side === lane.name && defect.start_mm <= reached) { const [x, w] = shown(defect); ctx.fillStyle = colourOf(this.kind(defect.name)); ctx.fillRect(x, top, Math.max(1.5, w), WHOLE - 2); }
    });
    const from = Math.max(0, this.from - coil.base) * px;
    ctx.strokeStyle = INK; ctx.lineWidth = 1.4; ctx.strokeRect(from, -2, inner - from, WHOLE * this.lanes.length + 2);
  }

  // How much of the screen's height sides may take.
  tallest() { return Math.max(LEAST_PX, MOST_OF_SCREEN * innerHeight / this.enlarged()); }

  // By how much the style enlarges the page.
  enlarged() { return this.canvas.getBoundingClientRect().width / (this.canvas.offsetWidth || 1) || 1; }

  // Where on the canvas the pointer is.
  pointed(event) { const box = this.canvas.getBoundingClientRect(), by = this.enlarged(); return [(event.clientX - box.left) / by, (event.clientY - box.top) / by]; }

  // Where defects are to be seen on the canvas, in the order of their reports.
  get hits() {
    const found = [];
    const reach = new Map(this.view.line.cameras.map((camera) => [camera.camera, this.reach(camera)]));
    for (const lane of this.lanes) for (const coil of this.view.fold.coils) for (const defect of coil.defects.values()) {
      if (defect.side !== lane.name || coil.base + defect.end_mm < this.from || coil.base + defect.start_mm > (reach.get(defect.camera) ?? this.head)) continue;
      this.box(lane, coil, defect, (x, y, w, h) => found.push({ x: x + w / 2, y: y + h / 2, w: Math.max(w / 2, 8), h: Math.max(h / 2, 8), coil, defect }));
    }
    return found;
  }

  near(event) {
    const [x, y] = this.pointed(event);
    if (!this.view) return undefined;
    return this.hits.findLast((hit) => Math.abs(hit.x - x) <= hit.w && Math.abs(hit.y - y) <= hit.h);
  }

  hover(event) {
    const hit = this.near(event);
    this.tip.hidden = !hit;
    this.canvas.style.cursor = hit ? "pointer" : "default";
    if (!hit) return;
    const { defect } = hit, severity = defect.severity ? `, ${t(`severity.${defect.severity}`)}` : "";
    this.tip.textContent = `${defect.name}${severity}\n${metres(defect.start_mm, 3)}, ${t("across")} ${mm(defect.left_mm, 0, true)}–${mm(defect.right_mm, 0)}\n${mm(defect.end_mm - defect.start_mm, 1, true)} × ${mm(defect.right_mm - defect.left_mm, 1)}, ${number(100 * defect.confidence)} %`;
    const [x, y] = this.pointed(event);
    this.tip.style.left = `${Math.min(x + 14, this.canvas.offsetWidth - 240)}px`;
    this.tip.style.top = `${y + 14}px`;
  }
}
