// The parts that every lab is made of: controls, grids of numbers, a player, a question, the frame.
// No library, and nothing but the page's own elements: keyboard and screen reader come for free.

import { RuleError } from "./math/geometry.js";

const words = {
  en: {
    reset: "Reset",
    play: "Play",
    pause: "Pause",
    back: "Step back",
    step: "Step",
    check: "Check",
    show: "Show me",
    yourAnswer: "Your answer",
    less: "less",
    more: "more",
    right: "Right.",
    wrong: (guess) => `Not ${guess}. Try again, or let the lab show you.`,
    row: "row",
    column: "column",
    failed:
      "This lab has stopped working. The page around it is not affected. Reload it to try again.",
  },
};

// The texts in the page's language, English where there are none.
export function wording(texts) {
  return texts[document.documentElement.lang.slice(0, 2)] ?? texts.en;
}

// An element: h("p", { class: "note", onclick: f }, "text", child).
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// The same for drawings: s("circle", { r: 3 }).
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

// A number as a reader writes it: at most `digits` decimals, a true minus sign.
export function format(value, digits = 2) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  const text = String(Number(value.toFixed(digits)));
  return text.replace("-", "−").replace(/^−0$/, "0");
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
let count = 0;
const newId = () => `cl-lab-${(count += 1)}`;

// ---- controls: each is { el, show(value) } and calls onchange(value) when the reader acts ----

// A whole number with a button on either side.
export function stepper({ label, bounds: [min, max], onchange }) {
  const t = wording(words);
  const id = newId();
  const input = h("input", {
    id,
    type: "number",
    inputmode: "numeric",
    min,
    max,
    onchange: () => set(input.valueAsNumber),
  });
  const button = (sign, word, by) =>
    h(
      "button",
      {
        type: "button",
        "aria-label": `${label}: ${word}`,
        onclick: () => set(input.valueAsNumber + by),
      },
      sign,
    );
  const less = button("−", t.less, -1);
  const more = button("+", t.more, 1);
  let current = min;
  function set(value) {
    const next = Number.isFinite(value) ? clamp(value, min, max) : current;
    show(next);
    onchange(next);
  }
  function show(value) {
    current = value;
    input.value = value;
    less.disabled = value <= min;
    more.disabled = value >= max;
  }
  const el = h(
    "div",
    { class: "cl-stepper" },
    h("label", { for: id }, label),
    h("span", {}, less, input, more),
  );
  return { el, show };
}

// A number on a line, with its value beside it.
function slider({ label, bounds: [min, max], step, onchange }) {
  const id = newId();
  const value = h("output", { for: id });
  const input = h("input", {
    id,
    type: "range",
    min,
    max,
    step,
    oninput: () => onchange(input.valueAsNumber),
  });
  const el = h("div", { class: "cl-slider" }, h("label", { for: id }, label), input, value);
  return {
    el,
    show: (v) => {
      input.value = v;
      value.textContent = format(v, 3);
    },
  };
}

// One of a few: options are [{ value, label }].
export function choice({ label, options, onchange }) {
  const name = newId();
  const inputs = options.map(({ value }) =>
    h("input", { type: "radio", name, value, onchange: () => onchange(value) }),
  );
  const el = h(
    "fieldset",
    { class: "cl-choice" },
    h("legend", {}, label),
    options.map((option, i) => h("label", {}, inputs[i], h("span", {}, option.label))),
  );
  return {
    el,
    show: (value) =>
      inputs.forEach((input) => {
        input.checked = input.value === String(value);
      }),
  };
}

// One of many.
export function select({ label, options, onchange }) {
  const id = newId();
  const input = h(
    "select",
    { id, onchange: () => onchange(input.value) },
    options.map(({ value, label: text }) => h("option", { value }, text)),
  );
  const el = h("div", { class: "cl-select" }, h("label", { for: id }, label), input);
  return {
    el,
    show: (value) => {
      input.value = value;
    },
  };
}

// Yes or no.
export function toggle({ label, onchange }) {
  const input = h("input", {
    type: "checkbox",
    role: "switch",
    onchange: () => onchange(input.checked),
  });
  return {
    el: h("label", { class: "cl-toggle" }, input, h("span", {}, label)),
    show: (on) => {
      input.checked = on;
    },
  };
}

// A number in the colour of what it is: input, kernel or output.
export const term = (kind, value) => h("span", { class: `cl-term-${kind}` }, format(value));

