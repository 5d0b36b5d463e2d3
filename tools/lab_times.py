"""How fast the labs of the built pages are: ``python -m tools.lab_times``.

Each lab is scrolled to, and all its controls, cells and pictures are used, one after another.
The table has the time until a lab is ready, and that of an update: script, style and layout.
A busy machine makes them longer.
"""

import shutil
import statistics

from playwright.sync_api import sync_playwright

from tools.lighthouse import HTML, serve

# When each lab was ready, on the page's clock.
WATCH = """new MutationObserver((all) => {
  for (const { target } of all) target.readyAt = performance.now();
}).observe(document, { subtree: true, attributeFilter: ["data-ready"] });"""
READY = """async (lab) => {
  const start = lab.readyAt ? 0 : performance.now(); // 0: so near the top that it came along
  lab.scrollIntoView();
  while (!lab.readyAt) await new Promise(requestAnimationFrame);
  return lab.readyAt - start;
}"""
USE = """(lab) => {
  const times = [];
  const timed = (act) => {
    const start = performance.now();
    act();
    lab.getBoundingClientRect();
    times.push(performance.now() - start);
  };
  const all = (selector) => [...lab.querySelectorAll(selector)].filter((e) => e.checkVisibility());
  const send = (node, event) => timed(() => node.dispatchEvent(event));
  const key = (node, key) => send(node, new KeyboardEvent("keydown", { key, bubbles: true }));
  const choose = (node, value, event) => timed(() => {
    node.value = value;
    node.dispatchEvent(new Event(event, { bubbles: true }));
  });
  lab.querySelector(".cl-answer button:last-child")?.click();
  for (const select of all("select")) {
    const values = [...select.options].map(({ value }) => value);
    for (const value of [...values, select.value]) choose(select, value, "change");
  }
  for (const slider of all("input[type=range]")) {
    const span = slider.max - slider.min;
    for (const share of [0, 0.3, 1]) choose(slider, +slider.min + share * span, "input");
  }
  const buttons = ".cl-node-input, :is(.cl-stepper, .cl-player) button:enabled";
  const marks = ":is(.cl-choice, .cl-toggle) input";
  for (const button of all(`${buttons}, ${marks}`)) timed(() => button.click());
  const over = () => new PointerEvent("pointerover", { bubbles: true });
  for (const cell of all("[role=gridcell]")) send(cell, over());
  for (const node of all("[role=spinbutton], [role=slider], [role=application]")) {
    key(node, "ArrowUp");
    key(node, "ArrowLeft");
  }
  return times;
}"""


def main():
    site = serve()
    pages = sorted(
        p for p in (HTML / "book").rglob("*.html") if 'data-lab="' in p.read_text("utf-8")
    )
    print(f"{'lab':<16}{'page':<36}{'ready':>8}{'updates':>9}{'median':>9}{'longest':>9}   (ms)")
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for page in pages:
            tab = chromium.new_page(viewport={"width": 1280, "height": 100})
            tab.add_init_script(WATCH)
            tab.goto(site + page.relative_to(HTML).as_posix())
            for lab in tab.locator(".cl-lab").all():
                ready = lab.evaluate(READY)
                times = lab.evaluate(USE)
                row = f"{ready:8.0f}{len(times):9}{statistics.median(times):9.1f}{max(times):9.1f}"
                print(f"{lab.get_attribute('data-lab'):<16}{page.stem:<36}{row}", flush=True)
            tab.close()
        chromium.close()


if __name__ == "__main__":
    main()
