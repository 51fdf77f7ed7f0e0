// The archive's picture of the strip, drawn behind what lies on it: tiles, each where it was seen and nowhere else.

import { address } from "./ask.js";
import { el } from "./dom.js";
import { facts } from "./facts.js";
import { gaps } from "./gaps.js";

const STEEL = "#e8ebee", DOT = "#8d959d", SHADE = .5, MOST = 300, SOON_MS = 120, LARGE_PX = 4e6;

export class Backdrop {
  // `coil`: its name, and when it passed. `onChange` is called when there is more to draw. Up to `until` mm from its head a
  // picture is to be there by now.
  constructor(coil, onChange) {
    this.coil = coil; this.until = coil.until ? Infinity : 0; this.gaps = []; this.changes = 0; this.onChange = () => { this.changes++; onChange(); }; this.tiles = new Map(); this.asked = null; this.isAsking = false; this.timer = 0; this.coming = new Map();
  }

  get isOn() { return isOn(); }

  // Has the tiles of a stretch at hand, for a screen on which a millimetre takes `scale` pixels.
  cover(from, to, scale) {
    const asked = this.asked, margin = (to - from) / 2;
    if (asked && from >= asked.from && to <= asked.to && scale < asked.scale * 1.4 && scale > asked.scale / 1.4) return;
    this.wanted = { from: from - margin, to: to + margin, scale };
    this.timer ||= setTimeout(() => { this.timer = 0; this.load(this.wanted); }, SOON_MS);
  }

  async load({ from, to, scale }) {
    if (this.isAsking) return;
    this.isAsking = true; this.asked = { from, to, scale };
    try {
      const answer = await fetch(address("/api/strip", { ...this.coil, from_mm: from.toFixed(0), to_mm: to.toFixed(0), screen_mm: (1 / scale).toFixed(3) }));
      if (answer.ok) this.take(await answer.json());
    } catch { this.asked = null; } finally { this.isAsking = false; }   // the page says by itself that the station is lost
  }

  take(listed) {
    const kept = new Map();
    for (const [image, version, side, mmPerPx, start, left, ownLeft, ownRight, known] of listed) {
      const held = this.tiles.get(image), tile = { image, version, side, mmPerPx, start, left, ownLeft, ownRight, known, picture: held?.picture ?? null, drawn: held?.drawn, fitted: held?.fitted };
      kept.set(image, tile);
      if (tile.drawn?.version !== version) this.fetch(tile);
    }
    // what was there before stays below until the new one has come
    for (const [image, tile] of this.tiles) if (!kept.has(image) && tile.picture && kept.size < MOST) kept.set(image, tile);
    this.tiles = new Map([...kept].sort(([, a], [, b]) => b.mmPerPx - a.mmPerPx));
    this.gaps = gaps([...this.tiles.values()], this.asked.from, this.asked.to, this.until);
    this.onChange();
  }

  async fetch(tile) {
    const { image, version } = tile;
    if (this.coming.get(image) === version) return;
    this.coming.set(image, version);
    try {
      const answer = await fetch(address("/api/strip_tile", { image, v: version }));
      if (!answer.ok) return;
      const grey = await createImageBitmap(await answer.blob()), picture = shaded(grey, tile), now = this.tiles.get(image);
      if (now) Object.assign(now, { picture, drawn: { version, start: tile.start, left: tile.left } });
      grey.close(); this.onChange();
    } catch { /* it went meanwhile, or the station is lost, which the page reports by itself */ } finally { this.coming.delete(image); }
  }

