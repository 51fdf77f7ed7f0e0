// The map: the strip folded into rows like a page of text, so that it is true to scale at every zoom. Travel is to the right,
// the left edge of the strip is up; the sides lie one above the other.

import { area, coil, el, firstFrom, leftMm, lengthMm, meta, metres, SEVERITIES, short, startMm, t, unit, widthMm, word, written } from "./data.js";
import { colourOf, hatch, printing, sharpness, sized, stamp } from "./marks.js";

const STEEL = "#e8ebee", EDGE = "#aeb5bd", LEFT = 62, RIGHT = 10, SCALE = 19, GAP = 5, NEXT = 9, CELL = 3, SIGNS = 250, CROWD = 400;
const PAD = 14, KEPT = 3, LOW = 22;      // around a row that is drawn apart; kept of what the window shows

export class Strip {
  // `behind`, where there is one, draws a picture of the strip: `cover` what will be seen, `paint` a stretch.
  constructor(pane, onPick, behind = null) {
    this.behind = behind; this.pane = pane; this.canvas = pane.querySelector("canvas"); this.tip = pane.querySelector(".tip");
    this.onPick = onPick; this.zones = null; this.chosen = -1; this.shown = new Int32Array(0); this.hits = []; this.under = []; this.cells = new Map(); this.spare = []; this.measure();
    this.space = el("div", undefined, pane);
    this.length = Math.max(meta.length_mm, 1);
    pane.addEventListener("scroll", () => this.soon());
    pane.addEventListener("pointermove", (event) => this.hover(event));
    pane.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    pane.addEventListener("click", (event) => { const i = this.near(event); if (i >= 0) this.onPick(i); });
    pane.addEventListener("dblclick", (event) => this.zoom(2.5, event));
    pane.addEventListener("wheel", (event) => { if (event.ctrlKey || event.metaKey) { event.preventDefault(); this.zoom(Math.exp(-event.deltaY / 300), event); } }, { passive: false });
    pane.addEventListener("keydown", (event) => {
      const by = { "+": 1.6, "=": 1.6, "-": 1 / 1.6 }[event.key];
      if (by) this.zoom(by); else if (event.key === "0") this.fit(); else return;
      event.preventDefault();
    });
  }

  // Asks the browser once for each picture: each question may lay the page out again.
  measure() { this.wide = Math.max(320, this.pane.clientWidth); return this.wide; }
  get width() { return printing ? 1080 : this.wide; }
  get inner() { return this.width - LEFT - RIGHT; }
  get rowMm() { return this.inner / this.scale; }
  get lanes() { return meta.sides; }
  laneTop(n) { return this.sizes().tops[n]; }
  lanePx(n) { return this.sizes().high[n]; }
  get rowPx() { return this.sizes().rowPx; }
  get rows() { return Math.max(1, Math.ceil(this.length / this.rowMm - 1e-9)); }

  // Heights within a row, at this scale.
  sizes() {
    if (this.sizesOf?.scale === this.scale) return this.sizesOf;
    const high = this.lanes.map((lane) => Math.max(2, (lane.right - lane.left) * this.scale)), tops = [0];
    for (const px of high) tops.push(tops.at(-1) + px + GAP);
    return this.sizesOf = { scale: this.scale, high, tops, rowPx: tops.at(-1) - GAP + SCALE + NEXT };
  }

  fit() {
    this.measure();
    const room = printing ? 290 : Math.max(560, .55 * window.innerHeight);
    let low = 1e-5, high = this.inner / Math.min(this.length, 2000);
    this.scale = high;
    if (this.rows * this.rowPx > room) {
      for (let n = 0; n < 50; n++) { this.scale = Math.sqrt(low * high); if (this.rows * this.rowPx > room) high = this.scale; else low = this.scale; }
      this.scale = low;
      const fewer = this.inner * (this.rows - 1) / this.length;  // a short last row costs more than a little of the scale
      if (fewer > .85 * low) this.scale = fewer;
    }
    this.whole = this.scale; this.layout(); this.pane.scrollTop = 0; this.draw();
  }

  zoom(by, event) {
    const [px, py] = event ? this.pointed(event) : [LEFT + this.inner / 2, this.pane.clientHeight / 2];
    const row = Math.floor((py + this.pane.scrollTop) / this.rowPx), mm = Math.min(this.length, row * this.rowMm + Math.max(0, px - LEFT) / this.scale);
    this.scale = Math.min(40, Math.max(this.whole, this.scale * by));
    this.layout(); this.pane.scrollTop = Math.floor(mm / this.rowMm) * this.rowPx - Math.max(0, py - this.rowPx / 2); this.draw();
  }

