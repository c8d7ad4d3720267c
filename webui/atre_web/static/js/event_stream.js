// SPDX-License-Identifier: Apache-2.0

const END = "[DONE]";

/**
 * The JSON objects of a text/event-stream answer, one by one, then null if the stream said that
 * it was complete. Comments are skipped. Leaving the loop early ends the request.
 */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (pending + value).split("\n");
      pending = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data:")) continue;
        const data = line.slice("data:".length).trim();
        yield data === END ? null : JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // already closed or aborted: nothing is left to end
  }
}
