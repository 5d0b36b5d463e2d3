// A transposed convolution by two definitions: each input stamps its kernel onto the output; each
// output has a window on the input between inserted zeros. The numbers are the same.

import { taps } from "./math/convolution.js";
import { busiest, compute, distinct, innerCounts } from "./transposed_parts.js";
import { choice, grid, h, lab, products, question, term, wording } from "./kit.js";

const texts = {
  en: {
    title: "Transposed convolution",
    size: "Input side",
    kernelSize: "Kernel side N",
    stride: "Stride s",
    padding: "Padding p",
    outputPadding: "Output padding",
    dilation: "Dilation d",
    values: "Input and kernel",
    numbers: "Counting",
    ones: "All ones",
    scatter: "Scatter: each input stamps the kernel, scaled",
    insert: "Insert zeros, turn the kernel, convolve",
    input: "Input",
    kernel: "Kernel",
    spread: "Input between zeros",
    turned: "Kernel, turned",
    output: "Output",
    uncut: "Output, its rim cut off",
    yes: "Yes",
    no: "No",
    askValue: (u, v) => `Which number will stand at row ${u}, column ${v} of the output?`,
    askSize: "How many rows will the output have?",
    becauseSize: (
      { size, kernel_size: n, stride, padding, output_padding: extra, dilation },
      rows,
    ) =>
      `(${size} − 1)·${stride} − 2·${padding} + ${dilation}·(${n} − 1) + ${extra} + 1 = ${rows}.`,
    askEven: ({ kernel_size: n, stride, dilation }) =>
      `Kernel side ${n}, stride ${stride}, dilation ${dilation}. Away from the border, is every output reached by equally many taps?`,
    even: (count) => `Away from the border every output is reached by equally many taps: ${count}.`,
    uneven: (counts) =>
      `Away from the border outputs are reached by ${counts} taps, not equally many: a checkerboard.`,
    or: " or ",
    shades: "Shade: taps that reach the output.",
    atInput: (i, j, cells) => [
      `Input at row ${i}, column ${j}: the kernel times `,
      ` is added to the ${cells} lit outputs.`,
    ],
    lost: (cells) => ` ${cells} more are cut off.`,
    atOutput: (u, v, inputs, zeros) =>
      `Output at row ${u}, column ${v}. Inputs in the window: ${inputs}, zeros: ${zeros}. `,
    covered: "Add up the products.",
    cut: "The padding cuts this cell off.",
    note: "Point at an input to see its stamp, at an output to see its window. The arrow keys do the same. Change the kernel: drag a number sideways, or press ↑ and ↓ on it. Hatched cells are padding.",
  },
};

const traits = [
  "size",
  "kernel_size",
  "stride",
  "padding",
  "output_padding",
  "dilation",
  "values",
  "weight",
  "ask",
  "revealed",
];
const same = (a, b) => a[0] === b[0] && a[1] === b[1];
const minus = ([i, j], n) => [i - n, j - n];

// compute(state), done once for each state: pointing at a cell changes nothing that is computed.
function remembered(state) {
  let [key, result] = ["", null];
  return () => {
    const next = JSON.stringify(state);
    if (next !== key) result = compute(state);
    key = next;
    return result;
  };
}

// What the reader predicts.
function asked(state, now, t) {
  const place = () => busiest(now().counts);
  return {
    value: { text: () => t.askValue(...place()), answer: () => now().y[place()[0]][place()[1]] },
    size: {
      text: t.askSize,
      answer: () => now().y.length,
      because: () => t.becauseSize(state, now().y.length),
    },
    even: {
      text: () => t.askEven(state),
      options: [
        { value: "yes", label: t.yes },
        { value: "no", label: t.no },
      ],
      answer: () => (innerCounts(state).length === 1 ? "yes" : "no"),
      because: () => verdict(state, t),
    },
  }[state.ask];
}

