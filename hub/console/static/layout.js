// The grid that fits itself: how many columns make the tiles of a wall display largest.

const BEST_SHAPE = 1.35; // width to height of a tile
const LIST_BELOW_PX = 700;
const LEAST_HEIGHT_PX = 120;

// {columns, rows, lines, traces}: rows 0 means the page scrolls; lines is how many alarms a tile can spell out, traces
// how many waves it has room for.
export function fit(count, width, height) {
  if (width < LIST_BELOW_PX) return { columns: 1, rows: 0, lines: 3, traces: 0 };
  let best = { size: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(width / columns / BEST_SHAPE, height / rows);
    if (size > best.size) best = { size, columns, rows };
  }
  const tall = height / best.rows;
  if (tall < LEAST_HEIGHT_PX) return { columns: Math.max(1, Math.floor(width / 260)), rows: 0, lines: 1, traces: 0 };
  const lines = tall >= 420 ? 3 : tall >= 260 ? 2 : 1;
  const traces = tall >= 400 ? 2 : tall >= 190 ? 1 : 0;
  return { columns: best.columns, rows: best.rows, lines, traces };
}
