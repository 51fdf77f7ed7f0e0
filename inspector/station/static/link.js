// The stream from the station: events in order, each once, and a lost connection reported within three seconds.

import { nowMs } from "./clock.js";

const SILENT_MS = 2500;                 // the station gives a sign each second
const AGAIN_MS = 1000;

// Who is no longer logged in is led to the door: a page that still came would send them there.
async function leaveUnlessWelcome() {
  const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") location.assign("/login");
}

// Whether one of two numbers, EPOCH:SEQ, comes behind the other: any does that is of another journal.
function isBehind(number, last) {
  const at = number.lastIndexOf(":") + 1;
  return number.slice(0, at) !== last.slice(0, at) || Number(number.slice(at)) > Number(last.slice(at));
}

export class Link {
  // `receive(kind, data)` gets each message; `change(isLost, since)` each loss, since when by the station's clock, and return.
  constructor(address, receive, change) {
    this.address = address; this.receive = receive; this.change = change;
    this.last = ""; this.received = this.opened = performance.now(); this.isLost = false;
    this.open();
    setInterval(() => this.look(), 250);
  }

  // Each connection goes on behind the last event that came, whichever one brought it.
  open() {
    this.opened = performance.now();
    const url = new URL(this.address, location.href);
    if (this.last) url.searchParams.set("after", this.last);
    const source = this.source = new EventSource(url);
    for (const kind of ["begin", "line", "dropped", "event", "alarms", "now"]) source.addEventListener(kind, (message) => this.take(kind, message));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) leaveUnlessWelcome();
      source.close();                   // left alone it would come back to where its address began
      setTimeout(() => { if (source === this.source) this.open(); }, AGAIN_MS);
    });
  }

  take(kind, message) {
    this.received = performance.now();
    if (this.isLost) { this.isLost = false; this.change(false, 0); }
    if (kind === "begin") this.last = "";
    if (kind === "event") {
      if (!isBehind(message.lastEventId, this.last)) return;
      this.last = message.lastEventId;
    }
    this.receive(kind, JSON.parse(message.data));
  }

  look() {
    const now = performance.now(), silent = now - this.received;   // whatever becomes of the screen's clock
    if (!this.isLost && silent > SILENT_MS) { this.isLost = true; this.change(true, nowMs() - silent); }
    // a connection that hangs without an end: a cable, a proxy
    if (Math.min(silent, now - this.opened) > 4 * SILENT_MS) { this.source.close(); this.open(); }
  }
}
