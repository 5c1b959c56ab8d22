"use strict";
// Searches, sorts and turns the pages of the rows. Words of others only ever become text, never markup.
(() => {
  const PAGE = 100, PRINTED = 2000;
  const NAME = 0, STATE = 1, CONNECTION = 6, CODE = 9, MESSAGE = 10, CHANGED = 15;
  const LABELS = ["Name", "State", "Source", "Platform cloud", "Sandbox", "Auth", "Connection", "ETag", "Attempts",
    "Error code", "Error", "Request id", "Key", "Inventory", "Row", "Changed (UTC)"];
  const MORE = [0, 12, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14];
  const SEARCHED = [0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13];
  const table = document.getElementById("rows-table");
  if (!table) return;
  const body = document.getElementById("rows-body"), pages = document.getElementById("pages");
  const search = document.getElementById("search"), only = document.getElementById("only");
  const order = document.getElementById("order"), found = document.getElementById("found");
  const heads = [...table.querySelectorAll("th")];
  const shorts = heads.map((head) => head.dataset.short);
  const places = heads.map((head) => Number(head.dataset.place));
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  let rows = JSON.parse(document.getElementById("rows-data").textContent);
  let texts = [], shown = rows, page = 0, by = null, falling = false, open = new Set();

  const make = (name, attributes = {}, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  // A control character that turns the direction of writing could make one name look like another.
  const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]/g;
  const seen = (text) => text.replace(UNSEEN, (one) => `‹U+${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
  const isolated = (value) => make("bdi", {}, seen(String(value)));
  const words = (state) => state.replaceAll("_", " ");
  const when = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
  const trouble = (row) => [row[CODE], row[MESSAGE]].filter(Boolean).join(" ");
  const valueOf = (row, place) => place === CONNECTION ? row[CONNECTION] ?? trouble(row) : row[place] ?? "";
  const textOf = (row) => SEARCHED.map((place) => place === STATE ? words(row[STATE]) : row[place] ?? "").join("\n").toLowerCase();

  function choose() {
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const state = only.value;
    if (wanted.length && texts.length !== rows.length) texts = rows.map(textOf);
    shown = rows.filter((row, at) => (!state || row[STATE] === state) && wanted.every((word) => texts[at].includes(word)));
    if (by !== null) {
      const sign = falling ? -1 : 1;
      shown.sort((one, other) => sign * (by === CHANGED ? one[by] - other[by] : compare(valueOf(one, by), valueOf(other, by))));
    }
    page = Math.min(page, Math.max(0, Math.ceil(shown.length / PAGE) - 1));
    draw();
  }

  function cellOf(row, place) {
    if (place === NAME) {
      const button = make("button", { type: "button", class: "open", "aria-expanded": String(open.has(row[12])) },
        make("span", { class: "clamp" }, isolated(row[NAME])));
      button.addEventListener("click", () => unfold(row, button));
      return button;
    }
    if (place === STATE) return make("span", { class: `state ${row[STATE]}` }, words(row[STATE]));
    if (place === CHANGED) return make("time", { datetime: new Date(row[CHANGED]).toISOString() }, when(row[CHANGED]));
    if (place === CONNECTION) {
      return row[CONNECTION] ? make("span", { class: "clamp id" }, isolated(row[CONNECTION])) : make("span", { class: "clamp" }, isolated(trouble(row)));
    }
    return isolated(row[place] ?? "");
  }

  function lineOf(row) {
    const line = make("tr", { role: "row" });
    places.forEach((place, at) => line.append(make("td", { role: "cell", "data-short": shorts[at] }, cellOf(row, place))));
    return line;
  }

  function detailOf(row) {
    const facts = make("dl", { class: "facts" });
    for (const place of MORE) {
      if (row[place] === null || row[place] === "") continue;
      facts.append(make("div", {}, make("dt", {}, LABELS[place]), make("dd", {}, isolated(row[place]))));
    }
    return make("tr", { role: "row", class: "detail" }, make("td", { role: "cell", class: "more", colspan: String(places.length) }, facts));
  }

  function unfold(row, button) {
    const line = button.closest("tr");
    if (open.delete(row[12])) line.nextElementSibling.remove();
    else { open.add(row[12]); line.after(detailOf(row)); }
    button.setAttribute("aria-expanded", String(open.has(row[12])));
  }

  function fill(some) {
    const lines = document.createDocumentFragment();
    for (const row of some) {
      lines.append(lineOf(row));
      if (open.has(row[12])) lines.append(detailOf(row));
    }
    body.replaceChildren(lines);
  }

  function draw() {
    const focused = body.contains(document.activeElement) ? [...body.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
    fill(shown.slice(page * PAGE, (page + 1) * PAGE));
    if (focused >= 0) body.querySelectorAll("button")[focused]?.focus();
    found.textContent = shown.length === rows.length
      ? `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "row" : "rows"}`
      : `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
    pages.hidden = last === 0;
    if (last === 0) return;
    const turn = (label, to) => {
      const button = make("button", { type: "button", id: `to-${label.toLowerCase()}` }, label);
      button.disabled = to < 0 || to > last;
      button.addEventListener("click", () => { page = to; draw(); document.getElementById(`to-${label.toLowerCase()}`).focus(); });
      return button;
    };
    pages.replaceChildren(turn("Previous", page - 1), turn("Next", page + 1),
      make("span", { class: "quiet" }, `Page ${(page + 1).toLocaleString("en")} of ${(last + 1).toLocaleString("en")}`));
  }

  function sortBy(place, turned) {
    by = place;
    falling = turned;
    order.value = place === null ? "" : String(place);
    heads.forEach((head, at) => head.setAttribute("aria-sort", places[at] !== by ? "none" : falling ? "descending" : "ascending"));
    page = 0;
    choose();
  }

  heads.forEach((head, at) => {
    const button = make("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => sortBy(places[at], by === places[at] && !falling));
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
  });
  let waiting;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => { page = 0; choose(); }, rows.length > 5000 ? 150 : 0); });
  only.addEventListener("change", () => { page = 0; choose(); });
  order.addEventListener("change", () => sortBy(order.value === "" ? null : Number(order.value), false));
  addEventListener("beforeprint", () => {
    fill(shown.slice(0, PRINTED));
    if (shown.length > PRINTED) found.textContent = `The first ${PRINTED.toLocaleString("en")} of ${shown.length.toLocaleString("en")} rows`;
  });
  addEventListener("afterprint", draw);
  document.addEventListener("bulkconn:rows", (event) => { rows = event.detail; texts = []; choose(); });
  document.getElementById("tools").hidden = false;
  choose();
})();
