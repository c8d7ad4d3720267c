// SPDX-License-Identifier: Apache-2.0

/** Call `show` with the box's figures every `period()` milliseconds while the page is visible. */
export function keepFresh(show, period, path = "/api/panel/status.json") {
  let timer;
  async function look() {
    clearTimeout(timer);
    if (!document.hidden) {
      const figures = await fetchFigures(path);
      if (figures) show(figures);
    }
    timer = setTimeout(look, period());
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  timer = setTimeout(look, period());
}

async function fetchFigures(path) {
  try {
    const response = await fetch(path, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // the box is restarting or out of reach; the next look will tell
  }
}
