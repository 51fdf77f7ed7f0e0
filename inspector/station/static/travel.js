// Where the strip is at each moment: positions come once a second, the picture moves at every frame. Pure.

export const DELAY_MS = 1400;           // the picture is so late: then what it shows has been reported

export class Travel {
  constructor() { this.begin(); }

  begin() { this.samples = []; }

  // At `ms` the strip had come so far, mm; an older coil's end is no way back.
  take(ms, mm) {
    const last = this.samples.at(-1);
    if (last && mm < last.mm) this.samples = [];
    this.samples.push({ ms, mm });
    if (this.samples.length > 20) this.samples.shift();
  }

  // Where it was `DELAY_MS` before `ms`.
  at(ms) {
    const then = ms - DELAY_MS, samples = this.samples;
    if (!samples.length) return 0;
    if (then >= samples.at(-1).ms) return samples.at(-1).mm;
    for (let n = samples.length - 1; n > 0; n--) {
      const a = samples[n - 1], b = samples[n];
      if (then >= a.ms) return a.mm + (b.mm - a.mm) * (then - a.ms) / Math.max(1, b.ms - a.ms);
    }
    return samples[0].mm;
  }

  isMoving(ms) { const last = this.samples.at(-1); return !!last && this.at(ms) < last.mm; }
}
