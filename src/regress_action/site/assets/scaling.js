// How a benchmark grows with its parameter: one line per benchmark over the numbers in its name.
"use strict";

(() => {
  const { element } = regress;
  const NUMBER = /(?:\[|\/|=|-|_|\()(\d+(?:\.\d+)?)(?=\]|\/|\)|$)/;

  /** Return the groups: benchmarks that differ in one number, with three sizes at least. */
  function groups(index, parameters) {
    const sizes = new Map();
    for (const row of regress.filtered(index, parameters)) {
      const named = Object.entries(row.parameters).find(([, value]) => Number.isFinite(Number(value)) && value !== "");
      const match = NUMBER.exec(row.name);
      const size = named ? Number(named[1]) : match ? Number(match[1]) : NaN;
      if (!Number.isFinite(size) || row.level === null) continue;
      const base = match
        ? row.name.replace(match[0], match[0].replace(match[1], "n"))
        : row.name.replace(/\[.*\]$/, "[n]");
      const key = `${row.machine}\n${base}\n${row.metricName}`;
      if (!sizes.has(key))
        sizes.set(key, { key, base, metric: row.metricName, machine: row.machine, unit: row.unit, points: [] });
      sizes.get(key).points.push({ size, row });
    }
    return [...sizes.values()]
      .filter(({ points }) => new Set(points.map(({ size }) => size)).size >= 3)
      .map((group) => ({ ...group, points: group.points.sort((a, b) => a.size - b.size) }));
  }

  /** Return the exponent of the growth, by least squares on logarithms; null without positive values. */
  function exponent(points) {
    const logs = points
      .filter(({ size, row }) => size > 0 && row.level > 0)
      .map(({ size, row }) => [Math.log(size), Math.log(row.level)]);
    if (logs.length < 3) return null;
    const mean = (at) => logs.reduce((sum, point) => sum + point[at], 0) / logs.length;
    const [x, y] = [mean(0), mean(1)];
    const spread = logs.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
    return spread ? logs.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread : null;
  }

  regress.views.set("scaling", {
    title: "Scaling",
    filters: true,
    async draw({ index, parameters }) {
      const found = groups(index, parameters);
      if (!found.length)
        return [
          element(
            "p",
            { class: "quiet" },
            "No benchmark was measured with three sizes or more. Sizes are read from parameters and names, like parse[100] or BM_Sort/1024.",
          ),
        ];
      const chosen = found.find(({ key }) => key === parameters.get("f")) || found[0];
      const columns = [
        {
          name: "base",
          title: "Benchmark",
          first: true,
          value: ({ base }) => base,
          cell: ({ key, base }) =>
            element(
              "a",
              { href: regress.address("scaling", { ...Object.fromEntries(parameters), f: key }) },
              regress.breakable(base),
            ),
        },
        { name: "metric", title: "Metric", value: ({ metric }) => metric, cell: ({ metric }) => metric },
        ...(index.machines.length > 1
          ? [
              {
                name: "machine",
                title: "Machine",
                value: ({ machine }) => machine,
                cell: ({ machine }) => regress.machineName(index, machine),
              },
            ]
          : []),
        {
          name: "sizes",
          title: "Sizes",
          right: true,
          value: ({ points }) => points.length,
          cell: ({ points }) => points.length,
        },
        {
          name: "growth",
          title: "Grows like",
          right: true,
          value: ({ points }) => exponent(points),
          cell: ({ points }) => (exponent(points) === null ? "–" : `n^${exponent(points).toFixed(2)}`),
        },
      ];
      return [
        element(
          "h2",
          {},
          regress.breakable(chosen.base),
          element("span", { class: "quiet" }, ` ${chosen.metric}, present levels over the size`),
        ),
        element("div", {
          id: "chart",
          class: "chart",
          role: "group",
          "aria-label": `Level of ${chosen.base} over its size`,
        }),
        element(
          "p",
          { class: "actions" },
          regress.downloadButton("scaling", ["benchmark", "metric", "size", "level", "unit"], () =>
            found.flatMap(({ base, metric, unit, points }) =>
              points.map(({ size, row }) => [base, metric, size, row.level, unit]),
            ),
          ),
        ),
        regress.table({ columns, rows: found, parameters, caption: "Benchmarks with a size" }),
      ];
    },
    async drawn({ index, parameters, main }) {
      const target = main.querySelector("#chart");
      if (!target) return;
      const Plotly = await regress.plotly();
      const found = groups(index, parameters);
      const { base, metric, points, unit } = found.find(({ key }) => key === parameters.get("f")) || found[0];
      const lines = found.filter((group) => group.base === base && group.metric === metric);
      const computed = getComputedStyle(document.documentElement);
      const [factor, name] = regress.scale(points[points.length - 1].row.level, unit);
      const axis = {
        type: "log",
        gridcolor: computed.getPropertyValue("--line").trim(),
        zeroline: false,
        automargin: true,
      };
      await Plotly.newPlot(
        target,
        lines.map((line) => ({
          x: line.points.map(({ size }) => size),
          y: line.points.map(({ row }) => row.level / factor),
          name: regress.machineName(index, line.machine).replaceAll("<", "&lt;"),
          mode: "lines+markers",
        })),
        {
          height: 360,
          margin: { l: 60, r: 20, t: 16, b: 48 },
          paper_bgcolor: "rgba(0,0,0,0)",
          plot_bgcolor: "rgba(0,0,0,0)",
          font: { color: computed.getPropertyValue("--text").trim() },
          colorway: ["#0072b2", "#d55e00", "#009e73", "#cc79a7"],
          xaxis: { ...axis, title: { text: "size" } },
          yaxis: { ...axis, title: { text: name.replaceAll("<", "&lt;") } },
          showlegend: lines.length > 1,
          legend: { orientation: "h" },
        },
        { responsive: true, displaylogo: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] },
      );
    },
  });
})();
