"use strict";
// Puts the parts of the page that changed in their places, as the server sends them.
(() => {
  const status = document.getElementById("live");
  const say = (words, kind) => {
    if (status.textContent !== words) status.textContent = words;
    status.className = `quiet ${kind}`;
  };
  function put(name, markup) {
    if (name === "rows-data") {
      document.dispatchEvent(new CustomEvent("bulkconn:rows", { detail: JSON.parse(markup) }));
      return;
    }
    const place = document.getElementById(name);
    if (!place) return;
    // What a reader has opened stays open, and where the keyboard is it stays.
    const open = [...place.querySelectorAll("details[open]")].map((one) => one.id);
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = markup;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (place.tagName === "SECTION") {
      place.hidden = markup === "";
      if (markup) place.setAttribute("aria-labelledby", `${name}-title`);
    }
  }
  const events = new EventSource("events");
  events.addEventListener("parts", (event) => {
    for (const [name, markup] of Object.entries(JSON.parse(event.data))) put(name, markup);
    document.title = `${document.getElementById("headline").textContent} – bulkconn`;
  });
  events.addEventListener("looked", () => say("Live", "fresh"));
  events.addEventListener("trouble", (event) => say(JSON.parse(event.data), "lost"));
  events.addEventListener("error", () => say(events.readyState === EventSource.CLOSED
    ? "bulkconn serve does not let this page in any more: reload it"
    : "The connection to bulkconn serve is gone; trying again", "lost"));
})();
