// What a window holds, reduced to one number; and what a shift of the input does to the outputs.

import { fill } from "./math/geometry.js";
import { countChanged, pool, poolTaps, roll } from "./math/pooling.js";
import {
  button,
  choice,
  format,
  grid,
  h,
  lab,
  question,
  select,
  term,
  toggle,
  wording,
} from "./kit.js";

const texts = {
  en: {
    title: { window: "Pooling, window by window", shift: "Pooling and a shift" },
    input: "Input",
    padded: "Input in its padding",
    output: "Output",
    before: "Before the shift",
    after: (shift) => `Shifted by ${shift}`,
    kind: "Keep the",
    kinds: { max: "maximum", average: "average" },
    size: "Input side",
    kernelSize: "Window side N",
    stride: "Stride s",
    padding: "Padding p",
    ceil: "Round the size up",
    countPad: "Padding counts",
    pattern: "Pattern",
    patterns: {
      scattered: "Scattered",
      numbers: "0, 1, 2, …",
      spike: "One spike",
      blocks: "0 0 1 1",
      stripes: "0 1 0 1",
      own: "Your own",
    },
    left: "← Shift left",
    right: "Shift right →",
    askWindow: (u, v) => `Which number will stand at row ${u}, column ${v} of the output?`,
    askShift: (all) =>
      `The input moves one cell to the right, and what leaves there enters at the left. How many of the ${all} outputs change?`,
    because: (changed, all) => `A shift by one changes ${changed} of ${all}.`,
    place: (u, v) => `Output at row ${u}, column ${v}: `,
    still: "Not shifted. Press a button to move the input by one cell.",
    changed: (shift, changed, all) => `Shifted by ${shift}: ${changed} of ${all} outputs changed.`,
    moved: (cells, changed) =>
      ` Compared with the first output, moved by ${cells}: ${changed} differ.`,
    noteWindow:
      "Paint the input: drag a number sideways, or press ↑ and ↓ on it. Point at an output, or walk through them with the arrow keys. The filled cell wins. Hatched cells are padding; empty ones hang over.",
    noteShift:
      "Filled outputs differ from those before the shift. Point at one to see its window. The input can be painted: drag a number sideways, or press ↑ and ↓ on it.",
  },
};

const traits = [
  "size",
  "kind",
  "kernel_size",
  "stride",
  "padding",
  "ceil_mode",
  "count_include_pad",
  "pattern",
  "x",
  "shift",
  "revealed",
];

const corner = (map) => [map.length - 1, map[0].length - 1];

// The ready-made inputs of any side, as `pattern` in pooling.py.
function pattern(name, side) {
  const middle = Math.floor(side / 2);
  return fill(
    side,
    side,
    {
      scattered: (i, j) => (i * i * j + 3 * j * j + 4 * i + 2 * j + 1) % 10,
      numbers: (i, j) => i * side + j,
      spike: (i, j) => (i === middle && j === middle ? 1 : 0),
      blocks: (i, j) => (j % 4 < 2 ? 0 : 1),
      stripes: (i, j) => j % 2,
    }[name],
  );
}

// What the state means: the input as it stood, as it stands now, and their outputs.
function pooled({
  size,
  kind,
  kernel_size,
  stride,
  padding,
  ceil_mode,
  count_include_pad,
  pattern: name,
  x,
  shift,
}) {
  const first = x ?? pattern(name, size);
  const options = { kind, kernelSize: kernel_size, stride, padding, ceilMode: ceil_mode };
  if (kind === "average") options.countIncludePad = count_include_pad;
  const now = roll(first, shift);
  const result = pool(now, options);
  return {
    first,
    now,
    before: pool(first, options).values,
    y: result.values,
    ...result,
    at: (u, v) => poolTaps(now, u, v, options),
  };
}

// max(1, 6, 5, 1) = 6, or (1 + 6 + 5 + 1) / 4 = 3.25, each number in its colour.
function reduction(kind, seen, count, total) {
  const comma = kind === "max" ? ", " : " + ";
  const numbers = seen.flatMap(({ value }, n) =>
    n ? [comma, term("input", value)] : [term("input", value)],
  );
  const whole = total === null ? "?" : term("output", total);
  return [
    kind === "max" ? "max(" : "(",
    ...numbers,
    kind === "max" ? ") = " : `) / ${count} = `,
    whole,
  ];
}

// The input with all that its windows reach: padding on every side, and what hangs over beyond it.
function surrounded(x, { kernel_size: n, stride, padding, kind }, y, taps, winner) {
  const reach = (size, out) => Math.max(size + 2 * padding, (out - 1) * stride + n);
  const [rows, columns] = [reach(x.length, y.length), reach(x[0].length, y[0].length)];
  const inside = (i, j) => x[i - padding]?.[j - padding] !== undefined;
  const over = (i, j) => i >= x.length + 2 * padding || j >= x[0].length + 2 * padding;
  const values = fill(rows, columns, (i, j) =>
    inside(i, j) ? x[i - padding][j - padding] : over(i, j) ? null : kind === "max" ? -Infinity : 0,
  );
  const marks = fill(rows, columns, (i, j) =>
    inside(i, j) ? "" : over(i, j) ? "cl-over" : "cl-pad",
  );
  for (const { i, j } of taps) marks[i + padding][j + padding] += " cl-tap";
  if (winner !== undefined)
    marks[Math.floor(winner / x[0].length) + padding][(winner % x[0].length) + padding] +=
      " cl-winner";
  return { values, marks };
}