function verdict(state, t) {
  const counts = innerCounts(state);
  return counts.length === 1
    ? t.even(counts[0])
    : t.uneven(`${counts.slice(0, -1).join(", ")}${t.or}${counts.at(-1)}`);
}

function makeControls(t, { state, set, whole }) {
  const fresh = (name) => (value) => {
    state.weight = null;
    set(name, value);
  }; // a new kernel
  return {
    size: whole("size", t.size),
    kernel_size: whole("kernel_size", t.kernelSize, fresh("kernel_size")),
    stride: whole("stride", t.stride),
    padding: whole("padding", t.padding),
    output_padding: whole("output_padding", t.outputPadding),
    dilation: whole("dilation", t.dilation),
    values: choice({
      label: t.values,
      options: ["numbers", "ones"].map((value) => ({ value, label: t[value] })),
      onchange: fresh("values"),
    }),
  };
}

// The boards of both definitions. pick(side, place): an input or an output is pointed at.
function makeBoards(t, { state, now, set, pick }) {
  const pickSource = (row, column) => {
    const place = now().spread.source(row, column);
    if (place) pick("input", place);
  };
  const changed = (i, j, value) => {
    const { weight } = now();
    return weight.with(i, weight[i].with(j, value));
  };
  return {
    input: grid({ label: t.input, kind: "input", onpick: (i, j) => pick("input", [i, j]) }),
    kernel: grid({
      label: t.kernel,
      kind: "kernel",
      onset: (i, j, value) => set("weight", changed(i, j, value)),
    }),
    stamped: grid({
      label: t.output,
      kind: "output",
      onpick: (u, v) => pick("output", minus([u, v], state.padding)),
    }),
    spread: grid({ label: t.spread, kind: "input", onpick: pickSource }),
    turned: grid({ label: t.turned, kind: "kernel" }),
    gathered: grid({ label: t.output, kind: "output", onpick: (u, v) => pick("output", [u, v]) }),
  };
}

// A class for each cell whose place is in the list.
const marked = (values, places, name) =>
  values.map((line, i) =>
    line.map((_, j) => (places.some((place) => same(place, [i, j])) ? name : "")),
  );
const both = (a, b) => a.map((line, i) => line.map((name, j) => `${name} ${b[i][j]}`.trim()));

