// The coil's data: columns that were packed by packing.py, unpacked. Lengths are kept in tenths of a millimetre.
// These files are modules; the report has them as one script, the station as they are.

export let meta = null;                // what stands in the report besides the columns
export const SEVERITIES = ["minor", "major", "critical"];
export const coil = {};                       // one typed array for each column
export let count = 0;
let source = null;

// `source` gives `meta`, and by `packed(name)` the bytes that were packed as "columns" and as "ids".
async function inflate(name) {
  const stream = new Blob([await source.packed(name)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

export function speak(from) { source = from; meta = from.meta; }

export async function unpack(from) {
  speak(from);
  const packed = new Uint8Array(await inflate("columns"));
  count = meta.count;
  let at = 0;
  for (const [name, kind] of meta.columns) {
    const array = { i4: Int32Array, f4: Float32Array, u2: Uint16Array, u1: Uint8Array }[kind], wide = array.BYTES_PER_ELEMENT;
    const whole = new Uint8Array(count * wide);
    for (let plane = 0; plane < wide; plane++) for (let i = 0, to = plane; i < count; i++, to += wide) whole[to] = packed[at++];
    coil[name] = new array(whole.buffer);
  }
  for (let i = 1; i < count; i++) coil.start[i] += coil.start[i - 1];
  coil.rank = new Float64Array(count);   // how bad: severity, then area
  coil.longest = 0;
  for (let i = 0; i < count; i++) { coil.rank[i] = coil.severity[i] * 1e9 + coil.area[i]; coil.longest = Math.max(coil.longest, coil.length[i]); }
}

export let ids = null;
export async function loadIds() {             // only when somebody looks: they are half of the file
  if (!ids) ids = new TextDecoder().decode(await inflate("ids")).split("\n");
  return ids;
}

// The first of some defects, along the coil, that begins at `tenths` or behind it.
export function firstFrom(some, tenths) {
  let low = 0, high = some.length;
  while (low < high) { const middle = (low + high) >> 1; if (coil.start[some[middle]] < tenths) low = middle + 1; else high = middle; }
  return low;
}

export const startMm = (i) => coil.start[i] / 10;
export const lengthMm = (i) => coil.length[i] / 10;
export const leftMm = (i) => coil.left[i] / 10;
export const widthMm = (i) => coil.width[i] / 10;

// Words of the reader's language; a word that a list lacks is shown as it is.
export const t = (key, values = {}) => (meta?.words?.[`report.${key}`] ?? key).replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
export const word = (kind, name) => meta.words[`${kind}.${name}`] ?? name;
// A number as the language writes it.
export const written = (text) => String(text).replace(".", t("decimal"));

// Lengths as the reader wants them: millimetres and metres, or inches and feet.
const isInches = () => meta.units === "in";
export const unit = () => (isInches() ? { small: "in", large: "ft", area: "in\u00b2", smallMm: 25.4, largeMm: 304.8 } : { small: "mm", large: "m", area: "mm\u00b2", smallMm: 1, largeMm: 1000 });
export const metres = (mm, digits = 3) => written((Math.round(mm) === 0 ? 0 : mm / unit().largeMm).toFixed(digits));
export const short = (mm, digits = 1) => written((mm / unit().smallMm).toFixed(isInches() ? digits + 1 : digits));
export const area = (mm2) => written((mm2 / unit().smallMm ** 2).toFixed(isInches() ? 3 : 1));

export function big(number) {
  return number < 10_000 ? String(number) : String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function el(name, words, parent) {
  const node = document.createElement(name);
  if (words !== undefined) node.textContent = words;
  if (parent) parent.append(node);
  return node;
}
