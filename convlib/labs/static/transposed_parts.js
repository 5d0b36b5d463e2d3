// What the transposed-convolution lab shows, from its state; it draws nothing.

import {
  contributions,
  convTranspose,
  convTransposeByZeros,
  overlapCount,
  turn,
  zeroInsert,
} from "./math/transpose.js";
import { fill } from "./math/geometry.js";

// The input x, the kernel, and the output y; `whole`, the output before padding cuts it; `stamps`,
// each input's meeting with each tap; how many taps reach each cell of y, and the shades that show
// this for y and for `whole`.
export function compute(state) {
  const {
    size,
    kernel_size: side,
    stride,
    padding,
    output_padding: outputPadding,
    dilation,
    values,
  } = state;
  const counting = (n, first) => fill(n, n, (i, j) => (values === "ones" ? 1 : n * i + j + first));
  const x = counting(size, 1);
  const weight = state.weight ?? counting(side, 0);
  const options = { stride, padding, outputPadding, dilation };
  const y = convTransposeByZeros(x, weight, options);
  // Without the cut: rows and columns before `padding`, and those behind y, will be lost.
  const uncut = { ...options, padding: 0, outputPadding: Math.max(0, outputPadding - padding) };
  const counts = (o) => overlapCount([size, size], [side, side], o);
  return {
    x,
    weight,
    y,
    turned: turn(weight),
    whole: convTranspose(x, weight, uncut),
    stamps: stamps(x, weight, options),
    counts: counts(options),
    shades: shadesOf(counts(options)),
    shadesWhole: shadesOf(counts(uncut)),
    spread: spread(x, y.length, state),
  };
}

function shadesOf(counts) {
  const most = Math.max(...counts.flat());
  return counts.map((line) => line.map((n) => n / most));
}

// Input cell `from` meets the tap at `tap` and adds value * weight to cell `to` of the output.
function stamps(x, weight, options) {
  return x.flatMap((line, i) =>
    line.flatMap((value, j) =>
      contributions(x, weight, i, j, options).map((met) => ({
        from: [i, j],
        tap: [met.i, met.j],
        to: [met.u, met.v],
        inside: met.inside,
        value,
        weight: met.weight,
      })),
    ),
  );
}

// The input with zeros between and around it, from which a convolution of stride 1 makes `out`
// outputs. Where more is cut than the kernel reaches, the rim of the input goes as well.
function spread(x, out, { kernel_size: side, stride, padding, dilation }) {
  const zeros = zeroInsert(x, stride);
  const reach = dilation * (side - 1);
  const before = reach - padding;
  const cell = (row, column) => zeros[row - before]?.[column - before];
  const source = (row, column) => {
    const place = [(row - before) / stride, (column - before) / stride];
    return cell(row, column) !== undefined && place.every(Number.isInteger) ? place : null;
  };
  const kind = (row, column) =>
    source(row, column) ? "" : cell(row, column) === undefined ? "cl-pad" : "cl-between";
  return {
    z: fill(out + reach, out + reach, (row, column) => cell(row, column) ?? 0),
    kinds: fill(out + reach, out + reach, kind),
    place: ([i, j]) => [i * stride + before, j * stride + before],
    source,
  };
}

// How many taps reach an output away from the border: the numbers that occur, least first.
export function innerCounts({ kernel_size: side, stride, dilation }) {
  const reach = dilation * (side - 1);
  // An input so long that between its borders stand outputs of every remainder of the stride.
  const line = overlapCount(reach + 2, side, { stride, dilation }).slice(reach, reach + stride);
  return distinct(line.flatMap((down) => line.map((across) => down * across)));
}

export const distinct = (numbers) => [...new Set(numbers)].sort((a, b) => a - b);

// The last of the outputs that most taps reach: the one that tells most.
export function busiest(counts) {
  const most = Math.max(...counts.flat());
  const row = counts.findLastIndex((line) => line.includes(most));
  return [row, counts[row].lastIndexOf(most)];
}
