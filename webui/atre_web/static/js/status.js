// SPDX-License-Identifier: Apache-2.0
import { keepFresh } from "./freshness.js";

const PERIOD_MS = 3000;

function show(figures) {
  for (const place of document.querySelectorAll("[data-field]")) {
    const value = figures.fields[place.dataset.field];
    if (value !== undefined && place.textContent !== value) place.textContent = value;
  }
  showIssues(figures);
}

function showIssues({ issues, ready }) {
  const list = document.getElementById("issues");
  list.replaceChildren(
    ...issues.map((issue) => Object.assign(document.createElement("li"), { textContent: issue })),
  );
  list.hidden = issues.length === 0;
  document.getElementById("all-well").hidden = issues.length > 0;
  const good = ready && issues.length === 0;
  document.getElementById("light").className = `light ${good ? "good" : "attention"}`;
}

keepFresh(show, () => PERIOD_MS);
