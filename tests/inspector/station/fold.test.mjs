// The pure modules of the live page. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import test from "node:test";

const at = (name) => import(new URL(`../../../inspector/station/static/${name}`, import.meta.url));
const { Fold, gravest, marksOf, sorted } = await at("fold.js");
const { DELAY_MS, Travel } = await at("travel.js");

const KEPT = { coils: 2, many: 20, most: 1500 };
const coil = (name, state, length_m = 0, inspected_m = 0) => ({ time: "", data: { kind: "coil", state, coil: name, length_m, inspected_m, missed_m: 0 } });
const defect = (id, start_mm, more = {}) => ({ time: "", data: { kind: "defect", id, coil: "A", name: "dark", side: "top", start_mm, end_mm: start_mm + 10, left_mm: 100, right_mm: 110, part_of: "", ...more } });

test("coils lie one behind the other on the line", () => {
  const fold = new Fold(KEPT);
  fold.take(coil("A", "started")); fold.take(coil("A", "ended", 12, 12)); fold.take(coil("B", "started"));
  assert.deepEqual(fold.coils.map((one) => [one.name, one.base]), [["A", 0], ["B", 12_000]]);
  fold.take(defect("late", 13_000));
  assert.equal(fold.coils[1].base, 13_010);
});

test("a piece that goes on under the next camera is older than those that began since", () => {
  const fold = new Fold(KEPT), names = () => fold.coils.map((one) => one.name).join(" ");
  for (let n = 1; n <= 8; n++) {
    fold.take(coil(`P${n}`, "started")); fold.take(coil(`P${n}`, "ended", 2, 2));
    if (n > 3) { fold.take(coil(`P${n - 3}`, "started", 2, 2)); fold.take(defect(`under${n}`, 500, { coil: `P${n - 3}`, side: "bottom" })); }
  }
  assert.equal(names(), "P1 P2 P3 P4 P5 P6 P7 P8");
  assert.deepEqual(fold.coils.map((one) => one.base), [0, 2000, 4000, 6000, 8000, 10_000, 12_000, 14_000]);
  fold.take(coil("P0", "started", 2, 2)); fold.take(coil("P0", "ended", 2, 2));   // a page that opened since
  assert.ok(names().startsWith("P0 P1 ")); assert.equal(fold.coil.name, "P8"); assert.equal(fold.coil.base, 16_000);
});

test("small coils are here as far as they are no more than two large ones", () => {
  for (const [defects, many] of [[1500, 2], [1, 20]]) {
    const fold = new Fold(KEPT);
    for (let n = 0; n < 25; n++) {
      fold.take(coil(`P${n}`, "started"));
      for (let d = 0; d < defects; d++) fold.take(defect(`d${d}`, d, { coil: `P${n}` }));
    }
    assert.equal(fold.coils.length, many); assert.equal(fold.coil.name, "P24");
    fold.drop(fold.coils[0], { kind: "missed", start_mm: 0, end_mm: 5 });
    for (let n = 25; n < 50; n++) fold.take(coil(`P${n}`, "started"));
    assert.equal(fold.dropped.size, 0, "what is gone with its coil counts no more");
  }
});

test("an event of a coil that was put away makes it no newest one", () => {
  const full = () => { const fold = new Fold(KEPT); for (let n = 0; n < 22; n++) fold.take(coil(`P${n}`, "started")); return fold; };
  const late = new Fold(KEPT); late.begin(["P0", "P1"]); late.take(coil("P2", "started"));   // a page that was opened since
  const stretch = { time: "", data: { kind: "missed", coil: "P1", camera: "top", start_mm: 0, end_mm: 9 } }, repeat = { time: "", data: { kind: "repeat", coil: "P1", id: "r" } };
  for (const fold of [full(), late]) {
    const before = fold.coils.map((one) => [one.name, one.base]);
    for (const event of [defect("d", 5, { coil: "P1" }), stretch, { time: "", data: { ...stretch.data, kind: "doubtful" } }, repeat, coil("P1", "ended", 2, 2)]) fold.take(event);
    assert.deepEqual(fold.coils.map((one) => [one.name, one.base]), before);
  }
  late.take(coil("P1", "started", 2, 2)); late.take(defect("d", 5, { coil: "P1" }));   // it goes on under the next camera
  assert.deepEqual(late.coils.map((one) => [one.name, one.defects.size]), [["P1", 1], ["P2", 0]]);
  late.take(coil("P0", "started")); late.take(defect("d", 5, { coil: "P0" }));         // another of the name
  assert.deepEqual(late.coils.map((one) => [one.name, one.defects.size]), [["P1", 1], ["P2", 0], ["P0", 1]]);
});

