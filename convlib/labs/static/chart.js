// A plot that is read by moving a marker along it. Curves and bars live in an SVG that stretches
// with the page; numbers and dots are elements laid over it, so letters and lines keep their size.

import { format, h, s } from "./kit.js";

const SIDE = 1000; // of the drawing, in its own units

// Ticks at multiples of a round step, about `most` of them.
function ticks([low, high], most = 6) {
  const step = [0.25, 0.5, 1, 2, 3, 5, 6, 10].find((n) => (high - low) / n <= most) ?? 20;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, n) => first + n * step);
}

// The plot is one slider: `onchange(value)` is called as the reader drags, or presses arrow keys.
// With `hover` the marker follows the pointer without a press. A plot with `mirrors` shows what
// another one does: it can be dragged, but the keyboard and the screen reader have the other.
// show({ x, y, most, numbers, shapes, dots, min, max, value, text, pick }): the ranges of both axes,
// with `most` ticks along x; numbers(y) writes a tick; shapes are what `curve`, `stroke` and `bar`
// below return; dots are [x, y, class]; the slider's value goes from min to max, by default over the
// axis; `text` is what a screen reader says of it; pick(x) is the value at a place, by default x.
export function chart({ label, step, hover = false, mirrors = false, onchange }) {
  const drawing = s("svg", {
    viewBox: `0 0 ${SIDE} ${SIDE}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const over = h("div", { class: "cl-plot-over", "aria-hidden": "true" });
  const plot = h(
    "div",
    {
      class: "cl-plot",
      ...(mirrors
        ? { "aria-hidden": "true" }
        : { role: "slider", tabindex: 0, "aria-label": label }),
      onkeydown: key,
      onpointerdown: press,
      onpointermove: (event) => {
        if (hover || event.buttons) point(event);
      },
    },
    drawing,
    over,
  );
  let frame;

  function set(next) {
    const whole = Math.round(Math.min(frame.max, Math.max(frame.min, next)) / step) * step;
    const value = Number(whole.toFixed(6));
    if (value !== frame.value) onchange(value);
  }
  function press(event) {
    plot.setPointerCapture(event.pointerId);
    if (!mirrors) plot.focus();
    point(event);
  }
  function point(event) {
    const box = plot.getBoundingClientRect();
    const [low, high] = frame.x;
    const place = low + ((event.clientX - box.left) / box.width) * (high - low);
    set(frame.pick ? frame.pick(place) : place);
  }
  function key(event) {
    const by = {
      ArrowRight: step,
      ArrowUp: step,
      ArrowLeft: -step,
      ArrowDown: -step,
      PageUp: 10 * step,
      PageDown: -10 * step,
    }[event.key];
    const next = { Home: frame.min, End: frame.max }[event.key] ?? (by && frame.value + by);
    if (next === undefined) return;
    event.preventDefault();
    set(next);
  }

  function show(next) {
    frame = { min: next.x[0], max: next.x[1], numbers: format, ...next };
    if (!mirrors) {
      const said = {
        valuemin: frame.min,
        valuemax: frame.max,
        valuenow: frame.value,
        valuetext: frame.text,
      };
      for (const [name, value] of Object.entries(said)) plot.setAttribute(`aria-${name}`, value);
    }
    const { x, y, shapes, dots, numbers, most } = frame;
    const rule = (at) => (at === 0 ? "cl-axis" : "cl-rule");
    const rules = [
      ...ticks(x, most).map((at) =>
        stroke(
          [
            [at, y[0]],
            [at, y[1]],
          ],
          rule(at),
        ),
      ),
      ...ticks(y).map((at) =>
        stroke(
          [
            [x[0], at],
            [x[1], at],
          ],
          rule(at),
        ),
      ),
    ];
    drawing.replaceChildren(
      ...[...rules, ...shapes].map(({ path, name }) => s("path", { d: path(frame), class: name })),
    );
    const mark = (name, style, text) => h("span", { class: name, style }, text);
    over.replaceChildren(
      ...ticks(x, most).map((at) => mark("cl-tick-x", `left: ${percent(at, x)}`, format(at))),
      ...ticks(y).map((at) => mark("cl-tick-y", `bottom: ${percent(at, y)}`, numbers(at))),
      ...dots.map(([at, height, name]) =>
        mark(`cl-dot ${name}`, `left: ${percent(at, x)}; bottom: ${percent(height, y)}`),
      ),
    );
  }
  return { el: plot, show };
}

const share = (at, [low, high]) => (at - low) / (high - low);
const percent = (at, range) => `${(100 * share(at, range)).toFixed(2)}%`;
const put = ([x, y], frame) =>
  `${(SIDE * share(x, frame.x)).toFixed(1)} ${(SIDE * (1 - share(y, frame.y))).toFixed(1)}`;

// A shape is { path(frame), name }: how to draw it in a frame of axes, and its class.
export function stroke(points, name) {
  return { name, path: (frame) => `M${points.map((point) => put(point, frame)).join("L")}` };
}

export function bar(left, right, low, high, name) {
  return {
    name,
    path: (frame) =>
      `${stroke([
        [left, low],
        [left, high],
        [right, high],
        [right, low],
      ]).path(frame)}Z`,
  };
}

// The graph of a function over a range. Where it jumps, the pen is lifted.
export function curve(f, [low, high], name) {
  const count = 400;
  const points = Array.from({ length: count + 1 }, (_, n) => low + ((high - low) * n) / count).map(
    (x) => [x, f(x)],
  );
  const jumps = (n) => n > 0 && Math.abs(points[n][1] - points[n - 1][1]) > 0.12;
  return {
    name,
    path: (frame) =>
      points.map((point, n) => `${n === 0 || jumps(n) ? "M" : "L"}${put(point, frame)}`).join(""),
  };
}

// What the lines and marks mean: [class, text, …] in a row.
export function legend(...keys) {
  return h(
    "p",
    { class: "cl-legend" },
    keys.map(([name, ...text]) =>
      h(
        "span",
        {},
        h("i", { class: `cl-key ${name}`, "aria-hidden": "true" }),
        h("span", {}, ...text),
      ),
    ),
  );
}

// A number of any size in few letters: 0.042, 3.1·10⁻⁷.
export function brief(value) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 10000)) return format(value, 3);
  const [digits, power] = value.toExponential(1).split("e");
  return `${format(Number(digits))}·${powerOfTen(Number(power))}`;
}

export function powerOfTen(n) {
  return n === 0
    ? "1"
    : `10${[...String(n)].map((letter) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(letter)]).join("")}`;
}
