// Lengths as the reader wants them: millimetres and metres, or inches and feet. Pure, but for how numbers are written.

import { facts } from "./facts.js";
import { number } from "./words.js";

const MM_PER_INCH = 25.4, MM_PER_FOOT = 304.8;

// A value and its unit, with a digit more in the larger unit.
export const small = (mm, digits = 1, units = facts.units) => (units === "in" ? [mm / MM_PER_INCH, digits + 1, "in"] : [mm, digits, "mm"]);
export const large = (mm, digits = 1, units = facts.units) => (units === "in" ? [mm / MM_PER_FOOT, digits, "ft"] : [mm / 1000, digits, "m"]);

// How much of the reader's longer unit a metre is: for figures whose unit stands apart.
export const perMetre = facts.units === "in" ? 1000 / MM_PER_FOOT : 1;
export const isInches = (units = facts.units) => units === "in";

// What the line measures, and what a reader of inches has instead: how much of the line's unit it is, its least digits, its name.
const INCHES = { mm: [MM_PER_INCH, 2, "in"], "mm²": [MM_PER_INCH ** 2, 3, "in²"], m: [MM_PER_FOOT / 1000, 1, "ft"], "defects a metre": [1000 / MM_PER_FOOT, 3, "defects a foot"] };
const DECIMALS = /(?:\.(\d+))?(?:e([+-]\d+))?$/;

// A figure of the line's words, with as many digits, and its unit, as the reader wants both.
export function figure(text, unit, units = facts.units) {
  const [size, digits, name] = units === "in" ? INCHES[unit] : [1, 0, unit];
  const [, decimals = "", exponent = 0] = DECIMALS.exec(text);
  return [number(text / size, Math.min(Math.max(digits, decimals.length - exponent), 20)), name];
}

const written = ([value, digits, unit], isBare) => number(value, digits) + (isBare ? "" : ` ${unit}`);
export const mm = (value, digits, isBare = false) => written(small(value, digits), isBare);
export const metres = (value, digits, isBare = false) => written(large(value, digits), isBare);
