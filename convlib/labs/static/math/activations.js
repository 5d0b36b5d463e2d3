// Activation functions, as in convlib/_formulas.py: each value beside its slope, for one number.
//
// The formulas hold on the whole line, infinities too: where a product would be 0 * infinity, the
// number is clipped at TAIL first.

import { RuleError, repr, sumOf } from "./geometry.js";

const TAIL = 1e3; // exp(-TAIL) is 0: beyond it each function here is its own limit
const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

const clip = (x, low, high) => Math.min(Math.max(x, low), high);

// ---- the pieces ----

const sigmoid = (x) => 1 / (1 + Math.exp(-x)); // exp overflows to infinity: 1 / infinity is right

function sigmoidSlope(x) {
  const e = Math.exp(-Math.abs(x)); // the slope is even: this side does not overflow
  return e / (1 + e) ** 2;
}

const log1pExp = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const elu = (x, alpha, width = 1) => (x > 0 ? x : alpha * Math.expm1(x / width));
const eluSlope = (x, alpha, width = 1) => (x <= 0 ? (alpha / width) * Math.exp(x / width) : 1);

// Chebyshev coefficients of (1 + 2x) exp(x*x) erfc(x) in t = (x - 3.75) / (x + 3.75), for x >= 0.
// Source: Shepherd and Laframboise, Mathematics of Computation 36 (1981) 249-253.
const ERFC = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189,
  -0.026658668435305753, 0.009074997670705265, -0.002413163540417608, 0.0004907758365258086,
  -6.916973302501207e-5, 4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7,
  1.076499946567091e-8, 4.521959811218287e-9, -7.754400208831351e-10, -6.318088340886684e-11,
  2.86879501093067e-11, 1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14,
  3.3478119482868056e-14, -1.864562880419313e-15, -1.2507950530688648e-15,
];

// 1 - erf(x), which keeps its digits far out on the right.
function erfc(x) {
  const far = Math.abs(x);
  const t = 1 - 7.5 / (far + 3.75);
  let [sum, before] = [0, 0];
  for (const coefficient of ERFC.slice(1).reverse()) {
    [sum, before] = [coefficient + 2 * t * sum - before, sum]; // Clenshaw's rule
  }
  const tail = (Math.exp(-far * far) / (1 + 2 * far)) * (ERFC[0] + t * sum - before);
  return x < 0 ? 2 - tail : tail;
}

// ---- gates: x * gate(x), where the gate goes from 0 to 1; each with its slope ----

const almostNormal = (x) => 2 * Math.sqrt(2 / Math.PI) * x * (1 + 0.044715 * x * x);
const almostNormalSlope = (x) => 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
const tanhSoftplus = (x) => Math.tanh(log1pExp(x));

const gates = {
  sigmoid: [sigmoid, sigmoidSlope],
  normal: [
    (x) => erfc(-x / Math.SQRT2) / 2,
    (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI),
  ],
  // sigmoid(2u) is (1 + tanh(u)) / 2
  almostNormal: [
    (x) => sigmoid(almostNormal(x)),
    (x) => almostNormalSlope(x) * sigmoidSlope(almostNormal(x)),
  ],
  tanhSoftplus: [tanhSoftplus, (x) => (1 - tanhSoftplus(x) ** 2) * sigmoid(x)],
};

const geluGates = { none: gates.normal, tanh: gates.almostNormal };

const gated = (x, [gate]) => Math.max(x, -TAIL) * gate(x);

function gatedSlope(x, [gate, slope]) {
  const near = clip(x, -TAIL, TAIL);
  return gate(near) + near * slope(near);
}

// ---- the check ----

function divisor(where, name, value) {
  if (value !== 0) return value;
  throw new RuleError(
    `${where}: ${name} must not be 0, as it divides; got ${name}=${repr(value)}.`,
  );
}

// ---- the table ----

const plain = (value, slope) => ({ parameters: {}, value, slope });

