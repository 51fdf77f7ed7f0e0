// What readers of other languages and units are shown. Run by test_scripts.py, with Node.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const STATIC = "../../../inspector/station/static/";
const FACTS = { units: "in", zone: "Asia/Tokyo" };   // read once, as on a page
const page = (lang, languages, words = {}) => {
  globalThis.document = { documentElement: { lang }, getElementById: (id) => ({ textContent: JSON.stringify({ words, facts: FACTS }[id]) }) };
  Object.defineProperty(globalThis, "navigator", { value: { languages }, configurable: true });
};

test("a reader of inches finds the same figures in each language", async () => {
  page("de", ["de-DE"], JSON.parse(readFileSync(new URL("./german.json", import.meta.url), "utf-8")));
  const { sentence } = await import(new URL(`${STATIC}sentences.js`, import.meta.url));
  assert.equal(sentence("12000.0 mm² of defects within 5 m"), "18,600 in² Fehler auf 16,4 ft");
  assert.equal(sentence("2.5 defects a metre within 10 m (dark)"), "0,762 Fehler je Fuß auf 32,8 ft (dark)");
  const figures = (text) => text.match(/\d+(?:,\d+)?/g);
  for (const text of ["12000.0 mm² of defects within 5 m", "2.5 defects a metre within 10 m (dark)", "3 defects within 2.5 m", "1.25 m of strip missed within 5 m", "pitted repeats each 1257.0 mm: 12 marks"]) {
    assert.deepEqual(figures(sentence(text)), figures(sentence(text, "en")), text);
  }
});

test("midnight is 00, whichever English a browser speaks", async () => {
  for (const language of ["en-GB", "en-CA", "en-AU", "en-IN", "en-NZ"]) {
    page("en", [language]);
    const { date, time } = await import(new URL(`${STATIC}words.js?${language}`, import.meta.url));
    assert.equal(time("2026-03-01T15:05:09Z"), "00:05:09", language);
    assert.match(date("2026-03-01T15:05:09Z"), /, 00:05$/, language);
  }
});
