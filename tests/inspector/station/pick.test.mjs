// What is chosen in the review, and what takes it back. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const at = (name) => import(new URL(`../../../inspector/station/static/${name}`, import.meta.url));
const { inParts, Pick, undoing, unsettled } = await at("pick.js");

test("a key concerns the chosen, else the one with the focus", () => {
  const pick = new Pick(5);
  assert.deepEqual(pick.meant(), [0]);
  pick.move(2); pick.toggle(); pick.toggle(4);
  assert.deepEqual(pick.meant(), [2, 4]);
  pick.none();
  assert.deepEqual(pick.meant(), [4]);
  assert.deepEqual(new Pick(0).meant(), []);
});

test("a range grows and shrinks from where it began", () => {
  const pick = new Pick(9);
  pick.go(4); pick.move(2, true);
  assert.deepEqual(pick.meant(), [4, 5, 6]);
  pick.move(-4, true);
  assert.deepEqual(pick.meant(), [2, 3, 4]);
  pick.move(99);
  assert.equal(pick.focus, 8);
});

test("undo asks for the label before, if the one that was given still stands", () => {
  const given = [{ coil: "C", defect: "d", is_done: true, before: "", tile: { label: { time: "T" } } }, { coil: "C", defect: "e", is_done: false, before: "dark", tile: null }];
  assert.deepEqual(undoing(given), [{ coil: "C", defect: "d", seen: "T", label: "" }]);
});

test("what was not taken back is kept for the next undo, unless somebody was first", () => {
  const one = (defect, facts = {}) => ({ coil: "C", defect, is_done: true, before: "", tile: { label: { time: "T" } }, ...facts });
  const batch = [one("a"), one("b"), one("c"), one("d", { tile: null })];
  const done = [one("a"), one("b", { is_done: false, is_conflict: true }), one("c", { is_done: false })];
  assert.deepEqual(unsettled(batch, done).map(({ defect }) => defect), ["c"]);
  assert.deepEqual(unsettled(batch, []).map(({ defect }) => defect), ["a", "b", "c"]);
});

test("many go in parts", () => { assert.deepEqual(inParts([1, 2, 3], 2), [[1, 2], [3]]); });
