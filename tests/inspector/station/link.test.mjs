// The stream's connections, with a browser of our own. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const later = [], opened = [];
globalThis.location = { href: "http://station/live" };
globalThis.fetch = async () => ({});
globalThis.setInterval = () => 0;
globalThis.setTimeout = (work) => later.push(work);
globalThis.EventSource = class {
  static OPEN = 1;
  static CLOSED = 2;
  constructor(url) { this.url = url; this.readyState = 1; this.takers = new Map(); opened.push(this); }
  addEventListener(kind, take) { this.takers.set(kind, take); }
  close() { this.readyState = 2; }
  send(kind, lastEventId = "") { this.takers.get(kind)({ lastEventId, data: `"${lastEventId}"` }); }
};
const { setClock } = await import(new URL("../../../inspector/station/static/clock.js", import.meta.url));
const { Link } = await import(new URL("../../../inspector/station/static/link.js", import.meta.url));

const linked = () => {
  const got = [];
  opened.length = 0;
  return { got, link: new Link("/api/stream?line=l", (kind, data) => got.push(kind === "event" ? data : kind), () => {}) };
};
const after = () => opened.at(-1).url.searchParams.get("after");

test("each connection goes on behind the last event, and none comes back by itself", () => {
  const { link } = linked();
  assert.equal(after(), null);
  opened[0].send("event", "e:1:2"); link.open();
  assert.equal(after(), "e:1:2");
  opened[1].send("event", "e:1:5"); opened[1].takers.get("error")();   // the station was started again
  assert.equal(opened[1].readyState, EventSource.CLOSED); later.pop()();
  assert.equal(opened.length, 3); assert.equal(after(), "e:1:5");
});

test("no event comes twice, and what begins again comes from its begin", () => {
  const { link, got } = linked();
  for (const number of ["e:2", "e:3", "e:2", "e:3", "e:10"]) opened[0].send("event", number);
  opened[0].send("now", "e:10");
  assert.deepEqual(got, ["e:2", "e:3", "e:10", "now"]);
  opened[0].send("begin", "e:10"); link.open();
  assert.equal(after(), null, "all of it was forgotten");
  opened[1].send("event", "e:1"); opened[1].send("event", "f:1");
  assert.deepEqual(got.slice(4), ["begin", "e:1", "f:1"]);
});

test("a connection that hangs is opened again each ten seconds, however seldom the page looks", () => {
  const { link } = linked(), clock = performance.now;
  try {
    const began = link.opened;
    for (const s of [4, 8.7, 10.9, 19.8, 21.3]) { performance.now = () => began + 1000 * s; link.look(); }
    assert.equal(opened.length, 3);
  } finally { performance.now = clock; }
});

test("since when the station is silent is said by its own clock", (run) => {
  let ms = 0;
  run.mock.method(performance, "now", () => ms);
  run.mock.method(Date, "now", () => Date.parse("2026-11-29T15:00:00Z"));
  const changes = [], link = new Link("/api/stream?line=l", () => {}, (...change) => changes.push(change));
  setClock("2026-11-29T16:00:00Z");
  ms = 2600; link.look(); link.look(); opened.at(-1).send("now");
  assert.deepEqual(changes, [[true, Date.parse("2026-11-29T15:59:57.400Z")], [false, 0]]);
});
