// What test_pages.py asks of a page in the browser.  Each probe returns a list of troubles.

window.probes = {
  // A section is laid out when it comes near. What is asked of the whole page wants all of them.
  layOut() {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("article section { content-visibility: visible !important; }");
    document.adoptedStyleSheets.push(sheet);
  },

  // Mathematics or MyST markup that reached the reader raw.
  unrendered() {
    const raw =
      /\$[^$\s][^$]*\$|\$\$|\\\(|\\\[|\\begin\{|^\s*:::|\{(ref|numref|eq|doc|glue|cite(:\w)?|term)\}/;
    const skip = "code, pre, script, style, textarea, .katex";
    return textNodes(document.querySelector("article") || document.body)
      .filter((node) => !node.parentElement.closest(skip) && raw.test(node.data))
      .map((node) => node.data.trim().slice(0, 80));
  },

  // A page wider than the window, and the elements that make it so.
  overflow() {
    const width = document.documentElement.scrollWidth;
    if (width <= innerWidth) return [];
    const contained = (e) => {
      for (e = e.parentElement; e && e.tagName !== "MAIN"; e = e.parentElement)
        if (getComputedStyle(e).overflowX !== "visible") return true;
      return false;
    };
    const culprits = [...document.querySelectorAll("main *")]
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !contained(e))
      .map((e) => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`);
    return [`the page is ${width} px wide`, ...culprits.slice(0, 5)];
  },

  // Blocks that lie on one another, what a scrolling box hides not counted.  Labs have their own test.
  overlap() {
    const blocks =
      "p, li, h1, h2, h3, h4, pre, td, th, figcaption, svg.cl-figure, summary, .tool, .katex-display";
    const boxes = [...document.querySelectorAll(`main :is(${blocks}), .tools :is(${blocks})`)]
      .filter((e) => !e.closest(".cl-lab") && e.checkVisibility())
      .map((e) => [e, visibleBox(e)])
      .filter(([, box]) => box.right - box.left > 0 && box.bottom - box.top > 0)
      .sort(([, a], [, b]) => a.top - b.top);
    const found = [];
    boxes.forEach(([e, a], i) => {
      for (const [f, b] of boxes.slice(i + 1)) {
        if (b.top >= a.bottom - 2) break;
        if (e.contains(f) || f.contains(e)) continue;
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) <= 2) continue;
        if (
          getComputedStyle(e).position === "sticky" ||
          e.closest(".tools") !== f.closest(".tools")
        )
          continue;
        found.push(`${e.textContent.trim().slice(0, 40)} / ${f.textContent.trim().slice(0, 40)}`);
      }
    });
    return found;
  },

  // Text of less than WCAG AA contrast: 4.5, or 3 where it is large.
  faint() {
    const skip = "svg, .katex-mathml, script, style, noscript, dialog, .headerlink";
    const visible = { opacityProperty: true, visibilityProperty: true };
    const faint = new Set();
    for (const node of textNodes(document.body)) {
      const e = node.parentElement;
      if (e.closest(skip) || !e.checkVisibility(visible)) continue;
      const style = getComputedStyle(e);
      const size = parseFloat(style.fontSize);
      const back = ground(e);
      const [hi, lo] = [luminance(back), luminance(over(rgba(style.color), back))].sort(
        (a, b) => b - a,
      );
      const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
      const ratio = (hi + 0.05) / (lo + 0.05);
      if (ratio < needed)
        faint.add(
          `${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${node.data.trim().slice(0, 30)}`,
        );
    }
    return [...faint];
  },
};

// An element's box, cut to what the scrolling boxes around it show.
function visibleBox(e) {
  const box = e.getBoundingClientRect();
  const cut = { left: box.left, right: box.right, top: box.top, bottom: box.bottom };
  for (e = e.parentElement; e; e = e.parentElement) {
    if (getComputedStyle(e).overflowX === "visible") continue;
    const around = e.getBoundingClientRect();
    cut.left = Math.max(cut.left, around.left);
    cut.right = Math.min(cut.right, around.right);
  }
  return cut;
}

function textNodes(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) if (walker.currentNode.data.trim()) nodes.push(walker.currentNode);
  return nodes;
}

// Any CSS colour as [r, g, b, alpha], by painting one pixel with it.
const known = new Map();
let pen;
function rgba(css) {
  if (!known.has(css)) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    pen ??= canvas.getContext("2d", { willReadFrequently: true });
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = css;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    known.set(css, [r, g, b, a / 255]);
  }
  return known.get(css);
}

const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));

// The colour behind an element: its background over its ancestors', over white.
function ground(e) {
  if (!e) return [255, 255, 255];
  return over(rgba(getComputedStyle(e).backgroundColor), ground(e.parentElement));
}

function luminance(colour) {
  const linear = colour.map((v) =>
    (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
