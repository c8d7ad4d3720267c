// SPDX-License-Identifier: Apache-2.0
// The conversation lives in this tab alone (sessionStorage): it survives a reload, not the tab.
const KEY = "atre-conversation";

/**
 * A list of turns {role, content, reasoning?, note?, failure?, origin?}; `reasoning` is what the
 * model thought before it answered, `note` is shown under an answer, `failure` says why there is
 * none, `origin` has the pages of the help that it comes from or that may be meant.
 */
export function load() {
  try {
    const turns = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(turns) ? turns : [];
  } catch {
    return [];
  }
}

export function save(turns) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(turns));
  } catch {
    // Full or forbidden storage loses only the memory across reloads.
  }
}

/** What the model is sent: every turn that has words, without what it thought. */
export function messagesOf(turns) {
  return turns.filter(({ content }) => content).map(({ role, content }) => ({ role, content }));
}
