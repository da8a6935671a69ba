// A strip of time: the states of a device as coloured stretches of different heights, so that colour is not alone.

import { shape } from "./dom.js";

const WIDTH = 1000;
const HEIGHTS = { online: 34, error: 24, offline: 14, unknown: 6 };

export function strip(stretches, from, to, label) {
  const picture = shape("svg", { class: "strip", viewBox: `0 0 ${WIDTH} 34`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  const x = (time) => (WIDTH * (Math.min(Math.max(time, from), to) - from)) / (to - from);
  for (const { start, end, state } of stretches) {
    const left = x(start);
    const height = HEIGHTS[state] ?? HEIGHTS.unknown;
    picture.append(shape("rect", { "data-state": state, x: left, y: 34 - height, width: Math.max(1, x(end ?? to) - left), height }));
  }
  return picture;
}
