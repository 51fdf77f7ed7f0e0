// Questions to the station, and commands to the line: with the name of who gives them, and the line's own answer.

import { byId, toast } from "./dom.js";
import { facts } from "./facts.js";
import { date, t, time } from "./words.js";

export const address = (path, values = {}) => `${path}?${new URLSearchParams({ line: facts.line, ...values })}`;

// What is asked waits in the browser while its other pages hold all connections that it opens to one station: it is given up
// then, and never sent later. Longer than a line may take to answer.
const PATIENCE_MS = 20_000;
// The same for what takes minutes.
export const LONG_MS = 600_000;

// The station does not answer at all: its words are the page's, not the browser's.
export class Lost extends Error {}
const sent = (path, what, patience_ms) => fetch(path, { ...what, signal: AbortSignal.timeout(patience_ms) }).catch((error) => { throw new Lost(t(error.name === "TimeoutError" ? "lost.waiting" : "lost.station")); });

export async function ask(path, values) {
  const answer = await sent(address(path, values), {}, LONG_MS);
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `${answer.status}`);
  return answer;
}

// What the station answers to a POST; null where it does not within `patience_ms`.
export async function give(path, order, patience_ms = PATIENCE_MS) {
  try {
    const answer = await sent(address(path), {
      method: "POST",
      headers: { "content-type": "application/json", "x-station-token": facts.token },
      body: JSON.stringify(order),
    }, patience_ms);
    if (answer.status === 401) location.assign("/login");
    return await answer.json();
  } catch (error) {
    toast(`${t("no_answer")} ${error.message}`, true);
    return null;
  }
}

// Returns the line's answer, or null where there is none; shows what became of it.
export async function command(order) {
  const operator = whoAsks();
  if (!operator) return null;
  const given = await give("/api/command", { operator, ...order });
  if (given) toast(given.is_done && given.alarms?.length === 1 ? stands(given.alarms[0]) : timed(given.message ?? given.error), !given.is_done);
  return given;
}

// Where an alarm stands after a command, in the reader's words.
const stands = ({ name, isa_state, until, operator }) => `${name}: ${[t(`state.${isa_state}`), until && t("until", { time: time(until) }), operator && t("by", { name: operator })].filter(Boolean).join(" ")}`;

// The line's words, with their times as the page has them.
const timed = (words) => words.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, date);

// The name that is logged in, or what was typed; asks for it where there is none.
export function whoAsks() {
  const field = byId("operator");
  const name = facts.user || field?.value.trim();
  if (!name && field) { field.focus(); field.classList.add("wanted"); toast(t("operator.wanted"), true); }
  return name;
}

export function rememberOperator() {
  const field = byId("operator");
  if (!field) return;
  if (facts.user) { byId("operator-label").hidden = true; return; }
  field.value = localStorage.getItem("operator") ?? "";
  field.addEventListener("input", () => { localStorage.setItem("operator", field.value); field.classList.remove("wanted"); });
}
