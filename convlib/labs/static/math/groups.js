// Channels in groups, as in convlib/groups.py and costs.py: who sees whom, and what it costs.

import { RuleError, checkFits, fill, makeWindow, perAxis, productOf, repr } from "./geometry.js";

// Channels dealt out as cards: the first of each group, then the second of each, and so on.
export const channelShuffle = (list, groups) =>
  list.map((_, i) => list[(i % groups) * (list.length / groups) + Math.floor(i / groups)]);

// [K][C] of booleans: does kernel k see channel c? Throws as channel_reach does for one layer.
export function connections(inChannels, outChannels, groups) {
  perAxis("channel_reach", "channels", inChannels, 1, 1);
  perAxis("channel_reach", "kernels", outChannels, 1, 1);
  perAxis("channel_reach", "groups", groups, 1, 1);
  if (inChannels % groups || outChannels % groups) {
    throw new RuleError(
      `channel_reach: groups must divide the channels of the layer, ` +
        `${inChannels} in and ${outChannels} out; got ${repr(["conv", outChannels, groups])}.`,
    );
  }
  const [made, seen] = [outChannels / groups, inChannels / groups];
  return fill(outChannels, inChannels, (k, c) => Math.floor(k / made) === Math.floor(c / seen));
}

// The channels that depend on input channel `from`, after each layer {outChannels, groups,
// shuffleAfter}: one sorted list a layer. A layer's shuffle, if it has one, counts to the layer, and
// is by the layer's own groups.
export function reach(inChannels, layers, from) {
  let reached = Array.from({ length: inChannels }, (_, c) => c === from);
  return layers.map(({ outChannels, groups, shuffleAfter }) => {
    const seen = connections(reached.length, outChannels, groups);
    reached = seen.map((line) => line.some((sees, c) => sees && reached[c]));
    if (shuffleAfter) reached = channelShuffle(reached, groups);
    return reached.flatMap((yes, k) => (yes ? [k] : []));
  });
}

// What conv_cost counts for one image of size x size and square kernels. Further options: groups,
// bias, stride, padding, dilation, with the library's defaults.
export function convCost({ size, bias = true, groups = 1, ...layer }) {
  const { inChannels, outChannels, kernelSize, ...options } = layer;
  const where = "conv_cost";
  const seen = Math.floor(inChannels / groups);
  perAxis(where, "x_shape", [1, inChannels, size, size], 4, 1);
  perAxis(where, "weight_shape", [outChannels, seen, kernelSize, kernelSize], 4, 1);
  const out = checkFits(where, makeWindow(where, kernelSize, options), [size, size]);

  const row = seen * kernelSize ** 2; // weights of one kernel
  const parameters = outChannels * (row + (bias ? 1 : 0));
  return { size: out[0], parameters, multiplyAdds: productOf(out) * outChannels * row };
}
