// Which coil each camera is over, and how far it has come: positions come without the coil's name, and cameras meet a weld one
// after the other. Pure.

import { Travel } from "./travel.js";

const BACK_MM = 500;                    // no strip runs back so far: another coil has begun
const BEYOND_MM = 20, WAITS = 3;        // how exactly a coil's length is known; samples until an unreported coil is taken for the last
const PASSED = 2;                       // coils that began since one that is over: no camera is over that any more

// The coil that comes under a camera behind one that it leaves: the first that runs, for several may lie between two cameras.
function behind(coil, coils) {
  if (!coils.includes(coil)) return coils.at(-1) ?? null;
  const next = coils.slice(coils.indexOf(coil) + 1);
  return next.find((one) => !one.isOver) ?? next.at(-1) ?? null;
}

export class Reached {
  constructor() { this.begin(); }

  begin() { this.cameras = new Map(); }

  // At `ms` cameras were so far along their coils, m. Returns the coils that are under cameras, each with the farthest, mm.
  take(ms, positions, coils) {
    const reached = new Map();
    for (const [camera, metre] of Object.entries(positions)) {
      const held = this.cameras.get(camera) ?? { coil: coils.at(-1) ?? null, before: null, waits: 0, mm: -Infinity, travel: new Travel() }, mm = Math.max(0, 1000 * metre);
      if (mm < held.mm - BACK_MM || (held.coil?.isOver && held.mm > -Infinity && mm > held.coil.length + BEYOND_MM)) Object.assign(held, { coil: null, before: held.coil, waits: 0 });
      if (held.coil?.isOver && coils.indexOf(held.coil) < coils.length - PASSED) Object.assign(held, { coil: null, before: held.coil, waits: 0 });
      if (!coils.includes(held.coil)) held.coil = behind(held.before, coils) ?? (held.waits++ < WAITS ? null : coils.at(-1) ?? null);   // it may be reported a moment later
      held.mm = mm; this.cameras.set(camera, held);
      if (!held.coil) continue;
      const along = held.coil.isOver ? held.coil.length : mm;
      reached.set(held.coil, Math.max(reached.get(held.coil) ?? 0, along));
      held.travel.take(ms, held.coil.base + along);
    }
    return reached;
  }

  // How far the coil has come under the farthest of the cameras that are over it, mm.
  farthest(coil) { return Math.max(0, ...[...this.cameras.values()].filter((held) => held.coil === coil).map(({ mm }) => mm)); }

  // Where on the line the farthest camera was when what is drawn now passed it, mm.
  at(ms) { return Math.max(0, ...[...this.cameras.values()].map(({ travel }) => travel.at(ms))); }

  // How far each camera is behind that.
  behind(ms) { const head = this.at(ms); return Object.fromEntries([...this.cameras].map(([camera, { travel }]) => [camera, head - travel.at(ms)])); }

  isMoving(ms) { return [...this.cameras.values()].some(({ travel }) => travel.isMoving(ms)); }
}
