// How often the horn sounds. Run by test_scripts.py: node --test.

import assert from "node:assert/strict";
import test from "node:test";

const { Announced } = await import(new URL("../../../inspector/station/static/announced.js", import.meta.url));

const at = (second) => `2026-11-29T16:00:${String(second).padStart(6, "0")}Z`;
const stands = (isa_state, since = at("00.000"), name = "a") => ({ name, isa_state, since });
const event = (isa_state, annunciate = false, name = "a") => ({ time: at("00.007"), data: { kind: "alarm", name, isa_state, annunciate } });

test("an alarm is announced once, whether its event or the line's answer comes first", () => {
  const horn = new Announced(), raised = event("unacknowledged", true);
  assert.equal(horn.note(raised), false);
  assert.equal(horn.take([stands("unacknowledged", raised.time)]), true);
  assert.equal(horn.take([stands("unacknowledged")]), false);            // the same, 7 ms earlier
  assert.equal(horn.note(event("acknowledged")), false);
  assert.equal(horn.take([stands("acknowledged")]), false);
  assert.equal(horn.take([stands("unacknowledged")]), true);             // the answer is first
  assert.equal(horn.note(raised), false);
  assert.equal(horn.take([stands("unacknowledged", raised.time)]), false);
});

test("one that goes is not announced, one that comes back is", () => {
  const horn = new Announced();
  assert.equal(horn.take([stands("unacknowledged"), stands("returned", at("00.000"), "before")]), true);   // a page that was just opened
  assert.equal(horn.take([stands("returned", at("03.000")), stands("returned", at("00.000"), "before")]), false);
  assert.equal(horn.take([stands("unacknowledged", at("04.000"))]), true);
  assert.equal(horn.take([]), false);
  assert.equal(horn.take([stands("unacknowledged", at("05.000"))]), true);
});

test("what was raised again while a page saw nothing is announced", () => {
  const horn = new Announced();
  horn.take([stands("unacknowledged")]);
  assert.equal(horn.note(event("acknowledged")), false);
  assert.equal(horn.note(event("unacknowledged", true)), true);          // both between two standings
  assert.equal(horn.take([stands("unacknowledged", at("01.000"))]), false);
  assert.equal(horn.take([stands("unacknowledged", at("50.000"))]), true);   // no event came of what was between
  assert.equal(horn.note({ time: at("50.000"), data: { kind: "defect" } }), false);
});

test("what a flood withholds is not announced", () => {
  const horn = new Announced();
  assert.equal(horn.note(event("unacknowledged")), false);
  assert.equal(horn.take([stands("unacknowledged")]), false);
  assert.equal(horn.take([stands("unacknowledged"), stands("unacknowledged", at("00.000"), "grave")]), true);
});
