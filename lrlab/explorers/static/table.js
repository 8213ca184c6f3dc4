// Rows to read and compare, with a button that saves them as a CSV file; nothing while there is none.
export default {
  render({ model, el }) {
    const table = document.createElement("table");
    table.className = "lrlab-table";
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button lrlab-copy";
    button.textContent = "Download as CSV";
    button.onclick = () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([model.get("csv")], { type: "text/csv" }));
      link.download = model.get("file_name");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    };
    el.append(table, button);

    const row = (values, kind) => {
      const tr = document.createElement("tr");
      values.forEach((value, column) => {
        const cell = document.createElement(column ? kind : "th");
        if (cell.tagName === "TH") cell.scope = kind === "th" ? "col" : "row";
        cell.textContent = value;
        tr.append(cell);
      });
      return tr;
    };
    const show = () => {
      const rows = model.get("rows");
      el.hidden = !rows.length;
      table.replaceChildren(row(model.get("columns"), "th"), ...rows.map((r) => row(r, "td")));
      const caption = table.createCaption();
      caption.textContent = model.get("caption");
    };
    model.on("change:rows", show);
    show();
  },
};