// A sum of products as parts for `say`: 0·4 + 1·5 − 2·7 = …, each number in its colour. A line may
// end before a sign, and nowhere within a product.
export function products(met, total) {
  const whole = (...parts) => h("span", { class: "cl-product" }, parts);
  const parts = met.flatMap(({ value, weight }, n) => {
    const [sign, factor] = n === 0 ? ["", weight] : weight < 0 ? ["− ", -weight] : ["+ ", weight];
    return [whole(sign, term("kernel", factor), "·", term("input", value)), " "];
  });
  return [...parts, whole("= ", term("output", total))];
}

export function button(label, onclick, attributes = {}) {
  return h("button", { type: "button", class: "cl-button", onclick, ...attributes }, label);
}

// ---- grids ----

// Numbers in rows and columns. `kind` colours it: input, kernel or output.
// show(values, { marks, at, covered, label, shades }): marks[i][j] is a class name or "", at is the
// place that is looked at, covered hides the numbers, label replaces the caption, shades[i][j] from 0
// to 1 is how strong the cell's colour is.
// onpick(i, j): pointed at, focused or touched. onset(i, j, value): the cell can be changed, with
// the arrow keys up and down or by dragging it, unless it is fixed(i, j). Left, right, home and end
// move on.
export function grid({ label, kind, onpick, onset, fixed = () => false, min = -9, max = 9 }) {
  const t = wording(words);
  const cells = [];
  const board = h("div", {
    class: `cl-grid cl-${kind}`,
    role: onset ? "group" : "grid",
    "aria-label": label,
  });
  const caption = h("figcaption", {});
  const el = h("figure", { class: "cl-board cl-empty" }, caption, board);
  let shape = "";
  let values = [];
  let shaded = null; // the shades that the cells have
  let focus = [0, 0];

  function build(rows, columns) {
    shape = `${rows}x${columns}`;
    el.classList.remove("cl-empty");
    board.style.setProperty("--columns", columns);
    cells.length = 0;
    shaded = null;
    board.replaceChildren(
      ...values.map((line, i) => {
        cells.push(line.map((_, j) => cell(i, j)));
        return h("div", onset ? { class: "cl-row" } : { class: "cl-row", role: "row" }, cells[i]);
      }),
    );
    focus = [clamp(focus[0], 0, rows - 1), clamp(focus[1], 0, columns - 1)];
  }

  // Cells come and go by the hundred: they are copies of one, and the board listens for them all.
  const places = new WeakMap();
  const role = onset
    ? { role: "spinbutton", "aria-valuemin": min, "aria-valuemax": max }
    : { role: "gridcell" };
  const blank = h("div", { class: "cl-cell", ...role, tabindex: onpick || onset ? -1 : null }); // show() lets one be tabbed to
  function cell(i, j) {
    const node = blank.cloneNode();
    if (onset) node.setAttribute("aria-label", `${label}, ${t.row} ${i}, ${t.column} ${j}`);
    places.set(node, [i, j]);
    return node;
  }

  const on = (name, act) =>
    board.addEventListener(name, (event) => {
      const place = places.get(event.target);
      if (place) act(event, ...place);
    });
  on("keydown", move);
  on("focusin", (_, i, j) => pick(i, j));
  if (onpick) on("pointerover", (_, i, j) => onpick(i, j));
  if (onpick || onset) on("pointerdown", ({ target }) => target.focus());
  if (onset) drag();

  function drag() {
    let from = null;
    on("pointerdown", ({ target, clientX, clientY, pointerId }, i, j) => {
      from = { x: clientX, y: clientY, value: values[i][j] };
      target.setPointerCapture(pointerId);
    });
    on("pointermove", (event, i, j) => {
      if (!from) return;
      const up = event.pointerType === "touch" ? 0 : from.y - event.clientY; // a finger scrolls the page that way
      change(i, j, from.value + Math.round((event.clientX - from.x + up) / 12));
    });
    on("lostpointercapture", () => {
      from = null;
    });
  }

  function change(i, j, value) {
    if (fixed(i, j)) return;
    const next = clamp(Number(value.toFixed(6)), min, max);
    if (next !== values[i][j]) onset(i, j, next);
  }

  function pick(i, j) {
    cells[focus[0]][focus[1]].tabIndex = -1;
    cells[i][j].tabIndex = 0;
    focus = [i, j];
    onpick?.(i, j);
  }

  function move(event, i, j) {
    const rows = cells.length;
    const columns = cells[0].length;
    const flat = i * columns + j;
    const upDown = onset
      ? {
          ArrowUp: () => change(i, j, values[i][j] + 1),
          ArrowDown: () => change(i, j, values[i][j] - 1),
        }
      : { ArrowUp: () => go(i - 1, j), ArrowDown: () => go(i + 1, j) };
    const leftRight = onset
      ? {
          ArrowLeft: () => go(Math.floor((flat - 1) / columns), (flat - 1 + columns) % columns),
          ArrowRight: () => go(Math.floor((flat + 1) / columns), (flat + 1) % columns),
        }
      : { ArrowLeft: () => go(i, j - 1), ArrowRight: () => go(i, j + 1) };
    const act = { ...upDown, ...leftRight, Home: () => go(i, 0), End: () => go(i, columns - 1) }[
      event.key
    ];
    if (!act) return;
    event.preventDefault();
    act();
    function go(row, column) {
      if (row >= 0 && row < rows && column >= 0 && column < columns) cells[row][column].focus();
    }
  }

  function show(next, { marks, at, covered = false, label: name = label, shades } = {}) {
    values = next;
    if (at) focus = at;
    board.classList.toggle("cl-shaded", Boolean(shades));
    if (caption.textContent !== name) caption.textContent = name;
    if (!values.length || !values[0].length) return;
    if (shape !== `${values.length}x${values[0].length}`) build(values.length, values[0].length);
    const texts = values.map((line) => line.map((value) => (value == null ? "" : format(value))));
    board.style.setProperty("--letters", Math.max(...texts.flat().map(({ length }) => length))); // so that the longest fits
    values.forEach((line, i) =>
      line.forEach((value, j) => {
        const node = cells[i][j];
        const text = covered ? "?" : texts[i][j];
        if (node.textContent !== text) node.textContent = text;
        const here = at && i === at[0] && j === at[1];
        const name = ["cl-cell", marks?.[i]?.[j], here && "cl-here"].filter(Boolean).join(" ");
        if (node.className !== name) node.className = name;
        if (shades && shades !== shaded) node.style.setProperty("--shade", shades[i][j]);
        if (onset) {
          node.setAttribute("aria-valuenow", Number.isFinite(value) ? value : 0);
          node.setAttribute("aria-valuetext", text);
          node.setAttribute("aria-disabled", fixed(i, j));
        }
        const tab = i === focus[0] && j === focus[1] ? 0 : -1;
        if ((onpick || onset) && node.tabIndex !== tab) node.tabIndex = tab;
      }),
    );
    shaded = shades;
  }
  return { el, show };
}

