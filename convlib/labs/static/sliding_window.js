// A kernel slides over an input: which numbers meet, and what they sum to.

import { conv, taps } from "./math/convolution.js";
import { fill } from "./math/geometry.js";
import { choice, grid, lab, player, products, question, select, wording } from "./kit.js";
import { photo } from "./photo.js";
import { picture } from "./picture.js";

const texts = {
  en: {
    title: "Sliding window",
    input: "Input",
    padded: "Input in its padding",
    kernel: "Kernel",
    output: "Output",
    size: "Input side",
    kernelSize: "Kernel side N",
    stride: "Stride s",
    padding: "Padding p",
    dilation: "Dilation d",
    view: "Slide over",
    numbers: "Numbers",
    photo: "Photograph",
    preset: "Kernel",
    presets: {
      numbers: "0, 1, 2, …",
      edge: "Edge",
      blur: "Blur",
      sharpen: "Sharpen",
      own: "Your own",
    },
    askValue: (u, v) =>
      `The window stops at row ${u}, column ${v} of the output. Which number will stand there?`,
    askEven: (grey) =>
      `In the sky the cells under the kernel are nearly alike. If each were ${grey}, which whole number would come out there?`,
    askSize: "How many rows will the output have?",
    covered: (u, v) => `Output at row ${u}, column ${v}: multiply what meets, and add.`,
    place: (u, v) => `Output at row ${u}, column ${v}: `,
    even: (grey, sum) =>
      `The numbers of the kernel sum to ${sum}, and ${grey} times that comes out.`,
    shape: (a, n, b) => `The input has ${a} rows, the kernel ${n}, the output ${b}.`,
    note: "Point at an output, or walk through the outputs with the arrow keys. Drag a number of the kernel sideways, or press ↑ and ↓ on it. Hatched cells are padding: zeros.",
  },
};

const traits = [
  "size",
  "kernel_size",
  "stride",
  "padding",
  "dilation",
  "kernel",
  "weight",
  "view",
  "ask",
  "controls",
  "revealed",
];
const grey = 200; // of an even sky
const few = ["stride", "padding"]; // the controls of the short form

// The ready-made kernels of any side: counting up, the Laplacian, the mean, the sharpened picture.
function preset(name, side) {
  const area = side * side;
  const middle = Math.floor((side - 1) / 2);
  const centre = (i, j) => (i === middle && j === middle ? area : 0);
  const value = {
    numbers: (i, j) => i * side + j,
    edge: (i, j) => centre(i, j) - 1,
    blur: () => Number((1 / area).toFixed(4)),
    sharpen: (i, j) => (2 * centre(i, j) - 1) / area,
  }[name];
  return fill(side, side, value);
}

const inputOf = ({ size, view }) =>
  view === "photo" ? photo : fill(size, size, (i, j) => i * size + j);

// What the state means: the input, the kernel, the outputs, and what meets at one of them.
function slide({ size, kernel_size, stride, padding, dilation, kernel, weight, view }) {
  const x = inputOf({ size, view });
  const w = weight ?? preset(kernel, kernel_size);
  const options = { stride, padding, dilation };
  const y = conv([x], [[w]], options)[0];
  const meeting = (u, v) => taps(x, w, u, v, options);
  return { x, w, y, meeting, last: [y.length - 1, y[0].length - 1] };
}

// The input in its border of zeros, and the class of each cell: padding, lit or neither.
function bordered(x, padding, met) {
  const [rows, columns] = [x.length + 2 * padding, x[0].length + 2 * padding];
  const cell = (i, j) => x[i - padding]?.[j - padding];
  const marks = fill(rows, columns, (i, j) => (cell(i, j) === undefined ? "cl-pad" : ""));
  for (const { i, j } of met) marks[i + padding][j + padding] += " cl-tap";
  return { values: fill(rows, columns, (i, j) => cell(i, j) ?? 0), marks };
}

