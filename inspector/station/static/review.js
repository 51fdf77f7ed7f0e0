// The review: many defects at once, a key for each class. What a tile shows after a label is what stands in the archive.

import { colourOf } from "/static/coil/marks.js";
import { address, ask, give, LONG_MS, Lost, rememberOperator, whoAsks } from "./ask.js";
import { byId, el, toast } from "./dom.js";
import { facts } from "./facts.js";
import { inParts, Pick, undoing, unsettled } from "./pick.js";
import { picture } from "./picture.js";
import { reach, shell } from "./shell.js";
import { Turns } from "./turns.js";
import { metres } from "./units.js";
import { date, number, t } from "./words.js";

const SOUND = "sound", mayLabel = facts.role !== "viewer";
const pick = new Pick(), turns = new Turns(), undo = [];
let classes = [], tiles = [], count = 0, detail = 0, shown = "";

const isLost = () => document.body.classList.contains("lost");   // what is typed then is for tiles that nobody sees
const colour = (name) => colourOf(Math.max(0, classes.indexOf(name)));
const word = (name) => (name === SOUND ? t("sound_strip") : name);

function node(tile, place) {
  const made = el("li", { class: "tile", role: "option", id: `tile-${place}`, tabindex: "-1" });
  made.tabIndex = -1;
  made.append(el("span", { class: "shot" }, el("img", { src: address("/api/crop", { image: tile.image }), alt: "", loading: "lazy", draggable: false })), el("span", { class: "network" }), el("span", { class: "label" }), el("span", { class: "out" }));
  made.querySelector("img").addEventListener("error", (event) => { if (!isLost()) event.target.replaceWith(el("span", { class: "out-of-store" }, t("no_picture"))); });   // a better one replaced it, or it was the oldest
  made.addEventListener("click", (event) => turns.take(() => { if (event.shiftKey) pick.go(place, true); else if (event.ctrlKey || event.metaKey) pick.toggle(place); else { pick.none(); pick.go(place); } mark(); }));
  return made;
}

// What of a tile may change: its label, a conflict, whether it is chosen.
function fill(place) {
  const made = byId(`tile-${place}`), { tile, conflict } = tiles[place], stands = tile.label;
  made.className = `tile${stands ? " labelled" : ""}${stands && stands.name !== tile.name ? " otherwise" : ""}${conflict ? " conflict" : ""}`;
  made.querySelector(".network").textContent = `${tile.name} ${number(100 * tile.confidence)} %`;
  const words = conflict ? t("conflict.short", { name: stands?.operator ?? "–", label: stands ? word(stands.name) : t("no_label") }) : stands ? `${stands.name === tile.name ? "" : "≠ "}${word(stands.name)} · ${stands.operator}` : "";
  made.querySelector(".label").textContent = words;
  made.querySelector(".out").textContent = `, ${tile.coil}`;
}

function mark(isQuiet = false) {
  tiles.forEach((_, place) => {
    const made = byId(`tile-${place}`);
    made.setAttribute("aria-selected", String(pick.chosen.has(place)));
    made.tabIndex = place === pick.focus ? 0 : -1;
    made.classList.toggle("here", place === pick.focus);
  });
  byId("chosen").textContent = pick.chosen.size ? t("chosen", { count: number(pick.chosen.size) }) : "";
  if (pick.focus >= 0 && !isQuiet) byId(`tile-${pick.focus}`).focus({ preventScroll: false });
  show();
}

