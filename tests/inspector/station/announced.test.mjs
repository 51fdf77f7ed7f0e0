// How often the horn sounds. Run by test_scripts.py, with Node.

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

test("what a flood withholds is not announced where the line's answer comes first, nor on a page that is opened then", () => {
  const horn = new Announced(), answer = { ...nth(1, "unacknowledged"), is_withheld: true };
  assert.equal(horn.take([answer]), false);
  assert.equal(horn.note(nthEvent(1, "unacknowledged")), false);
  assert.equal(horn.take([answer]), false);
  assert.equal(horn.take([{ ...nth(1, "returned", at("20.000")), is_withheld: true }]), false);
  assert.equal(horn.take([nth(2, "unacknowledged", at("30.000"))]), true);
});

const nth = (raised, stood, since = at("00.000")) => ({ ...stands(stood, since), raised });
const nthEvent = (raised, isa_state, annunciate = false, time = at("00.007")) => ({ time, data: { ...event(isa_state, annunciate).data, raised } });

test("what was raised while the page was away is announced once, though its events follow the line's answer", () => {
  const horn = new Announced();
  horn.take([nth(1, "unacknowledged")]);
  assert.equal(horn.take([nth(3, "returned", at("12.000"))]), true);
  const missed = [nthEvent(1, "acknowledged"), nthEvent(2, "unacknowledged", true), nthEvent(2, "acknowledged"), nthEvent(3, "unacknowledged", true), nthEvent(3, "returned")];
  assert.deepEqual(missed.map((one) => horn.note(one)), missed.map(() => false));
  assert.equal(horn.take([nth(3, "returned", at("12.000"))]), false);
  assert.equal(horn.note(nthEvent(4, "unacknowledged", true)), true);
  assert.equal(horn.take([nth(4, "unacknowledged")]), false);
});

test("a station that was started again announces only what it does not know", () => {
  const horn = new Announced();
  assert.equal(horn.take([nth(1, "unacknowledged")]), true);
  assert.deepEqual([[], [nth(1, "unacknowledged", at("00.007"))], []].map((alarms) => horn.take(alarms)), [false, false, false]);
  assert.equal(horn.take([nth(2, "unacknowledged")]), true);
  assert.deepEqual([[], [nth(1, "unacknowledged", at("50.000"))]].map((alarms) => horn.take(alarms)), [false, true]);   // the line lost count
  assert.deepEqual([[], [nth(1, "unacknowledged", at("59.000"))], [nth(1, "returned", at("59.900"))]].map((alarms) => horn.take(alarms)), [false, false, false]);
  assert.equal(horn.note(nthEvent(2, "unacknowledged")), false);   // a flood withholds it
  assert.equal(horn.take([nth(2, "unacknowledged")]), false);
});
