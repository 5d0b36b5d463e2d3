// Integers only, as in convlib/geometry.py: how many windows fit, and what they see.
//
// Letters, per axis: input size n, kernel size N, stride s, padding p, dilation d. Options are the
// same on every axis. A broken rule throws RuleError with the very sentence of the library.

export class RuleError extends Error {
  constructor(message) {
    super(message);
    this.name = "RuleError";
  }
}

// A value as Python writes it; a list is written as a tuple.
export function repr(value) {
  if (Array.isArray(value)) {
    return `(${value.map(repr).join(", ")}${value.length === 1 ? "," : ""})`;
  }
  return typeof value === "string" ? `'${value}'` : String(value);
}

export const sumOf = (numbers) => numbers.reduce((total, n) => total + n, 0);
export const productOf = (numbers) => numbers.reduce((total, n) => total * n, 1);

// Lengths of the axes of nested lists: [C, H, W] of a map.
export const shapeOf = (list) => (Array.isArray(list) ? [list.length, ...shapeOf(list[0])] : []);

// Rows of values: make(row, column) for each cell.
export const fill = (rows, columns, make) =>
  Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => make(row, column)),
  );

// One int per axis: an int is repeated, a list has `rank` ints.
export function perAxis(where, name, value, rank, least) {
  const rule =
    `${where}: ${name} must be an int` + (rank > 1 ? ` or ${rank} ints, one per axis` : "");
  const values = Array.isArray(value) ? value : Array(rank).fill(value);
  const got = `${name}=${repr(value)}.`;
  if (!values.every(Number.isInteger)) throw new RuleError(`${rule}; got ${got}`);
  if (values.some((v) => v < least)) {
    throw new RuleError(`${where}: ${name} must be at least ${least}; got ${got}`);
  }
  return values;
}

function checkPadding(where, padding, rank, words) {
  if (!Number.isInteger(padding)) {
    const more = words ? ', or "same" or "valid"' : "";
    const s = rank > 1 ? "s" : "";
    throw new RuleError(
      `${where}: padding must be an int, ${rank} int${s} or ${rank} (before, after) pair${s}, ` +
        `one per spatial axis${more}; got padding=${repr(padding)}.`,
    );
  }
  if (padding < 0) {
    throw new RuleError(
      `${where}: padding must be at least 0; got padding=${padding}. ` +
        `To crop, slice the input first.`,
    );
  }
}

// A checked window: kernel and span per axis, the rest one value for all axes. `words`: the library
// takes "same" and "valid" there, and says so; a lab takes numbers alone.
export function makeWindow(where, kernelSize, options, rank = 2, words = true) {
  const { stride = 1, padding = 0, dilation = 1 } = options;
  const kernel = perAxis(where, "kernel_size", kernelSize, rank, 1);
  perAxis(where, "stride", stride, rank, 1);
  perAxis(where, "dilation", dilation, rank, 1);
  checkPadding(where, padding, rank, words);
  const span = kernel.map((n) => dilation * (n - 1) + 1); // cells from the first tap to the last
  return { kernel, span, stride, dilation, before: padding, after: padding };
}

// Windows that fit, per axis; zero or less where none does.
function windowCounts(window, size, ceilMode = false) {
  const { span, stride, before, after } = window;
  return size.map((n, axis) => {
    const room = n + before + after - span[axis];
    const count = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // Rounded up, a window that starts in the padding after the input would see nothing of it.
    return ceilMode && (count - 1) * stride >= n + before ? count - 1 : count;
  });
}

// Windows per axis. Throws where none fits, with the arithmetic and the nearest repairs that there
// are; `most` is how much padding each axis may have.
export function checkFits(where, window, size, ceilMode = false, most = window.span) {
  const counts = windowCounts(window, size, ceilMode);
  size.forEach((n, axis) => {
    if (counts[axis] >= 1) return;
    const [kernel, span, padded] = [window.kernel[axis], window.span[axis], n + 2 * window.before];
    const repairs = [];
    const missing = Math.ceil((span - n) / 2);
    if (missing <= most[axis]) repairs.push(`padding >= ${missing}`);
    if (kernel > 1 && padded >= kernel) {
      repairs.push(`dilation <= ${Math.floor((padded - 1) / (kernel - 1))}`);
    }
    const largest = Math.floor((padded - 1) / window.dilation) + 1;
    if (!repairs.length) repairs.push(`a kernel of ${largest} or a larger input`);
    throw new RuleError(
      `${where}: no window fits: the dilated kernel spans ` +
        `${window.dilation}*(${kernel} - 1) + 1 = ${span}, ` +
        `the padded input is ${n} + 2*${window.before} = ${padded}. Use ${repairs.join(" or ")}.`,
    );
  });
  return counts;
}

// The window of a transposed convolution, which slides over the output, and the output's size.
export function transposeWindow(where, size, kernelSize, { outputPadding = 0, ...options }) {
  const window = makeWindow(where, kernelSize, options, size.length, false);
  const { stride, dilation, span, before } = window;
  perAxis(where, "output_padding", outputPadding, size.length, 0);
  if (outputPadding >= Math.max(stride, dilation)) {
    throw new RuleError(
      `${where}: output_padding chooses among the sizes that a stride makes equal, so it must be ` +
        `less than stride or dilation; got output_padding=${outputPadding}, stride=${stride}, ` +
        `dilation=${dilation}. ` +
        `Use output_padding <= ${Math.max(stride, dilation) - 1}.`,
    );
  }
  const after = before - outputPadding; // it takes cells off the padding behind
  const out = size.map((n, axis) => (n - 1) * stride + span[axis] - before - after);
  out.forEach((o, axis) => {
    if (o >= 1) return;
    const least = outputPadding + 1 - o;
    const more = least <= Math.max(stride, dilation) - 1 ? `, or output_padding >= ${least}` : "";
    throw new RuleError(
      `${where}: nothing is left of the output: its size is ` +
        `(${size[axis]} - 1)*${stride} + ${span[axis]} - ${before + after} = ${o}. ` +
        `Use less padding${more}.`,
    );
  });
  return { window: { ...window, after }, out };
}

// Receptive field along one axis after each layer {kernelSize, stride, padding, dilation}: output u
// sees the `size` input cells from start + u*jump on. A negative start lies in the padding.
export function receptiveField(layers) {
  let field = { size: 1, jump: 1, start: 0 };
  return layers.map(({ kernelSize, ...options }) => {
    const { span, stride, before } = makeWindow("receptive_field", kernelSize, options, 1);
    const { size, jump, start } = field;
    field = {
      size: size + (span[0] - 1) * jump,
      jump: jump * stride,
      start: start - before * jump,
    };
    return field;
  });
}
