// Inches on request. Run by test_scripts.py: node --test.

import assert from "node:assert/strict";
import test from "node:test";

const { large, metres, mm, reworded, small } = await import(new URL("../../../inspector/station/static/units.js", import.meta.url));

test("lengths are metric, and inches and feet for who asks", () => {
  assert.deepEqual(small(25.4, 1, "in"), [1, 2, "in"]);
  assert.deepEqual(large(3048, 2, "in"), [10, 2, "ft"]);
  assert.deepEqual(small(7, 1, "mm"), [7, 1, "mm"]);
  assert.equal(reworded("pitted each 1257.3 mm, within 10 m: 4 marks", "in"), "pitted each 49.50 in, within 32.8 ft: 4 marks");
  assert.equal(reworded("12000.0 mm² of defects within 5 m", "in"), "18.600 in² of defects within 16.4 ft");
  assert.equal(reworded("1.2e+03 defects a metre within 2.5 m", "in"), "365.760 defects a foot within 8.2 ft");
  assert.equal(reworded("0.01 m of strip missed within 1e-05 m", "in"), "0.03 ft of strip missed within 0.00003 ft");
  assert.equal(reworded("within 1.2e+06 m", "in"), "within 3\u202f937\u202f007.9 ft");
  assert.equal(mm(12.34, 1), "12.3 mm"); assert.equal(metres(1234, 2), "1.23 m"); assert.equal(mm(5, 0, true), "5");
  assert.equal(mm(1234567.8, 1), "1\u202f234\u202f567.8 mm");   // thousands as in the coil's report
  assert.equal(mm(1256.9, 1), "1256.9 mm");
});
