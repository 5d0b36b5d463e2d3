// The curve says what happens to a number on its way forward, the slope what happens to a gradient
// on its way back.

import { format, h, question, wording } from "./kit.js";
import { chart, curve, legend, stroke } from "./chart.js";

const curveTexts = {
  en: {
    title: "A curve and its slope",
    point: "Point x",
    ask: (name, x) =>
      `At x = ${x} a gradient of 1 comes back to ${name}. Which sign does it have when ${name} hands it on?`,
    signs: {
      1: "Positive: smaller or larger, it keeps its sign",
      0: "None: nothing is handed on",
      "-1": "Negative: the sign turns",
    },
    because: (name, x, slope) => `At x = ${x} the slope of ${name} is ${slope}.`,
    covered: (x, y) => `x = ${x}: f(x) = ${y}. Does the curve rise here, or fall?`,
    read: (x, y, slope) =>
      `x = ${x}: f(x) = ${y}, f′(x) = ${slope}. A gradient g comes back as ${slope} · g.`,
    note: "Drag the point, or use the arrow keys. The short line is the tangent: its steepness is f′\u2060(x).",
  },
};

// The numbers shown: where something happens.
const lineOf = (name) => (name === "relu6" ? [-3, 8] : [-5, 5]);

// The range of an axis: around all values of f on a line, by whole steps, and never less than `least`.
function around(f, [low, high], least, step) {
  const seen = Array.from({ length: 101 }, (_, n) => f(low + ((high - low) * n) / 100));
  return [
    Math.min(least[0], Math.floor(Math.min(...seen) / step) * step),
    Math.max(least[1], Math.ceil(Math.max(...seen) / step) * step),
  ];
}

export const curveView = {
  title: () => wording(curveTexts).title,
  build({ state, set, say, f }) {
    const t = wording(curveTexts);
    const moved = { step: 0.1, onchange: (x) => set("x", x) };
    const values = chart({ label: t.point, ...moved });
    const slopes = chart({ mirrors: true, ...moved });
    const formula = h("span");
    const hidden = h("p", { class: "cl-hidden", "aria-hidden": "true" }, "?");
    const here = () => {
      const [low, high] = lineOf(state.activation);
      return Math.min(high, Math.max(low, state.x));
    };
    const number = (value) => format(value, 3);
    const panel = (key, text, plot) => h("div", { class: "cl-chart" }, legend([key, text]), plot);

    function draw() {
      formula.textContent = `f(x) = ${f.formula()}`;
      const [reach, x] = [lineOf(state.activation), here()];
      const [y, slope] = [f.value(x), f.slope(x)];
      hidden.hidden = state.revealed;
      const text = state.revealed
        ? t.read(number(x), number(y), number(slope))
        : t.covered(number(x), number(y));
      const drop = (high) =>
        stroke(
          [
            [x, 0],
            [x, high],
          ],
          "cl-drop",
        );
      const tangent = stroke(
        [
          [x - 1.5, y - 1.5 * slope],
          [x + 1.5, y + 1.5 * slope],
        ],
        "cl-tangent",
      );
      values.show({
        x: reach,
        y: around(f.value, reach, [-1.5, 1.5], 1),
        value: x,
        text,
        dots: [[x, y, "cl-handle"]],
        shapes: [drop(y), curve(f.value, reach, "cl-curve"), ...(state.revealed ? [tangent] : [])],
      });
      slopes.show({
        x: reach,
        y: around(f.slope, reach, [-0.25, 1.25], 0.25),
        value: x,
        dots: state.revealed ? [[x, slope, "cl-handle cl-handle-slope"]] : [],
        shapes: state.revealed ? [drop(slope), curve(f.slope, reach, "cl-slope")] : [],
      });
      say(text);
    }

    return {
      question: state.revealed
        ? null
        : question({
            text: () => t.ask(f.name(), number(here())),
            options: [1, 0, -1].map((value) => ({ value, label: t.signs[value] })),
            answer: () => Math.sign(f.slope(here())),
            because: () => t.because(f.name(), number(here()), number(f.slope(here()))),
            onreveal: () => set("revealed", true),
          }),
      stage: [
        panel("cl-key-curve", formula, values.el),
        panel("cl-key-slope", "f′(x)", h("div", { class: "cl-cover" }, slopes.el, hidden)),
      ],
      note: t.note,
      draw,
    };
  },
};
