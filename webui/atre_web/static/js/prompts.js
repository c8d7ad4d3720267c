// SPDX-License-Identifier: Apache-2.0

/**
 * The prompt library at the question: "/" at its beginning opens a list of what fits, arrows and
 * Enter choose. `use(text)` puts the chosen one in place.
 */
export function promptList(question, list, use) {
  let known = null;
  let fitting = [];
  let chosen = 0;

  function close() {
    list.hidden = true;
    question.removeAttribute("aria-activedescendant");
  }

  function draw() {
    list.hidden = fitting.length === 0;
    list.replaceChildren(
      ...fitting.map(({ title }, index) => {
        const item = document.createElement("li");
        item.id = `prompt-${index}`;
        item.role = "option";
        item.ariaSelected = String(index === chosen);
        item.textContent = title;
        item.addEventListener("mousedown", (event) => {
          event.preventDefault(); // the question keeps the focus
          pick(index);
        });
        return item;
      }),
    );
    if (list.hidden) return close();
    question.setAttribute("aria-activedescendant", `prompt-${chosen}`);
  }

  function pick(index) {
    close();
    use(fitting[index].text);
  }

  async function look() {
    if (!question.value.startsWith("/")) return close();
    known ??= load();
    const all = await known;
    if (!question.value.startsWith("/")) return close();
    const typed = question.value.slice(1).toLowerCase();
    fitting = all.filter(({ title }) => title.toLowerCase().includes(typed)).slice(0, 8);
    chosen = 0;
    draw();
  }

  question.addEventListener("input", look);
  question.addEventListener("blur", close);
  return {
    /** Whether the list took this key. */
    onKey(event) {
      if (list.hidden) return false;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        chosen = (chosen + step + fitting.length) % fitting.length;
        draw();
      } else if (event.key === "Enter" || event.key === "Tab") pick(chosen);
      else if (event.key === "Escape") close();
      else return false;
      event.preventDefault();
      event.stopPropagation();
      return true;
    },
  };
}

async function load() {
  try {
    const response = await fetch("/api/panel/prompts", { headers: { Accept: "application/json" } });
    return response.ok ? (await response.json()).data : [];
  } catch {
    return [];
  }
}
