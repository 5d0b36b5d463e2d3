// Pooling of one map [H][W], as in convlib/pooling.py: what a window holds, reduced to one number.

import { RuleError, checkFits, fill, makeWindow, shapeOf, sumOf } from "./geometry.js";

// The window and how many of it there are, checked as the library checks them.
function checkPool(where, size, { kernelSize, stride, padding, dilation, ceilMode }) {
  const window = makeWindow(where, kernelSize, { stride, padding, dilation });
  const most = window.kernel.map((n) => Math.floor(n / 2));
  if (window.before > most[0]) {
    throw new RuleError(
      `${where}: padding must be at most half of kernel_size, so that a window sees more than ` +
        `padding; got padding=${padding}, kernel_size=${kernelSize}. Use padding <= ${most[0]}. ` +
        `As (before, after) pairs it may be more.`,
    );
  }
  const out = checkFits(where, window, size, ceilMode, most);
  size.forEach((n, axis) => checkSeen(where, n, out[axis], window));
  return { ...window, out };
}

// Throws for a window of nothing but padding: dilated, one before the input can step over it.
function checkSeen(where, n, out, { kernel, stride, dilation, before }) {
  const starts = Array.from({ length: out }, (_, u) => u * stride - before);
  const taps = Array.from({ length: kernel[0] }, (_, i) => i * dilation);
  const blind = starts.find((start) => !taps.some((tap) => start + tap >= 0 && start + tap < n));
  if (blind === undefined) return;
  throw new RuleError(
    `${where}: a window sees nothing but padding: it reads cells ${blind}, ${blind + dilation} ` +
      `and so on, the input has 0 to ${n - 1}; got padding=(${before}, ${before}), ` +
      `dilation=${dilation}. Use less of either.`,
  );
}

// The same for max_pool from the size alone.
export const checkMaxPool = (size, options) => checkPool("max_pool", size, options);

// The cells of x that window (u, v) sees, as {cell, value}: cell is the flat position in x.
function seenCells(x, u, v, { kernel, stride, dilation, before }) {
  const lines = fill(...kernel, (i, j) => {
    const [row, column] = [u * stride + i * dilation - before, v * stride + j * dilation - before];
    return { cell: row * x[0].length + column, value: x[row]?.[column] };
  });
  return lines.flat().filter(({ value }) => value !== undefined);
}

// The first maximum; a NaN wins over all, and of several NaNs the last.
const winner = (cells) =>
  cells.reduce((best, one) => (one.value > best.value || Number.isNaN(one.value) ? one : best));

// Of equal cells the first wins; `indices` are flat positions in x.
function maxPool(x, options) {
  const window = checkMaxPool(shapeOf(x), options);
  const winners = fill(...window.out, (u, v) => winner(seenCells(x, u, v, window)));
  const pick = (name) => winners.map((line) => line.map((cell) => cell[name]));
  return { values: pick("value"), indices: pick("cell") };
}

// `counts` are the divisors: the cells that a window sees or, with countIncludePad, covers.
function averagePool(x, { countIncludePad, ...options }) {
  const window = checkPool("avg_pool", shapeOf(x), options);
  const total = (u, v) => sumOf(seenCells(x, u, v, window).map(({ value }) => value));
  const counts = fill(...window.out, (u, v) => countCells(x, u, v, window, countIncludePad));
  return { values: fill(...window.out, (u, v) => total(u, v) / counts[u][v]), counts };
}

// How many taps count: those in x and, with `padded`, in the padding; none hangs over beyond that.
function countCells(x, u, v, { kernel, stride, dilation, before, after }, padded) {
  const along = (start, n, size) => {
    const [least, most] = padded ? [-before, n + after] : [0, n];
    const first = Math.max(0, Math.ceil((least - start) / dilation));
    return Math.min(size, Math.ceil((most - start) / dilation)) - first;
  };
  const down = along(u * stride - before, x.length, kernel[0]);
  return down * along(v * stride - before, x[0].length, kernel[1]);
}

// Pool x [H][W] by kind: "max" gives { values, indices }, "average" { values, counts }. Options:
// kernelSize, stride, padding, dilation, ceilMode; countIncludePad for average.
export function pool(x, { kind, ...options }) {
  return { max: maxPool, average: averagePool }[kind](x, options);
}

// Where window (u, v) lies: each of its taps as { i, j, inside, value }; outside x, value is null.
export function poolTaps(x, u, v, { kind, ...options }) {
  const where = { max: "max_pool", average: "avg_pool" }[kind];
  const { kernel, stride, dilation, before } = checkPool(where, shapeOf(x), options);
  return fill(...kernel, (tap, beside) => {
    const [i, j] = [u * stride + tap * dilation - before, v * stride + beside * dilation - before];
    return { i, j, inside: x[i]?.[j] !== undefined, value: x[i]?.[j] ?? null };
  }).flat();
}

// x [H][W] as a ring, moved to the right by `shift` columns: what leaves there enters at the left.
export function roll(x, shift) {
  const from = (n, j) => (((j - shift) % n) + n) % n;
  return x.map((line) => line.map((_, j) => line[from(line.length, j)]));
}

// How many cells differ between two maps of one shape.
export function countChanged(a, b) {
  return sumOf(a.map((line, i) => line.filter((value, j) => value !== b[i][j]).length));
}
