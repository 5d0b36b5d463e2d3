// One number through a chain of layers, a = f(w·a), and the gradient on its way back.

import { gradientBack, signalThroughLayers } from "./math/activations.js";
import { h, question, wording } from "./kit.js";
import { bar, brief, chart, legend, powerOfTen, stroke } from "./chart.js";

const layersTexts = {
  en: {
    title: "A signal through layers, and its gradient back",
    layer: "Layer",
    layers: "Layers D",
    weight: "Weight w of each layer",
    x: "Input x",
    signal: "signal behind the layer",
    gradient: "gradient in front of the layer",
    zero: "exactly 0",
    ask: (name, layers, weight) =>
      `${layers === 1 ? "One layer multiplies" : `${layers} layers, and each multiplies`} by w\u00a0=\u00a0${weight}, then applies ${name}. A gradient of 1 arrives behind the last. How much of it is left in front of the first?`,
    left: {
      more: "More than 10",
      same: "From a tenth to 10",
      some: "From a millionth to a tenth",
      gone: "Less than a millionth",
    },
    because: (left) => `In front of the first layer it is ${left}.`,
    covered: (l, weight, before, z, value) =>
      `Layer ${l}: z = ${weight} · ${before} = ${z}, f(z) = ${value}. The signal goes forward from left to right; the gradient comes back from right to left.`,
    read: (l, weight, before, z, value, slope, after, gradient) =>
      `Layer ${l}: z = ${weight} · ${before} = ${z}, f(z) = ${value}. Back: ${after} · f′(z) · w = ${after} · ${slope} · ${weight} = ${gradient}.`,
    note: "A bar that hangs down is less than 1, a bar that stands up is more; the scale is logarithmic. Point at a layer, or use the arrow keys.",
  },
};

const FLOOR = -30; // powers of ten below this are drawn at it

const decade = (value) => Math.max(FLOOR, Math.log10(Math.abs(value)));

function bucket(gradient) {
  const size = Math.abs(gradient);
  return size > 10 ? "more" : size >= 0.1 ? "same" : size >= 1e-6 ? "some" : "gone";
}

// A bar between 1 and the value; an exact 0 has no logarithm and is drawn open, all the way down.
function logBar(left, value, low, name) {
  return value === 0
    ? bar(left, left + 0.32, low, 0, `${name} cl-zero`)
    : bar(left, left + 0.32, 0, decade(value), name);
}

export const layersView = {
  title: () => wording(layersTexts).title,
  build({ state, set, say, whole, real, f }) {
    const t = wording(layersTexts);
    let at = 1;
    const chain = () =>
      signalThroughLayers({ ...f.call(), layers: state.layers, x: state.x, weight: state.weight });
    const controls = {
      layers: whole("layers", t.layers),
      weight: real("weight", t.weight, 0.1),
      x: real("x", t.x, 0.1),
    };
    const plot = chart({
      label: t.layer,
      step: 1,
      hover: true,
      onchange: (l) => {
        at = l;
        draw();
      },
    });

    function draw() {
      for (const [name, control] of Object.entries(controls)) control.show(state[name]);
      const forward = chain();
      const back = gradientBack(forward, state.weight);
      at = Math.min(at, state.layers);
      const shown = [...forward.map(({ value }) => value), ...(state.revealed ? back : [])];
      const sizes = shown.filter((value) => value !== 0).map(decade);
      const low = Math.min(-3, Math.floor(Math.min(0, ...sizes)));
      const range = [low, Math.max(1, Math.ceil(Math.max(0, ...sizes)))];
      const text = sentence(forward, back);
      plot.show({
        x: [0.4, state.layers + 0.6],
        y: range,
        numbers: powerOfTen,
        min: 1,
        max: state.layers,
        value: at,
        text,
        dots: [],
        most: 11,
        shapes: [
          bar(at - 0.5, at + 0.5, ...range, "cl-column"),
          ...forward.map(({ value }, n) => logBar(n + 0.66, value, low, "cl-bar-signal")),
          ...(state.revealed
            ? back.map((value, n) => logBar(n + 1.02, value, low, "cl-bar-gradient"))
            : []),
          stroke(
            [
              [0.4, 0],
              [state.layers + 0.6, 0],
            ],
            "cl-axis",
          ),
        ],
      });
      say(text);
    }

    function sentence(forward, back) {
      const { z, value, slope } = forward[at - 1];
      const before = at > 1 ? forward[at - 2].value : state.x;
      const there = [at, brief(state.weight), brief(before), brief(z), brief(value)];
      return state.revealed
        ? t.read(...there, brief(slope), brief(back[at] ?? 1), brief(back[at - 1]))
        : t.covered(...there);
    }

    const left = () => gradientBack(chain(), state.weight)[0];
    return {
      controls: Object.values(controls).map((control) => control.el),
      question: state.revealed
        ? null
        : question({
            text: () => t.ask(f.name(), state.layers, brief(state.weight)),
            options: Object.entries(t.left).map(([value, label]) => ({ value, label })),
            answer: () => bucket(left()),
            because: () => t.because(brief(left())),
            onreveal: () => set("revealed", true),
          }),
      stage: h(
        "div",
        { class: "cl-chart cl-wide" },
        legend(
          ["cl-key-signal", t.signal],
          ["cl-key-gradient", t.gradient],
          ["cl-key-zero", t.zero],
        ),
        plot.el,
      ),
      note: t.note,
      draw,
    };
  },
};
