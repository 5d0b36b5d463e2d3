// Layers on top of one another: what each makes of the size, what it sees, what it costs.

import { receptiveField } from "./geometry.js";
import { convCost } from "./groups.js";
import { checkMaxPool } from "./pooling.js";

// From an image of size x size with `channels` channels through layers {kind, kernelSize, stride,
// padding, dilation, channels}. Kind "conv" has `channels` kernels; "pool" keeps the channels.
//
// For each layer: the size and channels that it gives; field, jump and start of receptive_field;
// its parameters, a bias for each kernel among them, and its multiply-adds, none for pooling.
// A broken rule throws the sentence of conv_cost or max_pool.
export function stack(size, layers, { channels }) {
  let shape = { size, channels };
  const costs = layers.map((layer) => {
    const cost = layer.kind === "pool" ? poolLayer(shape, layer) : convLayer(shape, layer);
    shape = { size: cost.size, channels: cost.channels };
    return cost;
  });
  const fields = receptiveField(layers);
  return costs.map((cost, n) => {
    const { size: field, jump, start } = fields[n];
    return { ...cost, field, jump, start };
  });
}

function convLayer({ size, channels }, { channels: kernels, ...layer }) {
  const cost = convCost({ ...layer, size, inChannels: channels, outChannels: kernels });
  return { ...cost, channels: kernels };
}

function poolLayer({ size, channels }, layer) {
  const { out } = checkMaxPool([size, size], layer);
  return { size: out[0], channels, parameters: 0, multiplyAdds: 0 };
}

// The cells under the window of unit `unit`, along one axis; those outside the map are padding.
export const cellsUnder = ({ kernelSize, stride, padding, dilation }, unit) =>
  Array.from({ length: kernelSize }, (_, tap) => unit * stride + tap * dilation - padding);

// What unit `unit` of layer `level` (1 is the first) sees along one axis: for each map, from the
// input on to that layer, the cells that count towards it, in order. Padding is listed where a
// window reads it, and leads no further.
export function cone(size, layers, level, unit, options) {
  const sizes = [size, ...stack(size, layers, options).map((layer) => layer.size)];
  const seen = [[unit]];
  for (let below = level - 1; below >= 0; below -= 1) {
    const units = seen[0].filter((u) => u >= 0 && u < sizes[below + 1]);
    const cells = new Set(units.flatMap((u) => cellsUnder(layers[below], u)));
    seen.unshift([...cells].sort((a, b) => a - b));
  }
  return seen;
}
