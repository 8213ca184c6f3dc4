// A slider that stops at round values, with a box beside it that takes any other. A value of two
// numbers has two handles and two boxes.
const KEYS = {
  ...{ ArrowRight: 1, ArrowUp: 1, PageUp: 10, End: Infinity },
  ...{ ArrowLeft: -1, ArrowDown: -1, PageDown: -10, Home: -Infinity },
};
const SPARE = 1e-9; // of a stop: what a computer makes of 0.3 may lie beside it

const make = (tag, className, parent, properties = {}) => {
  const made = Object.assign(document.createElement(tag), { className, ...properties });
  parent.append(made);
  return made;
};
const written = (value) => String(Number(value.toPrecision(6)));

export default {
  render({ model, el }) {
    const stops = model.get("stops");
    const name = model.get("description");
    const last = stops.length - 1;
    const values = () => [model.get("value")].flat();
    const share = (place) => (last ? place / last : 0); // of the track
    // Where a value stands, in stops from the first one.
    const placeOf = (value) => {
      const above = stops.findIndex((stop) => stop > value);
      if (above < 1) return above ? last : 0;
      return above - 1 + (value - stops[above - 1]) / (stops[above] - stops[above - 1]);
    };
    // Moves a handle to a stop; of two, none passes the other.
    const move = (which, stop) => {
      const now = values();
      const lowest = which ? Math.floor(placeOf(now[which - 1])) + 1 : 0;
      const highest = which < now.length - 1 ? Math.ceil(placeOf(now[which + 1])) - 1 : last;
      now[which] = stops[Math.max(lowest, Math.min(stop, highest))];
      model.set("value", now.length > 1 ? now : now[0]);
      model.save_changes();
      show(); // for a handle that lies between two stops, or past its last one
    };

    el.classList.add("lrlab-slider");
    const row = make("div", "lrlab-slider-row", el);
    const words = make("div", "lrlab-slider-name", row, { textContent: name });
    const track = make("div", "lrlab-slider-track", row);
    const boxes = make("div", "lrlab-slider-boxes", row);
    const problem = make("div", "lrlab-problem", el);
    problem.setAttribute("role", "alert");
    for (const [stop, text] of model.get("marks"))
      make("span", "lrlab-mark", track, { textContent: text }).style.setProperty(
        "--place",
        share(stop),
      );

    const handles = values().map((_, which) => {
      const suffix = values().length > 1 ? `, ${["first", "second"][which]}` : "";
      const handle = make("input", "lrlab-handle", track);
      Object.assign(handle, { type: "range", min: 0, max: last, step: "any" });
      handle.setAttribute("aria-label", name + suffix);
      handle.addEventListener("input", () => move(which, Math.round(handle.value)));
      handle.addEventListener("keydown", (event) => {
        const step = KEYS[event.key];
        if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopPropagation();
        const place = placeOf(values()[which]);
        move(which, step + (step > 0 ? Math.floor(place + SPARE) : Math.ceil(place - SPARE)));
      });
      const box = make("input", "lrlab-box", boxes);
      Object.assign(box, { type: "text", inputMode: "decimal", autocomplete: "off" });
      box.setAttribute("aria-label", `${name + suffix}, any value`);
      // The page's own shortcuts, which move from cell to cell, must not take the keys first.
      for (const place of [handle, box]) place.dataset.lmSuppressShortcuts = "true";
      box.addEventListener("focus", () => box.select());
      box.addEventListener("keydown", (event) => event.stopPropagation());
      box.addEventListener("change", () => {
        model.send({ typed: box.value, which }); // the kernel knows what can be taken, and the words
        show();
      });
      return { handle, box };
    });
    words.onclick = () => handles[0].handle.focus();

    const show = () => {
      values().forEach((value, which) => {
        const { handle, box } = handles[which];
        handle.value = placeOf(value);
        handle.setAttribute("aria-valuetext", (box.value = written(value)));
      });
      const ends = handles.map(({ handle }) => share(handle.value));
      const middle = (end) => `calc(10px + ${end} * (100% - 20px))`; // of a handle
      track.style.setProperty("--from", ends.length > 1 ? middle(ends[0]) : "0px");
      track.style.setProperty("--to", middle(ends.at(-1)));
    };
    const disable = () => {
      for (const { handle, box } of handles) handle.disabled = box.disabled = model.get("disabled");
      el.classList.toggle("lrlab-disabled", model.get("disabled"));
    };
    const complain = () => (problem.textContent = model.get("problem"));
    const parts = { value: show, disabled: disable, problem: complain };
    for (const [part, update] of Object.entries(parts)) {
      model.on(`change:${part}`, update);
      update();
    }
    return () => {
      for (const [part, update] of Object.entries(parts)) model.off(`change:${part}`, update);
    };
  },
};
