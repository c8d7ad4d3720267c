// SPDX-License-Identifier: Apache-2.0
// The plot of the usage page. The tables below it say the same, so it is hidden from screen readers.
const HEIGHT_PX = 240;
const place = document.getElementById("plot");
const data = JSON.parse(document.getElementById("plot-data").textContent);

const compact = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact" });

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(values) {
  return { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, values };
}

function options(width) {
  const bars = uPlot.paths.bars({ size: [0.7, 60] });
  const series = (label, shade, dash) => ({ label, stroke: colour(shade), fill: dash ? undefined : colour(shade), width: 2, dash, paths: dash ? undefined : bars, points: { show: Boolean(dash), size: 5 } });
  return {
    width,
    height: HEIGHT_PX,
    cursor: { drag: { x: false, y: false } },
    legend: { live: false },
    scales: { x: { time: false, range: [-0.6, data.labels.length - 0.4] }, y: { range: (_, __, most) => [0, Math.max(10, most * 1.1)] } },
    axes: [
      { ...axis((_, splits) => splits.map((at) => data.labels[at] ?? "")), space: 60, incrs: [1, 2, 5, 10] },
      { ...axis((_, splits) => splits.map((value) => compact.format(value))), size: 56 },
    ],
    // A line with points and bars: told apart without their colours.
    series: [{}, series(data.names[1], "--ember"), series(data.names[0], "--focus", [6, 4])],
  };
}

let plot;
function draw() {
  plot?.destroy();
  plot = new uPlot(options(place.clientWidth), [data.labels.map((_, at) => at), data.completion, data.prompt], place);
}

place.hidden = false;
place.setAttribute("aria-hidden", "true");
draw();
new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(place);
document.getElementById("theme").addEventListener("click", () => requestAnimationFrame(draw));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
