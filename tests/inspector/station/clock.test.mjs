// What time it is at the station. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const { nowMs, nowUtc, setClock } = await import(new URL("../../../inspector/station/static/clock.js", import.meta.url));

test("a screen whose clock is wrong goes by the station's", (run) => {
  run.mock.method(Date, "now", () => Date.parse("2026-11-29T15:00:00Z"));
  assert.equal(nowUtc(), "2026-11-29T15:00:00.000Z");   // until the station says more
  setClock("2026-11-29T16:00:03.500+00:00");
  assert.equal(nowUtc(), "2026-11-29T16:00:03.500Z");
  run.mock.method(Date, "now", () => Date.parse("2026-11-29T15:00:10Z"));
  assert.equal(nowMs(), Date.parse("2026-11-29T16:00:13.500Z"));
  setClock(undefined);                                   // a station of before
  assert.equal(nowUtc(), "2026-11-29T15:00:10.000Z");
});
