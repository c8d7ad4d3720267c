// SPDX-License-Identifier: Apache-2.0
import { addCopyButtons, copyButton } from "./copying.js";
import { render } from "./markdown.js";
import { text } from "./texts.js";

function element(tag, className, textContent = "") {
  return Object.assign(document.createElement(tag), { className, textContent });
}

/** A question as it was typed. */
export function questionView(turn) {
  const item = element("li", "turn mine");
  item.append(element("span", "unseen", `${text("you")} `), turn.content);
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
      if (!isByHand) part.open = isWriting && !turn.content;
    },
  };
}

/** The pages of the help that an answer comes from, or that may be meant; null for neither. */
function originView({ source, suggestions }) {
  const pages = source ? [source] : (suggestions ?? []);
  if (pages.length === 0) return null;
  const part = element("p", "origin", `${text(source ? "source" : "see_pages")} `);
  for (const [index, { url, title }] of pages.entries()) {
    const link = element("a", "", title);
    link.href = url;
    part.append(index ? " · " : "", link);
  }
  return part;
}

/** An answer: what is waited for, thought, written; then what it cost and what can be done. */
export function answerView(turn, { onAgain }) {
  const item = element("li", "turn");
  const reasoning = reasoningView(turn);
  const prose = element("div", "prose");
  const foot = element("div", "turn-foot");
  item.append(element("span", "unseen", text("assistant")), reasoning.part, prose, foot);
  let isScheduled = false;

  function write() {
    isScheduled = false;
    reasoning.update(true);
    prose.classList.add("writing");
    prose.replaceChildren(turn.content ? render(turn.content) : "");
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
    finish() {
      isScheduled = false;
      reasoning.update(false);
      prose.classList.remove("writing");
      prose.replaceChildren(turn.content ? render(turn.content) : "");
      addCopyButtons(prose);
      foot.replaceChildren();
      if (turn.origin) prose.append(originView(turn.origin) ?? "");
      if (turn.failure) prose.append(element("p", "problem", turn.failure));
      if (turn.note) foot.append(element("span", "", turn.note));
      if (turn.content) foot.append(copyButton(text("copy"), () => turn.content) ?? "");
      const again = element("button", "action again", text(turn.failure ? "retry" : "regenerate"));
      again.type = "button";
      again.addEventListener("click", onAgain);
      foot.append(again);
    },
  };
}
