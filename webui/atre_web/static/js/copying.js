// SPDX-License-Identifier: Apache-2.0
import { wrap } from "./markdown.js";
import { text } from "./texts.js";

const THANKS_MS = 2000;

/** A button that copies what `read` returns, or null where the browser has no clipboard. */
export function copyButton(label, read) {
  if (!navigator.clipboard) return null;
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "action",
    textContent: label,
  });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(read());
    button.textContent = text("copied");
    setTimeout(() => (button.textContent = label), THANKS_MS);
  });
  return button;
}

/** Give each block of code its own copy button. */
export function addCopyButtons(prose) {
  for (const block of prose.querySelectorAll("pre")) {
    const button = copyButton(text("copy_code"), () => block.textContent.trimEnd());
    if (button) wrap(block, "code-block").prepend(button);
  }
}