export function render({ model, el }) {
  const t = wording(texts);
  const shifts = model.get("view") === "shift";
  return lab({
    model,
    el,
    title: t.title[model.get("view")],
    traits,
    build: ({ state, set, say, whole, redraw }) => {
      let at = null; // the output under the window
      const pick = (u, v) => {
        at = [u, v];
        redraw();
      };
      const named = (labels) => Object.entries(labels).map(([value, label]) => ({ value, label }));
      const own = (values) => {
        set("x", values);
        set("pattern", "own");
      };
      const fresh = (name, value) => {
        // away from the reader's own input
        if (state.x) set("pattern", "scattered");
        set(name, value);
        set("x", null);
      };
      const columns = () => state.x?.[0].length ?? state.size;
      const rows = () => state.x?.length ?? state.size;

      const controls = {
        kind: choice({
          label: t.kind,
          options: named(t.kinds),
          onchange: (kind) => set("kind", kind),
        }),
        size: whole("size", t.size, (side) => fresh("size", side)),
        kernel_size: whole("kernel_size", t.kernelSize),
        stride: whole("stride", t.stride),
        padding: whole("padding", t.padding),
        ceil_mode: toggle({ label: t.ceil, onchange: (on) => set("ceil_mode", on) }),
        count_include_pad: toggle({
          label: t.countPad,
          onchange: (on) => set("count_include_pad", on),
        }),
        pattern: select({
          label: t.pattern,
          options: named(t.patterns),
          onchange: (name) => (name === "own" ? own(pooled(state).first) : fresh("pattern", name)),
        }),
      };
      const isPadding = (i, j) =>
        Math.min(i, j) < state.padding ||
        i >= rows() + state.padding ||
        j >= columns() + state.padding;
      const paint = (i, j, value) => {
        // the reader paints the input where it stands now
        const now = roll(pooled(state).first, state.shift);
        const row = now[i - state.padding].with(j - state.padding, value);
        own(roll(now.with(i - state.padding, row), -state.shift));
      };
      const input = grid({
        label: t.input,
        kind: "input",
        min: -9,
        max: 99,
        fixed: isPadding,
        onset: paint,
      });
      const before = grid({ label: t.before, kind: "output" });
      const output = grid({ label: t.output, kind: "output", onpick: pick });
      const move = (label, by) => button(label, () => set("shift", (state.shift + by) % columns()));

      function draw() {
        for (const [name, control] of Object.entries(controls)) control.show(state[name]);
        for (const name of ["padding", "ceil_mode", "count_include_pad"])
          controls[name].el.hidden = shifts; // a ring has no border
        if (state.kind === "max") controls.count_include_pad.el.hidden = true;
        const result = pooled(state);
        const { y, indices } = result;
        const last = corner(y);
        at = at ? [Math.min(at[0], last[0]), Math.min(at[1], last[1])] : last;
        const taps = result.at(...at);
        const { values, marks } = surrounded(
          result.now,
          state,
          y,
          taps,
          state.revealed ? indices?.[at[0]][at[1]] : undefined,
        );
        input.show(values, { marks, label: state.padding ? t.padded : t.input });
        before.show(result.before);
        const differs = (u, v) =>
          state.revealed && shifts && y[u][v] !== result.before[u][v] ? "cl-changed" : "";
        output.show(y, {
          at,
          covered: !state.revealed,
          marks: fill(y.length, y[0].length, differs),
          label: shifts ? t.after(format(state.shift)) : t.output,
        });
        say(
          ...(shifts && state.revealed ? [`${shiftSentence(result)} `] : []),
          ...sentence(result, taps),
        );
      }
      function sentence({ y, counts }, taps) {
        const seen = taps.filter(({ inside }) => inside);
        const total = state.revealed ? y[at[0]][at[1]] : null;
        return [t.place(...at), ...reduction(state.kind, seen, counts?.[at[0]][at[1]], total)];
      }
      function shiftSentence({ before: first, y }) {
        if (state.shift === 0) return t.still;
        const cells = Math.floor(state.shift / state.stride);
        const moved = cells ? t.moved(format(cells), countChanged(roll(first, cells), y)) : "";
        return t.changed(format(state.shift), countChanged(first, y), y.flat().length) + moved;
      }

      const after = () =>
        countChanged(pooled({ ...state, shift: 0 }).y, pooled({ ...state, shift: 1 }).y);
      const all = () => pooled(state).y.flat().length;
      const asked = shifts
        ? { text: () => t.askShift(all()), answer: after, because: () => t.because(after(), all()) }
        : {
            text: () => t.askWindow(...corner(pooled(state).y)),
            answer: () => pooled(state).y.at(-1).at(-1),
          };
      const reveal = () => {
        if (shifts && state.shift === 0) set("shift", 1);
        set("revealed", true);
      };
      const moves = h("div", { class: "cl-player" }, move(t.left, -1), move(t.right, 1));
      return {
        controls: [
          ...Object.values(controls).map((control) => control.el),
          ...(shifts ? [moves] : []),
        ],
        question: state.revealed ? null : question({ ...asked, onreveal: reveal }),
        stage: [
          input.el,
          h(
            "div",
            { class: `cl-outputs ${shifts ? "cl-pair" : ""}` },
            ...(shifts ? [before.el] : []),
            output.el,
          ),
        ],
        note: shifts ? t.noteShift : t.noteWindow,
        draw,
      };
    },
  });
}
