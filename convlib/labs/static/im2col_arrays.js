// The arrays of the im2col lab: the same input and kernels as in convlib/labs/im2col.py, the columns, the product.

import { conv } from "./math/convolution.js";
import { fill } from "./math/geometry.js";
import { gemm, im2col } from "./math/lowering.js";

// Channel 0 counts; channel 1 is 0 on every
// other cell, and 1 2 3 2 in turn between.
function inputMaps(size, channels) {
  const between = (n) => [1, 2, 3, 2][n % 4];
  const values = [
    (i, j) => i * size + j,
    (i, j) => ((i + j) % 2 ? 0 : between(Math.floor((i * size + j) / 2))),
  ];
  return values.slice(0, channels).map((value) => fill(size, size, value));
}

// Kernels that count, compare two corners, or add up.
function kernelMaps(kernels, channels, side) {
  const first = (i, j) => i + j === 0;
  const last = (i, j) => i + j === 2 * side - 2;
  const values = [
    [(i, j) => i * side + j, () => 1],
    [(i, j) => (first(i, j) ? 1 : last(i, j) ? -1 : 0), (i, j) => (last(i, j) ? 1 : 0)],
    [() => 1, () => -1],
  ];
  const bank = values.slice(0, kernels);
  return bank.map((kernel) => kernel.slice(0, channels).map((value) => fill(side, side, value)));
}

// The maps with their border of zeros. `cells` numbers its places, so that im2col of it tells where
// each number of the columns came from.
function bordered(x, padding) {
  const side = x[0].length + 2 * padding;
  const padded = x.map((map) => fill(side, side, (i, j) => map[i - padding]?.[j - padding] ?? 0));
  const cells = x.map((_, c) => fill(side, side, (i, j) => (c * side + i) * side + j));
  const inside = (id) => {
    const [i, j] = [Math.floor(id / side) % side, id % side];
    return Math.min(i, j) >= padding && Math.max(i, j) < side - padding;
  };
  return { side, padded, cells, inside };
}

// Every array of the picture: what is given, and what is computed from it.
export function given({ size, channels, kernels, kernel_size: side, padding }) {
  const x = inputMaps(size, channels);
  return { x, weight: kernelMaps(kernels, channels, side), border: bordered(x, padding) };
}

export function lowered({ x, weight, border }, { kernel_size: side, stride, padding }) {
  const y = conv(x, weight, { stride, padding }); // refuses first, in the words of conv
  const rows = weight.map((kernel) => kernel.flat(2));
  const columns = im2col(x, side, { stride, padding });
  return {
    y,
    rows,
    columns,
    product: gemm(rows, columns),
    sources: im2col(border.cells, side, { stride }),
  };
}
