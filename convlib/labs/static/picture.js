// A map shown as grey levels, with a window that can be moved over it.

import { h } from "./kit.js";

// show(values, { window, covered }): window = { i, j, side } in cells; covered paints it over.
// onpick(i, j): pointed at, touched, or moved to with the arrow keys.
export function picture({ label, onpick }) {
  const canvas = h("canvas", {});
  const mark = h("span", { class: "cl-window" });
  const attributes = onpick ? { role: "application", tabindex: 0 } : { role: "img" };
  const screen = h("div", { class: "cl-screen", "aria-label": label, ...attributes }, canvas, mark);
  const el = h("figure", { class: "cl-board" }, h("figcaption", {}, label), screen);
  const pen = canvas.getContext("2d");
  let at = [0, 0];

  function pick(i, j) {
    const inside = (place, size) => Math.min(size - 1, Math.max(0, place));
    onpick(inside(i, canvas.height), inside(j, canvas.width));
  }
  if (onpick) {
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      pick(
        Math.floor(((event.clientY - box.top) / box.height) * canvas.height),
        Math.floor(((event.clientX - box.left) / box.width) * canvas.width),
      );
    };
    screen.addEventListener("pointermove", point);
    screen.addEventListener("pointerdown", point);
    screen.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
        event.key
      ];
      if (!step) return;
      event.preventDefault();
      pick(at[0] + step[0], at[1] + step[1]);
    });
  }

  function show(values, { window, covered = false }) {
    const [rows, columns] = [values.length, values[0].length];
    canvas.width = columns;
    canvas.height = rows;
    const image = pen.createImageData(columns, rows);
    const flat = values.flat();
    const low = Math.min(0, ...flat);
    const scale = 255 / (Math.max(255, ...flat) - low); // greys as they are, unless they leave 0 to 255
    flat.forEach((value, n) =>
      image.data.set(
        covered ? [127, 127, 127, 255] : [...Array(3).fill((value - low) * scale), 255],
        4 * n,
      ),
    );
    pen.putImageData(image, 0, 0);
    at = [window.i, window.j];
    const share = (part, whole) => `${(100 * part) / whole}%`;
    Object.assign(mark.style, {
      top: share(window.i, rows),
      left: share(window.j, columns),
      height: share(window.side, rows),
      width: share(window.side, columns),
    });
  }
  return { el, show };
}