// ---- playing ----

// Play, pause and step through `count()` places, none while it is 0; onstep(n) is called for each.
export function player({ count: total, place, onstep }) {
  const t = wording(words);
  let timer = null;
  const by = (n) => total() && onstep((place() + n + total()) % total());
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = t.play;
    play.setAttribute("aria-pressed", "false");
  }
  function start() {
    timer = setInterval(() => (play.isConnected ? by(1) : stop()), 700);
    play.textContent = t.pause;
    play.setAttribute("aria-pressed", "true");
  }
  const play = button(t.play, () => (timer ? stop() : start()), { "aria-pressed": "false" });
  const step = (word, sign, n) =>
    button(
      sign,
      () => {
        stop();
        by(n);
      },
      { "aria-label": word },
    );
  return {
    el: h("div", { class: "cl-player" }, step(t.back, "‹", -1), play, step(t.step, "›", 1)),
  };
}

// ---- the question before the answer ----

// `text` is the question, or a function that words it for the state at hand; `answer()` gives the
// number, or the value of the right option where `options` are given; `because()`, if there is one,
// the sentence shown with it. onreveal() uncovers the lab.
export function question({ text, options, answer, because, onreveal }) {
  const t = wording(words);
  const id = newId();
  const reply = h("p", { class: "cl-reply", role: "status" });
  const asked = h("p", {});
  const field = options
    ? h(
        "select",
        { id, "aria-label": t.yourAnswer },
        h("option", { value: "" }, "…"),
        options.map((o) => h("option", { value: o.value }, o.label)),
      )
    : h("input", {
        id,
        type: "text",
        inputmode: "decimal",
        autocomplete: "off",
        size: 6,
        "aria-label": t.yourAnswer,
      });
  const typed = () => field.value.trim().replace("−", "-").replace(",", ".");
  const right = () =>
    options
      ? typed() === String(answer())
      : typed() !== "" && Math.abs(Number(typed()) - answer()) < 0.01;
  function finish(note) {
    reply.textContent = `${note} ${because?.() ?? ""}`.trim();
    form.classList.add("cl-answered");
    onreveal();
  }
  const form = h(
    "form",
    {
      class: "cl-question",
      onsubmit: (event) => {
        event.preventDefault();
        if (typed() === "") field.focus();
        else if (right()) finish(t.right);
        else
          reply.textContent = t.wrong(
            options
              ? options.find((o) => String(o.value) === typed()).label
              : format(Number(typed())),
          );
      },
    },
    asked,
    h(
      "div",
      { class: "cl-answer" },
      field,
      h("button", { class: "cl-button cl-primary" }, t.check),
      button(t.show, () => finish("")),
    ),
    reply,
  );
  return {
    el: form,
    show: () => {
      asked.textContent = typeof text === "function" ? text() : text;
    },
  };
}

