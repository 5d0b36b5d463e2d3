// Channels in groups, as in convlib/groups.py and costs.py: who sees whom, and what it costs.

import {
  RuleError,
  checkChannels,
  checkFits,
  checkGroups,
  fill,
  makeWindow,
  perAxis,
  productOf,
  repr,
} from "./geometry.js";

// Channels dealt out as cards: the first of each group, then the second of each, and so on.
export function channelShuffle(list, groups) {
  const where = "channel_shuffle";
  perAxis(where, "groups", groups, 1, 1);
  const got = `got x.shape=${repr([1, list.length, 1])}.`;
  checkGroups(where, `${list.length} channels`, list.length, groups, got);
  return deal(list, groups);
}

const deal = (list, groups) =>
  list.map((_, i) => list[(i % groups) * (list.length / groups) + Math.floor(i / groups)]);

// [K][C] of booleans: does kernel k see channel c? Throws as channel_reach does for one layer.
export function connections(inChannels, outChannels, groups) {
  perAxis("channel_reach", "channels", inChannels, 1, 1);
  perAxis("channel_reach", "kernels", outChannels, 1, 1);
  checkDivides(inChannels, outChannels, groups, ["conv", outChannels, groups]);
  const [made, seen] = [outChannels / groups, inChannels / groups];
  return fill(outChannels, inChannels, (k, c) => Math.floor(k / made) === Math.floor(c / seen));
}

function checkDivides(inputs, outputs, groups, layer) {
  perAxis("channel_reach", "groups", groups, 1, 1);
  if (inputs % groups === 0 && outputs % groups === 0) return;
  throw new RuleError(
    `channel_reach: groups must divide the channels of the layer, ` +
      `${inputs} in and ${outputs} out; got ${repr(layer)}.`,
  );
}

// The channels that depend on input channel `from`, after each layer {outChannels, groups,
// shuffleAfter}: one sorted list a layer. A layer's shuffle, if it has one, counts to the layer.
export function reach(inChannels, layers, from) {
  let reached = Array.from({ length: inChannels }, (_, c) => c === from);
  return layers.map(({ outChannels, groups = 1, shuffleAfter = null }) => {
    const seen = connections(reached.length, outChannels, groups);
    reached = seen.map((line) => line.some((sees, c) => sees && reached[c]));
    if (shuffleAfter !== null) {
      checkDivides(outChannels, outChannels, shuffleAfter, ["shuffle", shuffleAfter]);
      reached = deal(reached, shuffleAfter);
    }
    return reached.flatMap((yes, k) => (yes ? [k] : []));
  });
}

// What conv_cost counts for one image of height x width (that of the input) and square kernels.
// Further options: groups, bias, itemsize, stride, padding, dilation, with the library's defaults.
export function convCost({ height, width, bias = true, itemsize = 4, ...layer }) {
  const { groups = 1, inChannels, outChannels, kernelSize, ...options } = layer;
  const where = "conv_cost";
  const seen = Math.floor(inChannels / Math.max(groups, 1));
  const xShape = perAxis(where, "x_shape", [1, inChannels, height, width], 4, 1);
  const kernels = [outChannels, seen, kernelSize, kernelSize];
  const weightShape = perAxis(where, "weight_shape", kernels, 4, 1);
  perAxis(where, "groups", groups, 1, 1);
  checkChannels(where, xShape, weightShape, groups, "_");
  const out = checkFits(where, makeWindow(where, weightShape.slice(2), options), [height, width]);

  const row = seen * kernelSize ** 2; // weights of one kernel
  const parameters = outChannels * (row + (bias ? 1 : 0));
  const multiplyAdds = productOf(out) * outChannels * row;
  const inputBytes = productOf(xShape) * itemsize;
  const weightBytes = parameters * itemsize;
  const outputBytes = productOf(out) * outChannels * itemsize;
  const columnBytes = productOf(out) * groups * row * itemsize;
  const bytes = { inputBytes, weightBytes, outputBytes, columnBytes };
  return { outputShape: [1, outChannels, ...out], parameters, multiplyAdds, ...bytes };
}
