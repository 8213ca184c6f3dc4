// The picture that a notebook's file keeps of an explorer: a second output of its cell, to be seen
// where the explorer cannot be, for its kernel has ended or the notebook is not trusted. The first
// output stays as it is: to change it would make the controls again, under the mouse.

const IDLE = 1000; // ms without a new picture
const CHILD = ".jp-OutputArea-child";
// Beside the picture: an error, or the repr, in place of the explorer.
const STYLE = `<style>
${CHILD}:has(+ ${CHILD} .lrlab-kept):not(:has(.lrlab-explorer, .lrlab-kept)) { display: none; }
</style>`;
const KEPT = "Run this cell to get its controls.";

// It as an output, with its picture and its words, of the explorer with that model id.
const asOutput = (explorer, kind, image, words) => {
  const figure = document.createElement("figure");
  figure.className = "lrlab-kept";
  figure.style.margin = 0;
  const picture = figure.appendChild(document.createElement("img"));
  picture.src = image.src;
  picture.alt = image.alt;
  const caption = figure.appendChild(document.createElement("figcaption"));
  caption.append(words, document.createElement("br"), KEPT);
  return {
    output_type: "display_data",
    metadata: { lrlab: explorer },
    data: {
      "image/png": image.src.replace(/^[^,]*,/, ""),
      "text/html": STYLE + figure.outerHTML,
      "text/plain": `${kind}: ${image.alt}`,
    },
  };
};

// Whether a widget is the one with that model id, or a box with it inside.
const holds = (widget, id) =>
  widget.model_id === id || (widget.get("children") ?? []).some((child) => holds(child, id));

// Keeps what `shown` returns, after each change and before the notebook is saved; returns what ends
// that. JupyterLab and Notebook 7 have a notebook to write into, others do not.
const keep = (model, shown) => {
  const manager = model.widget_manager;
  const context = manager.context;
  if (!context?.model?.cells) return () => {};
  const explorer = model.get("explorer");
  const shows = new Set([explorer]); // and the boxes that it stands in, by their model ids
  const lookForBoxes = async () => {
    for (const id of [...context.model.cells].flatMap(({ outputs }) => viewsOf(outputs)))
      if (id && !shows.has(id) && manager.has_model(id) && holds(await manager.get_model(id), explorer))
        shows.add(id);
  };
  const write = () => {
    const [image, words] = shown();
    if (!image.src.startsWith("data:image/png")) return;
    for (const { outputs } of context.model.cells) {
      if (!viewsOf(outputs).some((id) => shows.has(id))) continue;
      const all = [...Array(outputs.length).keys()].map((place) => outputs.get(place));
      const output = asOutput(explorer, model.get("kind"), image, words);
      const place = all.findIndex(({ metadata }) => metadata.lrlab === explorer);
      if (place < 0) outputs.add(output);
      else if (all[place].data["text/html"] !== output.data["text/html"]) outputs.set(place, output);
    }
  };
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => lookForBoxes().then(write), IDLE);
  };
  const save = (_, state) => state === "started" && write();
  model.on("change:value", soon);
  model.on("change:words", soon);
  context.saveState.connect(save);
  soon();
  return () => {
    clearTimeout(timer);
    model.off("change:value", soon);
    model.off("change:words", soon);
    context.saveState.disconnect(save);
  };
};
