// The strip is drawn once a stretch, and then copied. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const at = (name) => import(new URL(`../../../inspector/station/static/${name}`, import.meta.url));
const { Panes } = await at("panes.js");

// A canvas that keeps what is asked of it.
const canvas = () => { const copies = []; return { width: 0, height: 0, copies, getContext: () => ({ setTransform() {}, clearRect() {}, drawImage: (of, x, y, w) => copies.push([x, w]) }) }; };

function strip() {
  const painted = [], panes = new Panes((ctx, from, to) => painted.push([from, to]), canvas), screen = canvas();
  const copy = (more) => { screen.copies.length = 0; return panes.copy(screen.getContext(), { key: "", changes: 0, scale: .1, sharp: 1, height: 300, from: 0, to: 10_000, x: 48, ms: 0, ...more }); };
  return { painted, panes, copies: screen.copies, copy };
}

test("strip that passes is drawn once, and copied so that panes touch at whole pixels", () => {
  const { painted, copies, copy } = strip();
  for (let n = 0; n < 100; n++) {
    assert.ok(copy({ from: 3.3 * n, to: 10_000 + 3.3 * n, ms: n }));
    const right = copies.reduce((end, [x, w]) => { assert.ok(Number.isInteger(x)); if (end !== null) assert.equal(x, end); return x + w; }, null);
    assert.ok(copies[0][0] <= 49 && right >= 48 + 1000 - 1);   // half a pixel is rounded away
  }
  assert.equal(painted.length, 5); assert.deepEqual(painted[0], [0, 2400]);
});

test("what has changed is drawn again, one pane a picture, each after a while only", () => {
  const { painted, copy } = strip();
  copy({}); painted.length = 0;
  assert.ok(!copy({ changes: 1, ms: 100 })); assert.equal(painted.length, 0);
  for (let n = 0; n < 5; n++) { copy({ changes: 1, ms: 300 + n }); assert.equal(painted.length, n + 1); }
  assert.ok(copy({ changes: 1, ms: 305 })); assert.equal(painted.length, 5);
  for (let ms = 306; ms < 1306; ms += 16) copy({ changes: ms, ms });
  assert.ok(painted.length <= 5 + 5 * 5);
});

test("another scale, or a coil that moved along, is drawn at once", () => {
  const { painted, copy } = strip();
  copy({}); painted.length = 0;
  assert.ok(copy({ key: "other", scale: .05, to: 20_000, ms: 1 })); assert.equal(painted.length, 5);
});
