// Columns of channels joined by lines, and bars that show a part of a whole.

import { h, s } from "./kit.js";

// Heights in rem, so that the picture grows with the text: a row, and the room between two groups.
const ROW = 2.25;
const GAP = 0.5;

// Where the middle of channel i stands, of `count` in `groups`, in a column of the given height.
const heightOf = (count, groups) => count * ROW + (groups - 1) * GAP;
const middleOf = (i, count, groups, height) =>
  (height - heightOf(count, groups)) / 2 + (i + 0.5) * ROW + Math.floor(i / (count / groups)) * GAP;

// show(columns, { groups, chosen, covered }): columns as in groups.js, joined from left to right;
// `covered` hides who is reached. The first column is a choice: onpick(c) tells of another channel.
export function wiring({ label, onpick }) {
  const titles = h("div", { class: "cl-wiring-titles" });
  const board = h("div", { class: "cl-wiring-board", role: "radiogroup", "aria-label": label });
  const el = h("div", { class: "cl-wiring" }, titles, board);
  let nodes = [];
  let lines = [];
  let shape = "";

  function build(columns, groups) {
    const height = Math.max(...columns.map(({ names }) => heightOf(names.length, groups)));
    const middle = (column, i) => middleOf(i, columns[column].names.length, groups, height);
    el.style.setProperty("--columns", columns.length);
    board.style.setProperty("--height", `${height}rem`);
    titles.replaceChildren(...columns.map(({ title }) => h("span", {}, title)));
    nodes = columns.map(({ kind, names }, column) =>
      names.map((name, i) => node(kind, name, i, column, middle(column, i))),
    );
    lines = columns
      .slice(1)
      .map(({ kind }) =>
        ["cl-wire", "cl-wire cl-lit"].map((name) =>
          s("path", { class: `${name} cl-wire-${kind}` }),
        ),
      );
    const frames = columns.flatMap(({ names }, column) =>
      Array.from({ length: groups }, (_, g) => {
        const each = names.length / groups;
        return h("span", {
          class: "cl-bundle",
          "aria-hidden": "true",
          style: `--column: ${column}; top: ${middle(column, g * each) - ROW / 2}rem; height: ${each * ROW}rem`,
        });
      }),
    );
    // Drawn one unit wide a column and stretched to the width there is; the lines stay thin.
    const drawing = s(
      "svg",
      {
        viewBox: `0 0 ${columns.length} ${height}`,
        preserveAspectRatio: "none",
        "aria-hidden": "true",
      },
      lines.flat(),
    );
    board.replaceChildren(...frames, drawing, ...nodes.flat());
    return middle;
  }

  function node(kind, name, i, column, top) {
    const place = { class: "cl-node", style: `--column: ${column}; top: ${top - ROW / 2}rem` };
    if (kind !== "input") return h("span", { ...place, "aria-hidden": "true" }, String(name));
    return h(
      "button",
      {
        ...place,
        type: "button",
        role: "radio",
        "aria-label": `${label}: ${name}`,
        onclick: () => onpick(i),
        onkeydown: (event) => move(event, i),
      },
      String(name),
    );
  }

  function move(event, i) {
    const last = nodes[0].length - 1;
    const to = {
      ArrowUp: i - 1,
      ArrowLeft: i - 1,
      ArrowDown: i + 1,
      ArrowRight: i + 1,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + last + 1) % (last + 1);
    nodes[0][next].focus();
    onpick(next);
  }

  let middle;
  function show(columns, { groups, chosen, covered = false }) {
    const now = JSON.stringify([groups, columns.map(({ title, names }) => [title, names])]);
    if (now !== shape) middle = build(columns, groups);
    shape = now;
    columns.forEach(({ kind, names, lit, wires }, column) => {
      const hides = covered && column > 0;
      names.forEach((name, i) => {
        const reached = lit.includes(i) && !hides;
        nodes[column][i].className = `cl-node cl-node-${kind} ${reached ? "cl-lit" : ""}`.trim();
        if (kind === "output") nodes[column][i].textContent = hides ? "?" : name;
      });
      if (column === 0) return;
      const carries = ([from]) => !covered && columns[column - 1].lit.includes(from);
      const path = (some) =>
        some
          .map(
            ([from, to]) =>
              `M${column - 0.5} ${middle(column - 1, from)}L${column + 0.5} ${middle(column, to)}`,
          )
          .join("");
      lines[column - 1][0].setAttribute("d", path(wires.filter((wire) => !carries(wire))));
      lines[column - 1][1].setAttribute("d", path(wires.filter(carries)));
    });
    nodes[0].forEach((choice, c) => {
      choice.setAttribute("aria-checked", String(c === chosen));
      choice.tabIndex = c === chosen ? 0 : -1;
    });
  }
  return { el, show };
}

// Named bars. show(rows, of): rows of { part, whole, covered }, `of` words the two numbers.
export function meters(labels) {
  const bars = labels.map((label) => {
    const value = h("dd", {});
    return {
      value,
      el: h(
        "div",
        { class: "cl-meter" },
        h("dt", {}, label),
        value,
        h("span", { class: "cl-meter-bar", "aria-hidden": "true" }),
      ),
    };
  });
  const el = h(
    "dl",
    { class: "cl-meters" },
    bars.map((bar) => bar.el),
  );
  const number = (value) => value.toLocaleString(document.documentElement.lang || "en");
  function show(rows, of) {
    rows.forEach(({ part, whole, covered }, i) => {
      bars[i].value.textContent = of(covered ? "?" : number(part), number(whole));
      bars[i].el.style.setProperty("--share", covered ? 0 : part / whole);
    });
  }
  return { el, show };
}
