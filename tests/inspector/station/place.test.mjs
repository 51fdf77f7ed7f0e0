// Words that do not lie upon each other. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const at = (name) => import(new URL(`../../../inspector/station/static/${name}`, import.meta.url));
const { free, LABEL } = await at("place.js");

test("words stand where they belong, to the left of what stands there, or nowhere", () => {
  const taken = [], overlap = ([a, y], [b, z], width) => Math.abs(y - z) < LABEL && Math.abs(a - b) < width;
  const places = [free(taken, 500, 40, 100, 60), free(taken, 480, 45, 100, 60), free(taken, 500, 40 + LABEL, 100, 60), free(taken, 510, 40, 100, 60)];
  assert.deepEqual(places[0], [500, 40]);
  assert.deepEqual(places[2], [500, 40 + LABEL]);
  for (const [n, place] of places.entries()) for (const other of places.slice(n + 1)) assert.ok(!overlap(place, other, 100));
  assert.deepEqual(free([], 10, 40, 100, 60), [160, 40]);
  assert.equal(free(taken, 500, 40, 300, 60), null);
});
