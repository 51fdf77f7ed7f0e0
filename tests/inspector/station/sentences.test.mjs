import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { parsed } from "../../../inspector/station/static/sentences.js";

test("each sentence of an alarm is known by its form", () => {
  for (const [kind, text] of JSON.parse(readFileSync(new URL("./sentences.json", import.meta.url), "utf-8"))) assert.equal(parsed(text)?.kind, kind, text);
});

test("what a sentence names is found, whatever the names are", () => {
  assert.deepEqual({ ...parsed("a repeats each b repeats each 1257.0 mm (S3 or S4): 4 marks") }, { kind: "repeats", name: "a repeats each b", period: "1257.0", rolls: "S3 or S4", count: "4" });
  assert.equal(parsed("3 defects within 2.5 m (dark or (odd))").classes, "dark or (odd)");
  assert.equal(parsed("no defect within 1e-05 m").within, "1e-05");
  assert.equal(parsed("acknowledged by Kim"), null);
});
