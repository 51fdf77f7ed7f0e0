// The alarms after the habits of ISA-18.2: newest unacknowledged first, counts by priority, what is kept from people apart.

import { Announced } from "./announced.js";
import { command } from "./ask.js";
import { nowMs } from "./clock.js";
import { byId, el } from "./dom.js";
import { facts } from "./facts.js";
import { isUnanswered, sorted } from "./fold.js";
import { prioritySign } from "./shapes.js";
import { sentence } from "./sentences.js";
import { lasting, number, t, time } from "./words.js";

// An animation of the style's has the browser make sixty pictures a second, on a screen that is never closed.
const CALL_MS = 600;
const MINUTES = [5, 15, 30, 60, 120, 480];
const mayAnswer = facts.role !== "viewer";

export class Alarms {
  // `reasons` says in the reader's words why a device is as it is.
  constructor(reasons) {
    this.reasons = reasons; this.standing = { alarms: [], fault: "" }; this.announced = new Announced();
    setInterval(() => this.age(), 1000);
    setInterval(() => { if (this.announced.open.size) byId("alarms").classList.toggle("call"); }, CALL_MS);
  }

  set(standing) {
    this.standing = standing;
    const { shown, aside, counts } = sorted(standing.alarms);
    this.announce(shown);
    byId("alarms-fault").hidden = !standing.fault; byId("alarms-fault").textContent = standing.fault ? `${t("alarms.unknown")} ${document.documentElement.lang === "en" ? standing.fault : ""}` : "";
    byId("counts").replaceChildren(...["high", "medium", "low"].map((priority) => el("span", { class: counts[priority] ? "count" : "count none" }, prioritySign(priority, t(`priority.${priority}`), 18), ` ${counts[priority]}`)));
    this.keepFocus(() => {
      byId("alarms").replaceChildren(...(shown.length ? shown.map((alarm) => this.row(alarm)) : standing.fault ? [] : [el("li", { class: "empty", tabindex: "-1" }, t("alarms.none"))]));
      byId("shelved").replaceChildren(...aside.map((alarm) => this.aside(alarm)));
    });
    byId("aside").hidden = !aside.length;
    byId("aside-title").textContent = t("alarms.aside", { count: aside.length });
    this.age();
  }

  row(alarm) {
    const isOpen = isUnanswered(alarm), state = t(`state.${alarm.isa_state}`);
    const row = el("li", { class: `alarm ${alarm.priority}${isOpen ? " open" : ""}${alarm.is_met ? "" : " gone"}`, tabindex: "-1" },
      prioritySign(alarm.priority, t(`priority.${alarm.priority}`)),
      el("div", { class: "what" }, el("b", {}, alarm.name), el("span", { class: "state" }, alarm.operator ? `${state} ${t("by", { name: alarm.operator })}` : state), el("p", {}, sentence(alarm.message, undefined, this.reasons) + (alarm.coil ? `  ·  ${alarm.coil}` : ""))),
      el("div", { class: "when" }, time(alarm.since), el("small", { class: "age", "data-since": alarm.since })));
    row.append(this.buttons(alarm, isOpen));
    return row;
  }

  buttons(alarm, isOpen) {
    const buttons = el("div", { class: "buttons" });
    if (!mayAnswer) return buttons;
    const button = (word, order, kind = "") => el("button", { class: kind, "data-key": `${word} ${alarm.name}`, onclick: () => command({ alarm: alarm.name, ...order }) }, t(word));
    if (isOpen) buttons.append(button("acknowledge", { command: "acknowledge", raised: alarm.raised || undefined }, "primary"));
    if (alarm.isa_state === "latched_acknowledged") buttons.append(button("reset", { command: "reset", raised: alarm.raised || undefined }, "primary"));
    const shelf = el("select", { "aria-label": `${t("shelve")} ${alarm.name}`, "data-key": `shelve ${alarm.name}` }, el("option", { value: "" }, t("shelve")), ...MINUTES.map((minutes) => el("option", { value: minutes }, lasting(60 * minutes))));
    shelf.onchange = () => { if (shelf.value) command({ command: "shelve", alarm: alarm.name, minutes: Number(shelf.value) }); shelf.value = ""; };
    buttons.append(shelf);
    return buttons;
  }

  aside(alarm) {
    const row = el("li", { class: "alarm", tabindex: "-1" }, prioritySign(alarm.priority, t(`priority.${alarm.priority}`)),
      el("div", { class: "what" }, el("b", {}, alarm.name), el("span", { class: "state" }, t(`state.${alarm.isa_state}`)), el("p", {}, [alarm.operator && t("by", { name: alarm.operator }), alarm.reason].filter(Boolean).join(": "))),
      el("div", { class: "when" }, alarm.until ? t("until", { time: time(alarm.until) }) : "", el("small", { class: "left", "data-until": alarm.until })));
    if (mayAnswer && alarm.isa_state === "shelved") row.append(el("div", { class: "buttons" }, el("button", { "data-key": `unshelve ${alarm.name}`, onclick: () => command({ command: "unshelve", alarm: alarm.name }) }, t("unshelve"))));
    return row;
  }

  // Rows are made again with each change: what had the focus keeps it. Where that is gone, as a button that was pressed, the row
  // has it that stands there now, and not another button: a key that is held down answers nothing else.
  keepFocus(change) {
    const had = document.activeElement, list = had?.closest("#alarms, #shelved"), key = had?.dataset?.key, place = list ? [...list.children].indexOf(had.closest("li")) : -1;
    change();
    if (place < 0) return;
    const rows = [...list.children], kept = key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (kept || rows[Math.min(place, rows.length - 1)])?.focus({ preventScroll: !!kept });
  }

  age() {
    for (const node of document.querySelectorAll("[data-since]")) node.textContent = node.dataset.since ? lasting((nowMs() - new Date(node.dataset.since)) / 1000) : "";
    for (const node of document.querySelectorAll("[data-until]")) node.textContent = node.dataset.until ? t("left", { time: lasting((new Date(node.dataset.until) - nowMs()) / 1000) }) : "";
  }

  announce(shown) {
    const isNew = this.announced.take(shown), count = this.announced.open.size;
    document.title = `${count ? `(${number(count)}) ` : ""}${document.title.replace(/^\(\d+\) /, "")}`;
    this.sound(isNew);
  }

  // An event of the line: where an alarm stands follows, but what it was between is nowhere else.
  note(event) { this.sound(this.announced.note(event)); }

  // The horn, where somebody has switched it on.
  sound(isNew) { if (isNew && byId("sound").checked) horn(); }
}

// A browser keeps a page silent until somebody has touched it, as after a restart at night: then the page says so.
let audio = null;
export function hearable(box, hint) {
  const look = () => { hint.hidden = !box.checked || audio?.state === "running"; };
  const wake = () => { if (!box.checked) return; if (!audio) { audio = new AudioContext(); audio.addEventListener("statechange", look); } audio.resume(); };
  box.addEventListener("change", () => { wake(); look(); });
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake);
  wake(); look();
}

function horn() {
  audio ??= new AudioContext();
  const tone = audio.createOscillator(), loudness = audio.createGain();
  tone.frequency.value = 660; loudness.gain.value = .15;
  tone.connect(loudness).connect(audio.destination);
  tone.start(); tone.frequency.setValueAtTime(880, audio.currentTime + .18); tone.stop(audio.currentTime + .4);
}
