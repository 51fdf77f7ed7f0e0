import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { parsed, reworded } from "../../../inspector/station/static/sentences.js";

test("each sentence of an alarm is known by its form", () => {
  for (const [kind, text] of JSON.parse(readFileSync(new URL("./sentences.json", import.meta.url), "utf-8"))) assert.equal(parsed(text)?.kind, kind, text);
});

test("what a sentence names is found, whatever the names are", () => {
  assert.deepEqual({ ...parsed("a repeats each b repeats each 1257.0 mm (S3 or S4): 4 marks") }, { kind: "repeats", name: "a repeats each b", period: "1257.0", rolls: "S3 or S4", count: "4" });
  assert.equal(parsed("3 defects within 2.5 m (dark or (odd))").classes, "dark or (odd)");
  assert.equal(parsed("no defect within 1e-05 m").within, "1e-05");
  assert.equal(parsed("acknowledged by Kim"), null);
});

test("lengths are in inches and feet for who asks", () => {
  assert.equal(reworded("pitted repeats each 1257.3 mm: 4 marks", "in"), "pitted repeats each 49.50 in: 4 marks");
  assert.equal(reworded("12000.0 mm² of defects within 5 m", "in"), "18.600 in² of defects within 16.4 ft");
  assert.equal(reworded("1.2e+03 defects a metre within 2.5 m", "in"), "365.760 defects a foot within 8.2 ft");
  assert.equal(reworded("0.01 m of strip missed within 1e-05 m", "in"), "0.03 ft of strip missed within 0.00003 ft");
  assert.equal(reworded("no defect within 1.2e+06 m", "in"), "no defect within 3\u202f937\u202f007.9 ft");
  for (const [, text] of JSON.parse(readFileSync(new URL("./sentences.json", import.meta.url), "utf-8"))) {
    assert.doesNotMatch(reworded(text, "in"), /\d (mm|m|defects a metre)\b/, text);
    assert.equal(reworded(text, "mm"), text);
  }
});

test("a name that reads like a length stays what it is", () => {
  for (const text of ["coil S355 12 mm A: block", "top 4 m: failure", "a 5 mm, or other words"]) assert.equal(reworded(text, "in"), text);
  assert.equal(reworded("scale 3 mm repeats each 25.4 mm (WR 400 mm or 2 m): 4 marks", "in"), "scale 3 mm repeats each 1.00 in (WR 400 mm or 2 m): 4 marks");
  assert.equal(reworded("3 defects within 3.048 m (scale 3 mm, 2 m)", "in"), "3 defects within 10.000 ft (scale 3 mm, 2 m)");
  const moved = (shift) => `top 4 m: out of specification, camera top 4 m sees the strip ${shift} left of its usual place: it was moved, or the strip runs off`;
  assert.equal(reworded(moved("254 mm"), "in"), moved("10.00 in"));
});
