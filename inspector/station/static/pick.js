// Which tiles are meant: one has the focus, some are chosen, a range grows from where it began. And what can be taken back. Pure.

export class Pick {
  constructor(count = 0) { this.begin(count); }

  begin(count) { this.count = count; this.focus = count ? 0 : -1; this.anchor = this.focus; this.chosen = new Set(); }

  // `by` tiles farther; with `isRange` all from the anchor on are chosen.
  move(by, isRange = false) { this.go(this.focus + by, isRange); }

  go(place, isRange = false) {
    if (!this.count) return;
    this.focus = Math.max(0, Math.min(this.count - 1, place));
    if (isRange) this.range(); else this.anchor = this.focus;
  }

  range() { this.chosen = new Set(Array.from({ length: Math.abs(this.focus - this.anchor) + 1 }, (_, n) => Math.min(this.focus, this.anchor) + n)); }

  toggle(place = this.focus) {
    if (place < 0) return;
    if (!this.chosen.delete(place)) this.chosen.add(place);
    this.focus = this.anchor = place;
  }

  all() { this.chosen = new Set(Array.from({ length: this.count }, (_, n) => n)); }
  none() { this.chosen.clear(); this.anchor = this.focus; }

  // What a key concerns: the chosen, else the one with the focus.
  meant() { return this.chosen.size ? [...this.chosen].sort((a, b) => a - b) : this.focus < 0 ? [] : [this.focus]; }
}

// What takes a batch back: each to the label before, if the one that was given still stands.
export const undoing = (batch) => batch.filter((one) => one.is_done && one.tile).map((one) => ({ coil: one.coil, defect: one.defect, seen: one.tile.label?.time ?? "", label: one.before }));

// What of a batch still waits to be taken back, after what came of it: not what somebody else has labelled since.
export const unsettled = (batch, done) => batch.filter((one) => one.is_done && one.tile && !done.some((its) => its.coil === one.coil && its.defect === one.defect && (its.is_done || its.is_conflict)));

export const inParts = (list, size) => Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