// ---- the frame ----

// Start a lab in `el`. `build(lab)` gets
//   state      the traits named in `traits`; set(name, value) changes one and draws again
//   bounds     the least and the most of each trait that is a number, and controls within them:
//              whole(name, label) a stepper, real(name, label, step) a slider
//   redraw()   draws again, after a change that is no trait
//   say(...)   puts a sentence, texts and elements, where screen readers hear it
//   across(n)  tells how many columns of cells stand side by side, where there is room for it
// and returns { controls, question, stage, note, draw, reset }: elements, the function that shows
// the state, and where needed one that forgets what was pointed at. Where `draw` meets an input that
// the library refuses, the library's sentence is shown.
export function lab({ model, el, title, traits, build }) {
  const t = wording(words);
  const state = Object.fromEntries(traits.map((name) => [name, model.get(name)]));
  const first = structuredClone(state);
  const readout = h("p", { class: "cl-readout", "aria-live": "polite" });
  const refusal = h("p", { class: "cl-refusal", role: "alert", hidden: true });
  const stage = h("div", { class: "cl-stage" });
  let parts;

  function draw() {
    try {
      parts.draw();
      if (!state.revealed) parts.question?.show();
      refusal.hidden = true;
    } catch (error) {
      refusal.textContent = error instanceof RuleError ? error.message : t.failed;
      refusal.hidden = false;
      if (!(error instanceof RuleError)) console.error(error);
    }
    stage.inert = !refusal.hidden;
    if (parts.question && !state.revealed) parts.question.el.hidden = !refusal.hidden; // nothing to predict
    readout.hidden = !refusal.hidden;
  }
  function set(name, value) {
    state[name] = value;
    model.set(name, value);
    model.save_changes();
    draw();
  }
  const say = (...parts) => {
    const next = h("p", {}, parts);
    if (readout.innerHTML !== next.innerHTML) readout.replaceChildren(...next.childNodes);
  };
  const reset = button(t.reset, () => {
    for (const name of traits)
      if (name !== "revealed") model.set(name, (state[name] = structuredClone(first[name])));
    parts.reset?.();
    model.save_changes();
    draw();
  });

  const across = (columns) => stage.style.setProperty("--across", columns);
  const bounds = model.get("_bounds");
  const whole = (name, label, onchange = (value) => set(name, value)) =>
    stepper({ label, bounds: bounds[name], onchange });
  const real = (name, label, step) =>
    slider({ label, bounds: bounds[name], step, onchange: (value) => set(name, value) });
  parts = build({ state, set, say, across, bounds, whole, real, redraw: draw });
  stage.append(...[parts.stage].flat());
  const frame = h(
    "div",
    { class: "cl-frame", role: "group", "aria-label": title }, // no landmark: a page may have two alike
    h("div", { class: "cl-head" }, h("p", { class: "cl-title" }, title), reset),
    h("div", { class: "cl-controls" }, parts.controls),
    parts.question?.el,
    refusal,
    stage,
    readout,
    parts.note && h("p", { class: "cl-note" }, parts.note),
  );
  el.replaceChildren(frame);
  const listeners = traits.map((name) => {
    const listener = () => {
      state[name] = model.get(name);
      draw();
    };
    model.on(`change:${name}`, listener);
    return [`change:${name}`, listener];
  });
  draw();
  return () => listeners.forEach(([event, listener]) => model.off(event, listener));
}
