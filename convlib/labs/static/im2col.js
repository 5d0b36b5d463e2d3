// im2col: windows become columns, kernels become rows, and convolution becomes one matrix product.

import { given, lowered } from "./im2col_arrays.js";
import { format, grid, h, lab, products, question, wording } from "./kit.js";

const texts = {
  en: {
    title: "im2col and GEMM",
    size: "Input side",
    channels: "Channels C",
    kernels: "Kernels K",
    kernelSize: "Kernel side N",
    stride: "Stride s",
    padding: "Padding p",
    input: (c) => `Input, channel ${c}`,
    kernel: (k, c) => `Kernel ${k}, channel ${c}`,
    output: (k) => `Output ${k}`,
    columns: "Columns",
    rows: "Kernels",
    product: "Output",
    heads: {
      input: (c) => `Channel ${c}`,
      kernel: (k) => `Kernel ${k}`,
      shape: (name, rows, columns) => `${name}, ${rows} × ${columns}`,
    },
    ask: "im2col writes every window out as one column. How many numbers will the columns hold?",
    because: (length, count, total, input) =>
      `C·N² = ${length} numbers in a column, H′W′ = ${count} columns: ${length} · ${count} = ${total}. The input has ${input}.`,
    blowUp: "the memory of the input",
    inputBar: "Input",
    columnBar: "Columns",
    work: (k, r, l) =>
      `R = C·N² = ${r} rows, L = H′W′ = ${l} columns: the product takes K·R·L = ${k * r * l} multiply-adds and uses each copied number K = ${k} time${k === 1 ? "" : "s"}.`,
    window: (k, l, u, v) => `Kernel ${k} on column ${l}, the window of row ${u}, column ${v}: `,
    copies: (place, value, times) =>
      `${place} is ${value}. It is written ${times} into the columns.`,
    times: (n) => ({ 0: "not once", 1: "once", 2: "twice" })[n] ?? `${n} times`,
    cell: (c, i, j) => `Input cell in channel ${c}, row ${i}, column ${j}`,
    outside: "A cell of the padding",
    note: "Point at any number, or walk with the arrow keys: an output shows its column and its row, an input cell all its copies. Hatched cells are padding.",
  },
};

