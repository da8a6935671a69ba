// The grid that fits itself: how many columns make the tiles of a wall display largest.

const BEST_SHAPE = 1.3; // width to height of a tile
const LIST_BELOW_PX = 700;
const LEAST_HEIGHT_PX = 120;

// {columns, rows, lines}: rows 0 means the page scrolls; lines is how many alarms a tile can spell out.
export function fit(count, width, height) {
  if (width < LIST_BELOW_PX) return { columns: 1, rows: 0, lines: 3 };
  let best = { size: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(width / columns / BEST_SHAPE, height / rows);
    if (size > best.size) best = { size, columns, rows };
  }
  const tall = height / best.rows;
  if (tall < LEAST_HEIGHT_PX) return { columns: Math.max(1, Math.floor(width / 260)), rows: 0, lines: 1 };
  return { columns: best.columns, rows: best.rows, lines: tall >= 420 ? 3 : tall >= 260 ? 2 : 1 };
}
