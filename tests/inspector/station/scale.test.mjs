// Scales of the history's charts. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const { bars, dated, stacked, ticks } = await import(new URL("../../../inspector/station/static/scale.js", import.meta.url));

test("an axis has round numbers from 0 to at least the top", () => {
  assert.deepEqual(ticks(7), [0, 2, 4, 6, 8]);
  assert.deepEqual(ticks(0.3), [0, 0.1, 0.2, 0.3]);
  assert.deepEqual(ticks(1000), [0, 500, 1000]);
  assert.deepEqual(ticks(0), [0, 1]);
  assert.deepEqual(ticks(2, 4, 1), [0, 1, 2]);
  for (const top of [0.013, 1, 3.3, 99, 12345]) { const made = ticks(top); assert.ok(made.at(-1) >= top && made.length <= 6, `${top}: ${made}`); }
});

test("bars share a width, and parts lie on one another", () => {
  assert.deepEqual(bars(2, 100, .5), [[12.5, 25], [62.5, 25]]);
  assert.deepEqual(stacked([1, 0, 2]), [[0, 1], [1, 1], [1, 3]]);
});

test("the last day always has its date", () => {
  const is = dated(28, 8), shown = Array.from({ length: 28 }, (_, n) => n).filter(is);
  assert.equal(shown.at(-1), 27);
  assert.ok(shown.length <= 8);
});
