// What lies on the strip as panes: each is drawn once, and then only copied while the strip passes. One that is out of date
// is drawn again after a while, one a picture, so that many events a second cost no more than a few. Pure but for canvases.

const AGAIN_MS = 250, WIDE_PX = 240;    // a multiple of each hatching's step, so that lines go on from pane to pane

export class Panes {
  // `paint(ctx, from, to)` draws a stretch of the strip, mm, on a canvas at whose left it begins.
  constructor(paint, make = () => document.createElement("canvas")) {
    this.paint = paint; this.make = make; this.held = new Map(); this.spare = []; this.key = ""; this.drawn = 0;
  }

  // Draws `from` to `to`, of which `from` lies at `x`; `key` is another where all is, `changes` where something may be.
  // Returns whether nothing that is to be seen is out of date.
  copy(ctx, { key, changes, scale, sharp, height, from, to, x, ms }) {
    const wide = Math.round(WIDE_PX * sharp), each = wide / (scale * sharp), first = Math.floor(from / each), last = Math.floor(to / each);
    this.forget((n) => key !== this.key || n < first - 1 || n > last + 1);
    this.key = key;
    let oldest = null;
    for (let n = first; n <= last; n++) {
      const pane = this.held.get(n) ?? this.begin(n);
      if (pane.ms === null) this.draw(pane, { wide, each, sharp, height, changes, ms });
      else if (pane.changes !== changes && !(oldest?.ms <= pane.ms)) oldest = pane;
    }
    if (oldest && ms - oldest.ms >= AGAIN_MS) this.draw(oldest, { wide, each, sharp, height, changes, ms });
    const left = Math.round((x + (first * each - from) * scale) * sharp);
    for (let n = first; n <= last; n++) { const { canvas } = this.held.get(n); ctx.drawImage(canvas, (left + (n - first) * wide) / sharp, 0, canvas.width / sharp, canvas.height / sharp); }
    return oldest === null;
  }

  begin(n) {
    const pane = { n, canvas: this.spare.pop() ?? this.make(), ms: null, changes: null };
    this.held.set(n, pane);
    return pane;
  }

  draw(pane, { wide, each, sharp, height, changes, ms }) {
    const { canvas } = pane, high = Math.round(height * sharp), ctx = canvas.getContext("2d");
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    ctx.setTransform(sharp, 0, 0, sharp, 0, 0); ctx.clearRect(0, 0, wide / sharp, height);
    this.paint(ctx, pane.n * each, (pane.n + 1) * each);
    pane.ms = ms; pane.changes = changes; this.drawn++;
  }

  forget(isGone) {
    for (const [n, { canvas }] of this.held) if (isGone(n)) { this.held.delete(n); if (this.spare.length < 4) this.spare.push(canvas); }
  }
}
