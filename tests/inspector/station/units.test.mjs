// Inches on request. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const { large, metres, mm, small } = await import(new URL("../../../inspector/station/static/units.js", import.meta.url));

test("lengths are metric, and inches and feet for who asks", () => {
  assert.deepEqual(small(25.4, 1, "in"), [1, 2, "in"]);
  assert.deepEqual(large(3048, 2, "in"), [10, 2, "ft"]);
  assert.deepEqual(small(7, 1, "mm"), [7, 1, "mm"]);
  assert.equal(mm(12.34, 1), "12.3 mm"); assert.equal(metres(1234, 2), "1.23 m"); assert.equal(mm(5, 0, true), "5");
  assert.equal(mm(1234567.8, 1), "1\u202f234\u202f567.8 mm");   // thousands as in the coil's report
  assert.equal(mm(1256.9, 1), "1256.9 mm");
});
