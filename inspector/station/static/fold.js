// What a line's events come to: its coils on the screen, its cameras, its recipe. Pure: no page, no clock.

const QUOTED = 100;
const STATUSES = ["failure", "check_function", "out_of_specification", "maintenance_required", "normal"];

export class Fold {
  // `kept` says how much is here: `coils` large ones, or `many` small ones, of each the newest `most` of a kind.
  constructor(kept) { this.kept = kept; this.begin(); }

  // `putAway` names coils that are shown no longer, the last ones: what still comes of them makes none the newest.
  begin(putAway = []) {
    this.putAway = new Set(putAway);
    this.coils = [];                    // the one that began last at the end; `base` is where it begins on the line, mm
    this.cameras = new Map();           // by name: status and faults
    this.standing = new Map();          // faults of recipe and archive
    this.reported = new Map();              // what was reported last of any device: alarms quote it
    this.flood = null; this.health = null;
    this.latest = "";                   // when the newest event was
    this.changes = (this.changes ?? 0) + 1;   // another where something on the strip may be
    this.dropped = new Map();           // what is no longer here, by coil: it counts all the same
  }

  get coil() { return this.coils.at(-1) ?? null; }

  // Takes an event in; returns whether the picture of the strip is another.
  take(event) {
    const data = event.data;
    this.changes++;
    if (event.time > this.latest) this.latest = event.time;
    switch (data.kind) {
      case "coil": this.report(data, event.time); return true;
      case "defect": return this.defect(data);
      case "missed": case "crowded": return this.stretch(data);
      case "doubtful": return this.doubt(data);
      case "repeat": return this.repeat(data);
      case "record": { const coil = this.coils.findLast((one) => one.name === data.coil && one.isOver); if (coil) coil.record = data; return false; }   // it may come when another of the name runs
      case "decision": { const coil = this.find(data.coil); if (coil) coil.decision = data; return false; }
      case "camera": this.camera(data); return false;
      case "recipe": case "archive": case "journal": this.fault(data); return false;
      case "flood": this.flood = data; return false;
      case "health": this.health = data; return false;
      default: return false;
    }
  }

  find(name) { return this.coils.findLast((coil) => coil.name === name) ?? null; }

  // The coil of a name behind which `begun` more of it began; null where it is no longer here.
  before(name, begun) { return this.coils.filter((coil) => coil.name === name).at(-1 - begun) ?? null; }

  // The coil of a name; one that is not known begins behind the last. Null where it was put away.
  of(name) { return this.find(name) ?? (this.putAway.has(name) ? null : this.add(name)); }

  // A coil behind the last; one of which others are here that have begun since, before the first.
  add(name, { time = "", isOlder = false } = {}) {
    const last = this.coil, base = isOlder ? this.coils[0]?.base ?? 0 : last ? last.base + last.length : 0;
    if (this.find(name)) this.dropped.delete(name);   // another of the same name
    const coil = { name, base, length: 0, isOver: false, started: time, defects: new Map(), missed: [], missedTo: {}, doubtful: [], crowded: [], repeats: new Map(), record: null, decision: null };
    if (isOlder) this.coils.unshift(coil); else this.coils.push(coil);
    this.putAway.delete(name);
    while (this.isFull()) this.away(this.coils.shift().name);
    return coil;
  }

  away(name) {
    if (this.find(name)) return;
    this.dropped.delete(name); this.putAway.add(name);
    if (this.putAway.size > this.kept.many) this.putAway.delete(this.putAway.values().next().value);
  }

  isFull() {
    const size = ({ defects, missed, doubtful, crowded, repeats }) => defects.size + missed.length + doubtful.length + crowded.length + repeats.size;
    return this.coils.length > this.kept.many || (this.coils.length > this.kept.coils && this.coils.reduce((sum, coil) => sum + size(coil), 0) >= 2 * this.kept.most);
  }

  report(data, time) {
    const goesOn = data.inspected_m + data.missed_m > 0;
    if (data.state === "ended" && !this.find(data.coil) && this.putAway.has(data.coil)) return;
    const coil = data.state === "started" && !goesOn ? this.add(data.coil, { time }) : this.find(data.coil) ?? this.add(data.coil, { isOlder: true });
    coil.isOver = data.state === "ended"; coil.totals = data;
    if (!coil.isOver) coil.record = null;   // of a coil that goes on after a restart: no grade of then stands now
    this.reach(coil, 1000 * (data.length_m ?? 0));
  }

  // A coil has come so far; those behind it on the line move along.
  reach(coil, mm) {
    if (mm <= coil.length) return;
    coil.length = mm;
    for (let n = this.coils.indexOf(coil) + 1; n > 0 && n < this.coils.length; n++) this.coils[n].base = this.coils[n - 1].base + this.coils[n - 1].length;
  }

  defect(data) {
    const coil = this.of(data.coil);
    if (!coil) return false;
    if (data.part_of) coil.defects.delete(data.id);
    else {
      coil.defects.delete(data.id);     // the newest report comes last
      coil.defects.set(data.id, data);
      this.reach(coil, data.end_mm);
      if (coil.defects.size > this.kept.most) { const oldest = coil.defects.values().next().value; coil.defects.delete(oldest.id); this.drop(coil, oldest); }
    }
    return true;
  }

  // Up to where a coil has had more than is here, mm from its head; 0: all of it is here.
  undrawn(coil) {
    const { defects, missed_mm, doubtful_mm, crowded } = this.gone(coil);
    const lists = [[Object.keys(defects).length, coil.defects.values().next().value], [missed_mm, coil.missed[0]], [doubtful_mm, coil.doubtful[0]], [crowded, coil.crowded[0]]];
    return Math.max(0, ...lists.filter(([gone]) => gone).map(([, oldest]) => oldest?.start_mm ?? coil.length));
  }

