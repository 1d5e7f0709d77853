// Draws each canvas that bears its figures; the same figures stand below it as a table.
"use strict";

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function tone(series, index) {
  return token(series.tone ? `--${series.tone}` : `--chart-${(index % 5) + 1}`);
}

function dataset(spec, series, index) {
  const colour = tone(series, index);
  const isLine = spec.kind === "line";
  return {
    label: series.name, data: series.values, borderColor: colour, pointRadius: 0, pointHitRadius: 12, tension: 0.2,
    backgroundColor: isLine ? `${colour}2e` : colour,
    borderWidth: isLine ? 2 : 0, fill: isLine && spec.series.length === 1, maxBarThickness: 28, borderRadius: 2,
  };
}

function options(spec) {
  const ink = token("--dim"), line = token("--line"), flat = spec.kind === "bars";
  const few = spec.kind === "bar" && spec.labels.length < 9; // kinds of things, each with its name
  const values = {
    beginAtZero: true, stacked: spec.stacked, grid: { color: line }, border: { display: false },
    ticks: { color: ink, maxTicksLimit: 6 }, title: { display: Boolean(spec.unit), text: spec.unit, color: ink },
  };
  const names = {
    stacked: spec.stacked, grid: { display: false }, border: { color: line },
    ticks: { color: ink, maxRotation: few ? 45 : 0, autoSkip: !few && !flat, autoSkipPadding: 12 },
  };
  return {
    animation: false, responsive: true, maintainAspectRatio: false, indexAxis: flat ? "y" : "x",
    interaction: { mode: "index", intersect: false, axis: flat ? "y" : "x" },
    scales: flat ? { x: values, y: names } : { x: names, y: values },
    plugins: { legend: { display: spec.series.length > 1, labels: { color: token("--ink"), boxWidth: 10, boxHeight: 10 } } },
  };
}

// Lying bars are as many as there are names, each of which stands beside its own.
function room(canvas, spec) {
  if (spec.kind !== "bars") return;
  const bars = spec.stacked ? 1 : spec.series.length;
  canvas.parentElement.style.height = `${Math.max(10, 4 + spec.labels.length * (0.75 + 0.75 * bars))}rem`;
}

function draw(canvas) {
  const spec = JSON.parse(canvas.dataset.chart);
  room(canvas, spec);
  const type = spec.kind === "line" ? "line" : "bar";
  const datasets = spec.series.map((series, index) => dataset(spec, series, index));
  return new Chart(canvas, { type, data: { labels: spec.labels, datasets }, options: options(spec) });
}

let drawn = [];

function drawAll() {
  for (const chart of drawn) chart.destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  drawn = Array.from(document.querySelectorAll("canvas[data-chart]"), draw);
}

drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
