// Handles over a picture, for values on two of its axes: epochs across, and upwards a logarithmic
// axis with stops. They are dragged by mouse or finger, or moved by keys. Where they can be swept,
// all handles that a pointer passes come to its height: so a line is drawn.
const KEYS = { ArrowUp: 1, PageUp: 10, ArrowDown: -1, PageDown: -10 };
const NEAR = 30; // pixels, from which a handle is taken hold of

const part = (className, parent) => {
  const made = Object.assign(document.createElement("div"), { className });
  parent.append(made);
  return made;
};
const written = (value) => String(Number(value.toPrecision(3)));

export default {
  render({ model, el }) {
    const layer = part("lrlab-handles", el);
    layer.setAttribute("role", "group");
    const label = part("lrlab-values", layer);
    const handles = [];
    let values = []; // of each handle: where it stands across, and how high
    let held = -1; // the handle that a pointer moves
    const pulled = new Set(); // those that a person has moved since the kernel has answered
    let sending = false;
    let entry = 0; // the one that the Tab key comes to, where they are swept

    const sweeps = () => model.get("sweeps");
    const moves = (which) => model.get("moves")[which];
    const clamp = (share) => Math.max(0, Math.min(share, 1));
    // Where values stand, as shares of the layer's width and height, and what stands at a pointer.
    const shares = ([across, up]) => {
      const [left, right, low, high] = model.get("limits");
      return [(across - left) / (right - left), Math.log(high / up) / Math.log(high / low)].map(clamp);
    };
    const valuesAt = ({ clientX, clientY }) => {
      const { left: x, top: y, width, height } = layer.getBoundingClientRect();
      const [left, right, low, high] = model.get("limits");
      const [right_by, down_by] = [(clientX - x) / width, (clientY - y) / height].map(clamp);
      return [left + right_by * (right - left), high * (low / high) ** down_by];
    };
    const nearest = ({ clientX, clientY }) => {
      const far = handles.map((handle) => {
        const { x, y, width, height } = handle.getBoundingClientRect();
        const [dx, dy] = [x + width / 2 - clientX, y + height / 2 - clientY];
        return sweeps() ? Math.abs(dx) : Math.hypot(dx, dy);
      });
      const least = Math.min(...far);
      return sweeps() || least < NEAR ? far.indexOf(least) : -1;
    };

    const put = (which, across, up) => {
      const far = (stop) => Math.abs(Math.log(stop / up));
      const stop = model.get("stops").reduce((best, stop) => (far(stop) < far(best) ? stop : best));
      const [x, y] = values[which];
      values[which] = [
        moves(which).includes("x") ? Math.round(across) : x,
        moves(which).includes("y") && up !== y ? stop : y,
      ];
      place(which);
    };
    const send = (which) => {
      pulled.add(which);
      sending = true;
      model.set({ pulled: [...pulled], value: values.map((pair) => [...pair]) });
      sending = false;
      model.save_changes();
      tell();
    };
    const drag = (event) => {
      const [across, up] = valuesAt(event);
      const to = sweeps() ? nearest(event) : held;
      const from = values[held][1];
      const count = Math.abs(to - held);
      for (let k = count ? 1 : 0; k <= count; k += 1) // those that a quick pointer has jumped over
        put(held + k * Math.sign(to - held), across, count ? from * (up / from) ** (k / count) : up);
      held = to;
      send(held);
    };
    layer.addEventListener("pointerdown", (event) => {
      held = event.button ? -1 : nearest(event);
      if (held < 0) return;
      event.preventDefault(); // or the page would move the focus
      layer.parentElement.dispatchEvent(new Event("pointerleave")); // no box with values is in the way
      layer.setPointerCapture(event.pointerId);
      drag(event);
      handles[held].focus({ preventScroll: true });
    });
    layer.addEventListener("pointermove", (event) => {
      if (held < 0) return;
      event.stopPropagation();
      drag(event);
    });
    const drop = () => {
      if (held >= 0) handles[held].focus({ preventScroll: true });
      held = -1;
      take();
    };
    layer.addEventListener("pointerup", drop);
    layer.addEventListener("pointercancel", drop);

    layer.addEventListener("keydown", (event) => {
      const which = handles.indexOf(event.target);
      if (which < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const aside = { ArrowRight: 1, ArrowLeft: -1, End: Infinity, Home: -Infinity }[event.key];
      if (!aside && !KEYS[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      const [across, up] = values[which];
      if (aside && sweeps()) {
        handles[Math.max(0, Math.min(which + aside, handles.length - 1))].focus();
      } else if (aside ? Number.isFinite(aside) : moves(which).includes("y")) {
        const stops = model.get("stops");
        const above = stops.findIndex((stop) => stop > up * (1 + 1e-9));
        const below = stops.findLastIndex((stop) => stop < up * (1 - 1e-9));
        const step = KEYS[event.key] ?? 0;
        const place = step > 0 ? (above < 0 ? stops.length : above) + step - 1 : below + step + 1;
        put(which, across + (aside ?? 0), step ? stops[Math.max(0, Math.min(place, stops.length - 1))] : up);
        send(which);
      }
    });
    const tell = () => {
      const which = held < 0 ? handles.indexOf(document.activeElement) : held;
      label.hidden = which < 0;
      if (which < 0) return;
      handles[entry].tabIndex = sweeps() ? -1 : 0;
      handles[(entry = which)].tabIndex = 0;
      label.textContent = `${model.get("names")[which]}: ${textOf(which)}`;
      const [left] = shares(values[which]);
      const half = label.offsetWidth / 2;
      const middle = Math.max(half, Math.min(left * layer.clientWidth, layer.clientWidth - half));
      label.style.left = `${middle}px`;
    };
    layer.addEventListener("focusin", tell);
    layer.addEventListener("focusout", () => requestAnimationFrame(tell));
    layer.dataset.lmSuppressShortcuts = "true"; // of the page, which move from cell to cell

    const textOf = (which) => {
      const [across, up] = values[which];
      const words = { x: [`epoch ${across}`], y: [written(up)], xy: [`epoch ${across}`, written(up)] };
      return words[moves(which)].join(", ");
    };
    const place = (which) => {
      const [left, top] = shares(values[which]);
      Object.assign(handles[which].style, { left: `${100 * left}%`, top: `${100 * top}%` });
      handles[which].setAttribute("aria-valuenow", values[which][moves(which) === "x" ? 0 : 1]);
      handles[which].setAttribute("aria-valuetext", textOf(which));
    };
    const make = () => {
      const [names, [first, last, low, high]] = [model.get("names"), model.get("limits")];
      while (handles.length > names.length) handles.pop().remove();
      while (handles.length < names.length) handles.push(part("lrlab-knob", layer));
      entry = Math.max(0, Math.min(entry, names.length - 1));
      const room = sweeps() ? layer.clientWidth / names.length : Infinity;
      layer.style.setProperty("--knob", `${Math.max(6, Math.min(13, room - 1))}px`);
      handles.forEach((handle, which) => {
        const across = moves(which) === "x";
        const said = {
          role: "slider",
          "aria-label": names[which],
          "aria-orientation": across ? "horizontal" : "vertical",
          "aria-valuemin": across ? first : low,
          "aria-valuemax": across ? last : high,
        };
        for (const [name, value] of Object.entries(said)) handle.setAttribute(name, value);
        handle.tabIndex = sweeps() && which !== entry ? -1 : 0;
        handle.dataset.moves = moves(which);
        place(which);
      });
      tell();
    };
    const take = () => {
      if (held >= 0 && sweeps()) return; // what a person is about is newer
      const [left, top, width, height] = model.get("box").map((share) => `${100 * share}%`);
      Object.assign(layer.style, { left, top, width, height });
      layer.hidden = !model.get("box")[2] || !model.get("names").length;
      layer.classList.toggle("lrlab-swept", sweeps());
      layer.setAttribute("aria-label", model.get("description"));
      if (!sending) pulled.clear();
      const mine = values[held];
      values = model.get("value").map((pair) => [...pair]);
      if (mine) values[held] = mine;
      if (values.length >= model.get("names").length) make();
    };
    const parts = ["value", "names", "moves", "limits", "box", "description"].map((name) => `change:${name}`);
    for (const changed of parts) model.on(changed, take);

    // The picture over which they stand comes when it is ready.
    let waiting = 0;
    const attach = () => {
      const frame = el.closest(".lrlab-explorer")?.querySelector(".lrlab-frame");
      if (!frame) return void (waiting = requestAnimationFrame(attach));
      frame.append(layer);
      take();
    };
    attach();
    return () => {
      cancelAnimationFrame(waiting);
      for (const changed of parts) model.off(changed, take);
      layer.remove();
    };
  },
};
