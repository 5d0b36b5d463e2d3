// One unit and a small batch: shift the bias until no input gets through, then try to train it.

import { trainBias, unitOnBatch } from "./math/activations.js";
import { button, clamp, format, h, question, wording } from "./kit.js";
import { chart, curve, legend, stroke } from "./chart.js";

const unitTexts = {
  en: {
    title: "A unit that dies",
    input: "Input",
    bias: "Bias b",
    train: (steps) => (steps === 1 ? "Train 1 step" : `Train ${steps} steps`),
    rows: ["a", "z = a + b", "f(z)", "f′(z)"],
    passes: "hands a gradient back",
    blocks: "hands nothing back",
    ask: "A ReLU unit adds its bias b to each of the five inputs a. You lower b. At which b does the last of them stop getting through?",
    because: (most, bias) =>
      `The largest input is ${most}: at b = ${bias} its sum is 0, and so is its slope.`,
    covered: (a, bias, z) => `Input ${a}: z = ${a} + ${bias} = ${z}. Does ReLU let it through?`,
    read: (a, bias, z, slope, alive, total, gradient) =>
      `Input ${a}: z = ${a} + ${bias} = ${z}, slope ${slope}. Of ${total} inputs, ${alive} hand a gradient back. The gradient of b is ${gradient}.`,
    dead: "Dead: every slope is 0, so training cannot move b.",
    note: "Training pulls every output towards 1: b goes down the gradient of the mean of ½ (f(z) − 1)². Where all slopes are 0, so is that gradient.",
  },
};

const batch = [-1, 0, 1, 2, 3]; // the inputs a
const HALF = 7; // of the line of sums that is shown

const nearest = (places, to) =>
  places.reduce(
    (best, place, n) => (Math.abs(place - to) < Math.abs(places[best] - to) ? n : best),
    0,
  );

export const unitView = {
  title: () => wording(unitTexts).title,
  build({ state, set, say, bounds, real, f }) {
    const t = wording(unitTexts);
    let at = batch.length - 1;
    const call = () => ({ ...f.call(), inputs: batch, bias: state.bias, target: 1 });
    const number = (value) => format(value, 3);
    const bias = real("bias", t.bias, 0.1);
    const train = (steps) =>
      button(t.train(steps), () =>
        set("bias", clamp(trainBias(call(), { steps, rate: 1 }), ...bounds.bias)),
      );
    const plot = chart({
      label: t.input,
      step: 1,
      hover: true,
      onchange: (n) => {
        at = n - 1;
        draw();
      },
    });
    const table = h("table", { class: "cl-batch" });

    function draw() {
      bias.show(state.bias);
      const unit = unitOnBatch(call());
      const { sums, outputs, slopes, gradient } = unit;
      const alive = slopes.filter((slope) => slope !== 0).length;
      const range = [-2, Math.max(4, Math.ceil(Math.max(...outputs) + 0.5))];
      const text = state.revealed
        ? `${t.read(batch[at], signed(state.bias), number(sums[at]), number(slopes[at]), alive, batch.length, number(gradient))} ${alive ? "" : t.dead}`.trim()
        : t.covered(batch[at], signed(state.bias), number(sums[at]));
      plot.show({
        x: [-HALF - 2, HALF],
        y: range,
        min: 1,
        max: batch.length,
        value: at + 1,
        text,
        pick: (z) => nearest(sums, z) + 1,
        shapes: [
          stroke(
            [
              [sums[at], range[0]],
              [sums[at], range[1]],
            ],
            "cl-drop",
          ),
          curve(f.value, [-HALF - 2, HALF], "cl-curve"),
        ],
        dots: sums.map((z, n) => [z, outputs[n], dotName(slopes[n], n)]),
      });
      tabulate(unit);
      say(text);
    }

    const signed = (value) => (value < 0 ? `(${number(value)})` : number(value));
    const dotName = (slope, n) =>
      `${state.revealed && slope === 0 ? "cl-dot-off" : "cl-dot-on"}${n === at ? " cl-dot-here" : ""}`;
    function tabulate({ sums, outputs, slopes }) {
      const hide = (value) => (state.revealed ? format(value) : "?");
      const rows = [
        batch.map((a) => format(a)),
        sums.map((z) => format(z)),
        outputs.map((y) => hide(y)),
        slopes.map((slope) => hide(slope)),
      ];
      table.replaceChildren(
        ...rows.map((row, n) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, t.rows[n]),
            row.map((text, i) =>
              h(
                "td",
                {
                  class:
                    `${i === at ? "cl-here" : ""} ${state.revealed && n === 3 && slopes[i] === 0 ? "cl-off" : ""}`.trim(),
                },
                text,
              ),
            ),
          ),
        ),
      );
    }

    const last = -Math.max(...batch);
    return {
      controls: [bias.el, train(1), train(20)],
      question: state.revealed
        ? null
        : question({
            text: t.ask,
            answer: () => last,
            because: () => t.because(format(-last), format(last)),
            onreveal: () => set("revealed", true),
          }),
      stage: [
        h(
          "div",
          { class: "cl-chart" },
          legend(["cl-key-on", t.passes], ["cl-key-off", t.blocks]),
          plot.el,
        ),
        table,
      ],
      note: t.note,
      draw,
    };
  },
};