  // What a coil has had that is no longer here: defects by class, strip not inspected and not surely seen, crowded frames.
  gone(coil) { return this.dropped.get(coil.name) ?? { defects: {}, missed_mm: 0, doubtful_mm: 0, crowded: 0 }; }

  drop(coil, data) {
    const gone = this.gone(coil);
    if (data.kind === "defect") gone.defects[data.name] = (gone.defects[data.name] ?? 0) + 1;
    else if (data.kind === "missed") gone.missed_mm += data.end_mm - data.start_mm;
    else if (data.kind === "doubtful") gone.doubtful_mm += data.end_mm - data.start_mm;
    else gone.crowded++;
    this.dropped.set(coil.name, gone);
  }

  // How much of a coil was not inspected, mm.
  missed(coil) { return coil.missed.reduce((sum, gap) => sum + gap.end_mm - gap.start_mm, this.gone(coil).missed_mm); }

  // How much of a coil was inspected and not surely seen, mm.
  doubtful(coil) { return coil.doubtful.reduce((sum, part) => sum + part.end_mm - part.start_mm, this.gone(coil).doubtful_mm); }

  repeat(data) {
    const coil = data.coils_since ? this.before(data.coil, data.coils_since) : this.of(data.coil);
    if (!coil) return false;
    const { repeats } = coil;
    repeats.delete(data.id); repeats.set(data.id, data);
    if (repeats.size > this.kept.most) repeats.delete(repeats.keys().next().value);
    return true;
  }

  stretch(data) {
    const coil = this.of(data.coil);
    if (!coil) return false;
    const list = data.kind === "missed" ? coil.missed : coil.crowded;
    list.push(data); this.reach(coil, data.end_mm);
    if (data.kind === "missed") coil.missedTo[data.camera] = Math.max(coil.missedTo[data.camera] ?? 0, data.end_mm);
    if (list.length > this.kept.most) this.drop(coil, list.shift());
    return true;
  }

  // Strip that was not surely seen is reported in pieces, which may touch or overlap: of a camera they are one here.
  doubt(data) {
    const coil = this.of(data.coil);
    if (!coil) return false;
    const isPart = (one) => one.camera === data.camera && one.start_mm <= data.end_mm && data.start_mm <= one.end_mm, parts = [data, ...coil.doubtful.filter(isPart)];
    const whole = { ...data, start_mm: Math.min(...parts.map((one) => one.start_mm)), end_mm: Math.max(...parts.map((one) => one.end_mm)) };
    coil.doubtful = [...coil.doubtful.filter((one) => !isPart(one)), whole]; this.reach(coil, data.end_mm);
    if (coil.doubtful.length > this.kept.most) this.drop(coil, coil.doubtful.shift());
    return true;
  }

  camera(data) {
    const camera = this.cameras.get(data.camera) ?? { faults: new Map() };
    camera.status = data.status;
    if (data.state === "raised") camera.faults.set(data.fault, data); else camera.faults.delete(data.fault);
    this.cameras.set(data.camera, camera);
    this.quote(data);
  }

  fault(data) {
    const key = `${data.kind} ${data.fault} ${data.camera ?? ""}`;
    if (data.state === "raised") this.standing.set(key, data); else this.standing.delete(key);
    this.quote(data);
  }

  quote(data) {
    this.reported.set(data.message, data);
    if (this.reported.size > QUOTED) this.reported.delete(this.reported.keys().next().value);
  }
}

export const gravest = (statuses) => STATUSES.find((status) => statuses.includes(status)) ?? "normal";

// The defects of a repeat: same class, side and place across, a whole number of periods from the newest that was reported;
// while it goes on those behind that, too.
export function marksOf(repeat, defects) {
  const newest = defects.get(repeat.newest);
  if (!newest) return [];
  const least = repeat.state === "ended" ? -0.02 : -Infinity;
  const at = (newest.start_mm + newest.end_mm) / 2, found = [];
  for (const defect of defects.values()) {
    if (defect.name !== repeat.name || defect.side !== repeat.side) continue;
    const middle = (defect.left_mm + defect.right_mm) / 2, turns = (at - (defect.start_mm + defect.end_mm) / 2) / repeat.period_mm;
    const slack = Math.max(15, defect.right_mm - defect.left_mm);
    if (Math.abs(middle - repeat.across_mm) <= slack && turns > least && Math.abs(turns - Math.round(turns)) * repeat.period_mm <= 5 + 0.01 * repeat.period_mm) found.push(defect);
  }
  return found.sort((a, b) => a.start_mm - b.start_mm);
}

const UNANSWERED = ["unacknowledged", "returned", "latched_unacknowledged"], ASIDE = ["shelved", "suppressed", "out_of_service"];
export const isUnanswered = (alarm) => UNANSWERED.includes(alarm.isa_state);

// Alarms as they are shown: the unacknowledged first, the newest first; apart what is kept from people; counts by priority.
export function sorted(alarms) {
  const newest = (a, b) => b.since.localeCompare(a.since);
  const shown = alarms.filter((alarm) => alarm.isa_state !== "normal" && !ASIDE.includes(alarm.isa_state));
  const counts = { high: 0, medium: 0, low: 0 };
  for (const alarm of shown) counts[alarm.priority]++;
  return {
    shown: shown.sort((a, b) => isUnanswered(b) - isUnanswered(a) || newest(a, b)),
    aside: alarms.filter((alarm) => ASIDE.includes(alarm.isa_state)).sort(newest),
    counts,
  };
}