export function render({ model, el }) {
  const t = wording(texts);
  const traits = ["size", "channels", "kernels", "kernel_size", "stride", "padding", "revealed"];
  return lab({
    model,
    el,
    title: t.title,
    traits,
    build: ({ state, set, say, bounds, whole, redraw }) => {
      let at = { k: 0, l: 0 }; // an output; with r, one term of its sum; or { id }, an input cell
      let now;
      const pick = (place) => {
        at = place;
        redraw();
      };
      const row = () => at.k ?? 0;
      const window = () => at.l ?? 0;

      const controls = {
        size: whole("size", t.size),
        channels: whole("channels", t.channels),
        kernels: whole("kernels", t.kernels),
        kernel_size: whole("kernel_size", t.kernelSize),
        stride: whole("stride", t.stride),
        padding: whole("padding", t.padding),
      };
      const board = (label, kind, onpick) => grid({ label, kind, onpick });
      const most = (name) => Array.from({ length: bounds[name][1] }, (_, n) => n);
      const input = most("channels").map((c) =>
        board(t.input(c), "input", (i, j) => pick({ id: now.border.cells[c][i][j] })),
      );
      const bank = (k) =>
        most("channels").map((c) =>
          board(t.kernel(k, c), "kernel", (i, j) => {
            const n = now.weight[0][0].length;
            pick({ k, l: window(), r: (c * n + i) * n + j });
          }),
        );
      const output = most("kernels").map((k) =>
        board(t.output(k), "output", (u, v) => pick({ k, l: u * now.y[0][0].length + v })),
      );
      const columns = board(t.columns, "input", (r, l) => pick({ k: row(), l, r }));
      const rows = board(t.rows, "kernel", (k, r) => pick({ k, l: window(), r }));
      const product = board(t.product, "output", (k, l) => pick({ k, l }));
      const memory = memoryBars(t);
      const work = h("p", { class: "cl-work" });

      const part = (name, ...children) => h("div", { class: `cl-lowering-${name}` }, ...children);
      const kernel = most("kernels").map((k) => {
        const boards = bank(k);
        return { boards, el: part("bank", elements(boards)) };
      });
      const sign = (text) => h("span", { "aria-hidden": "true" }, text);
      const definition = part(
        "conv",
        part("maps", elements(input)),
        sign("∗"),
        part("maps", elements(kernel)),
        sign("="),
        part("maps", elements(output)),
      );
      const scheme = part("gemm", memory.el, columns.el, rows.el, product.el);

      // the class of each cell: whether it is padding, lit, the very number, the first of a channel
      function marks(values, { isPad, isLit, isHere, startsChannel }) {
        return values.map((line, i) =>
          line.map((_, j) =>
            [
              isPad?.(i, j) && "cl-pad",
              isLit?.(i, j) && "cl-lit",
              isHere?.(i, j) && "cl-here",
              startsChannel?.(i, j) && "cl-channel",
            ]
              .filter(Boolean)
              .join(" "),
          ),
        );
      }

      // the input and the kernels, which are there even where no window fits
      function drawGiven(lit, here) {
        const { border, weight } = now;
        each(input, border.padded, (g, map, c) => {
          const cell = (i, j) => border.cells[c][i][j];
          g.show(map, {
            label: t.heads.input(c),
            marks: marks(map, {
              isPad: (i, j) => !border.inside(cell(i, j)),
              isLit: (i, j) => lit.has(cell(i, j)),
              isHere: (i, j) => cell(i, j) === here,
            }),
          });
        });
        each(kernel, weight, ({ boards }, maps, k) =>
          each(boards, maps, (g, map, c) => {
            const r = (i, j) => (c * map.length + i) * map.length + j;
            g.show(map, {
              label: c ? "" : t.heads.kernel(k),
              marks: marks(map, {
                isLit: () => k === at.k,
                isHere: (i, j) => k === at.k && r(i, j) === at.r,
              }),
            });
          }),
        );
      }

      function drawOutput() {
        each(output, now.y, (g, map, k) => {
          const isHere = (u, v) => k === at.k && u * map[0].length + v === at.l;
          g.show(map, { marks: marks(map, { isLit: isHere, isHere }) });
        });
      }

      function drawProduct() {
        const { x, border, sources, weight } = now;
        const area = weight[0][0].length ** 2;
        const startsChannel = (r) => r > 0 && r % area === 0;
        columns.show(now.columns, {
          label: t.heads.shape(t.columns, sources.length, sources[0].length),
          marks: marks(sources, {
            isPad: (r, l) => !border.inside(sources[r][l]),
            isLit: (r, l) => (at.id === undefined ? l === at.l : sources[r][l] === at.id),
            isHere: (r, l) => l === at.l && r === at.r,
            startsChannel,
          }),
        });
        rows.show(now.rows, {
          label: t.heads.shape(t.rows, weight.length, sources.length),
          marks: marks(now.rows, {
            isLit: (k) => k === at.k,
            isHere: (k, r) => k === at.k && r === at.r,
            startsChannel: (_, r) => startsChannel(r),
          }),
        });
        const isHere = (k, l) => k === at.k && l === at.l;
        product.show(now.product, {
          label: t.heads.shape(t.product, weight.length, sources[0].length),
          marks: marks(now.product, { isLit: isHere, isHere }),
        });
        const [length, count] = [sources.length, sources[0].length];
        scheme.style.setProperty("--across", length + count);
        scheme.style.setProperty("--longer", Math.max(length, count));
        scheme.classList.toggle("cl-long", length + count > 12);
        memory.show(x.flat(2).length, now.columns.flat().length);
        work.textContent = t.work(weight.length, sources.length, sources[0].length);
      }

      // where the product is wider than the page, bring the column that was chosen elsewhere into view
      function follow() {
        const lit = columns.el.querySelector(".cl-lit");
        if (!lit || scheme.matches(":hover, :focus-within")) return;
        const [cell, view] = [lit.getBoundingClientRect(), scheme.getBoundingClientRect()];
        if (cell.left < view.left || cell.right > view.right)
          scheme.scrollLeft += cell.left - view.left - view.width / 2;
      }

      function describe() {
        const { x, border, sources, columns: cols, rows: kernelRows, product: result, y } = now;
        if (at.id === undefined) {
          const width = y[0][0].length;
          const met = kernelRows[at.k].map((weight, r) => ({ weight, value: cols[r][at.l] }));
          return [
            t.window(at.k, at.l, Math.floor(at.l / width), at.l % width),
            ...products(met, result[at.k][at.l]),
          ];
        }
        const [c, i, j] = place(at.id, border.side).map((n, axis) =>
          axis ? n - state.padding : n,
        );
        const where = border.inside(at.id) ? t.cell(c, i, j) : t.outside;
        const times = sources.flat().filter((id) => id === at.id).length;
        return [t.copies(where, format(x[c][i]?.[j] ?? 0), t.times(times))];
      }

      // what is pointed at, moved to where there still is something
      function inRange({ id, k, l, r }) {
        const { border, sources, weight } = now;
        if (id !== undefined) return { id: Math.min(id, state.channels * border.side ** 2 - 1) };
        const near = { k: Math.min(k, weight.length - 1), l: Math.min(l, sources[0].length - 1) };
        return r === undefined ? near : { ...near, r: Math.min(r, sources.length - 1) };
      }

      // no window fits: the input and the kernels, nothing computed
      function drawRefused() {
        drawGiven(new Set());
        each(output, []);
        scheme.hidden = work.hidden = true;
      }

      function draw() {
        for (const [name, control] of Object.entries(controls)) control.show(state[name]);
        now = given(state);
        try {
          now = { ...now, ...lowered(now, state) };
        } catch (refusal) {
          drawRefused();
          throw refusal;
        }
        at = inRange(at);
        drawGiven(
          new Set(at.id === undefined ? now.sources.map((line) => line[at.l]) : [at.id]),
          at.r === undefined ? at.id : now.sources[at.r][at.l],
        );
        drawOutput();
        drawProduct();
        scheme.hidden = work.hidden = !state.revealed;
        follow();
        say(...describe());
      }

      const counts = () => {
        const { sources } = now;
        return [sources.length, sources[0].length];
      };
      const numbers = () => counts()[0] * counts()[1];
      return {
        controls: Object.values(controls).map((control) => control.el),
        question: state.revealed
          ? null
          : question({
              text: t.ask,
              answer: numbers,
              onreveal: () => set("revealed", true),
              because: () => t.because(...counts(), numbers(), state.channels * state.size ** 2),
            }),
        stage: [definition, scheme, work],
        note: t.note,
        reset: () => {
          at = { k: 0, l: 0 };
        },
        draw,
      };
    },
  });
}

const place = (id, side) => [Math.floor(id / side ** 2), Math.floor(id / side) % side, id % side];

const elements = (parts) => parts.map((item) => item.el);

// Show as many parts as there are values; hide the rest.
function each(parts, values, show) {
  parts.forEach((item, n) => {
    item.el.hidden = n >= values.length;
    if (!item.el.hidden) show(item, values[n], n);
  });
}

// How much larger the columns are than the input, as a number and as two bars.
function memoryBars(t) {
  const factor = h("strong", {});
  const bar = (kind, label) => {
    const [count, line] = [h("span", {}), h("span", { class: `cl-bar cl-${kind}` })];
    const show = (value, most) => {
      count.textContent = value;
      line.style.width = `${(100 * value) / most}%`;
    };
    return { el: h("div", { class: "cl-bar-row" }, h("span", {}, label), count, line), show };
  };
  const [input, columns] = [bar("plain", t.inputBar), bar("input", t.columnBar)];
  const el = h("div", { class: "cl-ledger" }, h("p", {}, factor, t.blowUp), input.el, columns.el);
  function show(before, after) {
    factor.textContent = `${format(after / before)} ×`;
    input.show(before, Math.max(before, after));
    columns.show(after, Math.max(before, after));
  }
  return { el, show };
}