  go(mm, scale) {
    if (scale) { this.scale = Math.min(40, Math.max(this.whole, scale)); this.layout(); }
    this.pane.scrollTop = Math.floor(mm / this.rowMm) * this.rowPx - Math.max(8, (this.pane.clientHeight - this.rowPx) / 2); this.draw();
  }

  show(i) {
    this.chosen = i; this.go(startMm(i), Math.min(this.inner / Math.max(4 * lengthMm(i), 1500), 6)); this.reveal(i);
  }

  // Where the map's width becomes another: what was in its middle stays there, or the defect that is picked.
  keep(scale, [from, to]) {
    const isPicked = this.chosen >= 0 && startMm(this.chosen) >= from && startMm(this.chosen) <= to;
    this.scale = Math.max(this.whole, scale); this.layout(); this.go(isPicked ? startMm(this.chosen) : (from + to) / 2);
    if (isPicked) this.reveal(this.chosen);
  }

  // A row may be higher than the map.
  reveal(i) {
    const y = this.at(meta.sides_by_number[coil.side[i]], startMm(i), leftMm(i) + widthMm(i) / 2)[1];
    if (y < 40 || y > this.view - 40) { this.pane.scrollTop += y - this.view / 2; this.draw(); }
  }

  layout() {
    const all = this.rows * this.rowPx + 4, view = printing ? all : Math.min(all, Math.max(640, .6 * window.innerHeight));
    this.view = view; this.space.style.height = Math.max(0, all - view) + "px"; this.pane.style.height = view + "px";
  }

  soon() { if (!this.due) this.due = requestAnimationFrame(() => { this.due = 0; this.draw(); }); }

  at(side, mm, across) {                 // page position of a point of the strip
    const row = Math.min(this.rows - 1, Math.max(0, Math.floor(mm / this.rowMm))), lane = this.lanes.findIndex((one) => one.name === side);
    return [LEFT + (mm - row * this.rowMm) * this.scale, row * this.rowPx - this.top + this.laneTop(Math.max(0, lane)) + (across - this.lanes[Math.max(0, lane)].left) * this.scale, row];
  }

  pieces(side, from, to, left, right) {  // boxes on the page of a box on the strip, cut where it crosses a fold
    const found = [], lane = this.lanes.findIndex((one) => one.name === side);
    if (lane < 0) return found;
    const first = Math.max(0, Math.min(this.rows - 1, Math.floor(from / this.rowMm)), this.first), last = Math.min(this.rows - 1, Math.floor(to / this.rowMm), this.last);
    for (let row = first; row <= last; row++) {
      const a = Math.max(0, from - row * this.rowMm), b = Math.min(this.rowMm, to - row * this.rowMm);
      const y = row * this.rowPx - this.top + this.laneTop(lane), base = this.lanes[lane].left;
      found.push([LEFT + a * this.scale, y + (left - base) * this.scale, (b - a) * this.scale, (right - left) * this.scale, row]);
    }
    return found;
  }

  draw() {
    if (!this.scale) return;
    this.measure();
    this.ctx = sized(this.canvas, this.width, this.view, sharpness());
    this.top = printing ? 0 : this.pane.scrollTop;
    this.first = Math.max(0, Math.floor(this.top / this.rowPx)); this.last = Math.min(this.rows - 1, Math.floor((this.top + this.view) / this.rowPx));
    if (!printing) this.behind?.cover(this.first * this.rowMm, Math.min(this.length, (this.last + 1) * this.rowMm), this.scale * sharpness());
    this.seen = [this.first * this.rowMm, (this.last + 1) * this.rowMm];
    this.inView = Math.min(this.rows, Math.ceil(this.view / this.rowPx) + 1);
    if (printing || this.rowPx > this.view) { this.paint(this.last - this.first + 1); this.under = [[0, this.hits]]; } else this.blit();
    this.ring();
    const hint = t("map_hint", { row: `${metres(Math.min(this.rowMm, this.length), this.rowMm < 1e4 ? 2 : 0)} ${unit().large}` }) + (this.isDense ? t("map_dense") : "") + (printing ? "" : t("map_zoom"));
    const place = document.getElementById("map-hint");
    if (place.textContent !== hint) place.textContent = hint;   // writing it has the page laid out again
  }

