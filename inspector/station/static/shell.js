// What every page has: the clock, the way out, the banner.

import { Lost } from "./ask.js";
import { nowUtc } from "./clock.js";
import { byId } from "./dom.js";
import { facts } from "./facts.js";
import { date, t, time } from "./words.js";

export function banner(words, since = "") {
  const node = byId("banner");
  node.hidden = !words;
  node.querySelector("b").textContent = words; node.querySelector("span").textContent = since;
  document.body.classList.toggle("lost", !!words);
}

// Does what takes the station; while that does not answer, the page says so in large letters and tries again.
const AGAIN_MS = 2000;
export async function reach(act) {
  for (;;) try { const done = await act(); banner(""); return done; } catch (error) {
    if (!(error instanceof Lost)) throw error;
    banner(error.message);
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  }
}

export function shell() {
  const tick = () => { const now = nowUtc(); byId("clock").textContent = time(now); byId("clock").dataset.date = date(now); };   // the day, too, on paper
  tick(); setInterval(tick, 1000);
  byId("logout")?.addEventListener("click", async () => { await fetch("/logout", { method: "POST", headers: { "x-station-token": facts.token } }); location.assign("/login"); });
  window.addEventListener("unhandledrejection", (event) => { byId("toast").hidden = false; byId("toast").textContent = `${t("fault")} ${event.reason?.message ?? event.reason}`; });
}
