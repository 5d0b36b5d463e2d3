// The little that a page cannot do without a script: colours, Ctrl+K, copying, the place in the
// outline, and printing with everything unfolded.  The sidebars are popovers, the solutions are
// <details>: the browser opens and closes those by itself.

const root = document.documentElement;
const words = { auto: "as the system", light: "light", dark: "dark" };

function setMode(mode) {
  const dark = mode === "dark" || (mode === "auto" && systemDark.matches);
  Object.assign(root.dataset, { mode, theme: dark ? "dark" : "light" });
  nameSwitch(mode);
}

function nameSwitch(mode) {
  const label = `Colours: ${words[mode]}`;
  themeSwitch.title = label;
  themeSwitch.setAttribute("aria-label", label);
}

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const themeSwitch = document.querySelector(".theme-switch");
themeSwitch.hidden = false;
nameSwitch(root.dataset.mode); // the colours themselves were set before the first paint
systemDark.addEventListener("change", () => setMode(root.dataset.mode));
themeSwitch.addEventListener("click", () => {
  const modes = Object.keys(words);
  const next = modes[(modes.indexOf(root.dataset.mode) + 1) % modes.length];
  setMode(next);
  try {
    localStorage.setItem("mode", next);
  } catch {} // storage may be forbidden; the choice then lasts as long as the page
});

// Search: Ctrl+K, or Cmd+K on a Mac.
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
  event.preventDefault();
  document.getElementById("search").togglePopover();
});

// The contents begin at the chapter being read.
const current = document.querySelector(".chapters a.current");
const contents = document.getElementById("contents");
function showCurrent() {
  if (current) contents.scrollTop = current.offsetTop - contents.clientHeight / 2;
}
contents.addEventListener("toggle", showCurrent);
requestAnimationFrame(showCurrent); // measured with the first layout, not in a layout of its own

// Copy: a button on each block of code; prompts and output stay behind.
function code(block) {
  const lines = block.innerText.split("\n");
  const typed = lines.filter((line) => /^(>>>|\.\.\.|\$) ?/.test(line));
  return (typed.length ? typed.map((line) => line.replace(/^(>>>|\.\.\.|\$) ?/, "")) : lines)
    .join("\n")
    .trimEnd();
}

const announcer = Object.assign(document.createElement("div"), { className: "visually-hidden" });
announcer.setAttribute("role", "status");
document.querySelector("main").append(announcer);

function offerCopy(block) {
  const button = Object.assign(document.createElement("button"), {
    className: "copybtn",
    type: "button",
    textContent: "Copy",
  });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code(block));
    button.textContent = "Copied";
    announcer.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
      announcer.textContent = "";
    }, 2000);
  });
  block.after(button);
}
const copied = (box) => box.matches("div.highlight > pre") && !box.closest(".output");

// The outline marks the section whose heading was last passed.
const links = new Map(
  [...document.querySelectorAll(".outline a")].map((a) => [
    document.getElementById(decodeURIComponent(a.hash.slice(1))),
    a,
  ]),
);
links.delete(null);
const outline = document.getElementById("outline");
let waiting = false;
function mark() {
  waiting = false;
  const passed = [...links.keys()].filter((s) => s.getBoundingClientRect().top < innerHeight / 4);
  for (const a of links.values()) a.removeAttribute("aria-current");
  const here = links.get(passed.at(-1));
  if (!here) return;
  here.setAttribute("aria-current", "true");
  const { scrollTop, clientHeight } = outline; // a long outline follows
  if (Math.abs(here.offsetTop - scrollTop - clientHeight / 2) > clientHeight / 2.5) {
    outline.scrollTop = here.offsetTop - clientHeight / 2;
  }
}
addEventListener(
  "scroll",
  () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  },
  { passive: true },
);
outline?.addEventListener("click", (event) => {
  if (event.target.closest("a")) event.currentTarget.hidePopover();
});

// What is wider than its box scrolls, by the arrow keys too: so it must be able to hold the focus.
// It is known when a box is laid out, and that may be when its section comes near. Until then it
// does not scroll.
const boxes = new ResizeObserver((entries) => {
  const wide = entries.map(({ target }) => target.scrollWidth > target.clientWidth); // reads first
  entries.forEach(({ target }, i) => {
    if ("unseen" in target.dataset && copied(target)) offerCopy(target);
    delete target.dataset.unseen;
    if (wide[i]) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  });
});
for (const box of document.querySelectorAll(
  "pre, .pst-scrollable-table-container, .katex-display, .output.text_html, figure",
)) {
  box.dataset.unseen = "";
  boxes.observe(box);
}

// On paper everything is unfolded, and folded again afterwards.
const printButton = document.querySelector(".tool.print");
printButton.hidden = false;
printButton.addEventListener("click", () => print());
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("main details:not([open])")];
  for (const details of folded) details.open = true;
});
addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));
