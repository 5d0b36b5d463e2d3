// Starts the labs of a static page. Each stands there as <div class="cl-lab" data-lab data-state>
// around a plain table; its script is fetched when the reader comes near. Should anything fail, the
// table stays.

// What a Jupyter front end gives a widget, as far as the labs use it.
function model(state) {
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
    },
    save_changes() {},
    on() {},
  };
}

async function start(el) {
  const { render } = await import(`./${el.dataset.lab}.js`);
  render({ model: model(JSON.parse(el.dataset.state)), el });
  el.dataset.ready = "";
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      start(target).catch(console.error);
    }
  },
  { rootMargin: "800px" },
);

document.querySelectorAll(".cl-lab[data-lab]").forEach((el) => near.observe(el));
