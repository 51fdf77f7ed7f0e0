// Which alarms the horn announces: each once, as it becomes unacknowledged. That comes as an event, and in the line's answer where all
// stand, in either order and with times that differ a little. Pure.

import { isUnanswered } from "./fold.js";

const RAISED = "unacknowledged";
// By how much event and answer may differ in since when an alarm stands, where a slow line takes long to record it.
const SAME_MS = 10_000;

export class Announced {
  constructor() { this.open = new Set(); this.known = new Map(); }

  // An event of the line: whether an alarm is raised again that is shown as open, so that `take` sees no difference.
  note({ time, data }) {
    if (data.kind !== "alarm") return false;
    const { name, annunciate, isa_state } = data, was = this.known.get(name);
    if (annunciate && !this.open.has(name)) return false;   // not shown yet: `take` finds it
    this.known.set(name, { isa_state, since: time });        // one that a flood withholds, too
    return annunciate && !!was && was.isa_state !== RAISED;
  }

  // Where the alarms stand: whether one is open that was not, or is raised again.
  take(alarms) {
    const open = alarms.filter(isUnanswered), isNew = open.some((alarm) => isRaised(alarm, this.known.get(alarm.name)));
    this.open = new Set(open.map(({ name }) => name)); this.known = new Map(open.map((alarm) => [alarm.name, alarm]));
    return isNew;
  }
}

function isRaised(alarm, was) {
  if (!was || !isUnanswered(was)) return true;
  if (alarm.isa_state !== was.isa_state) return alarm.isa_state === RAISED;
  return Date.parse(alarm.since) - Date.parse(was.since) > SAME_MS;   // raised again while nothing came
}