test("another coil of the same name begins again, and one that goes on does not", () => {
  const fold = new Fold(KEPT);
  fold.take(coil("A", "started")); fold.take(defect("d", 5)); fold.take(coil("A", "started", 1, 1));
  assert.equal(fold.coils.length, 1);
  fold.take(coil("A", "ended", 2, 2)); fold.take(coil("A", "started"));
  assert.equal(fold.coils.length, 2); assert.equal(fold.coil.defects.size, 0);
});

test("the newest event's time is the line's last sign", () => {
  const fold = new Fold(KEPT);
  for (const time of ["2026-11-27T10:00:00Z", "2026-11-28T10:00:00Z", "2026-11-27T11:00:00Z"]) fold.take({ ...coil("A", "started", 1, 1), time });
  assert.equal(fold.latest, "2026-11-28T10:00:00Z");
});

test("a coil that goes on after a restart has no grade", () => {
  const fold = new Fold(KEPT);
  fold.take(coil("A", "started")); fold.take(coil("A", "ended", 2, 2)); fold.take({ time: "", data: { kind: "record", coil: "A", grade: "release" } });
  assert.equal(fold.coil.record.grade, "release");
  fold.take(coil("A", "started", 2, 2));
  assert.equal(fold.coil.record, null);
});

test("a record that comes late is not the one of the next coil of its name", () => {
  const fold = new Fold(KEPT), record = { time: "", data: { kind: "record", coil: "A", grade: "block" } };
  fold.take(coil("A", "started")); fold.take(coil("A", "ended", 2, 2)); fold.take(coil("A", "started")); fold.take(record);
  assert.deepEqual(fold.coils.map((one) => one.record?.grade), ["block", undefined]);
  fold.begin(); fold.take(coil("A", "started")); fold.take(record);      // to a browser that comes now
  assert.equal(fold.coil.record, null);
});

test("a defect that grows is one, and a part of another is none", () => {
  const fold = new Fold(KEPT);
  fold.take(defect("d", 5)); fold.take(defect("d", 5, { end_mm: 900 })); fold.take(defect("e", 700)); fold.take(defect("e", 700, { part_of: "d" }));
  assert.deepEqual([...fold.coil.defects.values()].map((one) => [one.id, one.end_mm]), [["d", 900]]);
});

test("defects that are no longer here count all the same", () => {
  const fold = new Fold(KEPT);
  fold.take(coil("A", "started"));
  for (let n = 0; n < 1510; n++) fold.take(defect(`d${n}`, n));
  assert.equal(fold.undrawn(fold.coil), 10);
  assert.equal(fold.coil.defects.size, 1500); assert.deepEqual(fold.gone(fold.coil).defects, { dark: 10 });
  fold.take(coil("A", "started"));
  assert.deepEqual(fold.gone(fold.coil).defects, {}); assert.equal(fold.undrawn(fold.coil), 0);
});

test("metres that were not inspected or not surely seen count when their stretches are no longer here", () => {
  const fold = new Fold(KEPT), stretch = (kind, n) => ({ time: "", data: { kind, coil: "A", camera: "top", side: "top", start_mm: 2 * n, end_mm: 2 * n + 1 } });
  fold.take(coil("A", "started"));
  for (let n = 0; n < 1510; n++) { for (const kind of ["missed", "doubtful", "crowded"]) fold.take(stretch(kind, n)); }
  assert.equal(fold.coil.missed.length, 1500); assert.equal(fold.missed(fold.coil), 1510);
  assert.equal(fold.coil.doubtful.length, 1500); assert.equal(fold.doubtful(fold.coil), 1510);
  assert.deepEqual(fold.gone(fold.coil), { defects: {}, missed_mm: 10, doubtful_mm: 10, crowded: 10 });
  assert.equal(fold.undrawn(fold.coil), 20, "strip of which stretches are gone only looks sound");
  fold.begin(); fold.dropped.set("A", { defects: {}, missed_mm: 6400, doubtful_mm: 2000, crowded: 0 });   // to a browser that comes now
  fold.take(coil("A", "started")); fold.take(stretch("missed", 0)); fold.take(stretch("doubtful", 0));
  assert.equal(fold.missed(fold.coil), 6401); assert.equal(fold.doubtful(fold.coil), 2001);
});

test("strip that was not surely seen counts once, however often it is reported", () => {
  const fold = new Fold(KEPT), doubt = (camera, start_mm, end_mm) => fold.take({ time: "", data: { kind: "doubtful", coil: "A", camera, start_mm, end_mm, faults: [] } });
  fold.take(coil("A", "started"));
  for (const [from, to] of [[0, 10], [10, 20], [40, 60]]) assert.equal(doubt("top", from, to), true);
  doubt("under", 5, 15);
  const parts = () => fold.coil.doubtful.map((one) => [one.camera, one.start_mm, one.end_mm]);
  assert.deepEqual(parts(), [["top", 0, 20], ["top", 40, 60], ["under", 5, 15]]); assert.equal(fold.doubtful(fold.coil), 50);
  doubt("top", 0, 50);   // a screen that is found to be blind, over what was dark
  assert.deepEqual(parts(), [["under", 5, 15], ["top", 0, 60]]); assert.equal(fold.doubtful(fold.coil), 70); assert.equal(fold.coil.length, 60);
});

