/** What the report's page runs: it draws the plots and the matrix from the data that stands in the page. */
export const REPORT_SCRIPT = String.raw`
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const short = (value) =>
    value < 1000 ? String(value) :
    value < 1e6 ? (value / 1e3).toPrecision(3) + "k" :
    value < 1e9 ? (value / 1e6).toPrecision(3) + "M" : (value / 1e9).toPrecision(3) + "G";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const seconds = data.samples.map((sample) => sample.milliseconds / 1000);
  // Over a sixtieth of the campaign each, for samples may lie close together.
  const breadth = seconds[seconds.length - 1] / 60;
  const rate = data.samples.map((_, index) => {
    let from = Math.max(0, index - 1);
    while (from > 0 && seconds[index] - seconds[from] < breadth) from--;
    let to = Math.max(index, from + 1);
    while (to < seconds.length - 1 && seconds[to] - seconds[from] < breadth) to++;
    if (seconds[to] === undefined) return 0;
    return (data.samples[to].operations - data.samples[from].operations) / Math.max(seconds[to] - seconds[from], 0.001);
  });
  const plots = [
    { title: "Operations a second", times: seconds, values: rate, colour: "--blue" },
    { title: "States seen", times: seconds, values: data.samples.map((one) => one.states), colour: "--green" },
  ];
  if (data.coverage.length > 0) {
    const times = data.coverage.map((point) => point.seconds);
    plots.push(
      { title: "Branches reached, guided by coverage", times, values: data.coverage.map((one) => one.branches), colour: "--blue" },
      { title: "States reached, guided by coverage", times, values: data.coverage.map((one) => one.states), colour: "--green" },
    );
  }

  let drawn = [];
  const drawPlots = () => {
    for (const plot of drawn) plot.destroy();
    const room = document.getElementById("plots");
    room.replaceChildren();
    const figures = plots.map(({ title, values }) => {
      const last = values.length === 0 ? 0 : values[values.length - 1];
      const label = title + ": at the end " + short(Math.round(last)) + ", at most " + short(Math.round(Math.max(0, ...values)));
      const figure = make("figure", undefined, { role: "img", "aria-label": label });
      figure.append(make("figcaption", title));
      room.append(figure);
      return figure;
    });
    // When all are in their places, for only then they are as wide as they stay.
    drawn = plots.map(({ title, times, values, colour: name }, index) => {
      const figure = figures[index];
      const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
      return new uPlot({
        width: figure.clientWidth - 26,
        height: 220,
        scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
        axes: [{ ...axis, label: "seconds", labelSize: 20 }, { ...axis, size: 60, values: (_, ticks) => ticks.map(short) }],
        series: [{ label: "seconds" }, { label: title, stroke: colour(name), width: 2, points: { show: values.length < 40 } }],
      }, [times, values], figure);
    });
  };

  const broken = new Set();
  for (const heading of document.querySelectorAll("article h3")) {
    const [invariant, configuration] = heading.textContent.trim().split(/\s+/);
    broken.add(configuration.split("/")[0] + " " + invariant);
  }
  const operations = [...new Set(data.judged.map((one) => one.op))].sort();
  const select = document.getElementById("operation");
  select.append(make("option", "all operations", { value: "" }));
  for (const op of operations) select.append(make("option", op, { value: op }));

  const drawMatrix = () => {
    const counts = new Map();
    for (const { format, op, invariant, count } of data.judged) {
      if (select.value !== "" && select.value !== op) continue;
      const key = format + " " + invariant;
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
    const used = new Set(data.judged.map((one) => one.invariant));
    const columns = data.invariants.filter((one) => /^I\d+$/.test(one.name) || used.has(one.name));
    const most = Math.log(Math.max(2, ...counts.values()));
    const head = make("tr");
    head.append(make("td"));
    for (const { name, sentence } of columns) head.append(make("th", name, { scope: "col", title: sentence }));
    const body = make("tbody");
    for (const format of data.formats) {
      const row = make("tr");
      row.append(make("th", format, { scope: "row" }));
      for (const { name, sentence } of columns) {
        const count = counts.get(format + " " + name) ?? 0;
        const cell = make("td", count === 0 ? "–" : short(count), { title: name + ": " + sentence + " — " + count + " operations of " + format });
        if (count === 0) cell.className = "none";
        else cell.style.background = "rgba(" + colour("--heat") + "," + (0.08 + 0.42 * Math.log(count + 1) / most).toFixed(3) + ")";
        if (broken.has(format + " " + name)) cell.classList.add("broken");
        row.append(cell);
      }
      body.append(row);
    }
    const top = make("thead");
    top.append(head);
    document.getElementById("matrix").replaceChildren(top, body);
  };

  const draw = () => { drawPlots(); drawMatrix(); };
  select.addEventListener("change", drawMatrix);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawPlots, 150); });
  draw();
})();
`;
