// A stack of layers: what each makes of the size, how much of the input it sees, what it costs.

import { stack } from "./math/network.js";
import { button, format, h, lab, question, select, stepper, term, wording } from "./kit.js";
import { layerCone } from "./layer_cone.js";

const texts = {
  en: {
    title: "Receptive field and size",
    preset: "Stack",
    presets: {
      threes: "Three 3×3",
      seven: "One 7×7",
      vgg: "How VGG-16 begins",
      resnet: "How ResNet-18 begins",
      even: "Dilations 2, 2, 2",
      mixed: "Dilations 1, 2, 3",
      own: "Your own",
    },
    size: "Input size n",
    channels: "Input channels C",
    layers: "Layers: choose one to change it",
    chip: {
      conv: (n, side) => `${n}:\u00a0conv ${side}×${side}`,
      pool: (n, side) => `${n}:\u00a0pool ${side}×${side}`,
    },
    addConv: "Add conv",
    addPool: "Add pool",
    remove: (n) => `Remove layer ${n}`,
    misfit: (layer) => `${layer} does not fit`,
    options: {
      kernel_size: "Kernel N",
      stride: "Stride s",
      padding: "Padding p",
      dilation: "Dilation d",
      channels: "Kernels K",
    },
    option: (n, name) => `Layer ${n}: ${name}`,
    picture: "Maps along one axis, the input on top",
    table: "Each layer in numbers",
    head: ["Layer", "Size", "Field", "Jump", "Para\u00admeters", "Multi\u00adply-adds"], // may break on a narrow page
    input: "Input",
    sum: "Sum",
    large: { 1e6: "M", 1e9: "G" },
    ask: "How many cells of the input, along one axis, does one output of the last layer see?",
    covered: (count) =>
      `The last layer has ${count} outputs along an axis. Each sees a part of the input.`,
    self: (unit) => `Cell ${unit} of the input. It sees itself.`,
    field: (unit, layer) => `Unit ${unit} of layer ${layer}: the field is `,
    cells: (first, last) => `, cells ${first} to ${last}`,
    holes: (read) => `, of which it reads ${read}`,
    padding: (count) => `; ${count} of them lie in the padding`,
    note: "Point at a unit, or walk with the arrow keys, to see which cells count towards it. Dashed cells are padding. The number over the input is the field.",
  },
};

const newConv = (kernel_size, options = {}) => ({
  kind: "conv",
  kernel_size,
  stride: 1,
  padding: 0,
  dilation: 1,
  channels: 64,
  ...options,
});
const newPool = (kernel_size, options = {}) => ({
  kind: "pool",
  kernel_size,
  stride: kernel_size,
  padding: 0,
  dilation: 1,
  ...options,
});
const half = { padding: 1 };
const wide = { padding: 1, channels: 128 };

export const presets = {
  threes: { size: 15, channels: 64, layers: [newConv(3), newConv(3), newConv(3)] },
  seven: { size: 15, channels: 64, layers: [newConv(7)] },
  vgg: {
    size: 32,
    channels: 3,
    layers: [
      newConv(3, half),
      newConv(3, half),
      newPool(2),
      newConv(3, wide),
      newConv(3, wide),
      newPool(2),
    ],
  },
  resnet: {
    size: 32,
    channels: 3,
    layers: [
      newConv(7, { stride: 2, padding: 3 }),
      newPool(3, { stride: 2, padding: 1 }),
      newConv(3, half),
      newConv(3, half),
    ],
  },
  even: { size: 20, channels: 64, layers: [2, 2, 2].map((dilation) => newConv(3, { dilation })) },
  mixed: { size: 20, channels: 64, layers: [1, 2, 3].map((dilation) => newConv(3, { dilation })) },
};
const sameLayers = (a, b) =>
  a.length === b.length &&
  a.every((layer, n) => Object.keys(layer).every((name) => layer[name] === b[n][name]));
const presetOf = (state) =>
  Object.keys(presets).find(
    (name) =>
      presets[name].size === state.size &&
      presets[name].channels === state.channels &&
      sameLayers(presets[name].layers, state.layers),
  ) ?? "own";