async function show() {
  const mine = ++detail, one = tiles[pick.focus];
  byId("detail").hidden = !one;
  if (!one) return;
  const { tile, conflict, opinions } = one, rows = [[t("coil"), el("a", { href: address("/coil", { coil: tile.coil, defect: tile.defect }) }, tile.coil)], [t("network"), `${tile.name}, ${number(100 * tile.confidence)} %`],
    [t("label"), tile.label ? `${word(tile.label.name)} · ${tile.label.operator}, ${date(tile.label.time)}` : t("no_label")], [t("from_head"), metres(tile.place.start_mm, 2)], [t("camera"), tile.camera], [t("seen"), date(tile.time)]];
  if (tile.distance !== null) rows.push([t("distance"), el("span", { title: t("distance.hint") }, `${number(tile.distance, 2)}${tile.distance > 1 ? ` · ${t("ne107.out_of_specification")}` : ""}`)]);
  if (new Set(Object.values(opinions)).size > 1) rows.splice(3, 0, [t("opinions"), Object.entries(opinions).map(([name, label]) => `${name}: ${word(label)}`).join("; ")]);
  byId("facts-of").replaceChildren(...rows.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
  byId("conflict").hidden = !conflict; byId("conflict").textContent = conflict ?? "";
  for (const place of ["big", "rest"]) byId(place).classList.toggle("old", shown !== `${tile.coil} ${tile.defect}`);   // until its own pictures are here
  const found = (await (await ask("/api/crops", { coil: tile.coil, defect: tile.defect })).json()).slice(0, 2);
  if (mine !== detail) return;
  shown = `${tile.coil} ${tile.defect}`;
  for (const [place, crops] of [["big", found.slice(0, 1)], ["rest", found.slice(1)]]) { byId(place).classList.remove("old"); byId(place).replaceChildren(...crops.map((crop) => picture(crop, colour))); }
}

// Takes in what came back: tiles as they stand, conflicts with both names.
function take(given) {
  for (const one of given) {
    const place = tiles.findIndex(({ tile }) => tile.coil === one.coil && tile.defect === one.defect);
    if (place < 0) continue;
    const before = tiles[place], tile = one.tile ?? before.tile;
    tiles[place] = { ...before, tile, conflict: one.is_conflict ? t("conflict", { name: tile.label?.operator ?? "–", label: tile.label ? word(tile.label.name) : t("no_label"), mine: whoAsks(), wanted: one.wanted ? word(one.wanted) : t("no_label") }) : null };
    fill(place);
  }
}

async function send(items, label) {
  const operator = whoAsks(), done = [];
  if (!operator) return [];
  for (const part of inParts(items, facts.labels_at_once)) {
    const given = await give("/api/relabel", { operator, label, items: part }, facts.labels_ms);
    if (!Array.isArray(given)) { if (given) toast(given.error, true); break; }
    take(given); done.push(...given);
    if (items.length > facts.labels_at_once) toast(t("done_of", { done: done.length, count: items.length }));
  }
  const failed = done.filter((one) => !one.is_done), conflicts = failed.filter((one) => one.is_conflict);
  if (conflicts.length) toast(t("conflicts", { count: conflicts.length }), true);
  else if (failed.length) toast(failed[0].message, true);
  return done;
}

// Returns whether all of them were labelled.
async function label(name) {
  if (!mayLabel) { toast(t("may_not"), true); return false; }
  const places = pick.meant(), items = places.map((place) => tiles[place].tile), before = new Map(items.map((tile) => [`${tile.coil} ${tile.defect}`, tile.label?.name ?? ""]));
  const done = await send(items.map((tile) => ({ coil: tile.coil, defect: tile.defect, seen: tile.label?.time ?? "" })), name);
  const good = done.filter((one) => one.is_done).map((one) => ({ ...one, before: before.get(`${one.coil} ${one.defect}`) }));
  if (good.length) undo.push(good);
  if (good.length && good.length === items.length) { toast(t("labelled_now", { count: good.length, label: name ? word(name) : t("no_label") })); pick.none(); pick.go(Math.max(...places) + 1); }
  mark(); measure();
  return good.length === items.length;
}

// Returns whether nothing of the last batch is left to be taken back.
async function takeBack() {
  const batch = undo.pop();
  if (!batch) { toast(t("undo.none")); return false; }
  const done = await send(undoing(batch), ""), left = unsettled(batch, done);
  if (left.length) undo.push(left);
  if (done.length && done.every((one) => one.is_done)) toast(t("undone", { count: done.length }));
  const back = tiles.findIndex(({ tile }) => done.some((one) => one.is_done && one.coil === tile.coil && one.defect === tile.defect));
  if (back >= 0) { pick.none(); pick.go(back); }   // what was taken back is looked at again
  mark(); measure();
  return !left.length;
}

function columns() {
  const first = byId("tile-0")?.offsetTop;
  const broken = tiles.findIndex((_, place) => byId(`tile-${place}`).offsetTop !== first);
  return broken < 0 ? tiles.length || 1 : broken;
}

const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: () => columns(), Home: () => -tiles.length, End: () => tiles.length, PageUp: () => -4 * columns(), PageDown: () => 4 * columns() };
function press(event) {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey || isLost()) return;
  const number = /^Digit(\d)$|^Numpad(\d)$/.exec(event.code), digit = number ? Number(number[1] ?? number[2]) : /^\d$/.test(event.key) ? Number(event.key) : -1;
  const isOnce = !event.repeat;   // a key that is held down labels no row of tiles
  let act = null;
  if (MOVES[event.key]) act = () => { pick.move(MOVES[event.key](), event.shiftKey); mark(); };
  else if (event.key === " " && !event.target.matches("button, a")) act = () => { pick.toggle(); mark(); };
  else if (digit === 0) act = isOnce && (() => label(SOUND));
  else if (digit > 0 && classes[digit - 1]) act = isOnce && (() => label(classes[digit - 1]));
  else if (event.key === "u") act = isOnce && takeBack;
  else if (event.key === "a") act = () => { pick.all(); mark(); };
  else if (event.key === "Escape") act = () => { pick.none(); mark(); };
  if (act === null) return;
  if (act) turns.take(act);
  event.preventDefault();
}

