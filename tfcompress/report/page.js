"use strict";
// Sorting, filtering and the tip of a mark. Without it the page shows the same numbers.
for (const section of document.querySelectorAll("section")) {
  const rows = [...section.querySelectorAll(".all tbody tr")];
  const marks = [...section.querySelectorAll(".mark[data-point]")];
  const of = (point) => [...rows, ...marks].filter((one) => one.dataset.point === point);
  const tip = document.getElementById("tip");

  function light(event, on) {
    const point = event.currentTarget.dataset.point;
    for (const one of of(point)) one.classList.toggle("on", on);
    const isMark = event.currentTarget.classList.contains("mark");
    tip.hidden = !(on && isMark);
    if (tip.hidden) return;
    tip.textContent = rows.find((row) => row.dataset.point === point).dataset.tip;
    const place = event.currentTarget.getBoundingClientRect();
    const left = Math.min(place.right + 8, innerWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = Math.max(8, Math.min(place.top, innerHeight - tip.offsetHeight - 8)) + "px";
  }
  for (const one of [...rows, ...marks]) {
    for (const kind of ["mouseenter", "focus"]) one.addEventListener(kind, (e) => light(e, true));
    for (const kind of ["mouseleave", "blur"]) one.addEventListener(kind, (e) => light(e, false));
  }

  const heads = [...section.querySelectorAll(".all thead th")];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const { v } = row.cells[column].dataset;
        return v === undefined ? row.cells[column].textContent : v === "" ? null : Number(v);
      };
      rows.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        const order = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
        return down ? -order : order;
      });
      section.querySelector(".all tbody").append(...rows);
    });
  });

  section.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.dataset.tip.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      for (const one of marks) {
        if (one.dataset.point === row.dataset.point) one.classList.toggle("faint", row.hidden);
      }
    }
  });
}
