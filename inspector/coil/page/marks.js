// What a class looks like: a shape and a colour, so that it is known on grey paper too; and hatching for what was not seen.

const COLOURS = ["#123f7a", "#bd6510", "#9c2f6b", "#2f9380", "#111111", "#8a7a1e", "#c4400a", "#5b6770"];
const SHAPES = ["circle", "triangle", "square", "diamond", "cross", "star", "ring", "plus"];
export const colourOf = (kind) => COLOURS[kind % COLOURS.length];

export function trace(ctx, kind, x, y, r) {
  switch (SHAPES[kind % SHAPES.length]) {
    case "circle": ctx.moveTo(x + r, y); ctx.arc(x, y, r, 0, 7); break;
    case "triangle": ctx.moveTo(x, y - 1.25 * r); ctx.lineTo(x + 1.15 * r, y + .85 * r); ctx.lineTo(x - 1.15 * r, y + .85 * r); ctx.closePath(); break;
    case "square": ctx.rect(x - .9 * r, y - .9 * r, 1.8 * r, 1.8 * r); break;
    case "diamond": ctx.moveTo(x, y - 1.3 * r); ctx.lineTo(x + 1.3 * r, y); ctx.lineTo(x, y + 1.3 * r); ctx.lineTo(x - 1.3 * r, y); ctx.closePath(); break;
    case "cross": arms(ctx, x, y, r, Math.PI / 4); break;
    case "plus": arms(ctx, x, y, r, 0); break;
    case "ring": ctx.moveTo(x + r, y); ctx.arc(x, y, r, 0, 7); ctx.moveTo(x + .5 * r, y); ctx.arc(x, y, .5 * r, 0, 7, true); break;
    default: for (let n = 0; n < 10; n++) { const a = n * Math.PI / 5 - Math.PI / 2, l = n % 2 ? .55 * r : 1.35 * r; ctx[n ? "lineTo" : "moveTo"](x + l * Math.cos(a), y + l * Math.sin(a)); } ctx.closePath();
  }
}

function arms(ctx, x, y, r, turn) {
  const c = Math.cos(turn) * r * 1.2, s = Math.sin(turn) * r * 1.2, t = .32;
  for (const [ax, ay] of [[c, s], [-s, c]]) { ctx.moveTo(x - ax - t * ay, y - ay + t * ax); ctx.lineTo(x + ax - t * ay, y + ay + t * ax); ctx.lineTo(x + ax + t * ay, y + ay - t * ax); ctx.lineTo(x - ax + t * ay, y - ay - t * ax); ctx.closePath(); }
}

export function sign(kind, size = 16) {
  const canvas = document.createElement("canvas"), dpr = 3;
  canvas.width = canvas.height = size * dpr;
  const ctx = canvas.getContext("2d");
  ctx.scale(dpr, dpr); ctx.fillStyle = colourOf(kind); ctx.beginPath(); trace(ctx, kind, size / 2, size / 2, size * .33); ctx.fill();
  return canvas;
}

// A class's sign as a small picture, by severity: drawn once, and then only copied.
const stamps = new Map();
export function stamp(kind, severity) {
  const sharp = sharpness(), key = `${kind} ${severity} ${sharp}`;
  if (!stamps.has(key)) {
    const half = 9, picture = document.createElement("canvas"), ctx = picture.getContext("2d");
    picture.width = picture.height = Math.ceil(2 * half * sharp);
    ctx.scale(picture.width / (2 * half), picture.width / (2 * half)); ctx.beginPath(); trace(ctx, kind, half, half, [3.1, 4.2, 5.6][severity]);
    ctx.fillStyle = colourOf(kind); ctx.globalAlpha = .95; ctx.fill("nonzero"); ctx.globalAlpha = 1; ctx.lineWidth = .8; ctx.strokeStyle = "#fff"; ctx.stroke();
    stamps.set(key, { picture, half });
  }
  return stamps.get(key);
}

export function hatch(ctx, x, y, w, h, step = 6, lean = 1, ink = "#3a3f45") {
  if (w <= 0 || h <= 0) return;
  ctx.save(); ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip();
  ctx.fillStyle = "#fff"; ctx.fillRect(x, y, w, h);
  ctx.strokeStyle = ink; ctx.lineWidth = 1.1; ctx.beginPath();
  const first = Math.floor((x - h) / step) * step;
  for (let at = first; at < x + w + h; at += step) {
    ctx.moveTo(at, lean > 0 ? y + h : y); ctx.lineTo(at + h, lean > 0 ? y : y + h);
  }
  ctx.stroke(); ctx.restore();
}

export function sized(canvas, width, height, dpr) {
  const wide = Math.round(width * dpr), high = Math.round(height * dpr);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; canvas.style.height = height + "px"; }   // making it again costs
  const ctx = canvas.getContext("2d");
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0); ctx.clearRect(0, 0, width, height);
  ctx.font = '11.5px system-ui, "Segoe UI", "Liberation Sans", sans-serif';
  return ctx;
}
// Pixels of the screen for each of the page, which its style may enlarge.
export const sharpness = () => (printing ? 2.5 : Math.max(1, (window.devicePixelRatio || 1) * (document.body.currentCSSZoom ?? 1)));
export let printing = false;
export function setPrinting(yes) { printing = yes; }