const asked = (more = {}) => { const form = new FormData(byId("wanted")), [least, most] = (form.get("certain") || "0 1").split(" "); return { name: form.get("name"), state: form.get("state"), coil: form.get("coil"), order: form.get("order"), least, most, ...more }; };

async function load(isMore = false) {
  try {
    const from = isMore ? tiles.length : 0, page = await (await ask("/api/gallery", asked({ from }))).json();
    byId("fault").hidden = true;
    if (!isMore) { tiles = []; byId("gallery").replaceChildren(); }
    classes = page.classes; count = page.count; buttons();
    page.tiles.forEach((tile, n) => { tiles.push({ tile, opinions: page.opinions[n], conflict: null }); byId("gallery").append(node(tile, tiles.length - 1)); fill(tiles.length - 1); });
    if (isMore) pick.count = tiles.length; else pick.begin(tiles.length);
    byId("count").textContent = tiles.length < count ? t("first_of", { first: number(tiles.length), count: number(count) }) : number(count);
    byId("more").hidden = tiles.length >= count; byId("nothing").hidden = count > 0;
    byId("no-distance").hidden = asked().order !== "unlike" || !count || tiles.some(({ tile }) => tile.distance !== null);
    bars(page.progress); mark(true);
  } catch (error) {
    if (error instanceof Lost) throw error;
    byId("fault").hidden = false; byId("fault").textContent = error.message;
  }
}

let later = 0;
function measure() { clearTimeout(later); later = setTimeout(async () => bars((await (await ask("/api/gallery", asked({ from: 1e9 }))).json()).progress), 1500); }

function bars(progress) {
  byId("progress").replaceChildren(...progress.map((one) => el("tr", {}, el("th", { scope: "row" }, one.name), el("td", {}, el("progress", { max: one.defects || 1, value: one.labelled, "aria-label": `${one.name} ${t("label")}` })), el("td", { class: "number" }, `${number(one.labelled)} / ${number(one.defects)}`), el("td", { class: "number", title: t("otherwise.hint") }, one.labelled - one.confirmed ? `≠ ${number(one.labelled - one.confirmed)}` : ""))));
}

function buttons() {
  const known = byId("name").value;
  byId("name").replaceChildren(el("option", { value: "" }, t("all")), ...classes.map((name) => el("option", { value: name }, name)));
  byId("name").value = known;
  const key = (text, name, act) => el("button", { type: "button", disabled: !mayLabel, onclick: act }, el("kbd", {}, text), ` ${name}`);
  byId("keys").replaceChildren(...classes.slice(0, 9).map((name, n) => key(n + 1, name, () => turns.take(() => label(name)))), key(0, t("sound_strip"), () => turns.take(() => label(SOUND))), key("u", t("undo"), () => turns.take(takeBack)));
}

async function exported(event) {
  event.preventDefault();
  const form = new FormData(byId("export")), asked = new FormData(byId("wanted"));
  byId("export-button").disabled = true; toast(t("export.runs"));
  try {
    const given = await give("/api/export", { labelled: form.get("labelled") === "on", classes: asked.get("name") ? [asked.get("name")] : [], coils: [] }, LONG_MS);
    if (given?.error || !given) { toast(given?.error ?? t("no_answer"), true); return; }
    toast(t("export.done", { count: number(given.crops), labelled: number(given.labelled), place: given.folder ?? "" }));
    if (given.id) location.assign(address("/api/exported", { id: given.id }));
  } finally { byId("export-button").disabled = false; }
}

shell(); rememberOperator();
byId("export").hidden = facts.role !== "engineer"; byId("export").addEventListener("submit", exported);
byId("wanted").addEventListener("submit", (event) => event.preventDefault());
const again = (isMore = false) => turns.take(() => reach(() => load(isMore)));
byId("wanted").addEventListener("change", () => again()); byId("more").addEventListener("click", () => again(true));
byId("no-archive").hidden = facts.has_archive; document.querySelector(".review").hidden = !facts.has_archive;
if (facts.has_archive) { document.addEventListener("keydown", press); again(); }
