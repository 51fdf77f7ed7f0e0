// Lengths as the reader wants them: millimetres and metres, or inches and feet. Pure, but for how numbers are written.

import { number } from "./words.js";

const facts = typeof document === "undefined" ? {} : JSON.parse(document.getElementById("facts")?.textContent ?? "{}");
const MM_PER_INCH = 25.4, MM_PER_FOOT = 304.8;

// A value and its unit, with a digit more in the larger unit.
export const small = (mm, digits = 1, units = facts.units) => (units === "in" ? [mm / MM_PER_INCH, digits + 1, "in"] : [mm, digits, "mm"]);
export const large = (mm, digits = 1, units = facts.units) => (units === "in" ? [mm / MM_PER_FOOT, digits, "ft"] : [mm / 1000, digits, "m"]);

const written = ([value, digits, unit], isBare) => number(value, digits) + (isBare ? "" : ` ${unit}`);
export const mm = (value, digits, isBare = false) => written(small(value, digits), isBare);
export const metres = (value, digits, isBare = false) => written(large(value, digits), isBare);
