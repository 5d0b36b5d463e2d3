"""What a lab's page may not do at any width: stick out of the page, be cut off at its frame."""

CUT_OFF = """() => {
  const frame = document.querySelector(".cl-frame").getBoundingClientRect();
  const right = (node) => node.getBoundingClientRect().right;
  return [...document.querySelectorAll(".cl-frame *")].filter((node) => right(node) > frame.right)
    .map((node) => `${node.tagName}.${node.className}`);
}"""


def sticks_out(page, width):
    """The elements that reach beyond the lab's frame, and the page if it is wider than `width`."""
    wide = page.evaluate("document.documentElement.scrollWidth") > width
    return page.evaluate(CUT_OFF) + ["page"] * wide
