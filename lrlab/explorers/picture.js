// A picture with a text alternative. It tells the kernel whether the page is dark, and it gives the
// controls beside it what ipywidgets leaves out for a screen reader.

// So that the picture's place is kept, without a broken-image sign, until the first one arrives.
const EMPTY = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

export default {
  render({ model, el }) {
    const image = document.createElement("img");
    image.className = "lrlab-picture";
    image.decoding = "sync"; // with the frame that shows it, so that none is blank
    image.style.width = `${model.get("width")}px`;
    image.style.aspectRatio = `${model.get("width")} / ${model.get("height")}`;
    image.src = EMPTY;

    // One picture loads at a time, and then the newest: the old one stays until it is there.
    let url, old, newer;
    const show = () => {
      const bytes = model.get("value");
      if (!bytes?.byteLength) return;
      newer = old !== undefined;
      if (newer) return;
      old = url ?? null;
      image.src = url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    };
    image.onload = image.onerror = () => {
      if (old === undefined) return;
      if (old) URL.revokeObjectURL(old);
      old = undefined;
      if (newer) show();
    };
    const describe = () => (image.alt = model.get("alt"));
    model.on("change:value", show);
    model.on("change:alt", describe);
    show();
    describe();
    el.append(image);

    const tellTheme = () => {
      model.set("dark", document.body.dataset.jpThemeLight === "false");
      model.save_changes();
    };
    const theme = new MutationObserver(tellTheme);
    theme.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    tellTheme();

    const nameControls = () => {
      const explorer = el.closest(".lrlab-explorer");
      explorer?.querySelector(".lrlab-readout")?.setAttribute("role", "status");
      for (const handle of explorer?.querySelectorAll(".noUi-handle") ?? []) {
        const row = handle.closest(".widget-inline-hbox");
        const said = (part) => row?.querySelector(part)?.textContent ?? "";
        handle.setAttribute("aria-label", said(".widget-label"));
        // The slider itself would say the logarithm of a learning rate.
        handle.setAttribute("aria-valuetext", said(".widget-readout"));
      }
    };
    const controls = new MutationObserver(nameControls);
    const shown = new ResizeObserver((entries) => {
      const explorer = el.closest(".lrlab-explorer");
      const readout = explorer?.querySelector(".lrlab-readout");
      // The words below the picture keep the height they once had: buttons must not jump.
      for (const { target, contentRect } of entries)
        if (target === readout) readout.style.minHeight = `${contentRect.height}px`;
      if (!explorer || !readout) return;
      shown.observe(readout);
      controls.observe(explorer, { childList: true, subtree: true });
      nameControls();
    });
    shown.observe(image);

    return () => {
      [theme, controls, shown].forEach((observer) => observer.disconnect());
      model.off("change:value", show);
      model.off("change:alt", describe);
      [url, old].forEach((each) => each && URL.revokeObjectURL(each));
    };
  },
};
