// SPDX-License-Identifier: Apache-2.0
import { Marked } from "../vendor/marked.esm.js";
import "../vendor/purify.min.js";
import { text } from "./texts.js";

const TAGS = [
  "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
  "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
];
const ATTRIBUTES = ["href", "start", "title"];
// No scheme that runs code, and none that opens another program without being asked.
const SAFE_LINK = /^(https?:|mailto:)/i;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // A picture would be fetched from wherever the model says: show what it is instead.
    image: ({ text: alternative }) => escape(`[${alternative || text("image")}]`),
    // Markup that the model writes is something to read, not to run.
    html: ({ text: markup }) => escape(markup),
  },
});

/** The model's Markdown as a fragment that holds no script, no picture and no foreign style. */
export function render(markdown) {
  const fragment = window.DOMPurify.sanitize(marked.parse(markdown), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOWED_URI_REGEXP: SAFE_LINK,
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll("a")) {
    link.rel = "noopener noreferrer";
    link.target = "_blank";
  }
  // What scrolls by itself must be reached by the keyboard.
  for (const table of fragment.querySelectorAll("table")) wrap(table, "table").tabIndex = 0;
  for (const code of fragment.querySelectorAll("pre")) code.tabIndex = 0;
  return fragment;
}

/** Put `element` into a new box of that class, in its place. */
export function wrap(element, className) {
  const box = Object.assign(document.createElement("div"), { className });
  element.replaceWith(box);
  box.append(element);
  return box;
}

function escape(markup) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return markup.replace(/[&<>"']/g, (character) => entities[character]);
}
