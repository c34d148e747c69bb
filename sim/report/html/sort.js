// Tables that are marked so are sorted by a click on a column's title. Without scripts they stand as
// they were written.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const key = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text);
    if (text === "best") return -Infinity;
    const sign = text.match(/[-+][0-9.]+/);
    if (Number.isNaN(number) && sign) return parseFloat(sign[0]);
    return Number.isNaN(number) ? text : number;
  };
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = (one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        if (typeof a === "number" && typeof b === "number") return a - b;
        return String(a).localeCompare(String(b));
      };
      const rows = [...body.rows].sort(order);
      body.append(...(up ? rows : rows.reverse()));
    });
  });
}
