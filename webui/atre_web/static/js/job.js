// SPDX-License-Identifier: Apache-2.0
import { keepFresh } from "./freshness.js";

const BUSY_PERIOD_MS = 1000;
const IDLE_PERIOD_MS = 8000;
const main = document.getElementById("main");
const part = document.getElementById("job");
const bar = part && part.querySelector("progress");

/** Whether somebody fills in a form: what comes meanwhile must not take that away. */
function isTyping() {
  return [...main.querySelectorAll("input:not([type=hidden]), option")].some(
    (field) =>
      field.selected !== field.defaultSelected ||
      field.value !== (field.defaultValue ?? field.value) ||
      field.checked !== field.defaultChecked,
  );
}

function show({ version, job }) {
  if (version !== main.dataset.version) {
    // After a refused form this address takes no GET; the page itself does.
    if (!isTyping()) location.replace(main.dataset.path);
    return;
  }
  if (!job || !bar) return;
  for (const name of ["sentence", "figures"]) {
    const place = part.querySelector(`[data-part=${name}]`);
    if (place && place.textContent !== job[name]) place.textContent = job[name];
  }
  if (job.fraction !== null) bar.value = job.fraction;
}

if (main.dataset.version) {
  keepFresh(show, () => (bar ? BUSY_PERIOD_MS : IDLE_PERIOD_MS), main.dataset.live);
}
