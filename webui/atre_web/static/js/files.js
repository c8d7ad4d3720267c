// SPDX-License-Identifier: Apache-2.0
import { counted, number, text } from "./texts.js";

/** What an attached text file has in a list. */
export function chip(file) {
  const item = document.createElement("li");
  const name = document.createElement("bdi");
  name.textContent = file.name;
  const size = counted("file_tokens", file.num_tokens, { tokens: number(file.num_tokens) });
  const hint = Object.assign(document.createElement("small"), { textContent: size });
  item.append(name, " ", hint);
  return item;
}

/**
 * Files for the next question: chosen, dropped or pasted; the box reads each of them as text, and
 * keeps none. `say(sentence)` tells what is wrong, or takes it back with "".
 */
export function filePicker({ form, input, button, chips, picker }, say) {
  const limits = form.dataset;
  let files = [];

  function draw() {
    chips.hidden = files.length === 0;
    chips.replaceChildren(
      ...files.map((file) => {
        const item = chip(file);
        const remove = Object.assign(document.createElement("button"), {
          type: "button",
          className: "action",
          textContent: "×",
          ariaLabel: text("remove", { name: file.name }),
        });
        remove.addEventListener("click", () => {
          files = files.filter((each) => each !== file);
          draw();
        });
        item.append(remove);
        return item;
      }),
    );
    const tokens = files.reduce((sum, file) => sum + file.num_tokens, 0);
    const isOver = limits.limit > 0 && tokens > limits.limit;
    say(isOver ? text("files_over", { tokens: number(tokens), limit: number(limits.limit) }) : "");
  }

  async function take(chosen) {
    for (const file of [...chosen].slice(0, limits.files - files.length)) {
      const read = file.size <= limits.bytes && (await readText(file));
      if (!read) return say(text("error_file", { name: file.name }));
      files.push(read);
      draw();
    }
  }

  picker.hidden = true;
  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    await take(input.files);
    input.value = "";
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  form.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    take(event.clipboardData.files);
  });

  return {
    /** The files, which are then no longer there for the next question. */
    hand() {
      const handed = files;
      files = [];
      draw();
      return handed;
    },
    give(back) {
      files = back;
      draw();
    },
    get isEmpty() {
      return files.length === 0;
    },
  };
}

async function readText(file) {
  try {
    const path = `/api/panel/attachments?name=${encodeURIComponent(file.name)}`;
    const response = await fetch(path, { method: "POST", body: file });
    return response.ok && (await response.json());
  } catch {
    return null;
  }
}
