// Python code in colours, the lines that are new marked, with a button that copies it.
const WORDS =
  "and as assert break class continue def del elif else except finally for from global if import " +
  "in is lambda nonlocal not or pass raise return try while with yield None True False";
const TOKENS = new RegExp(
  [
    /(?<comment>#.*)/,
    /(?<string>(?:\b[bfru]{1,2})?(?:"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))/,
    /(?<number>\b\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?\b)/,
    new RegExp(`(?<keyword>\\b(?:${WORDS.replaceAll(" ", "|")})\\b)`),
    /(?<other>[\w.]+|[^])/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

// An element a line; its text ends as the line does.
const inLines = (code) => {
  const lines = [document.createElement("span")];
  for (const { groups } of code.matchAll(TOKENS)) {
    const [kind, token] = Object.entries(groups).find(([, text]) => text !== undefined);
    for (const [place, text] of token.split("\n").entries()) {
      if (place) {
        lines.at(-1).append("\n");
        lines.push(document.createElement("span"));
      }
      const part = document.createElement("span");
      part.textContent = text;
      if (kind !== "other") part.className = `lrlab-code-${kind}`;
      lines.at(-1).append(kind === "other" ? text : part);
    }
  }
  return lines;
};

export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button lrlab-copy";
    const code = document.createElement("pre");
    code.tabIndex = 0;
    code.setAttribute("role", "region");
    code.setAttribute("aria-label", "Keras code");
    let known = null; // the lines of the code that was shown before
    const show = () => {
      const lines = inLines(model.get("value"));
      const fresh = known ? lines.filter((line) => !known.has(line.textContent.trim())) : [];
      for (const line of fresh) line.className = "lrlab-code-changed";
      known = model.get("value") ? new Set(lines.map((line) => line.textContent.trim())) : null;
      code.replaceChildren(...lines);
      const [first] = fresh;
      if (!first) return;
      const above = first.offsetTop - code.scrollTop;
      if (above < 0 || above + first.offsetHeight > code.clientHeight)
        code.scrollTop = first.offsetTop - code.clientHeight / 2;
    };
    const open = () => (el.hidden = !model.get("shown"));
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
    el.append(button, code);
    model.on("change:value", show);
    model.on("change:shown", () => {
      open();
      if (model.get("shown")) el.scrollIntoView({ block: "nearest" });
    });
    show();
    open();
  },
};
