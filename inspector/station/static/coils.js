// The list of coils, the newest first.

import { address, ask, Lost } from "./ask.js";
import { byId, el } from "./dom.js";
import { banner, shell } from "./shell.js";
import { perMetre } from "./units.js";
import { date, number, t } from "./words.js";

const AGAIN_MS = 10_000;
let coils = [];

const verdict = (grade) => (grade ? el("span", { class: `verdict-word ${grade}` }, t(`grade.${grade}`)) : "");

function row(coil) {
  const link = address("/coil", { coil: coil.coil, seq: coil.first_seq });
  const made = el("tr", { onclick: () => location.assign(link) },
    el("td", {}, el("a", { href: link }, coil.coil), coil.is_whole ? "" : el("small", { class: "hint" }, ` ${t("not_whole")}`)),
    el("td", {}, date(coil.started)), el("td", {}, coil.ended ? date(coil.ended) : t("runs")),
    ...[number(coil.length_m * perMetre, 1), number(coil.missed_m * perMetre, 2), coil.doubtful_m === null ? "–" : number(coil.doubtful_m * perMetre, 2), number(coil.defects), coil.per_100_m === null ? "–" : number(coil.per_100_m / perMetre, 1)].map((text) => el("td", { class: "number" }, text)),
    el("td", {}, verdict(coil.grade)), el("td", {}, verdict(coil.decided), coil.operator ? el("small", { class: "hint" }, ` ${coil.operator}`) : ""));
  for (const [place, metres] of [[4, coil.missed_m], [5, coil.doubtful_m]]) if (metres > 0) made.children[place].style.fontWeight = "700";
  return made;
}

// What stands there instead of the list.
function empty(words, hint = "") {
  byId("empty").hidden = !words; byId("list").hidden = !!words;
  byId("empty").querySelector("h2").textContent = words; byId("empty").querySelector("p").textContent = hint;
}

function draw() {
  const text = byId("search").value.trim().toLowerCase(), grade = byId("grade").value;
  const shown = coils.filter((coil) => coil.coil.toLowerCase().includes(text) && (!grade || (coil.decided || coil.grade) === grade));
  byId("coils").tBodies[0].replaceChildren(...shown.slice(0, 500).map(row));
  byId("count").textContent = shown.length > 500 ? t("first_of", { first: 500, count: number(shown.length) }) : number(shown.length);
  if (!coils.length) empty(t("coils.none"), t("coils.none.hint"));
  else empty(shown.length ? "" : t("coils.unfound"));
}

async function load() {
  try {
    coils = await (await ask("/api/coils")).json();
    banner(""); draw();
  } catch (error) {
    if (error instanceof Lost) banner(error.message);
    else empty(t("coils.unknown"), error.message);
  }
}

shell();
byId("search").addEventListener("input", draw); byId("grade").addEventListener("change", draw);
load(); setInterval(load, AGAIN_MS);