  // A row is drawn once, and then only copied while the map is moved: until anything else than its place is another.
  blit() {
    const sharp = sharpness(), key = `${this.scale} ${this.width} ${sharp} ${this.zones?.rules} ${this.behind?.changes} ${this.behind?.isOn} ${this.view}`;
    if (key !== this.key || this.shown !== this.keyShown) { this.forget(() => true); this.key = key; this.keyShown = this.shown; this.most = 0; }
    const most = KEPT * this.inView;
    if (this.cells.size > most) this.forget((row) => row < this.first - this.inView || row > this.last + this.inView);
    this.under = []; this.isDense = false;
    for (let row = this.first; row <= this.last; row++) {
      if (!this.cells.has(row)) this.cells.set(row, this.cell(row, sharp));
      const { canvas, hits, isDense } = this.cells.get(row), y = Math.round((row * this.rowPx - this.top - PAD) * sharp) / sharp;
      this.ctx.drawImage(canvas, 0, y, canvas.width / sharp, canvas.height / sharp);
      this.under.push([y, hits]); this.isDense ||= isDense;
    }
  }

  // Gives up rows that were drawn; their canvases are taken for others.
  forget(isGone) {
    for (const [row, { canvas }] of this.cells) if (isGone(row)) { this.cells.delete(row); if (this.spare.length < 2 * this.inView) this.spare.push(canvas); }
  }

  cell(row, sharp) {
    const kept = [this.ctx, this.top, this.first, this.last], canvas = this.spare.pop() ?? document.createElement("canvas");
    this.ctx = sized(canvas, this.width, Math.ceil(this.rowPx + 2 * PAD), sharp);
    this.top = row * this.rowPx - PAD; this.first = this.last = row;
    this.paint(1);
    [this.ctx, this.top, this.first, this.last] = kept;
    return { canvas, hits: this.hits, isDense: this.isDense };
  }

  // Draws `rows` rows, from `first` on, with their share of the signs that the window may hold.
  paint(rows) {
    const ctx = this.ctx;
    this.share = Math.min(1, rows / this.inView);
    for (let row = this.first; row <= this.last; row++) this.steel(row);
    if (this.zones) this.dead();
    for (const part of meta.doubtful) for (const [x, y, w, h] of this.pieces(part.side, part.start, part.end, part.left, part.right)) hatch(ctx, x, y, Math.max(1.5, w), h, 12, -1, "#8a5a00");
    for (const gap of meta.gaps) for (const [x, y, w, h] of this.pieces(gap.side, gap.start, gap.end, gap.left, gap.right)) hatch(ctx, x, y, Math.max(1.5, w), h);
    for (const box of meta.crowded) for (const [x, y, w, h] of this.pieces(box.side, box.start, box.end, box.left, box.right)) hatch(ctx, x, y, Math.max(1.5, w), h, 4, -1, "#8b1d16");
    this.defects(); this.repeats(); this.welds();
  }

  steel(row) {
    const ctx = this.ctx, y = row * this.rowPx - this.top, from = row * this.rowMm, long = Math.min(this.rowMm, this.length - from);
    ctx.textBaseline = "middle"; ctx.textAlign = "right"; ctx.fillStyle = "#444c55";
    this.lanes.forEach((lane, n) => {
      const h = this.lanePx(n), top = y + this.laneTop(n);
      ctx.fillStyle = STEEL; ctx.fillRect(LEFT, top, long * this.scale, h);
      if (!printing) this.behind?.paint(ctx, { side: lane.name, from, to: from + long, x: LEFT, y: top, left: lane.left, right: lane.right, scale: this.scale, sharp: sharpness() });
      ctx.strokeStyle = EDGE; ctx.lineWidth = 1; ctx.strokeRect(LEFT + .5, top + .5, long * this.scale - 1, Math.max(1, h - 1));
      if (h >= 9) { ctx.fillStyle = "#68717b"; ctx.fillText(word("side", lane.name), LEFT - 7, top + h / 2); }
    });
    const base = y + this.laneTop(this.lanes.length) - GAP, step = round(this.rowMm * 80 / this.inner);
    ctx.textBaseline = "top"; ctx.textAlign = "center"; ctx.fillStyle = "#68717b"; ctx.strokeStyle = "#9aa2ab"; ctx.beginPath();
    for (let mm = Math.ceil(from / step - 1e-6) * step; mm <= from + long + 1e-6; mm += step) {
      const x = LEFT + (mm - from) * this.scale;
      ctx.moveTo(x, base + 1); ctx.lineTo(x, base + 5);
      ctx.fillText(label(mm, step) + (mm < step / 2 ? ` ${unit().large}` : ""), Math.min(x, this.width - 22), base + 6);
    }
    ctx.stroke();
  }

