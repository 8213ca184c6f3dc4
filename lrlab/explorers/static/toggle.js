// A button that stays pressed until it is pressed again, and says so to a screen reader.
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button lrlab-toggle";
    button.textContent = model.get("description");
    button.onclick = () => {
      model.set("value", !model.get("value"));
      model.save_changes();
    };
    const show = () => {
      button.setAttribute("aria-pressed", model.get("value"));
      button.classList.toggle("mod-active", model.get("value"));
    };
    model.on("change:value", show);
    show();
    el.append(button);
    return () => model.off("change:value", show);
  },
};
