// Which alarms the horn announces: each once, as it becomes unacknowledged. That comes as an event, and in the line's answer where all
// stand, in either order and with times that differ a little. Both number the raisings of an alarm; a line of before 0.4 says 0. Pure.

import { isUnanswered } from "./fold.js";

const RAISED = "unacknowledged";
// By how much event and answer may differ in since when an alarm stands, where a slow line takes long to record it.
const SAME_MS = 10_000;

export class Announced {
  // What is `known` of an alarm outlasts that it is answered, or that a station which was started again does not know it yet.
  constructor() { this.open = new Set(); this.known = new Map(); }

  // An event of the line: whether an alarm is raised again that is shown as open, so that `take` sees no difference.
  note({ time, data }) {
    if (data.kind !== "alarm") return false;
    const { name, annunciate, isa_state, raised = 0 } = data, was = this.known.get(name);
    if (annunciate && !this.open.has(name)) return false;   // not shown yet: `take` finds it
    if (raised && was?.raised > raised) return false;     // the answer was first
    this.known.set(name, { isa_state, since: time, raised });   // one that a flood withholds, too
    return annunciate && !!was && (raised && was.raised ? raised > was.raised : was.isa_state !== RAISED);
  }

  // Where the alarms stand: whether one is open that was not, or is raised again, and no flood withholds it.
  take(alarms) {
    const open = alarms.filter(isUnanswered), isNew = open.some((alarm) => !alarm.is_withheld && isRaised(alarm, this.known.get(alarm.name)));
    this.open = new Set(open.map(({ name }) => name));
    for (const [name, { raised }] of this.known) if (!raised) this.known.delete(name);
    for (const alarm of open) this.known.set(alarm.name, alarm);
    return isNew;
  }
}

function isRaised(alarm, was) {
  if (!was) return true;
  if (alarm.raised && was.raised) return alarm.raised !== was.raised || isLater(alarm, was);
  if (!isUnanswered(was)) return true;
  if (alarm.isa_state !== was.isa_state) return alarm.isa_state === RAISED;
  return isLater(alarm, was);
}

// Raised again while nothing came; by a line that counts from 1 again, too.
const isLater = (alarm, was) => alarm.isa_state === RAISED && Date.parse(alarm.since) - Date.parse(was.since) > SAME_MS;
