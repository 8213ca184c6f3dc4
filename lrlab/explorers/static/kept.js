// The picture that a notebook's file keeps of an explorer: a second output of its cell, to be seen
// where the explorer cannot be, for its kernel has ended or the notebook is not trusted. The first
// output stays as it is: to change it would make the controls again, under the mouse.

const IDLE = 1000; // ms without a new picture
const VIEW = "application/vnd.jupyter.widget-view+json";
const CHILD = ".jp-OutputArea-child";
// Beside the picture: an error, or the repr, in place of the explorer.
const STYLE = `<style>
${CHILD}:has(+ ${CHILD} .lrlab-kept):not(:has(.lrlab-explorer)) { display: none; }
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

// Keeps what `shown` returns, after each change and before the notebook is saved; returns what ends
// that. JupyterLab and Notebook 7 have a notebook to write into, others do not.
const keep = (model, shown) => {
  const context = model.widget_manager.context;
  if (!context?.model?.cells) return () => {};
  const explorer = model.get("explorer");
  const write = () => {
    const [image, words] = shown();
    if (!image.src.startsWith("data:image/png")) return;
    for (const { outputs } of context.model.cells) {
      const all = [...Array(outputs?.length ?? 0).keys()].map((place) => outputs.get(place));
      const own = all.findIndex(({ data }) => data[VIEW]?.model_id === explorer);
      if (own < 0) continue;
      const kind = String(all[own].data["text/plain"]).split(":")[0];
      const output = asOutput(explorer, kind, image, words);
      const place = all.findIndex(({ metadata }) => metadata.lrlab === explorer);
      if (place < 0) outputs.add(output);
      else if (all[place].data["text/html"] !== output.data["text/html"]) outputs.set(place, output);
    }
  };
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, IDLE);
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
