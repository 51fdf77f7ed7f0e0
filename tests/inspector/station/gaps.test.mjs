// Gaps of the strip's picture. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const { gaps } = await import(new URL("../../../inspector/station/static/gaps.js", import.meta.url));
const tile = (known, more = {}) => ({ side: "top", ownLeft: 0, ownRight: 800, mmPerPx: 10, known, ...more });
const spans = (found) => found.map(({ from, to }) => [from, to]);

test("what was not drawn between two stretches is a gap, parts of a pixel are none", () => {
  assert.deepEqual(spans(gaps([tile([[0, 500], [505, 1000]]), tile([[1400, 2000]])], 0, 5000, 0)), [[1000, 1400]]);
});

test("behind what was seen last pictures are still to come, for a while", () => {
  assert.deepEqual(spans(gaps([tile([[300, 2000]])], 0, 5000, 0)), [[0, 300]]);
  assert.deepEqual(spans(gaps([tile([[300, 2000]])], 0, 5000, 2500)), [[0, 300], [2000, 2500]]);
  assert.deepEqual(spans(gaps([tile([[300, 2000]])], 0, 5000, Infinity)), [[0, 300], [2000, 5000]]);
  assert.deepEqual(spans(gaps([tile([[300, 2000]])], 400, 1800, Infinity)), []);
});

test("each camera has gaps of its own, and tiles may lie upon each other", () => {
  const found = gaps([tile([[0, 900]]), tile([[100, 1000]]), tile([[0, 200], [600, 1000]], { ownLeft: 800, ownRight: 1600 })], 0, 1000, Infinity);
  assert.deepEqual(found, [{ side: "top", left: 800, right: 1600, from: 200, to: 600 }]);
});
