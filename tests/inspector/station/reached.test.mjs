// Which coil a camera is over. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const at = (name) => import(new URL(`../../../inspector/station/static/${name}`, import.meta.url));
const { Reached } = await at("reached.js");
const { DELAY_MS } = await at("travel.js");

const coil = (name, base = 0, more = {}) => ({ name, base, length: 0, isOver: false, ...more });

test("a camera that is still over the last coil says nothing of the next", () => {
  const reached = new Reached(), a = coil("A", 0, { length: 40_000 }), b = coil("B", 40_000);
  reached.take(0, { top: 39.5, under: 39.2 }, [a]);
  assert.deepEqual([...reached.take(1000, { top: .4, under: 39.9 }, [a, b])], [[b, 400], [a, 39_900]]);
  assert.deepEqual([...reached.take(2000, { top: 1.4, under: .9 }, [a, b])], [[b, 1400]]);
  assert.equal(reached.at(2000 + DELAY_MS), 41_400);
  assert.deepEqual(reached.behind(2000 + DELAY_MS), { top: 0, under: 500 });
});

test("a coil whose report comes after its first metre is waited for", () => {
  const reached = new Reached(), a = coil("A", 0, { length: 40_000 }), b = coil("B", 40_000);
  reached.take(0, { top: 39.5 }, [a]);
  assert.deepEqual([...reached.take(1000, { top: .4 }, [a])], []);
  assert.deepEqual([...reached.take(2000, { top: 1.4 }, [a, b])], [[b, 1400]]);
});

test("a coil that is over stays as long as it was, and a longer one goes on behind it", () => {
  const reached = new Reached(), a = coil("A", 0, { length: 3000 }), b = coil("B", 3000);
  reached.take(0, { top: 2.9 }, [a]);
  a.isOver = true;
  assert.deepEqual([...reached.take(1000, { top: 3.0 }, [a, b])], [[a, 3000]], "its last step");
  assert.deepEqual([...reached.take(2000, { top: 3.2 }, [a, b])], [[b, 3200]], "no way back, and yet another coil");
});

test("several pieces between two cameras are under each in their order", () => {
  const reached = new Reached(), pieces = [coil("P0", 0, { length: 2000 })];
  reached.take(0, { top: 2, under: 2 }, pieces);
  for (let n = 1; n < 9; n++) {
    pieces[n - 1].isOver = true;
    pieces.push(coil(`P${n}`, 2000 * n, { length: 2000 }));
    if (n > 3) { pieces[n - 3].isOver = false; if (n > 4) pieces[n - 4].isOver = true; }
    const under = n > 3 ? { under: .9 } : {};
    const found = [...reached.take(1000 * n, { top: 1.4, ...under }, pieces)].map(([one, mm]) => [one.name, mm]);
    assert.deepEqual(found, [[`P${n}`, 1400], ...(n > 3 ? [[`P${n - 3}`, 900]] : [])]);
    reached.take(1000 * n + 500, { top: 2, ...(n > 3 ? { under: 2 } : {}) }, pieces);
  }
});

test("a camera whose positions show no other piece is over the one that runs", () => {
  const reached = new Reached(), pieces = [];
  for (let n = 0; n < 6; n++) {
    if (n) pieces[n - 1].isOver = true;
    pieces.push(coil(`P${n}`, 200 * n, { length: 200 }));
    reached.take(1000 * n, { top: .2 }, pieces);
    assert.ok(pieces.length - pieces.indexOf(reached.cameras.get("top").coil) <= 2, "it came that far each time that it was looked");
  }
});

test("a camera that was set back within a coil is over it again, a little later", () => {
  const reached = new Reached(), a = coil("A", 0, { length: 40_000 });
  reached.take(0, { top: 9 }, [a]);
  for (let s = 1; s <= 3; s++) assert.equal(reached.take(1000 * s, { top: s }, [a]).size, 0);
  assert.deepEqual([...reached.take(4000, { top: 4 }, [a])], [[a, 4000]]);
});

test("a camera that is silent stays behind, and does not hold the others up", () => {
  const reached = new Reached(), a = coil("A");
  for (let s = 0; s < 4; s++) reached.take(1000 * s, { top: s, under: 0 }, [a]);
  assert.equal(reached.at(3000 + DELAY_MS), 3000);
  assert.deepEqual(reached.behind(3000 + DELAY_MS), { top: 0, under: 3000 });
  assert.ok(reached.isMoving(3000)); assert.ok(!reached.isMoving(3000 + DELAY_MS));
});
