// SPDX-License-Identifier: Apache-2.0
// Bars, and a line with points over them: told apart without their colours. The tables of a page
// say the same as its plot, so the plot is hidden from screen readers.
const HEIGHT_PX = 240;

const compact = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact" });

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(values) {
  return { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, values };
}

function options(data, bars, line, least, width) {
  const paths = uPlot.paths.bars({ size: [0.7, 60] });
  const series = (label, shade, dash) => ({ label, stroke: colour(shade), fill: dash ? undefined : colour(shade), width: 2, dash, paths: dash ? undefined : paths, points: { show: Boolean(dash), size: 5 } });
  return {
    width,
    height: HEIGHT_PX,
    cursor: { drag: { x: false, y: false } },
    legend: { live: false },
    scales: { x: { time: false, range: [-0.6, data.labels.length - 0.4] }, y: { range: (_, __, most) => [0, Math.max(least, most * 1.1)] } },
    axes: [
      { ...axis((_, splits) => splits.map((at) => data.labels[at] ?? "")), space: 60, incrs: [1, 2, 5, 10] },
      { ...axis((_, splits) => splits.map((value) => compact.format(value))), size: 56 },
    ],
    series: [{}, series(bars, "--ember"), series(line, "--focus", [6, 4])],
  };
}

/** Draw the page's `#plot-data`: the names of its bars and of its line, and what its scale has at least. */
export function draw(bars, line, least) {
  const place = document.getElementById("plot");
  const data = JSON.parse(document.getElementById("plot-data").textContent);
  let plot;
  const again = () => {
    plot?.destroy();
    const named = options(data, data.names[bars], data.names[line], least, place.clientWidth);
    plot = new uPlot(named, [data.labels.map((_, at) => at), data[bars], data[line]], place);
  };
  place.hidden = false;
  place.setAttribute("aria-hidden", "true");
  again();
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(place);
  document.getElementById("theme").addEventListener("click", () => requestAnimationFrame(again));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
