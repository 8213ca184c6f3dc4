// Source code with a button that copies it.
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button lrlab-copy";
    const code = document.createElement("pre");
    code.tabIndex = 0;
    code.setAttribute("role", "region");
    code.setAttribute("aria-label", "Keras code");
    const show = () => (code.textContent = model.get("value"));
    const label = (text) => (button.textContent = text);
    label("Copy the code");
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        label("Copied");
      } catch {
        // Without HTTPS a browser gives no clipboard: select the code for Ctrl+C instead.
        getSelection().selectAllChildren(code);
        label("Selected: press Ctrl+C");
      }
      setTimeout(() => label("Copy the code"), 2000);
    };
    model.on("change:value", show);
    show();
    el.append(button, code);
  },
};
