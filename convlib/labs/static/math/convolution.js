// One image and a bank of kernels, as in convlib/convolution.py, by the definition:
//
//   y[k][u][v] = bias[k] +
//                sum over c, i, j of  weight[k][c][i][j] * x[c][u*s + i*d - p][v*s + j*d - p]
//
// x is [C][H][W] and zero outside its bounds, weight is [K][C/G][N][N], the result [K][OH][OW].
// The library takes batches: its words for this one image speak of x.shape=(1, C, H, W).

import {
  RuleError,
  checkChannels,
  checkFits,
  fill,
  makeWindow,
  perAxis,
  repr,
  shapeOf,
} from "./geometry.js";

// The value of a cell, 0 outside the map.
const valueAt = (map, row, column) => map[row]?.[column] ?? 0;

// Every check of the library, in its order; the window, the output's size, the kernels of a group.
function checkConv(x, weight, { groups = 1, bias = null, ...options }) {
  const where = "conv";
  const [xShape, weightShape] = [shapeOf([x]), shapeOf(weight)];
  const window = makeWindow(where, weightShape.slice(2), options);
  perAxis(where, "groups", groups, 1, 1);
  checkChannels(where, xShape, weightShape, groups);
  const out = checkFits(where, window, xShape.slice(2));
  if (bias !== null) checkBias(where, bias, weight.length);
  return { window, out, made: weight.length / groups };
}

// Throws unless there is one bias for each kernel.
export function checkBias(where, bias, kernels) {
  if (bias.length === kernels) return;
  throw new RuleError(
    `${where}: bias must have one value for each of the ${kernels} kernels, shape (${kernels},); ` +
      `got bias.shape=${repr(shapeOf(bias))}.`,
  );
}

// Options: stride, padding, dilation, groups, and bias, a list of K numbers.
export function conv(x, weight, options = {}) {
  const { window, out, made } = checkConv(x, weight, options);
  return weight.map((kernel, k) => {
    const first = Math.floor(k / made) * kernel.length; // the first channel of the kernel's group
    const seen = x.slice(first, first + kernel.length);
    return fill(...out, (u, v) => windowSum(seen, kernel, u, v, window) + (options.bias?.[k] ?? 0));
  });
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

// What meets in one window, term by term in the order of the sum: channel c and cell (i, j) of the
// input, the kernel's own row and column, and value * weight = product. Outside x, value is 0.
export function taps(x, weight, k, u, v, options = {}) {
  const { window, made } = checkConv(x, weight, options);
  const first = Math.floor(k / made) * weight[k].length;
  return weight[k].flatMap((plane, seen) =>
    plane.flatMap((line, row) =>
      line.map((factor, column) => {
        const c = first + seen;
        const i = u * window.stride + row * window.dilation - window.before;
        const j = v * window.stride + column * window.dilation - window.before;
        const value = valueAt(x[c], i, j);
        const inside = x[c][i]?.[j] !== undefined;
        return { c, i, j, inside, value, weight: factor, product: factor * value, row, column };
      }),
    ),
  );
}
