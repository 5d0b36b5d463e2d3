// im2col, as in convlib/lowering.py: a window becomes a column, convolution a matrix product.

import { checkFits, makeWindow, productOf, shapeOf } from "./geometry.js";

// x is [C][H][W]. Rows run over channel, then kernel cell; columns over windows, row by row of the
// output: [C*N*N][L]. Options: stride, padding, dilation.
export function im2col(x, kernelSize, options) {
  const window = makeWindow("im2col", kernelSize, options);
  const { kernel, stride, dilation, before } = window;
  const [height, width] = checkFits("im2col", window, shapeOf(x).slice(1)); // of the output
  const taps = productOf(kernel);
  return Array.from({ length: x.length * taps }, (_, r) => {
    const [c, i, j] = [Math.floor(r / taps), Math.floor((r % taps) / kernel[1]), r % kernel[1]];
    return Array.from({ length: height * width }, (_, l) => {
      const row = Math.floor(l / width) * stride + i * dilation - before;
      return x[c][row]?.[(l % width) * stride + j * dilation - before] ?? 0;
    });
  });
}

// The matrix product of a [M][R] and b [R][L].
export function gemm(a, b) {
  return a.map((row) =>
    b[0].map((_, l) => row.reduce((total, value, r) => total + value * b[r][l], 0)),
  );
}