  dead() {
    const { head, tail, edge, weld } = this.zones, ctx = this.ctx, end = this.length;
    for (const lane of this.lanes) {
      const zones = [[0, head, lane.left, lane.right], [end - tail, end, lane.left, lane.right], [head, end - tail, lane.left, lane.left + edge], [head, end - tail, lane.right - edge, lane.right]];
      for (const at of meta.welds) zones.push([at - weld, at + weld, lane.left, lane.right]);
      for (const [from, to, left, right] of zones) if (to > from && right > left) for (const [x, y, w, h] of this.pieces(lane.name, from, to, left, right)) {
        ctx.globalAlpha = !printing && this.behind?.isOn ? .55 : 1; ctx.fillStyle = "#c3cad2"; ctx.fillRect(x, y, w, h); ctx.globalAlpha = 1; ctx.strokeStyle = "#7d8893"; ctx.setLineDash([3, 3]); ctx.strokeRect(x + .5, y + .5, w - 1, h - 1); ctx.setLineDash([]);
      }
    }
  }

  defects() {
    const ctx = this.ctx, seen = [], from = this.first * this.rowMm * 10, to = (this.last + 1) * this.rowMm * 10;
    for (let n = firstFrom(this.shown, from - coil.longest), i; n < this.shown.length && coil.start[i = this.shown[n]] < to; n++) if (coil.start[i] + coil.length[i] >= from) seen.push(i);
    const area = (this.last - this.first + 1) * this.inner * this.lanes.reduce((sum, _, n) => sum + this.lanePx(n), 0);
    this.isDense = seen.length > CROWD * this.share && seen.length * 70 > area;
    let signs = seen;
    if (this.isDense) { this.shade(seen); signs = worst(seen, Math.ceil(SIGNS * this.share)); }
    this.hits = [];
    const byKind = meta.names.map(() => []);
    for (const i of signs) byKind[coil.kind[i]].push(i);
    byKind.forEach((some, kind) => {
      if (!some.length) return;
      const boxes = new Path2D(), points = [];
      let hasBoxes = false;
      for (const i of some) for (const [x, y, w, h] of this.pieces(meta.sides_by_number[coil.side[i]], startMm(i), startMm(i) + lengthMm(i), leftMm(i), leftMm(i) + widthMm(i))) {
        if (w > 5 || h > 5) { boxes.rect(x, y, Math.max(1, w), Math.max(1, h)); hasBoxes = true; }
        points.push([x + w / 2, y + h / 2, i]);
      }
      if (hasBoxes) { ctx.fillStyle = ctx.strokeStyle = colourOf(kind); ctx.lineWidth = 1.2; ctx.globalAlpha = .22; ctx.fill(boxes); ctx.globalAlpha = 1; ctx.stroke(boxes); }
      for (const [x, y, i] of points) {
        const { picture, half } = stamp(kind, coil.severity[i]);
        ctx.drawImage(picture, x - half, y - half, 2 * half, 2 * half);
        this.hits.push([x, y, i]);
      }
    });
  }

  // As many defects as pixels: how many in each cell. The cells are the pixels of a small picture, drawn large; the darkest
  // lies in the row that has most defects, so that all rows are shaded alike.
  shade(seen) {
    const isRow = this.share < 1, high = isRow ? this.rowPx + 2 * PAD : this.view, across = Math.ceil(this.width / CELL), down = Math.ceil(high / CELL), counts = this.counted(seen, across, down);
    const most = isRow ? this.most ||= this.fullest(across, down) : greatest(counts);
    this.small ??= document.createElement("canvas");
    this.small.width = across; this.small.height = down;
    const small = this.small.getContext("2d"), picture = small.createImageData(across, down), pixels = new Uint32Array(picture.data.buffer);
    for (let n = 0; n < counts.length; n++) if (counts[n]) pixels[n] = (255 * (.16 + .74 * Math.sqrt(Math.min(1, counts[n] / most))) << 24 | 0x5a3d1c) >>> 0;
    small.putImageData(picture, 0, 0);
    this.ctx.imageSmoothingEnabled = false;
    this.ctx.drawImage(this.small, 0, 0, across * CELL, down * CELL);
    this.ctx.imageSmoothingEnabled = true;
  }

