// SPDX-License-Identifier: Apache-2.0
// The choice goes into a cookie so that the server writes it into the page: no flash of the other theme.
const YEAR_S = 31536000;
const root = document.documentElement;
const button = document.getElementById("theme");

function isDark() {
  return root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
}

button.hidden = false;
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `atre-theme=${root.dataset.theme}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
});