export function render({ model, el }) {
  const t = wording(texts);
  return lab({
    model,
    el,
    title: t.title,
    traits,
    build: ({ state, set, say, across, whole, redraw }) => {
      let at = null; // the output under the window
      let shown = null; // the outputs that are drawn
      const pick = (u, v) => {
        at = [u, v];
        redraw();
      };
      const fresh = (name) => (value) => {
        state.weight = null;
        set(name, value);
      };
      const named = (labels) => Object.entries(labels).map(([value, label]) => ({ value, label }));

      const controls = {
        size: whole("size", t.size),
        kernel_size: whole("kernel_size", t.kernelSize, (side) => {
          if (state.kernel === "own") state.kernel = "numbers";
          fresh("kernel_size")(side);
        }),
        stride: whole("stride", t.stride),
        padding: whole("padding", t.padding),
        dilation: whole("dilation", t.dilation),
        kernel: select({
          label: t.preset,
          options: named(t.presets),
          onchange: (name) => (name === "own" ? own(weight()) : fresh("kernel")(name)),
        }),
        view: choice({
          label: t.view,
          options: named({ numbers: t.numbers, photo: t.photo }),
          onchange: (view) => {
            at = null;
            set("view", view);
          },
        }),
      };
      const weight = () => state.weight ?? preset(state.kernel, state.kernel_size);
      const own = (values) => {
        state.kernel = "own";
        set("weight", values);
      };
      const input = grid({ label: t.input, kind: "input" });
      const kernel = grid({
        label: t.kernel,
        kind: "kernel",
        onset: (i, j, value) => own(weight().with(i, weight()[i].with(j, value))),
      });
      const output = grid({ label: t.output, kind: "output", onpick: pick });
      const before = picture({ label: t.input });
      const after = picture({ label: t.output, onpick: pick });
      const steps = player({
        count: () => shown?.flat().length ?? 0,
        place: () => at[0] * shown[0].length + at[1],
        onstep: (n) => pick(Math.floor(n / shown[0].length), n % shown[0].length),
      });

      const sum = () =>
        Number(
          weight()
            .flat()
            .reduce((a, b) => a + b)
            .toFixed(3),
        );
      const questions = {
        even: {
          text: () => t.askEven(grey),
          answer: () => Math.round(grey * sum()),
          because: () => t.even(grey, sum()),
        },
        size: {
          text: () => t.askSize,
          answer: () => slide(state).y.length,
          because: () => t.shape(slide(state).x.length, weight().length, slide(state).y.length),
        },
        value: {
          text: () => t.askValue(...slide(state).last),
          answer: () => slide(state).y.at(-1).at(-1),
        },
      };
      const asked = () => questions[state.view === "photo" ? "even" : state.ask];

      function draw() {
        for (const [name, control] of Object.entries(controls)) control.show(state[name]);
        kernel.show(weight());
        const isPhoto = state.view === "photo";
        for (const part of [before, after]) part.el.hidden = !isPhoto;
        for (const part of [input, output, controls.size]) part.el.hidden = isPhoto;
        shown = null;
        const { x, y, meeting, last } = fitting();
        shown = y;
        at ??= isPhoto
          ? [Math.floor(last[0] / 3), Math.floor(last[1] / 2)]
          : state.ask === "size"
            ? [0, 0]
            : last;
        at = [Math.min(at[0], last[0]), Math.min(at[1], last[1])];
        const met = meeting(...at);
        (isPhoto ? drawPhoto : drawNumbers)(x, y, met);
        if (state.revealed) say(t.place(...at), ...products(met, y[at[0]][at[1]]));
        else say(t.covered(...at));
      }
      function fitting() {
        try {
          return slide(state);
        } catch (refusal) {
          // the input and the kernel, nothing computed
          drawInput(inputOf(state), []);
          output.el.hidden = true;
          throw refusal;
        }
      }
      function drawInput(x, met) {
        const { values, marks } = bordered(x, state.padding, met);
        input.show(values, { marks, label: state.padding ? t.padded : t.input });
      }
      function drawNumbers(x, y, met) {
        drawInput(x, met);
        output.show(y, { at, covered: !state.revealed });
        across(x[0].length + 2 * state.padding + weight().length + y[0].length);
      }
      function drawPhoto(x, y) {
        const corner = (place) => place * state.stride - state.padding;
        const side = state.dilation * (weight().length - 1) + 1;
        before.show(x, { window: { i: corner(at[0]), j: corner(at[1]), side } });
        after.show(y, { window: { i: at[0], j: at[1], side: 1 }, covered: !state.revealed });
      }

      return {
        controls: [
          ...Object.entries(controls)
            .filter(([name]) => state.controls === "all" || few.includes(name))
            .map(([, control]) => control.el),
          steps.el,
        ],
        question: state.revealed
          ? null
          : question({
              text: () => asked().text(),
              answer: () => asked().answer(),
              because: () => asked().because?.(),
              onreveal: () => set("revealed", true),
            }),
        stage: [input, before, kernel, output, after].map((part) => part.el),
        note: t.note,
        draw,
      };
    },
  });
}
