// SPDX-License-Identifier: Apache-2.0
import { addCopyButtons, copyButton } from "./copying.js";
import { chip } from "./files.js";
import { render } from "./markdown.js";
import { text } from "./texts.js";

function element(tag, className, textContent = "") {
  return Object.assign(document.createElement(tag), { className, textContent });
}

function link(className, href, label, spoken = "") {
  const made = Object.assign(element("a", className, label), { href });
  if (spoken) made.ariaLabel = spoken;
  return made;
}

/** Arrows to the other versions of a turn, where there are any. */
function versions({ place }, here) {
  if (!place || place.count < 2) return "";
  const part = element("span", "versions");
  const at = (id) => `${here}?at=${id}`;
  if (place.previous) part.append(link("", at(place.previous), "‹", text("previous")));
  const shown = element("span", "", ` ${place.number}/${place.count} `);
  shown.ariaHidden = "true";
  part.append(element("span", "unseen", text("version", place)), shown);
  if (place.next) part.append(link("", at(place.next), "›", text("next")));
  return part;
}

/** A question as it was typed; `here` is its conversation's address, "" where nothing is kept. */
export function questionView(turn, here) {
  const item = element("li", "turn asked");
  const mine = element("div", "mine");
  mine.append(element("span", "unseen", `${text("you")} `), turn.text);
  if (turn.attachments?.length) {
    const files = element("ul", "files");
    files.append(...turn.attachments.map(chip));
    mine.append(files);
  }
  item.append(mine);
  if (here) {
    const foot = element("div", "turn-foot");
    foot.append(
      versions(turn, here),
      copyButton(text("copy"), () => turn.text) ?? "",
      link("action", `${here}?edit=${turn.id}#question`, text("edit")),
    );
    item.append(foot);
  }
  return item;
}

/** What the model thinks first: open until it answers, then as the reader wants it. */
function reasoningView(turn) {
  const part = element("details", "reasoning");
  const summary = element("summary", "", text("reasoning"));
  const thoughts = element("div", "thoughts");
  part.append(summary, thoughts);
  let isByHand = false;
  summary.addEventListener("click", () => (isByHand = true));

  return {
    part,
    update(isWriting) {
      part.hidden = !turn.reasoning;
      // Not written again while the answer comes: that would undo what the reader selects there.
      if (thoughts.textContent !== (turn.reasoning ?? "")) thoughts.textContent = turn.reasoning;
      if (!isByHand) part.open = isWriting && !turn.text;
    },
  };
}

/** The page of the box that an answer was given from, or the pages that may be meant instead. */
function sourceView({ atre }) {
  const pages = (atre?.source ? [atre.source] : (atre?.suggestions ?? [])).filter(({ url }) => url?.startsWith("/"));
  if (pages.length === 0) return "";
  const part = element("p", "sources", `${text(atre.source ? "sources" : "see_pages")} `);
  for (const [index, { url, title }] of pages.entries()) part.append(index ? " · " : "", link("", url, title));
  return part;
}

/** An answer: what is waited for, thought, written; then what it cost and what can be done. */
export function answerView(turn, here, onAgain) {
  const item = element("li", "turn");
  const reasoning = reasoningView(turn);
  const prose = element("div", "prose");
  const after = element("div", "after");
  const foot = element("div", "turn-foot");
  item.append(element("span", "unseen", text("assistant")), reasoning.part, prose, after, foot);
  let isScheduled = false;

  function write() {
    isScheduled = false;
    reasoning.update(true);
    prose.classList.add("writing");
    prose.replaceChildren(turn.text ? render(turn.text) : "");
  }

  return {
    item,
    showWait(sentence, fraction) {
      reasoning.update(true);
      const waiting = element("div", "waiting", sentence);
      const bar = document.createElement("progress");
      if (fraction !== undefined) bar.value = fraction;
      waiting.append(bar);
      prose.replaceChildren(waiting);
    },
    /** Show the text so far, at most once a frame. */
    update() {
      if (isScheduled) return;
      isScheduled = true;
      requestAnimationFrame(() => isScheduled && write());
    },
    /** Say beside what is written that more of it cannot come just now. */
    say(sentence) {
      foot.replaceChildren(element("span", "", sentence));
    },
    finish() {
      isScheduled = false;
      reasoning.update(false);
      prose.classList.remove("writing");
      prose.replaceChildren(turn.text ? render(turn.text) : "");
      addCopyButtons(prose);
      after.replaceChildren(sourceView(turn));
      foot.replaceChildren(versions(turn, here));
      if (turn.failure) prose.append(element("p", "problem", turn.failure));
      if (turn.note) foot.append(Object.assign(element("span", "", turn.note), { title: turn.model ?? "" }));
      if (turn.text) foot.append(copyButton(text("copy"), () => turn.text) ?? "");
      const again = element("button", "action again", text(turn.failure ? "retry" : "regenerate"));
      again.type = "button";
      again.addEventListener("click", () => onAgain(turn));
      foot.append(again);
    },
  };
}
