// A picture with a text alternative, and words below it. It tells the kernel whether the page is
// dark, and how wide a picture it has room for.

// So that the picture's place is kept, without a broken-image sign, until the first one arrives.
const EMPTY = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

const LARGER = 1.15; // at most, than the room that there is: it is shown smaller then

// A data address needs no detour by the browser's other processes, as that of a Blob does.
const address = (bytes) => {
  const array = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let i = 0; i < array.length; i += 8192)
    text += String.fromCharCode(...array.subarray(i, i + 8192));
  return `data:image/png;base64,${btoa(text)}`;
};

// Reports clicks and arrow keys. The page's own shortcuts, which move from cell to cell, must not
// take the keys first.
const listen = (model, place, image) => {
  place.classList.add("lrlab-active");
  place.tabIndex = 0;
  place.dataset.lmSuppressShortcuts = "true";
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", model.get("hint"));
  place.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ key: event.key });
  });
  place.addEventListener("click", (event) => {
    const { left, top, width, height } = image.getBoundingClientRect();
    model.send({ x: (event.clientX - left) / width, y: (event.clientY - top) / height });
  });
};

// Words may be bold and break; any other markup in them is shown as it is written, so that a metric
// may be called anything. What is in a template is no part of a page: nothing in it loads or runs.
const inert = (words) => {
  const template = document.createElement("template");
  template.innerHTML = words;
  for (const part of template.content.querySelectorAll("*"))
    if (!/^(B|BR)$/.test(part.tagName)) part.replaceWith(part.outerHTML);
    else
      for (const { name } of [...part.attributes])
        if (name !== "class") part.removeAttribute(name);
  return template.content;
};

// How bright a colour is, from 0 to 1, as a browser computes one; null if it can be seen through.
const brightness = (colour) => {
  const [red, green, blue, opacity = 1] = colour.match(/[\d.]+/g)?.map(Number) ?? [];
  return opacity > 0.5 ? (0.299 * red + 0.587 * green + 0.114 * blue) / 255 : null;
};

// Whether the page is dark. JupyterLab and Notebook 7 say so. Elsewhere, in VS Code and in Colab, the
// colour behind the explorer tells, or that of the text where nothing is behind it.
const pageIsDark = (el) => {
  const said = document.body.dataset.jpThemeLight;
  if (said) return said === "false";
  for (let around = el; around; around = around.parentElement) {
    const behind = brightness(getComputedStyle(around).backgroundColor);
    if (behind !== null) return behind < 0.5;
  }
  return brightness(getComputedStyle(document.body).color) > 0.5;
};

export default {
  render({ model, el }) {
    const place = document.createElement("div");
    place.className = "lrlab-frame";
    const image = document.createElement("img");
    image.className = "lrlab-picture";
    image.decoding = "sync"; // with the frame that shows it, so that none is blank
    image.src = EMPTY;
    place.append(image);
    const readout = document.createElement("div");
    readout.className = "lrlab-readout";
    readout.setAttribute("role", "status");
    const text = document.createElement("div");
    readout.append(text);
    el.append(place, readout);

    if (model.get("hint")) listen(model, place, image);
    const renew = showValues(place, image, () => model.get("value"), { keys: !model.get("hint") });

    const show = () => {
      const bytes = model.get("value");
      if (bytes?.byteLength) image.src = address(bytes);
      renew();
    };
    const resize = () => {
      place.style.width = `${model.get("width")}px`;
      place.style.aspectRatio = `${model.get("width")} / ${model.get("height")}`;
    };
    // A few widths, so that a window can be dragged wider without a picture for every pixel. The
    // place gets its new width with the picture.
    const tellRoom = () => {
      const [room, widths] = [el.clientWidth, model.get("widths")];
      if (!room || !widths.length) return;
      const width = widths.find((width) => width <= LARGER * room) ?? widths.at(-1);
      if (width === model.get("room")) return;
      model.set("room", width);
      model.save_changes();
    };
    const describe = () => (image.alt = model.get("alt"));
    let note = ""; // that stands instead of the words
    const say = () => {
      text.replaceChildren(note || inert(model.get("words")));
      // The words keep the height that they once had: buttons must not jump.
      const missing = text.offsetHeight - readout.clientHeight;
      if (missing > 0) readout.style.height = `${text.offsetHeight}px`;
    };
    const parts = { width: resize, height: resize, widths: tellRoom, value: show, alt: describe, words: say };
    for (const [name, update] of Object.entries(parts)) {
      model.on(`change:${name}`, update);
      update();
    }

    model.set("displayed", true);
    const tellTheme = () => {
      const dark = pageIsDark(el);
      const own = dark && !document.body.dataset.jpThemeLight; // what JupyterLab's style has not done
      el.closest(".lrlab-explorer")?.classList.toggle("lrlab-dark", own);
      model.set("dark", dark);
      model.save_changes();
    };
    const theme = new MutationObserver(tellTheme);
    for (const page of [document.documentElement, document.body])
      theme.observe(page, { attributes: true });
    tellTheme();

    const watch = (explorer) =>
      watchStale(model, explorer, (stale, words) => {
        explorer.classList.toggle("lrlab-stale", stale);
        if (words !== note) {
          note = words;
          say();
        }
      });
    let [watching, kept] = [false, false];
    const ends = [];
    const words = () => inert(model.get("stale") ? "" : model.get("words"));
    // Once it is known whose it is: a second picture of an explorer is nobody's.
    const begin = () => {
      const explorer = el.closest(".lrlab-explorer");
      if (!model.get("explorer")) return;
      kept ||= ends.push(keep(model, () => [image, words()]));
      if (explorer) watching ||= ends.push(watch(explorer));
    };
    model.on("change:explorer", begin);
    begin();

    let wide = 0;
    // Once it has its place in the page, there is an explorer, and a width to wrap words at.
    const shown = new ResizeObserver(() => {
      if (!el.closest(".lrlab-explorer")) return;
      begin();
      if (pageIsDark(el) !== model.get("dark")) tellTheme();
      tellRoom();
      if (el.clientWidth !== wide) readout.style.height = ""; // that of words in other lines
      wide = el.clientWidth;
      say();
    });
    [el, place].forEach((part) => shown.observe(part));

    return () => {
      [theme, shown].forEach((observer) => observer.disconnect());
      for (const end of ends) Promise.resolve(end).then((end) => end());
      for (const [name, update] of Object.entries(parts)) model.off(`change:${name}`, update);
      model.off("change:explorer", begin);
    };
  },
};
