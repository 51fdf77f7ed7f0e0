// Signs that differ without colour: an alarm's priority, a device's state after NAMUR NE 107.

const SVG = "http://www.w3.org/2000/svg";
const node = (name, facts, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(facts)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
};

export const NE107 = {
  failure: ["#c0211f", "M12 2a10 10 0 1 0 .01 0Z", "✕", "#fff"],
  check_function: ["#e07b00", "M1.5 4h21L12 22.5Z", "C", "#000"],
  out_of_specification: ["#f5d000", "M12 1.5 22.5 20h-21Z", "S", "#000"],
  maintenance_required: ["#1d63c4", "M3 3h18v18H3Z", "M", "#fff"],
  normal: ["none", "M12 3a9 9 0 1 0 .01 0Z", "✓", "#4a525a"],
};
const PRIORITIES = {
  high: ["#c0211f", "M3 3h18v18H3Z", "1", "#fff"],
  medium: ["#f5d000", "M12 1.5 22.5 21h-21Z", "2", "#000"],
  low: ["#8c3fb0", "M12 2 22 12 12 22 2 12Z", "3", "#fff"],
};

function sign([fill, path, letter, ink], words, size) {
  const svg = node("svg", { viewBox: "0 0 24 24", width: size, height: size, role: "img", "aria-label": words, class: "sign" });
  svg.append(node("path", { d: path, fill, stroke: fill === "none" ? "#6b747d" : "#20262c", "stroke-width": 1.4 }));
  const low = path.startsWith("M12 1.5") ? 18 : path.startsWith("M1.5") ? 14.5 : 16.4;
  svg.append(node("text", { x: 12, y: low, "text-anchor": "middle", "font-size": 12, "font-weight": 700, fill: ink }, letter));
  return svg;
}

export const stateSign = (status, words, size = 22) => sign(NE107[status] ?? NE107.failure, words, size);
export const prioritySign = (priority, words, size = 24) => sign(PRIORITIES[priority] ?? PRIORITIES.low, words, size);

// The same state on a canvas.
export function drawState(ctx, status, x, y, size) {
  const [fill, path, letter, ink] = NE107[status] ?? NE107.failure;
  ctx.save(); ctx.translate(x - size / 2, y - size / 2); ctx.scale(size / 24, size / 24);
  const shape = new Path2D(path);
  if (fill !== "none") { ctx.fillStyle = fill; ctx.fill(shape); }
  ctx.strokeStyle = fill === "none" ? "#6b747d" : "#20262c"; ctx.lineWidth = 1.4; ctx.stroke(shape);
  ctx.fillStyle = ink; ctx.font = "700 12px system-ui, sans-serif"; ctx.textAlign = "center"; ctx.textBaseline = "middle";
  ctx.fillText(letter, 12, path.startsWith("M12 1.5") ? 14.5 : path.startsWith("M1.5") ? 10.5 : 12.6);
  ctx.restore();
}
