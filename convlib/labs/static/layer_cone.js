// The maps of a stack along one axis, the input on top, and the cone of cells that one unit sees.
// A unit stands over the middle of its field, so that the drawing's widths are the input's.

import { cellsUnder, cone } from "./math/network.js";
import { h, s } from "./kit.js";

const range = (from, to) => Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);

// show({ size, layers, costs, options, at }): `costs` is what `stack` gives for the layers, `at` the
// { level, unit } whose cone is lit, or null. onpick(level, unit): pointed at, or moved to by keys.
export function layerCone({ label, onpick }) {
  const edges = s("path", { class: "cl-edges", "vector-effect": "non-scaling-stroke" });
  const cells = s("g", {});
  const bracket = s("path", { class: "cl-bracket", "vector-effect": "non-scaling-stroke" });
  const drawing = s("svg", {}, edges, cells, bracket);
  const width = h("span", { class: "cl-cone-field" });
  const names = h("div", { class: "cl-cone-names", "aria-hidden": "true" });
  const board = h(
    "div",
    { class: "cl-cone-board", role: "application", "aria-label": label },
    width,
    drawing,
  );
  const el = h("div", { class: "cl-cone" }, names, board);
  let [maps, rects, pitch, left, at, shape, read] = [[], [], 2, 0, null, "", []];

  const middle = ({ start, jump, field }, unit) => start + unit * jump + (field - 1) / 2;

  // each map with its place among the cells of the input, and the padding that the next layer adds
  function measure({ size, layers, costs }) {
    const input = { size, start: 0, jump: 1, field: 1 };
    maps = [input, ...costs].map((map, level) => ({
      ...map,
      padding: layers[level]?.padding ?? 0,
    }));
    if (costs.length < layers.length) maps.at(-1).padding = 0; // the next layer does not fit
    left = Math.min(...maps.map((map) => middle(map, -map.padding) - map.jump / 2));
    const right = Math.max(
      ...maps.map((map) => middle(map, map.size - 1 + map.padding) + map.jump / 2),
    );
    pitch = Math.min(5, Math.max(2, (right - left) / 10));
    return right - left;
  }

  function build(stack) {
    const across = measure(stack);
    const tall = (maps.length - 1) * pitch + 2.3;
    drawing.setAttribute("viewBox", `${left} -1.6 ${across} ${tall}`);
    board.style.maxWidth = `${2 * across}rem`;
    rects = maps.map(
      (map, level) =>
        new Map(
          range(-map.padding, map.size + map.padding).map((unit) => {
            const side = Math.min(map.jump, 4) * 0.86;
            return [
              unit,
              s("rect", {
                x: middle(map, unit) - side / 2,
                y: level * pitch - 0.43,
                width: side,
                height: 0.86,
                rx: 0.12,
              }),
            ];
          }),
        ),
    );
    cells.replaceChildren(...rects.flatMap((row) => [...row.values()]));
    names.replaceChildren(
      ...maps.map((_, level) => {
        const top = (100 * (level * pitch + 1.6)) / tall;
        return h("span", { style: `top: ${top}%` }, level ? level : "x");
      }),
    );
  }

  function light({ size, layers, options }) {
    const seen = at ? cone(size, layers.slice(0, at.level), at.level, at.unit, options) : [];
    read = seen[0] ?? [];
    rects.forEach((row, level) => {
      const lit = new Set(seen[level]);
      for (const [unit, rect] of row) {
        const pad = unit < 0 || unit >= maps[level].size;
        const here = at && level === at.level && unit === at.unit;
        rect.setAttribute(
          "class",
          [
            level ? "cl-output" : "cl-input",
            pad && "cl-pad",
            lit.has(unit) && "cl-lit",
            here && "cl-here",
          ]
            .filter(Boolean)
            .join(" "),
        );
      }
    });
    edges.setAttribute(
      "d",
      seen
        .slice(1)
        .flatMap((units, below) => lines(units, below, layers[below]))
        .join(" "),
    );
  }

  // from each unit above map `below` to the cells of that map under its window
  function lines(units, below, layer) {
    const [upper, lower] = [maps[below], maps[below + 1]];
    const inside = units.filter((u) => u >= 0 && u < lower.size);
    return inside.flatMap((u) =>
      cellsUnder(layer, u).map(
        (cell) =>
          `M${middle(lower, u)} ${(below + 1) * pitch - 0.43}L${middle(upper, cell)} ${below * pitch + 0.43}`,
      ),
    );
  }

  // a brace over the field, from its first cell to its last, and how many cells that is
  function measureField() {
    const { start, jump, field } = maps[at?.level ?? 0];
    const first = start + (at?.unit ?? 0) * jump;
    const right = left + drawing.viewBox.baseVal.width;
    const [from, to] = [Math.max(left, first - 0.43), Math.min(right, first + field - 0.57)]; // it may leave the picture
    bracket.setAttribute("d", at ? `M ${from} -0.7 v -0.35 H ${to} v 0.35` : "");
    width.style.left = `${(100 * ((from + to) / 2 - left)) / (right - left)}%`;
    width.textContent = at ? field : "";
  }

  function show(stack) {
    const next = JSON.stringify([stack.size, stack.layers, stack.costs.length]);
    if (next !== shape) build(stack);
    shape = next;
    at = stack.at;
    board.tabIndex = at ? 0 : -1;
    light(stack);
    measureField();
  }

  const nearest = (level, x) => {
    const map = maps[level];
    const unit = Math.round((x - middle(map, 0)) / map.jump);
    onpick(level, Math.min(map.size - 1, Math.max(0, unit)));
  };
  function point(event) {
    if (!at) return;
    const box = drawing.getBoundingClientRect();
    const view = drawing.viewBox.baseVal;
    const scale = view.width / box.width;
    const level = Math.round((view.y + (event.clientY - box.top) * scale) / pitch);
    nearest(
      Math.min(maps.length - 1, Math.max(0, level)),
      view.x + (event.clientX - box.left) * scale,
    );
  }
  function walk(event) {
    if (!at) return;
    const { level, unit } = at;
    const here = middle(maps[level], unit);
    const far = { Home: 0, End: maps[level].size - 1 }[event.key];
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[
      event.key
    ];
    if (far === undefined && !move) return;
    event.preventDefault();
    if (far !== undefined) onpick(level, far);
    else if (maps[level + move[0]]) nearest(level + move[0], here + move[1] * maps[level].jump);
  }
  board.addEventListener("pointermove", point);
  board.addEventListener("pointerdown", point);
  board.addEventListener("keydown", walk);
  return { el, show, input: () => read }; // the cells of the input, or its padding, that are lit
}