test("of repeats the newest are here", () => {
  const fold = new Fold(KEPT), repeat = (id) => ({ time: "", data: { kind: "repeat", coil: "A", id } });
  fold.take(coil("A", "started"));
  for (let n = 0; n < 1510; n++) { fold.take(repeat(`r${n}`)); fold.take(repeat("goes on")); }
  assert.equal(fold.coil.repeats.size, 1500); assert.ok(fold.coil.repeats.has("goes on"));
});

test("a repeat that its coil's tail shows is that coil's, though others of the name have begun", () => {
  const fold = new Fold(KEPT), repeat = (id, coils_since) => fold.take({ time: "", data: { kind: "repeat", coil: "", id, coils_since } });
  for (let n = 0; n < 3; n++) { fold.take(coil("", "started")); fold.take(coil("", "ended", 5, 5)); }
  assert.deepEqual([repeat("r", 2), repeat("s", 0), repeat("gone", 3)], [true, true, false]);
  assert.deepEqual(fold.coils.map((one) => [...one.repeats.keys()]), [["r"], [], ["s"]]);
});

test("a camera's faults come and go", () => {
  const fold = new Fold(KEPT), event = (fault, state, status) => ({ data: { kind: "camera", camera: "top", fault, state, status, message: fault } });
  fold.take(event("dark", "raised", "out_of_specification")); fold.take(event("frozen", "raised", "failure")); fold.take(event("frozen", "returned", "out_of_specification"));
  assert.equal(fold.cameras.get("top").status, "out_of_specification");
  assert.deepEqual([...fold.cameras.get("top").faults.keys()], ["dark"]);
  assert.deepEqual([fold.reported.get("dark").state, fold.reported.get("frozen").state], ["raised", "returned"]);   // an alarm quotes either
  assert.equal(gravest(["normal", "failure"]), "failure");
});

test("the marks of a roll are found, over missing ones", () => {
  const fold = new Fold(KEPT);
  for (const turn of [0, 1, 3, 4]) fold.take(defect(`m${turn}`, 500 + 1885 * turn));
  fold.take(defect("other", 3000)); fold.take(defect("elsewhere", 500 + 1885 * 2, { left_mm: 600, right_mm: 610 }));
  const marks = marksOf({ name: "dark", side: "top", newest: "m4", across_mm: 105, period_mm: 1885 }, fold.coil.defects);
  assert.deepEqual(marks.map((one) => one.id), ["m0", "m1", "m3", "m4"]);
  fold.take(defect("m5", 500 + 1885 * 5));   // printed since the repeat was reported
  const now = (state) => marksOf({ state, name: "dark", side: "top", newest: "m4", across_mm: 105, period_mm: 1885 }, fold.coil.defects).length;
  assert.equal(now("update"), 5); assert.equal(now("ended"), 4);
});

test("the newest unacknowledged alarm stands first", () => {
  const alarm = (name, isa_state, since, priority = "high") => ({ name, isa_state, since, priority });
  const { shown, aside, counts } = sorted([
    alarm("old", "unacknowledged", "2026-01-01"), alarm("seen", "acknowledged", "2026-01-05"), alarm("new", "returned", "2026-01-03", "low"),
    alarm("well", "normal", ""), alarm("put", "shelved", "2026-01-02"),
  ]);
  assert.deepEqual(shown.map((one) => one.name), ["new", "old", "seen"]);
  assert.deepEqual(aside.map((one) => one.name), ["put"]);
  assert.deepEqual(counts, { high: 2, medium: 0, low: 1 });
});

test("a kind of a later version changes nothing", () => {
  const fold = new Fold(KEPT);
  assert.equal(fold.take({ data: { kind: "from_2030" } }), false);
  assert.equal(fold.coils.length, 0);
});

test("the strip moves evenly between two reports, and never back", () => {
  const travel = new Travel();
  assert.equal(travel.at(0), 0);
  travel.take(0, 0); travel.take(1000, 500);
  assert.equal(travel.at(DELAY_MS + 500), 250); assert.equal(travel.at(DELAY_MS - 10), 0); assert.equal(travel.at(DELAY_MS + 5000), 500);
  assert.ok(travel.isMoving(DELAY_MS + 999)); assert.ok(!travel.isMoving(DELAY_MS + 1000));
  travel.take(2000, 100);
  assert.equal(travel.at(DELAY_MS + 2000), 100);
});
