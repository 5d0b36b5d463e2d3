// Channels in groups: which kernel sees which channel, what that saves, and what a shuffle mends.

import { channelShuffle, connections, convCost, reach } from "./math/groups.js";
import { choice, lab, question, toggle, wording } from "./kit.js";
import { meters, wiring } from "./wiring.js";

const texts = {
  en: {
    title: "Groups",
    channels: "Channels C",
    kernels: "Kernels K",
    groups: "Groups G",
    layers: "Layers",
    one: "One",
    two: "Two",
    shuffle: "Shuffle between them",
    wiring: "Input channel to follow",
    input: "Input",
    output: "Output",
    layer: (n) => `Layer ${n}`,
    shuffled: "Shuffled",
    lines: "Lines",
    weights: "Weights",
    work: "Multiply-adds",
    reached: "Outputs reached",
    of: (part, whole) => `${part} of ${whole}`,
    askLines: (all, g) =>
      `With G = 1 every kernel sees every channel: ${all} lines. How many are left with G = ${g}?`,
    becauseLines: (all, g) =>
      `Each kernel sees 1/${g} of the channels: ${all}/${g} = ${all / g} lines.`,
    askReach: ({ channel, kernels, groups, layers, shuffle }) =>
      `${layers > 1 ? "Two layers" : "One layer"} with G = ${groups}${layers > 1 && shuffle ? ", and a shuffle between" : ""}. How many of the ${kernels} outputs does channel ${channel} reach?`,
    becauseReach: (c, reached) => `Channel ${c} reaches the outputs ${reached}.`,
    covered: (c) => `Follow channel ${c} along its lines.`,
    reach: (c, count, k, reached) => `Channel ${c} reaches ${count} of ${k} outputs: ${reached}.`,
    note: "Choose a channel on the left, with a click or the arrow keys. A line is a kernel's weights for one channel; the costs are for maps of",
  },
};

const places = (count) => Array.from({ length: count }, (_, i) => i);

// The wires of a layer: pairs (from, to).
const joined = (seen) =>
  seen.flatMap((line, k) => line.flatMap((sees, c) => (sees ? [[c, k]] : [])));

// What stands in each column: the names of its channels, which of them depend on the chosen one,
// and the wires that lead there.
function columns({ channels: C, kernels: K, groups: G, layers, shuffle, channel }, t) {
  const layer = { outChannels: K, groups: G };
  const first = {
    kind: "layer",
    title: layers > 1 ? t.layer(1) : t.output,
    names: places(K),
    wires: joined(connections(C, K, G)),
    lit: reach(C, [layer], channel)[0],
  };
  const all = [
    { kind: "input", title: t.input, names: places(C), wires: [], lit: [channel] },
    first,
  ];
  if (layers > 1 && shuffle) {
    const names = channelShuffle(places(K), G);
    all.push({
      kind: "shuffle",
      title: t.shuffled,
      names,
      wires: names.map((k, i) => [k, i]),
      lit: places(K).filter((i) => first.lit.includes(names[i])),
    });
  }
  if (layers > 1) {
    const stack = [{ ...layer, shuffleAfter: shuffle }, layer];
    all.push({
      kind: "layer",
      title: t.layer(2),
      names: places(K),
      wires: joined(connections(K, K, G)),
      lit: reach(C, stack, channel)[1],
    });
  }
  all.at(-1).kind = "output";
  return all;
}

// Lines, weights and multiply-adds of all layers.
function costs({ channels, kernels, kernel_size: kernelSize, size, layers }, groups) {
  const total = { lines: 0, weights: 0, work: 0 };
  let [inChannels, side] = [channels, size];
  for (let layer = 0; layer < layers; layer += 1) {
    const cost = convCost({
      inChannels,
      outChannels: kernels,
      kernelSize,
      groups,
      size: side,
      padding: Math.floor((kernelSize - 1) / 2),
      bias: false,
    });
    total.lines += joined(connections(inChannels, kernels, groups)).length;
    total.weights += cost.parameters;
    total.work += cost.multiplyAdds;
    [inChannels, side] = [kernels, cost.size];
  }
  return total;
}

// What the reader predicts.
function asked(now, t) {
  if (now().ask === "lines") {
    const dense = () => [costs(now(), 1).lines, now().groups];
    return {
      text: () => t.askLines(...dense()),
      answer: () => costs(now(), now().groups).lines,
      because: () => t.becauseLines(...dense()),
    };
  }
  const reached = () => columns(now(), t).at(-1).lit;
  return {
    text: () => t.askReach(now()),
    answer: () => reached().length,
    because: () => t.becauseReach(now().channel, reached().join(", ")),
  };
}

export function render({ model, el }) {
  const t = wording(texts);
  const traits = [
    "channels",
    "kernels",
    "groups",
    "kernel_size",
    "size",
    "layers",
    "shuffle",
    "channel",
    "ask",
    "revealed",
  ];
  return lab({
    model,
    el,
    title: t.title,
    traits,
    build: ({ state, set, say, whole }) => {
      const controls = {
        channels: whole("channels", t.channels),
        kernels: whole("kernels", t.kernels),
        groups: whole("groups", t.groups),
        layers: choice({
          label: t.layers,
          options: [
            { value: 1, label: t.one },
            { value: 2, label: t.two },
          ],
          onchange: (value) => set("layers", value),
        }),
        shuffle: toggle({ label: t.shuffle, onchange: (on) => set("shuffle", on) }),
      };
      const wires = wiring({ label: t.wiring, onpick: (c) => set("channel", c) });
      const counts = meters([t.lines, t.weights, t.work, t.reached]);
      const now = () => ({ ...state, channel: Math.min(state.channel, state.channels - 1) });

      function draw() {
        for (const [name, control] of Object.entries(controls)) control.show(state[name]);
        controls.shuffle.el.hidden = state.layers === 1;
        const covers = (what) => !state.revealed && state.ask === what;
        const { channel, groups, kernels } = now();
        const shown = columns(now(), t);
        const { lit } = shown.at(-1);
        wires.show(shown, { groups, chosen: channel, covered: covers("reach") });
        const [cost, dense] = [costs(now(), groups), costs(now(), 1)];
        counts.show(
          [
            ...["lines", "weights", "work"].map((name) => ({
              part: cost[name],
              whole: dense[name],
              covered: covers("lines"),
            })),
            { part: lit.length, whole: kernels, covered: covers("reach") },
          ],
          t.of,
        );
        say(
          covers("reach")
            ? t.covered(channel)
            : t.reach(channel, lit.length, kernels, lit.join(", ")),
        );
      }

      return {
        controls: Object.values(controls).map((control) => control.el),
        question: state.revealed
          ? null
          : question({ ...asked(now, t), onreveal: () => set("revealed", true) }),
        stage: [wires.el, counts.el],
        note: `${t.note} ${state.size} × ${state.size}.`,
        draw,
      };
    },
  });
}
