// What is typed while a label is on its way. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const at = (name) => import(new URL(`../../../inspector/station/static/${name}`, import.meta.url));
const { Turns } = await at("turns.js");

test("one thing follows the other, whoever is quicker", async () => {
  const turns = new Turns(), done = [];
  let end = null;
  const slow = turns.take(() => new Promise((resolve) => { end = () => { done.push("slow"); resolve(true); }; }));
  turns.take(() => { done.push("quick"); });
  assert.deepEqual(done, []);
  end(); await slow;
  assert.deepEqual(done, ["slow", "quick"]);
});

test("what follows a failure is not done, and what comes later is", async () => {
  const turns = new Turns(), done = [];
  for (const fails of [async () => false, async () => { throw new Error("no answer"); }]) {
    const first = turns.take(fails);
    turns.take(() => { done.push("meant for another tile"); });
    await first.catch(() => null);
  }
  await turns.take(() => { done.push("later"); });
  assert.deepEqual(done, ["later"]);
});
