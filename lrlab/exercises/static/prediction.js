// A question with choices: a group of radio buttons whose name a screen reader says.

// Words with `code` between backticks; nothing in them is markup.
const written = (words) =>
  words.split(/`([^`]+)`/).map((part, place) => {
    if (place % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });

let groups = 0;

export default {
  render({ model, el }) {
    const name = `lrlab-prediction-${++groups}-${Math.random().toString(36).slice(2)}`;
    const group = document.createElement("fieldset");
    group.className = "lrlab-prediction";
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-labelledby", name);
    group.addEventListener("keydown", (event) => event.stopPropagation());
    const question = document.createElement("legend");
    question.id = name;
    question.append(...written(model.get("question")));
    group.append(question);
    const buttons = model.get("labels").map((label, place) => {
      const row = document.createElement("label");
      const button = document.createElement("input");
      Object.assign(button, { type: "radio", name });
      // The page's own shortcuts, which move from cell to cell, must not take the arrow keys. They
      // look at what has the focus before they look at what is around it.
      button.dataset.lmSuppressShortcuts = "true";
      button.addEventListener("change", () => {
        model.set("chosen", place);
        model.save_changes();
      });
      const words = document.createElement("span");
      words.append(...written(label));
      row.append(button, words);
      group.append(row);
      return button;
    });
    el.append(group);

    const show = () => {
      const chosen = model.get("chosen");
      buttons.forEach((button, place) => (button.checked = place === chosen));
      group.disabled = model.get("scored");
    };
    model.on("change:chosen change:scored", show);
    show();
    return () => model.off("change:chosen change:scored", show);
  },
};
