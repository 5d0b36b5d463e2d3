// Transposed convolution, as in convlib/transpose.py, by two of its definitions:
//
//   scatter         each input adds its scaled kernel to the output where it belongs
//   zero insertion  s - 1 zeros between the inputs, then a convolution with the turned kernel
//
// x is one map [H][W], weight one kernel [N][N], the result [OH][OW]. Options: stride, padding,
// outputPadding, dilation.

import { fill, perAxis, shapeOf, transposeWindow } from "./geometry.js";
import { conv } from "./convolution.js";

// A map [H][W] with stride - 1 zeros between each two neighbours.
export function zeroInsert(map, stride) {
  perAxis("zero_insert", "stride", stride, 2, 1);
  const spread = (n) => (n - 1) * stride + 1;
  const place = (cell) => (cell % stride === 0 ? cell / stride : -1);
  return fill(
    spread(map.length),
    spread(map[0].length),
    (row, column) => map[place(row)]?.[place(column)] ?? 0,
  );
}

const checkTranspose = (x, weight, options) =>
  transposeWindow("conv_transpose", shapeOf(x), shapeOf(weight), options);

// By scatter.
export function convTranspose(x, weight, options) {
  const { out } = checkTranspose(x, weight, options);
  const y = fill(...out, () => 0);
  x.forEach((line, h) =>
    line.forEach((value, w) => {
      for (const { u, v, inside, weight: factor } of contributions(x, weight, h, w, options)) {
        if (inside) y[u][v] += factor * value;
      }
    }),
  );
  return y;
}

// Where input cell (h, w) goes: times the weight at (i, j) it is added to cell (u, v) of the output.
// Padding crops: u and v count from the cropped output, and what is not `inside` is lost.
export function contributions(x, weight, h, w, options) {
  const { window, out } = checkTranspose(x, weight, options);
  const { stride, dilation, before } = window;
  return weight.flatMap((line, i) =>
    line.map((factor, j) => {
      const [u, v] = [h * stride + i * dilation - before, w * stride + j * dilation - before];
      const inside = u >= 0 && v >= 0 && u < out[0] && v < out[1];
      return { i, j, u, v, inside, weight: factor };
    }),
  );
}

// By zero insertion: the same result, with about stride squared times the work.
export function convTransposeByZeros(x, weight, options) {
  const { window } = checkTranspose(x, weight, options);
  const { stride, dilation, span, before, after } = window;
  const zeros = zeroInsert(x, stride);
  const size = shapeOf(zeros).map((n, axis) => n + 2 * (span[axis] - 1) - before - after);
  // The padding of a full convolution, less what is cropped: below 0 it crops the input too.
  const spread = fill(
    ...size,
    (row, column) => zeros[row - span[0] + 1 + before]?.[column - span[1] + 1 + before] ?? 0,
  );
  return conv([spread], [[turn(weight)]], { dilation })[0];
}

// A kernel turned by 180 degrees.
export const turn = (weight) => weight.map((line) => line.toReversed()).toReversed();

// How many taps reach each output: its checkerboard, as numbers. For an int a list, for two sizes
// [H, W] rows of them. Options: stride, padding, outputPadding, dilation.
export function overlapCount(inputSize, kernelSize, options) {
  const where = "overlap_count";
  const rank = Array.isArray(inputSize) ? inputSize.length : 1;
  const size = perAxis(where, "input_size", inputSize, rank, 1);
  const kernel = perAxis(where, "kernel_size", kernelSize, size.length, 1);
  const { window, out } = transposeWindow(where, size, kernel, options);
  const [rows, columns] = size.map((n, axis) => alongAxis(n, kernel[axis], out[axis], window));
  return columns ? rows.map((down) => columns.map((across) => down * across)) : rows;
}

function alongAxis(n, kernelSize, out, { stride, dilation, before }) {
  const counts = Array(out).fill(0);
  for (let u = 0; u < n; u += 1) {
    for (let i = 0; i < kernelSize; i += 1) {
      const cell = u * stride + i * dilation - before;
      if (cell >= 0 && cell < out) counts[cell] += 1;
    }
  }
  return counts;
}