// By the library's names: default parameters, value(x, parameters) and slope(x, parameters).
export const activations = {
  relu: plain(
    (x) => Math.max(x, 0),
    (x) => (x <= 0 ? 0 : 1),
  ),
  relu6: plain(
    (x) => clip(x, 0, 6),
    (x) => (x <= 0 || x >= 6 ? 0 : 1),
  ),
  leaky_relu: {
    parameters: { negative_slope: 0.01 },
    value: (x, p) => (x > 0 ? x : p.negative_slope * x),
    slope: (x, p) => (x > 0 ? 1 : p.negative_slope),
  },
  prelu: {
    parameters: { weight: 0.25 },
    value: (x, p) => (x > 0 ? x : p.weight * x),
    slope: (x, p) => (x > 0 ? 1 : p.weight),
  },
  hardsigmoid: plain(
    (x) => clip(x + 3, 0, 6) / 6,
    (x) => (x > -3 && x < 3 ? 1 / 6 : 0),
  ),
  hardswish: plain(
    (x) => (Math.max(x, -TAIL) * clip(x + 3, 0, 6)) / 6,
    (x) => (x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1),
  ),
  sigmoid: plain(sigmoid, sigmoidSlope),
  tanh: plain(Math.tanh, (x) => 4 * sigmoidSlope(2 * x)), // 1 - tanh(x)**2 without its cancellation
  softplus: {
    parameters: { beta: 1, threshold: 20 },
    value(x, { beta, threshold }) {
      divisor("softplus", "beta", beta);
      return beta * x > threshold ? x : log1pExp(beta * x) / beta;
    },
    slope(x, { beta, threshold }) {
      divisor("softplus_backward", "beta", beta);
      return beta * x > threshold ? 1 : sigmoid(beta * x);
    },
  },
  logsigmoid: plain(
    (x) => -log1pExp(-x),
    (x) => sigmoid(-x),
  ),
  elu: {
    parameters: { alpha: 1 },
    value: (x, { alpha }) => elu(x, alpha),
    slope: (x, { alpha }) => eluSlope(x, alpha),
  },
  selu: plain(
    (x) => SELU_SCALE * elu(x, SELU_ALPHA),
    (x) => SELU_SCALE * eluSlope(x, SELU_ALPHA),
  ),
  celu: {
    parameters: { alpha: 1 },
    value: (x, { alpha }) => elu(x, divisor("celu", "alpha", alpha), alpha),
    slope: (x, { alpha }) => eluSlope(x, divisor("celu_backward", "alpha", alpha), alpha),
  },
  silu: plain(
    (x) => gated(x, gates.sigmoid),
    (x) => gatedSlope(x, gates.sigmoid),
  ),
  gelu: {
    parameters: { approximate: "none" },
    value: (x, { approximate }) => gated(x, geluGates[approximate]),
    slope: (x, { approximate }) => gatedSlope(x, geluGates[approximate]),
  },
  mish: plain(
    (x) => gated(x, gates.tanhSoftplus),
    (x) => gatedSlope(x, gates.tanhSoftplus),
  ),
};

// One number through a chain of layers of one unit each: a becomes f(weight * a). After each layer
// the input z = weight * a of its activation, the `value` f(z) and the `slope` f'(z).
export function signalThroughLayers({ activation, parameters, layers, x, weight }) {
  const f = activations[activation];
  let value = x;
  return Array.from({ length: layers }, () => {
    const z = weight * value;
    value = f.value(z, parameters);
    return { z, value, slope: f.slope(z, parameters) };
  });
}

// On the way back through such a chain, behind which a gradient of 1 arrives: the gradient in front
// of each layer, the product of weight * slope over that layer and those behind it.
export function gradientBack(chain, weight) {
  let gradient = 1;
  const back = chain.map(({ slope }) => slope).reverse();
  return back.map((slope) => (gradient *= weight * slope)).reverse();
}

// One unit f(input + bias) on a batch: sums, outputs, slopes, and the gradient in the bias of the
// loss mean((output - target)**2) / 2.
export function unitOnBatch({ activation, parameters, inputs, bias, target }) {
  const f = activations[activation];
  const sums = inputs.map((input) => input + bias);
  const outputs = sums.map((z) => f.value(z, parameters));
  const slopes = sums.map((z) => f.slope(z, parameters));
  const terms = outputs.map((y, n) => (y - target) * slopes[n]);
  return { sums, outputs, slopes, gradient: sumOf(terms) / terms.length };
}

// The bias of such a unit after some steps of gradient descent.
export function trainBias({ bias, ...unit }, { steps, rate }) {
  let now = bias;
  for (let step = 0; step < steps; step += 1)
    now -= rate * unitOnBatch({ ...unit, bias: now }).gradient;
  return now;
}
