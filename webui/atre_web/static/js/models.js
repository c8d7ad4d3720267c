// SPDX-License-Identifier: Apache-2.0
import { keepFresh } from "./freshness.js";

const BUSY_PERIOD_MS = 1000;
const IDLE_PERIOD_MS = 8000;
const main = document.getElementById("main");

/** Move the figures of one part; what else changes is drawn anew by the box. */
function move(id, shown) {
  const part = document.getElementById(id);
  if (!part || !shown) return;
  for (const name of ["sentence", "figures"]) {
    const place = part.querySelector(`[data-part=${name}]`);
    if (place && place.textContent !== shown[name]) place.textContent = shown[name];
  }
  const bar = part.querySelector("progress");
  if (bar && shown.fraction !== null) bar.value = shown.fraction;
}

function show({ version, job, change }) {
  if (version !== main.dataset.version) {
    // After a refused form this address takes no GET; the page itself does.
    location.replace("/models");
    return;
  }
  move("job", job);
  move("change", change);
}

if (main.dataset.version) {
  const isBusy = document.querySelector("#change:not(.problem), #job progress") !== null;
  keepFresh(show, () => (isBusy ? BUSY_PERIOD_MS : IDLE_PERIOD_MS), "/api/panel/models.json");
}