  // Draws the stretch `from` to `to` of a side: `x` and `y` are where `from` and the millimetre `left` across lie. What
  // moves at each picture is brought to the screen's pixels once, and then only copied.
  paint(ctx, { side, from, to, x, y, left, right, scale, sharp, isMoving = false }) {
    if (!this.isOn) return;
    const round = (value) => Math.round(value * sharp) / sharp;   // neighbours meet at a pixel of the screen, without a seam
    ctx.save(); ctx.beginPath(); ctx.rect(x, y, (to - from) * scale, (right - left) * scale); ctx.clip();
    for (const tile of this.tiles.values()) {
      const { picture, drawn, side: its, mmPerPx } = tile;
      if (!picture || its !== side || drawn.start > to || drawn.start + picture.width * mmPerPx < from) continue;
      const x0 = round(x + (drawn.start - from) * scale), x1 = round(x + (drawn.start - from + picture.width * mmPerPx) * scale);
      const y0 = round(y + (drawn.left - left) * scale), y1 = round(y + (drawn.left - left + picture.height * mmPerPx) * scale);
      const copied = isMoving && fitted(tile, scale * sharp);
      if (copied) ctx.drawImage(copied, x0, y0, copied.width / sharp, copied.height / sharp); else ctx.drawImage(picture, x0, y0, x1 - x0, y1 - y0);
    }
    for (const gap of this.gaps) if (gap.side === side && gap.from < to && gap.to > from) {
      const x0 = round(x + (Math.max(gap.from, from) - from) * scale), y0 = round(y + (gap.left - left) * scale);
      dotted(ctx, x0, y0, round(x + (Math.min(gap.to, to) - from) * scale) - x0, round(y + (gap.right - left) * scale) - y0);
    }
    ctx.restore();
  }
}

// Strip of which there is no picture.
let dots = null;
export function dotted(ctx, x, y, width, height) {
  if (!dots) {
    dots = document.createElement("canvas"); dots.width = dots.height = 6;
    const small = dots.getContext("2d");
    small.fillStyle = STEEL; small.fillRect(0, 0, 6, 6); small.fillStyle = DOT; small.fillRect(1, 1, 1, 1); small.fillRect(4, 4, 1, 1);
  }
  ctx.save(); ctx.translate(x, y); ctx.fillStyle = ctx.createPattern(dots, "repeat"); ctx.fillRect(0, 0, width, height); ctx.restore();
}

// What that looks like, for a legend.
export function dottedSign() { return el("i", { class: "dotted" }); }

// A tile in the screen's pixels, of which a millimetre takes `by`; null where it would be too large.
function fitted(tile, by) {
  const { picture, mmPerPx } = tile;
  if (tile.fitted?.by === by && tile.fitted.of === picture) return tile.fitted.canvas;
  const width = Math.ceil(picture.width * mmPerPx * by), height = Math.ceil(picture.height * mmPerPx * by);
  if (width * height > LARGE_PX) return null;
  const canvas = tile.fitted?.canvas ?? document.createElement("canvas");
  canvas.width = width; canvas.height = height;
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);   // to the last pixel: the next tile begins there
  tile.fitted = { by, of: picture, canvas };
  return canvas;
}

// A tile on the colour of strip, as pale as what is drawn on it needs; where nothing was seen, or a neighbour answers, it is clear.
function shaded(grey, { start, left, ownLeft, ownRight, known, mmPerPx }) {
  const canvas = document.createElement("canvas");
  canvas.width = grey.width; canvas.height = grey.height;
  const ctx = canvas.getContext("2d"), top = Math.max(0, (ownLeft - left) / mmPerPx), bottom = Math.min(grey.height, (ownRight - left) / mmPerPx);
  ctx.beginPath();
  for (const [from, to] of known) ctx.rect((from - start) / mmPerPx, top, (to - from) / mmPerPx, bottom - top);
  ctx.clip(); ctx.fillStyle = STEEL; ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.globalAlpha = SHADE; ctx.drawImage(grey, 0, 0);
  return canvas;
}

// Whether it is drawn: each reader's own choice, kept in the browser.
const KEY = "backdrop";
export const isOn = () => facts.has_strip && localStorage.getItem(KEY) !== "0";
export function chooser(box, onChange) {
  box.checked = isOn();
  box.addEventListener("change", () => { localStorage.setItem(KEY, box.checked ? "1" : "0"); onChange(); });
}
