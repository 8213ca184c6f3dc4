// A question with choices: a group of radio buttons whose name a screen reader says. Above it may
// stand a picture, below it a button and what was said of the answer.

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
    const picture = document.createElement("img");
    picture.style.maxWidth = "100%";
    const group = document.createElement("fieldset");
    group.className = "lrlab-prediction";
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-labelledby", name);
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
    const press = document.createElement("button");
    press.className = "lrlab-check";
    press.dataset.lmSuppressShortcuts = "true";
    press.addEventListener("click", () => {
      model.set("pressed", model.get("pressed") + 1);
      model.save_changes();
    });
    const said = document.createElement("div");
    said.setAttribute("role", "status");
    const all = document.createElement("div");
    all.addEventListener("keydown", (event) => event.stopPropagation());
    all.append(picture, group, press, said);
    el.append(all);

    const show = () => {
      const chosen = model.get("chosen");
      buttons.forEach((button, place) => (button.checked = place === chosen));
      group.disabled = model.get("scored");
      picture.hidden = !model.get("picture");
      Object.assign(picture, { src: model.get("picture"), alt: model.get("alt") });
      press.hidden = !model.get("button");
      press.textContent = model.get("button");
      said.innerHTML = model.get("said"); // which Python has escaped
    };
    model.on("change", show);
    show();
    return () => model.off("change", show);
  },
};
