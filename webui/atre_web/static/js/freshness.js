// SPDX-License-Identifier: Apache-2.0

/** Call `show` with the box's figures every `period()` milliseconds while the page is visible. */
export function keepFresh(show, period) {
  let timer;
  async function look() {
    clearTimeout(timer);
    if (!document.hidden) {
      const figures = await fetchFigures();
      if (figures) show(figures);
    }
    timer = setTimeout(look, period());
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  timer = setTimeout(look, period());
}

async function fetchFigures() {
  try {
    const response = await fetch("/api/panel/status.json", { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // the box is restarting or out of reach; the next look will tell
  }
}
