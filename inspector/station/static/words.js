// Words from the page's catalogue, numbers and times as the reader writes them.

import { catalogue, facts } from "./facts.js";

const language = typeof document === "undefined" ? "en-GB" : spoken(document.documentElement.lang);

// The reader's own way of writing the page's language, like en-GB or de-CH; a browser's environment may name one that is none, as en-US@posix.
function spoken(code) { return navigator.languages.find((one) => one.startsWith(code) && one !== "en-US" && one.length > 2 && isLanguage(one)) ?? (code === "en" ? "en-GB" : code); }
function isLanguage(one) { try { return Intl.getCanonicalLocales(one).length > 0; } catch { return false; } }

// `t("left", { minutes: 3 })` fills {minutes} in; a key that has no words is shown with its underscores as spaces.
export function t(key, values = {}) {
  const text = catalogue[key] ?? key.slice(key.indexOf(".") + 1).replaceAll("_", " ");
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// From five digits on thousands stand apart by a narrow space in any language (SI Brochure, 5.4.4), as in the coil's report: a point or comma could be read as the decimal's.
const forms = new Map();
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (!forms.has(digits)) forms.set(digits, new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: "min2" }));
  return forms.get(digits).formatToParts(value).map(({ type, value }) => (type === "group" ? "\u202f" : value)).join("");
}

// The mill's time zone, where the station has one.
const zone = facts.zone || undefined;
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone });
const day = new Intl.DateTimeFormat(language, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
const ofYear = new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit", timeZone: "UTC" });
export const dayOf = (text) => ofYear.format(new Date(`${text}T00:00Z`));
export const time = (text) => (text ? clock.format(new Date(text)) : "–");
export const date = (text) => (text ? day.format(new Date(text)) : "–");

export function lasting(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
