// Activation functions, in three views: a curve and its slope, a signal through layers and its
// gradient on the way back, and one unit whose bias is moved until it dies.

import { activations } from "./math/activations.js";
import { lab, select, wording } from "./kit.js";
import { curveView } from "./activation_curve.js";
import { layersView } from "./activation_layers.js";
import { unitView } from "./activation_unit.js";

const texts = {
  en: {
    activation: "Function",
    names: {
      relu: "ReLU",
      leaky_relu: "leaky ReLU",
      prelu: "PReLU",
      sigmoid: "sigmoid",
      tanh: "tanh",
      silu: "SiLU",
      relu6: "ReLU6",
      elu: "ELU",
      selu: "SELU",
      celu: "CELU",
      gelu: "GELU",
      gelu_tanh: "GELU, “tanh”",
      mish: "Mish",
      softplus: "softplus",
      hardsigmoid: "hardsigmoid",
      hardswish: "hardswish",
      logsigmoid: "logsigmoid",
    },
    sliders: {
      negative_slope: "Slope on the left λ",
      prelu_weight: "Learned slope λ",
      alpha: "Depth α",
      beta: "Sharpness β",
    },
  },
};

const formulas = {
  relu: "max(x, 0)",
  leaky_relu: "max(x, 0) + λ min(x, 0)",
  prelu: "max(x, 0) + λ min(x, 0)",
  sigmoid: "1 / (1 + e⁻ˣ) = σ(x)",
  tanh: "tanh x",
  silu: "x σ(x)",
  relu6: "min(max(x, 0), 6)",
  elu: "max(x, 0) + α (exp(min(x, 0)) − 1)",
  selu: "1.051 (max(x, 0) + 1.673 (exp(min(x, 0)) − 1))",
  celu: "max(x, 0) + α (exp(min(x, 0) / α) − 1)",
  gelu: "x Φ(x)",
  gelu_tanh: "x (1 + tanh(0.798 (x + 0.0447 x³))) / 2",
  mish: "x tanh(ln(1 + eˣ))",
  softplus: "ln(1 + exp(βx)) / β",
  hardsigmoid: "min(max(x + 3, 0), 6) / 6",
  hardswish: "x min(max(x + 3, 0), 6) / 6",
  logsigmoid: "ln σ(x)",
};

// Which trait sets which of the library's options.
const options = {
  leaky_relu: { negative_slope: "negative_slope" },
  prelu: { weight: "prelu_weight" },
  elu: { alpha: "alpha" },
  celu: { alpha: "alpha" },
  softplus: { beta: "beta" },
};
const steps = { negative_slope: 0.01, prelu_weight: 0.05, alpha: 0.1, beta: 0.1 };

const views = { curve: curveView, layers: layersView, unit: unitView };

// The chosen function with its options: what the views compute with.
function chosen(state, t) {
  const entry = () => (state.activation === "gelu_tanh" ? "gelu" : state.activation);
  const parameters = () => {
    const set = Object.entries(options[state.activation] ?? {}).map(([option, trait]) => [
      option,
      state[trait],
    ]);
    const approximate = state.activation === "gelu_tanh" ? { approximate: "tanh" } : {};
    return { ...activations[entry()].parameters, ...approximate, ...Object.fromEntries(set) };
  };
  return {
    name: () => t.names[state.activation],
    formula: () => formulas[state.activation],
    value: (x) => activations[entry()].value(x, parameters()),
    slope: (x) => activations[entry()].slope(x, parameters()),
    call: () => ({ activation: entry(), parameters: parameters() }),
  };
}

export function render({ model, el }) {
  const t = wording(texts);
  const view = views[model.get("view")];
  const traits = ["activation", "x", "layers", "weight", "bias", ...Object.keys(steps), "revealed"];
  return lab({
    model,
    el,
    title: view.title(),
    traits,
    build: (parts) => {
      const { state, set, real } = parts;
      const activation = select({
        label: t.activation,
        options: Object.entries(t.names).map(([value, label]) => ({ value, label })),
        onchange: (value) => set("activation", value),
      });
      const sliders = Object.entries(steps).map(([trait, step]) => [
        trait,
        real(trait, t.sliders[trait], step),
      ]);
      const shown = view.build({ ...parts, f: chosen(state, t) });

      function draw() {
        activation.show(state.activation);
        const used = Object.values(options[state.activation] ?? {});
        for (const [trait, control] of sliders) {
          control.show(state[trait]);
          control.el.hidden = !used.includes(trait);
        }
        shown.draw();
      }
      return {
        ...shown,
        controls: [
          activation.el,
          ...sliders.map(([, control]) => control.el),
          ...(shown.controls ?? []),
        ],
        draw,
      };
    },
  });
}
