// What time it is at the station: a screen's own clock may be wrong by hours. Pure, but for that clock.

import { facts } from "./facts.js";

let ahead = 0;

// At the station it is `utc` now.
export function setClock(utc) { ahead = Date.parse(utc) - Date.now() || 0; }

export const nowMs = () => Date.now() + ahead;
export const nowUtc = () => new Date(nowMs()).toISOString();

setClock(facts.utc);