  counted(some, across, down) {
    const counts = new Uint32Array(across * down), perRow = 10 * this.rowMm, scale = this.scale / 10, last = this.rows - 1, rowPx = this.rowPx;
    const tops = meta.sides_by_number.map((name) => { const n = Math.max(0, this.lanes.findIndex((lane) => lane.name === name)); return this.laneTop(n) - this.lanes[n].left * this.scale - this.top; });
    for (const i of some) {
      const start = coil.start[i], row = Math.min(last, Math.max(0, Math.floor(start / perRow)));
      const x = (LEFT + (start - row * perRow) * scale) / CELL | 0, y = (row * rowPx + tops[coil.side[i]] + (coil.left[i] + coil.width[i] / 2) * scale) / CELL | 0;
      if (x >= 0 && x < across && y >= 0 && y < down) counts[y * across + x]++;
    }
    return counts;
  }

  // The most defects of a cell in the row that has most of them.
  fullest(across, down) {
    const inRow = new Uint32Array(this.rows), perRow = 10 * this.rowMm, last = this.rows - 1, top = this.top;
    for (const i of this.shown) inRow[Math.min(last, Math.max(0, Math.floor(coil.start[i] / perRow)))]++;
    const row = inRow.indexOf(greatest(inRow)), from = firstFrom(this.shown, row * perRow), to = firstFrom(this.shown, (row + 1) * perRow);
    this.top = row * this.rowPx - PAD;
    const counts = this.counted(this.shown.subarray(from, to), across, down);
    this.top = top;
    return greatest(counts);
  }

  repeats() {
    const ctx = this.ctx, font = ctx.font;
    ctx.font = `600 ${font}`;
    const written = [];                  // boxes of the words so far: two rolls that begin together are read one behind the other
    for (const repeat of meta.repeats) {
      const marks = repeat.marks; if (marks.length < 2) continue;
      ctx.strokeStyle = "#111"; ctx.lineWidth = 1.3; ctx.setLineDash([5, 3]);
      for (let n = 1; n < marks.length; n++) {
        const a = marks[n - 1], b = marks[n], across = (leftMm(b) + widthMm(b) / 2);
        for (const [x, y, w] of this.pieces(repeat.side, startMm(a) + lengthMm(a) / 2, startMm(b) + lengthMm(b) / 2, across, across)) { ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(x + w, y); ctx.stroke(); }
      }
      ctx.setLineDash([]);
      for (const i of marks) for (const [x, y, w] of this.pieces(repeat.side, startMm(i), startMm(i) + lengthMm(i), leftMm(i) + widthMm(i) / 2, leftMm(i) + widthMm(i) / 2)) { ctx.beginPath(); ctx.arc(x + w / 2, y, 7, 0, 7); ctx.stroke(); }
      const [x, y, row] = this.at(repeat.side, startMm(marks[0]), leftMm(marks[0])), words = `${t("repeat", { name: repeat.name, period: `${short(repeat.period)} ${unit().small}` })}${repeat.rolls.length ? ", " + repeat.rolls.join(t("or")) : ""}`;
      if (row >= this.first && row <= this.last) { const at = y + this.top - row * this.rowPx < LOW ? [x + 9, y + 24] : [x + 9, y - 6], long = ctx.measureText(words).width + 8; for (const [left, right, low] of written) if (Math.abs(low - at[1]) < 13 && at[0] < right && at[0] + long > left) at[0] = right; written.push([at[0], at[0] + long, at[1]]); ctx.textAlign = "left"; ctx.textBaseline = "bottom"; ctx.lineWidth = 3; ctx.strokeStyle = "#fff"; ctx.strokeText(words, ...at); ctx.fillStyle = "#111"; ctx.fillText(words, ...at); }   // not above the row, where there is no room
    }
    ctx.font = font;
  }

