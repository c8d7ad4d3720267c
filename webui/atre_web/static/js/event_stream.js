// SPDX-License-Identifier: Apache-2.0

const END = "[DONE]";

/**
 * The JSON objects of a text/event-stream answer, one by one; comments are skipped.
 * Returns true if the stream said that it was complete, false if it was cut.
 */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return false;
    pending += value;
    const lines = pending.split("\n");
    pending = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice("data:".length).trim();
      if (data === END) return true;
      yield JSON.parse(data);
    }
  }
}
