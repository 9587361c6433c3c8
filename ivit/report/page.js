"use strict";
(() => {
  const root = document.documentElement;
  const table = document.getElementById("tensors");
  const body = table.tBodies[0];
  const rows = [...body.rows];

  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const find = document.getElementById("find");
  const op = document.getElementById("op");
  const form = document.getElementById("form");
  const shown = document.getElementById("shown");
  const filter = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of rows) {
      const fits = words.every((word) => row.dataset.text.includes(word)) &&
        (!op.value || row.dataset.op === op.value) && (!form.value || row.dataset.form === form.value);
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} tensors`;
  };
  for (const input of [find, op, form]) input.addEventListener("input", filter);
  filter();

  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const key = (row) => Number(row.cells[column].dataset.value);
      rows.sort((a, b) => (descending ? key(b) - key(a) : key(a) - key(b)));
      body.append(...rows);
    });
  });

  const dots = document.querySelectorAll(".dot");
  const choose = (index) => {
    dots.forEach((dot) => dot.classList.toggle("chosen", dot.dataset.row === index));
    rows.forEach((row) => row.classList.toggle("chosen", row.dataset.row === index));
  };
  dots.forEach((dot) => dot.addEventListener("click", () => {
    find.value = op.value = form.value = "";
    filter();
    choose(dot.dataset.row);
    const row = rows.find((candidate) => candidate.dataset.row === dot.dataset.row);
    row.scrollIntoView({ block: "center", behavior: "smooth" });
  }));
  rows.forEach((row) => row.addEventListener("click", () => choose(row.dataset.row)));
  addEventListener("beforeprint", () => rows.forEach((row) => { row.hidden = false; }));
  addEventListener("afterprint", filter);
})();