export function render({ model, el }) {
  const t = wording(texts);
  return lab({
    model,
    el,
    title: t.title,
    traits,
    build: ({ state, set, say, whole, redraw }) => {
      let at = { side: "output", place: null };
      const pick = (side, place) => {
        at = { side, place };
        redraw();
      };
      const controls = makeControls(t, { state, set, whole });
      const now = remembered(state);
      const boards = makeBoards(t, { state, now, set, pick });
      const legend = h("p", { class: "cl-shades" });

      function draw() {
        for (const [name, control] of Object.entries(controls)) control.show(state[name]);
        const all = now();
        boards.kernel.show(all.weight);
        settle(all);
        const met = all.stamps.filter(({ from, to }) =>
          same(at.side === "input" ? from : to, at.place),
        );
        drawScatter(all, met);
        drawZeros(all, met);
        drawLegend(all);
        // Boards side by side: the wider of both in each place decides their cells' size. Large ones
        // stand one under the other, so that their numbers can be read.
        const across =
          Math.max(all.x.length, all.spread.z.length) + all.weight.length + all.whole.length;
        ways.style.setProperty("--across", across);
        ways.classList.toggle("cl-stacked", across > 28);
        say(...(at.side === "input" ? tellInput(all, met) : tellOutput(all, met)));
      }
      // The place that is looked at stays on the board when the board shrinks.
      function settle({ x, whole, counts }) {
        at.place ??= busiest(counts);
        const [low, high] =
          at.side === "input"
            ? [0, x.length - 1]
            : [-state.padding, whole.length - 1 - state.padding];
        at.place = at.place.map((n) => Math.min(Math.max(n, low), high));
      }
      // The output that is looked at, on a board that begins `cut` cells earlier; none if not on it.
      const outputAt = (board, cut) => {
        const [u, v] = minus(at.place, -cut);
        return at.side === "output" && board[u]?.[v] !== undefined ? [u, v] : undefined;
      };

      function drawScatter({ x, weight, y, whole, shadesWhole }, met) {
        const p = state.padding;
        const isInput = at.side === "input";
        const kept = (n) => n >= p && n < p + y.length;
        const cut = whole.map((line, u) =>
          line.map((_, v) => (kept(u) && kept(v) ? "" : "cl-pad")),
        );
        const reached = isInput ? met.map(({ to }) => minus(to, -p)) : [];
        boards.input.show(x, {
          at: isInput ? at.place : undefined,
          marks: marked(x, isInput ? [] : met.map(({ from }) => from), "cl-tap"),
        });
        boards.kernel.show(weight, {
          marks: marked(
            weight,
            met.map(({ tap }) => tap),
            "cl-lit",
          ),
        });
        boards.stamped.show(whole, {
          at: outputAt(whole, p),
          marks: both(cut, marked(whole, reached, "cl-tap")),
          covered: !state.revealed,
          shades: state.revealed && shadesWhole,
          label: cut.flat().some(Boolean) ? t.uncut : t.output,
        });
      }
      function drawZeros({ y, turned, shades, spread: { z, kinds, place } }, met) {
        const isInput = at.side === "input";
        const here = outputAt(y, 0);
        const window = here
          ? taps(z, turned, ...here, { dilation: state.dilation }).map(({ i, j }) => [i, j])
          : [];
        const last = turned.length - 1;
        boards.spread.show(z, {
          at: isInput ? place(at.place) : undefined,
          marks: both(kinds, marked(z, window, "cl-tap")),
        });
        boards.turned.show(turned, {
          marks: marked(
            turned,
            met.map(({ tap: [i, j] }) => [last - i, last - j]),
            "cl-lit",
          ),
        });
        boards.gathered.show(y, {
          at: here,
          marks: marked(y, isInput ? met.map(({ to }) => to) : [], "cl-tap"),
          covered: !state.revealed,
          shades: state.revealed && shades,
        });
      }
      function drawLegend({ counts }) {
        legend.hidden = !state.revealed;
        const occurring = distinct(counts.flat());
        legend.replaceChildren(
          h("strong", {}, verdict(state, t)),
          t.shades,
          ...occurring.map((n) =>
            h("span", { style: `--shade: ${n / occurring.at(-1)}` }, String(n)),
          ),
        );
      }
      function tellInput({ x }, met) {
        const [i, j] = at.place;
        const kept = met.filter(({ inside }) => inside).length;
        const [before, after] = t.atInput(i, j, kept);
        return [
          before,
          term("input", x[i][j]),
          after,
          kept < met.length ? t.lost(met.length - kept) : "",
        ];
      }
      function tellOutput({ y, weight }, met) {
        const total = y[at.place[0]]?.[at.place[1]];
        if (total === undefined) return [t.cut];
        const start = t.atOutput(...at.place, met.length, weight.length ** 2 - met.length);
        return state.revealed ? [start, ...products(met, total)] : [start, t.covered];
      }

      const row = (title, ...parts) => [
        h("p", { class: "cl-way" }, title),
        ...parts.map((part) => part.el),
      ];
      const ways = h(
        "div",
        { class: "cl-ways" },
        row(t.scatter, boards.input, boards.kernel, boards.stamped),
        row(t.insert, boards.spread, boards.turned, boards.gathered),
      );
      return {
        controls: Object.values(controls).map((control) => control.el),
        question: state.revealed
          ? null
          : question({ ...asked(state, now, t), onreveal: () => set("revealed", true) }),
        stage: [ways, legend],
        note: t.note,
        draw,
      };
    },
  });
}