  welds() {
    const ctx = this.ctx, at = meta.welds;
    ctx.strokeStyle = "#111"; ctx.lineWidth = 1.6;
    for (const mm of at) for (const lane of this.lanes) for (const [x, y, , h] of this.pieces(lane.name, mm, mm, lane.left, lane.right)) for (const dx of [-2, 2]) { ctx.beginPath(); ctx.moveTo(x + dx, y - 3); ctx.lineTo(x + dx, y + h + 3); ctx.stroke(); }
    ctx.textBaseline = "top"; ctx.lineWidth = 3; ctx.strokeStyle = "#fff"; ctx.fillStyle = "#111";
    for (const [name, mm, align, by] of [[`\u25c1 ${meta.before}`, 0, "left", 8], [`${meta.after} \u25b7`, this.length, "right", -8]]) {
      if (!name.replace(/[\u25c1\u25b7 ]/g, "")) continue;
      const lane = this.lanes[0], [[x, y] = []] = this.pieces(lane.name, mm, mm, lane.left, lane.right);
      if (x === undefined) continue;
      const long = ctx.measureText(name).width / this.scale + 12 / this.scale, from = mm ? mm - long : 0, to = mm ? mm : long, taken = [];   // where defects lie
      for (let i = 0; i < coil.start.length; i++) if (meta.sides_by_number[coil.side[i]] === lane.name && startMm(i) < to && startMm(i) + lengthMm(i) > from) taken.push([(leftMm(i) - lane.left) * this.scale - 6, (leftMm(i) + widthMm(i) - lane.left) * this.scale + 6]);
      const high = (lane.right - lane.left) * this.scale; let down = 5;
      while (down + 14 < high && taken.some(([a, b]) => a < down + 14 && b > down)) down += 3;
      if (down + 14 >= high) down = 5;
      ctx.textAlign = align; ctx.strokeText(name, x + by, y + down); ctx.fillText(name, x + by, y + down);
    }
  }

  ring() {
    if (this.chosen < 0 || printing) return;
    const i = this.chosen, ctx = this.ctx; ctx.strokeStyle = "#111"; ctx.lineWidth = 2;
    for (const [x, y, w, h] of this.pieces(meta.sides_by_number[coil.side[i]], startMm(i), startMm(i) + lengthMm(i), leftMm(i), leftMm(i) + widthMm(i))) ctx.strokeRect(x - 7, y - 7, w + 14, h + 14);
  }

  // By how much the style enlarges the page, and where on the map the pointer is.
  enlarged() { return this.pane.getBoundingClientRect().width / (this.pane.offsetWidth || 1) || 1; }
  pointed(event) { const box = this.pane.getBoundingClientRect(), by = this.enlarged(); return [(event.clientX - box.left) / by, (event.clientY - box.top) / by]; }

  near(event) {
    const [px, py] = this.pointed(event);
    let best = -1, least = 110;
    for (const [top, hits] of this.under) for (const [x, y, i] of hits) { const far = (x - px) ** 2 + (y + top - py) ** 2; if (far < least) { least = far; best = i; } }
    return best;
  }

  hover(event) {
    const i = this.near(event); this.tip.hidden = i < 0;
    if (i < 0) return;
    this.tip.textContent = words(i);
    const [x, y] = this.pointed(event);
    this.tip.style.left = Math.min(x + 16, this.width - 250) + "px"; this.tip.style.top = y + this.pane.scrollTop + 14 + "px";
  }
}

export function words(i) {
  const { small, large } = unit();
  return t("tip", {
    name: meta.names[coil.kind[i]], severity: word("severity", SEVERITIES[coil.severity[i]]), side: word("side", meta.sides_by_number[coil.side[i]]),
    head: `${metres(startMm(i))} ${large}`, tail: `${metres(meta.length_mm - startMm(i) - lengthMm(i))} ${large}`, left: short(leftMm(i)), right: `${short(leftMm(i) + widthMm(i))} ${small}`,
    length: short(lengthMm(i)), width: `${short(widthMm(i))} ${small}`, area: `${area(coil.area[i])} ${unit().area}`, certain: Math.round(coil.confidence[i] / 10),
  });
}

function greatest(counts) { let most = 1; for (const count of counts) if (count > most) most = count; return most; }

// The `most` worst of some defects, along the coil; the least of them is found from a sample where there are many.
function worst(some, most) {
  const step = Math.max(1, Math.floor(some.length / 4000)), sample = [];
  for (let n = 0; n < some.length; n += step) sample.push(coil.rank[some[n]]);
  const ranks = Float64Array.from(sample).sort(), least = ranks[Math.max(0, ranks.length - Math.ceil(most / step))];
  return some.filter((i) => coil.rank[i] >= least).slice(0, 2 * most);
}

export function nice(least) { const ten = 10 ** Math.floor(Math.log10(least)); return [1, 2, 5, 10].map((times) => times * ten).find((step) => step >= least * .999); }
// A round step of the reader's longer unit, mm.
export const round = (leastMm) => nice(leastMm / unit().largeMm) * unit().largeMm;
export function label(mm, step) { const { largeMm } = unit(); return written((mm / largeMm).toFixed(Math.max(0, Math.ceil(-Math.log10(step / largeMm) - 1e-9)))); }
