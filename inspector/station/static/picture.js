// A defect's picture from the archive with its outlines, turned as the map is: travel to the right, the left edge up.

import { address } from "./ask.js";
import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const shape = (kind, values, ...children) => { const node = document.createElementNS(SVG, kind); for (const [key, value] of Object.entries(values)) node.setAttribute(key, value); node.append(...children); return node; };

export function picture(facts, colour) {
  const wide = facts.height * facts.mm_per_row, high = facts.width * facts.mm_per_px;
  const turn = `matrix(0 ${facts.mm_per_px} ${facts.mm_per_row} 0 0 0)`;
  const svg = shape("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": t("picture") },
    shape("image", { href: address("/api/crop", { image: facts.image }), width: facts.width, height: facts.height, transform: turn, preserveAspectRatio: "none" }));
  for (const region of facts.regions) for (const line of region.lines) {
    const points = line.map((at) => at + .5).join(" ");
    for (const [ink, width] of [["#000", 3], [colour(region.name), 1.6]]) svg.append(shape("polygon", { points, transform: turn, fill: "none", stroke: ink, "stroke-width": region.is_subject ? width : width / 2, "stroke-opacity": ink === "#000" ? .35 : 1, "vector-effect": "non-scaling-stroke" }));
  }
  return svg;
}
