// Density along the coil, and the Pareto of classes.

import { big, coil, meta, startMm, t, unit, written } from "./data.js";
import { label, nice, round } from "./map.js";
import { colourOf, hatch, printing, sharpness, sized, trace } from "./marks.js";

export function drawDensity(shown, onGo) {
  const canvas = document.getElementById("density"), width = printing ? 660 : canvas.parentElement.clientWidth - 32, height = 190, ctx = sized(canvas, width, height, sharpness());
  const left = 46, right = 10, top = 10, base = height - 32, inner = width - left - right, length = Math.max(1, meta.length_mm);
  const step = Math.max(round(length / Math.min(260, inner / 3)), unit().largeMm / 10), bins = Math.ceil(length / step), perM = unit().largeMm / step;
  const counts = meta.names.map(() => new Float64Array(bins));
  for (const i of shown) counts[coil.kind[i]][Math.min(bins - 1, Math.max(0, Math.floor(startMm(i) / step)))]++;
  let most = 0;
  for (let n = 0; n < bins; n++) most = Math.max(most, counts.reduce((sum, one) => sum + one[n], 0));
  const rise = nice(Math.max(most, 1) * perM / 4), scale = (base - top) / (Math.ceil(most * perM / rise - 1e-9) * rise || 1);
  ctx.textAlign = "right"; ctx.textBaseline = "middle"; ctx.lineWidth = 1;
  for (let value = 0; value <= most * perM * 1.0001 + rise * .99 && base - value * scale >= top - 1; value += rise) { const y = Math.round(base - value * scale) + .5; ctx.strokeStyle = value ? "#e3e6ea" : "#9aa2ab"; ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(width - right, y); ctx.stroke(); ctx.fillStyle = "#68717b"; ctx.fillText(written(+value.toPrecision(3)), left - 6, y); }
  const px = inner * step / length;
  for (let n = 0; n < bins; n++) { let y = base; counts.forEach((one, kind) => { const h = one[n] * perM * scale; if (h) { ctx.fillStyle = colourOf(kind); ctx.fillRect(left + n * px, y - h, Math.max(1, px - (px > 4 ? 1 : 0)), h); if (h > 3) { ctx.fillStyle = "#fff"; ctx.fillRect(left + n * px, y - h, Math.max(1, px), .8); } y -= h; } }); }
  for (const gap of meta.gaps) hatch(ctx, left + gap.start / length * inner, base + 2, Math.max(2, (gap.end - gap.start) / length * inner), 7, 4);
  ctx.fillStyle = "#68717b"; ctx.strokeStyle = "#9aa2ab"; ctx.textBaseline = "top"; ctx.textAlign = "center";
  const tick = round(length * 90 / inner);
  for (let mm = 0; mm <= length * 1.0001; mm += tick) { const x = left + mm / length * inner; ctx.beginPath(); ctx.moveTo(x, base); ctx.lineTo(x, base + 12); ctx.stroke(); ctx.fillText(label(mm, tick) + (mm ? "" : ` ${unit().large}`), Math.min(x, width - 18), base + 14); }
  document.getElementById("density-hint").textContent = t("density_hint", { step: `${label(step, Math.min(step, unit().largeMm))} ${unit().large}` });
  canvas.onclick = (event) => onGo((event.offsetX - left) / inner * length);
}

export function drawPareto(shown) {
  const canvas = document.getElementById("pareto"), width = printing ? 290 : canvas.parentElement.clientWidth - 32, counts = new Array(meta.names.length).fill(0);
  for (const i of shown) counts[coil.kind[i]]++;
  const order = counts.map((_, kind) => kind).sort((a, b) => counts[b] - counts[a]).slice(0, 8), height = Math.max(190, order.length * 34 + 22), ctx = sized(canvas, width, height, sharpness());
  const all = Math.max(1, counts.reduce((sum, one) => sum + one, 0)), left = 104, room = width - left - 66, pitch = (height - 26) / Math.max(1, order.length);
  let sum = 0; const line = [];
  order.forEach((kind, n) => {
    const y = 4 + n * pitch, h = Math.min(24, pitch - 7), w = counts[kind] / all * room; sum += counts[kind];
    ctx.fillStyle = colourOf(kind); ctx.globalAlpha = .88; ctx.fillRect(left, y, Math.max(1, w), h); ctx.globalAlpha = 1; ctx.beginPath(); trace(ctx, kind, 9, y + h / 2, 5.2); ctx.fill();
    ctx.fillStyle = "#22282f"; ctx.textBaseline = "middle"; ctx.textAlign = "left"; ctx.fillText(meta.names[kind].slice(0, 13), 20, y + h / 2); ctx.textAlign = "right"; ctx.fillText(big(counts[kind]), width, y + h / 2);
    line.push([left + sum / all * room, y + h / 2]);
  });
  if (!sum) line.length = 0;
  ctx.strokeStyle = "#22282f"; ctx.lineWidth = 1.4; ctx.beginPath(); line.forEach(([x, y], n) => ctx[n ? "lineTo" : "moveTo"](x, y)); ctx.stroke();
  for (const [x, y] of line) { ctx.beginPath(); ctx.arc(x, y, 2.8, 0, 7); ctx.fillStyle = "#fff"; ctx.fill(); ctx.stroke(); }
  ctx.fillStyle = "#68717b"; ctx.textBaseline = "bottom"; for (const [share, align] of [[0, "left"], [.5, "center"], [1, "right"]]) { ctx.textAlign = align; ctx.fillText(`${100 * share} %`, left + share * room, height); }
}
