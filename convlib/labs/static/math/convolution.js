// One image and a bank of kernels, as in convlib/convolution.py, by the definition:
//
//   y[k][u][v] = sum over c, i, j of  weight[k][c][i][j] * x[c][u*s + i*d - p][v*s + j*d - p]
//
// x is [C][H][W] and zero outside its bounds, weight is [K][C][N][N], the result [K][OH][OW].
// Options: stride, padding, dilation.

import { checkFits, fill, makeWindow, shapeOf } from "./geometry.js";

// The value of a cell, 0 outside the map.
const valueAt = (map, row, column) => map[row]?.[column] ?? 0;

export function conv(x, weight, options) {
  const window = makeWindow("conv", shapeOf(weight).slice(2), options);
  const out = checkFits("conv", window, shapeOf(x).slice(1));
  return weight.map((kernel) => fill(...out, (u, v) => windowSum(x, kernel, u, v, window)));
}

function windowSum(x, kernel, u, v, { stride, before, dilation }) {
  let total = 0;
  kernel.forEach((plane, c) =>
    plane.forEach((line, i) => {
      const row = u * stride + i * dilation - before;
      line.forEach((weight, j) => {
        total += weight * valueAt(x[c], row, v * stride + j * dilation - before);
      });
    }),
  );
  return total;
}

// What meets in window (u, v) of one map and one kernel, term by term in the order of the sum: cell
// (i, j) of the map with its value, 0 outside, and the weight that multiplies it.
export function taps(map, kernel, u, v, options) {
  const { stride, before, dilation } = makeWindow("conv", shapeOf(kernel), options);
  return kernel.flatMap((line, row) =>
    line.map((weight, column) => {
      const i = u * stride + row * dilation - before;
      const j = v * stride + column * dilation - before;
      return { i, j, value: valueAt(map, i, j), weight };
    }),
  );
}
