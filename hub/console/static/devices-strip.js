// A strip of time: the states of a device as coloured stretches of different heights, so that colour is not alone.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHTS = { online: 34, error: 24, offline: 14, unknown: 6 };

export function strip(stretches, from, to, label) {
  const picture = node("svg", { class: "strip", viewBox: `0 0 ${WIDTH} 34`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  const x = (time) => (WIDTH * (Math.min(Math.max(time, from), to) - from)) / (to - from);
  for (const { start, end, state } of stretches) {
    const left = x(start);
    const height = HEIGHTS[state] ?? HEIGHTS.unknown;
    picture.append(node("rect", { "data-state": state, x: left, y: 34 - height, width: Math.max(1, x(end ?? to) - left), height }));
  }
  return picture;
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
