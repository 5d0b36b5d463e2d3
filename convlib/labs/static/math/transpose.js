// Transposed convolution, as in convlib/transpose.py, by two of its definitions:
//
//   scatter         each input adds its scaled kernel to the output where it belongs
//   zero insertion  s - 1 zeros between the inputs, then a convolution with the turned kernel
//
// x is [C][H][W], weight is [C][K/G][N][N], the result [K][OH][OW]. The library takes batches: its
// words for this one image speak of x.shape=(1, C, H, W).

import {
  RuleError,
  checkGroups,
  fill,
  perAxis,
  repr,
  shapeOf,
  transposeWindow,
} from "./geometry.js";
import { checkBias, conv } from "./convolution.js";

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

// Every check of the library, in its order; the window, the output's size, the kernels of a group.
function checkTranspose(x, weight, { groups = 1, bias = null, ...options }) {
  const where = "conv_transpose";
  perAxis(where, "groups", groups, 1, 1);
  const [xShape, weightShape] = [shapeOf([x]), shapeOf(weight)];
  const got = `got x.shape=${repr(xShape)}, weight.shape=${repr(weightShape)}, groups=${groups}.`;
  if (x.length !== weight.length) {
    throw new RuleError(
      `${where}: x has ${x.length} channels, but weight expects ${weight.length}, ` +
        `its first axis; ${got}`,
    );
  }
  checkGroups(where, `${x.length} channels of x`, x.length, groups, got);
  const { window, out } = transposeWindow(where, xShape.slice(2), weightShape.slice(2), options);
  if (bias !== null) checkBias(where, bias, weightShape[1] * groups);
  return { window, out, groups, made: weightShape[1] };
}

// By scatter. Options: stride, padding, outputPadding, dilation, groups, and bias, K numbers.
export function convTranspose(x, weight, options = {}) {
  const layer = checkTranspose(x, weight, options);
  const { out, made, groups } = layer;
  const y = Array.from({ length: made * groups }, (_, k) =>
    fill(...out, () => options.bias?.[k] ?? 0),
  );
  x.forEach((map, c) =>
    map.forEach((line, h) =>
      line.forEach((_, w) => {
        for (const { k, u, v, inside, value } of addends(x, weight, c, h, w, layer)) {
          if (inside) y[k][u][v] += value;
        }
      }),
    ),
  );
  return y;
}

// What input cell (h, w) of channel c adds: `value` to cell (u, v) of output channel k, through the
// weight at (i, j). Padding crops: u and v count from the cropped output, and not `inside` is lost.
export function contributions(x, weight, c, h, w, options = {}) {
  return addends(x, weight, c, h, w, checkTranspose(x, weight, options));
}

function addends(x, weight, c, h, w, { window, out, made, groups }) {
  const first = Math.floor(c / (x.length / groups)) * made; // the first output of the group
  return weight[c].flatMap((plane, seen) =>
    plane.flatMap((line, i) =>
      line.map((factor, j) => {
        const u = h * window.stride + i * window.dilation - window.before;
        const v = w * window.stride + j * window.dilation - window.before;
        const inside = u >= 0 && v >= 0 && u < out[0] && v < out[1];
        return { k: first + seen, i, j, u, v, inside, weight: factor, value: factor * x[c][h][w] };
      }),
    ),
  );
}

// By zero insertion: the same result, with about stride squared times the work.
export function convTransposeByZeros(x, weight, options = {}) {
  const { window, groups } = checkTranspose(x, weight, options);
  const { stride, dilation, span, before, after } = window;
  const spread = x.map((map) => {
    const zeros = zeroInsert(map, stride);
    const size = shapeOf(zeros).map((n, axis) => n + 2 * (span[axis] - 1) - before - after);
    // The padding of a full convolution, less what is cropped: below 0 it crops the input too.
    return fill(
      ...size,
      (row, column) => zeros[row - span[0] + 1 + before]?.[column - span[1] + 1 + before] ?? 0,
    );
  });
  return conv(spread, turn(weight, groups), { dilation, groups, bias: options.bias ?? null });
}

// [C][K/G][N][N] to [K][C/G][N][N], each kernel turned by 180 degrees.
export function turn(weight, groups = 1) {
  const [seen, made] = [weight.length / groups, weight[0].length];
  return fill(made * groups, seen, (k, c) =>
    weight[Math.floor(k / made) * seen + c][k % made].map((line) => [...line].reverse()).reverse(),
  );
}

// How many taps reach each output: its checkerboard, as numbers. For an int a list, for two sizes
// [H, W] rows of them. Options: stride, padding, outputPadding, dilation.
export function overlapCount(inputSize, kernelSize, options = {}) {
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