// As many layers as fit, in numbers, and why the next one does not.
function solve({ size, channels, layers: given }) {
  const layers = given.map(({ kernel_size: kernelSize, ...rest }) => ({ kernelSize, ...rest }));
  const solved = { size, layers, options: { channels }, costs: [] };
  for (let count = 1; count <= layers.length; count += 1) {
    try {
      solved.costs = stack(size, layers.slice(0, count), { channels });
    } catch (refusal) {
      return { ...solved, refusal };
    }
  }
  return solved;
}

// In full below a million, 36,928; then in short, 116 M.
function short(value, units) {
  if (value < 1e6) return value.toLocaleString(document.documentElement.lang || "en");
  const unit = value < 1e9 ? 1e6 : 1e9;
  return `${Number((value / unit).toPrecision(3))} ${units[unit]}`;
}

export function render({ model, el }) {
  const t = wording(texts);
  const traits = ["size", "channels", "layers", "revealed"];
  return lab({
    model,
    el,
    title: t.title,
    traits,
    build: ({ state, set, say, bounds, whole }) => {
      let chosen = 0; // the layer that the controls change
      let at = null; // the unit that is pointed at: { level, unit }
      let drawn = "";
      let now;
      const change = (layers, next) => {
        chosen = Math.min(next, layers.length - 1);
        set("layers", layers);
      };
      const add = (layer) => change([...state.layers, layer], state.layers.length);
      const load = (name) => {
        for (const trait of ["size", "channels", "layers"])
          set(trait, structuredClone(presets[name][trait]));
      };

      const stacks = select({
        label: t.preset,
        options: Object.entries(t.presets).map(([value, label]) => ({ value, label })),
        onchange: (name) => (name === "own" ? change(state.layers, chosen) : load(name)),
      });
      const size = whole("size", t.size);
      const channels = whole("channels", t.channels);
      const [fewest, most] = bounds.layers.count;
      const chips = Array.from({ length: most }, (_, n) =>
        button("", () => change(state.layers, n)),
      );
      const more = [
        [t.addConv, () => add(newConv(3))],
        [t.addPool, () => add(newPool(2))],
      ].map(([label, act]) => button(label, act));
      const less = button("", () =>
        change(state.layers.toSpliced(chosen, 1), Math.max(0, chosen - 1)),
      );
      const options = Object.entries(t.options).map(([name, label]) => {
        const control = stepper({
          label,
          bounds: bounds.layers[name],
          onchange: (v) =>
            change(state.layers.with(chosen, { ...state.layers[chosen], [name]: v }), chosen),
        });
        return { name, ...control };
      });
      const cone = layerCone({
        label: t.picture,
        onpick: (level, unit) => {
          at = { level, unit };
          drawStage();
        },
      });
      const body = h("tbody", {});
      const foot = h("tfoot", {});
      const table = h(
        "table",
        { class: "cl-table" },
        h("caption", {}, t.table),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            t.head.map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        body,
        foot,
      );

      const named = (n) => t.chip[state.layers[n].kind](n + 1, state.layers[n].kernel_size);

      function drawControls() {
        stacks.show(presetOf(state));
        size.show(state.size);
        channels.show(state.channels);
        chosen = Math.min(chosen, state.layers.length - 1);
        chips.forEach((chip, n) => {
          chip.hidden = n >= state.layers.length;
          if (chip.hidden) return;
          chip.textContent = named(n);
          chip.setAttribute("aria-pressed", n === chosen);
        });
        for (const one of more) one.disabled = state.layers.length === most;
        less.disabled = state.layers.length === fewest;
        less.textContent = t.remove(chosen + 1);
        for (const { name, el: part, show } of options) {
          part.hidden = !(name in state.layers[chosen]);
          if (!part.hidden) show(state.layers[chosen][name]);
        }
        editor.setAttribute("aria-label", t.option(chosen + 1, ""));
      }

      function row(name, cells, level) {
        const cover = (value, column) =>
          state.revealed || level === 0 || column === 0 || column > 2 ? value : "?";
        return h(
          "tr",
          { class: at && level === at.level ? "cl-row-here" : null },
          h("th", { scope: "row" }, name),
          cells.map((value, column) => h("td", {}, cover(value, column))),
        );
      }

      function drawTable() {
        const { costs } = now;
        const total = (name) =>
          short(
            costs.reduce((all, cost) => all + cost[name], 0),
            t.large,
          );
        body.replaceChildren(
          row(t.input, [state.size, 1, 1, "", ""], 0),
          ...costs.map((cost, n) =>
            row(
              named(n),
              [
                cost.size,
                cost.field,
                cost.jump,
                short(cost.parameters, t.large),
                short(cost.multiplyAdds, t.large),
              ],
              n + 1,
            ),
          ),
        );
        foot.replaceChildren(
          h(
            "tr",
            {},
            h("th", { scope: "row" }, t.sum),
            ["", "", "", total("parameters"), total("multiplyAdds")].map((value) =>
              h("td", {}, value),
            ),
          ),
        );
      }

      // 3 + 1·(3 − 1)·1, the growth of the field by one layer, as the chapter's formula has it
      const growth = (n) => [
        " + ",
        term("kernel", now.layers[n].dilation),
        "·(",
        term("kernel", now.layers[n].kernelSize),
        `\u00a0−\u00a01)·${now.costs[n - 1]?.jump ?? 1}`,
      ];

      function describe({ level, unit }) {
        if (level === 0) return [t.self(unit)];
        const { field, start, jump } = now.costs[level - 1];
        const [first, read] = [start + unit * jump, cone.input()];
        const outside = read.filter((cell) => cell < 0 || cell >= state.size).length;
        return [
          t.field(unit, level),
          format(now.costs[level - 2]?.field ?? 1),
          ...growth(level - 1),
          " = ",
          term("input", field),
          t.cells(format(first), format(first + field - 1)),
          read.length < field ? t.holes(read.length) : "",
          outside ? t.padding(outside) : "",
          ".",
        ];
      }

      function drawStage() {
        cone.show({ ...now, at: state.revealed ? at : null });
        drawTable();
        if (!state.revealed) say(t.covered(now.costs.at(-1)?.size));
        else if (at) say(...describe(at));
      }

      function draw() {
        drawControls();
        now = solve(state);
        const misfit = now.refusal ? now.costs.length : null;
        chips.forEach((chip, n) => chip.classList.toggle("cl-refused", n === misfit));
        if (now.refusal) chips[misfit].textContent = t.misfit(named(misfit));
        const key = JSON.stringify([state.size, state.layers]);
        if (key !== drawn)
          at = {
            level: now.costs.length,
            unit: Math.floor((now.costs.at(-1)?.size ?? state.size) / 2),
          };
        drawn = key;
        drawStage();
        if (now.refusal) throw now.refusal;
      }

      const last = () => now.costs.at(-1).field;
      const editor = h(
        "div",
        { class: "cl-layer-options", role: "group" },
        options.map((option) => option.el),
      );
      return {
        controls: [
          stacks.el,
          size.el,
          channels.el,
          h(
            "div",
            { class: "cl-layers", role: "group", "aria-label": t.layers },
            h("span", {}, t.layers),
            h("div", {}, chips, more, less),
          ),
          editor,
        ],
        question: state.revealed
          ? null
          : question({
              text: t.ask,
              answer: last,
              onreveal: () => set("revealed", true),
              because: () =>
                `1${now.layers
                  .map((_, n) =>
                    growth(n)
                      .map((part) => part.textContent ?? part)
                      .join(""),
                  )
                  .join("")} =\u00a0${last()}.`,
            }),
        stage: [cone.el, h("div", { class: "cl-table-box" }, table)],
        note: t.note,
        reset: () => {
          chosen = 0;
          drawn = "";
        },
        draw,
      };
    },
  });
}
