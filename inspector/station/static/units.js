// Lengths as the reader wants them: millimetres and metres, or inches and feet. Pure, but for how numbers are written.

import { number } from "./words.js";

const facts = typeof document === "undefined" ? {} : JSON.parse(document.getElementById("facts")?.textContent ?? "{}");
const MM_PER_INCH = 25.4, MM_PER_FOOT = 304.8;

// A value and its unit, with a digit more in the larger unit.
export const small = (mm, digits = 1, units = facts.units) => (units === "in" ? [mm / MM_PER_INCH, digits + 1, "in"] : [mm, digits, "mm"]);
export const large = (mm, digits = 1, units = facts.units) => (units === "in" ? [mm / MM_PER_FOOT, digits, "ft"] : [mm / 1000, digits, "m"]);

// How much of the reader's longer unit a metre is: for figures whose unit stands apart.
export const perMetre = facts.units === "in" ? 1000 / MM_PER_FOOT : 1;

// The line's own words, with their lengths as the reader wants them.
export const reworded = (text, units = facts.units) => (units === "in" ? text.replace(/(\d+(?:\.\d+)?) (mm|m)\b/g, (_, value, unit) => (unit === "mm" ? `${number(value / MM_PER_INCH, 2)} in` : `${number((1000 * value) / MM_PER_FOOT, 1)} ft`)) : text);

const written = ([value, digits, unit], isBare) => number(value, digits) + (isBare ? "" : ` ${unit}`);
export const mm = (value, digits, isBare = false) => written(small(value, digits), isBare);
export const metres = (value, digits, isBare = false) => written(large(value, digits), isBare);
