// The whole history at once: a heat map of every series over time, and what crept in.
"use strict";

(() => {
  const { element } = regress;
  const HEIGHT = 18;
  const MOST = 400;

  /** Return the colour of a badness ratio: blue is better, orange is worse, grey is the reference. */
  function color(ratio, dark) {
    if (ratio === null) return dark ? "#1b1f24" : "#ffffff";
    const strength = Math.max(-1, Math.min(1, Math.log(ratio) / Math.log(1.3)));
    const [to, from] = [strength > 0 ? [213, 94, 0] : [0, 114, 178], dark ? [48, 54, 61] : [234, 238, 242]];
    return `rgb(${from.map((part, n) => Math.round(part + (to[n] - part) * Math.abs(strength))).join(",")})`;
  }

  function ordered(index, parameters) {
    return regress
      .filtered(index, parameters)
      .sort(
        (a, b) =>
          a.machine - b.machine ||
          (a.serviceName < b.serviceName ? -1 : a.serviceName > b.serviceName ? 1 : 0) ||
          (a.label < b.label ? -1 : 1),
      )
      .slice(0, MOST);
  }

  function paint(canvas, rows) {
    const context = canvas.getContext("2d");
    const dark = document.documentElement.dataset.theme === "dark";
    rows.forEach((row, n) => {
      const levels = regress.spark(row);
      const width = canvas.width / levels.length;
      levels.forEach((level, bin) => {
        context.fillStyle = color(level === null ? null : regress.badness(row, row.reference, level), dark);
        context.fillRect(Math.floor(bin * width), n * HEIGHT, Math.ceil(width), HEIGHT - 1);
      });
    });
  }

  /** Return how each service stands: the geometric mean of its series against their references. */
  function services(rows) {
    const groups = new Map();
    for (const row of rows)
      if (row.ratio > 0) groups.set(row.serviceName, [...(groups.get(row.serviceName) || []), Math.log(row.ratio)]);
    return [...groups]
      .map(([name, logs]) => ({
        name: name || "no service",
        count: logs.length,
        ratio: Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length),
      }))
      .sort((a, b) => b.ratio - a.ratio);
  }

  regress.views.set("history", {
    title: "History",
    filters: true,
    async draw({ index, parameters }) {
      const rows = ordered(index, parameters);
      const all = regress.filtered(index, parameters);
      const crept = all
        .filter((row) => row.ratio !== null && row.ratio > 1.01)
        .sort((a, b) => b.ratio - a.ratio)
        .slice(0, 50);
      const shared = regress.columns(index);
      const columns = [
        shared.benchmark,
        shared.metric,
        ...shared.machine,
        shared.quantity("reference", "Best accepted level", (row) => row.reference),
        shared.quantity("level", "Level now", (row) => row.level),
        {
          name: "ratio",
          title: "Crept",
          right: true,
          value: (row) => row.ratio,
          cell: (row) => regress.changeOf(row.ratio),
        },
      ];
      return [
        element("h2", {}, "Services"),
        element("p", { class: "quiet" }, "The geometric mean of the series of each, against their best accepted levels; + is worse."),
        element(
          "div",
          { class: "minis" },
          services(all).map(({ name, count, ratio }) =>
            element(
              "span",
              { class: "mini" },
              element("b", {}, name),
              ` ${regress.changeOf(ratio)} `,
              element("span", { class: "quiet" }, `${count} series`),
            ),
          ),
        ),
        element("h2", {}, "Every series over time"),
        element(
          "p",
          { class: "quiet" },
          `Oldest reports on the left. Grey is the best accepted level, orange is worse, blue is better; full colour is 30 %. ${all.length > MOST ? `The first ${MOST} of ${all.length.toLocaleString("en")} series are drawn; filter to see others.` : ""}`,
        ),
        element(
          "p",
          { class: "actions" },
          regress.downloadButton(
            "heat-map",
            ["benchmark", "metric", "machine", "unit", "reference", ...Array.from({ length: 60 }, (_, bin) => `part ${bin + 1}`)],
            () =>
              all.map((row) => [
                row.name,
                row.metricName,
                regress.machineName(index, row.machine),
                row.unit,
                row.reference,
                ...regress.spark(row).map((level) => (level === null ? "" : Number(level.toPrecision(3)))),
              ]),
          ),
        ),
        element(
          "div",
          { class: "heat" },
          element(
            "ol",
            { class: "heat-names" },
            rows.map((row) =>
              element(
                "li",
                {},
                element(
                  "a",
                  { href: regress.benchmarkAddress(row), title: `${row.name} · ${regress.machineName(index, row.machine)}` },
                  `${row.label} · ${row.metricName}`,
                ),
              ),
            ),
          ),
          element("canvas", {
            id: "heat",
            role: "img",
            "aria-label": `Heat map of ${rows.length} series over time; the table of the status view has the numbers`,
            width: "720",
            height: String(Math.max(1, rows.length * HEIGHT)),
            style: `height: ${Math.max(1, rows.length * HEIGHT)}px`,
          }),
        ),
        element("p", { id: "heat-tip", class: "quiet", "aria-live": "polite" }, "Point at a cell."),
        element("h2", {}, "What crept in"),
        element(
          "p",
          { class: "actions" },
          regress.downloadButton("creep", ["benchmark", "metric", "reference", "level", "unit", "ratio"], () =>
            crept.map((row) => [row.name, row.metricName, row.reference, row.level, row.unit, row.ratio]),
          ),
        ),
        crept.length
          ? regress.table({
              columns,
              rows: crept,
              parameters,
              caption: "Series that are worse than their best accepted level",
            })
          : element("p", { class: "quiet" }, "Nothing is worse than its best accepted level."),
      ];
    },
    drawn({ index, parameters, main }) {
      const canvas = main.querySelector("#heat");
      if (!canvas) return;
      const rows = ordered(index, parameters);
      paint(canvas, rows);
      const at = (event) => {
        const box = canvas.getBoundingClientRect();
        const row = rows[Math.floor(((event.clientY - box.top) / box.height) * rows.length)];
        return row ? [row, Math.floor(((event.clientX - box.left) / box.width) * row.spark.length)] : [];
      };
      canvas.addEventListener("mousemove", (event) => {
        const [row, bin] = at(event);
        if (!row) return;
        const level = regress.spark(row)[bin];
        main.querySelector("#heat-tip").textContent =
          `${row.label} ${row.metricName}, ${regress.machineName(index, row.machine)}: ${regress.quantity(level, row.unit)}${level ? `, ${regress.changeOf(regress.badness(row, row.reference, level))}` : ""}`;
      });
      canvas.addEventListener("click", (event) => {
        const [row] = at(event);
        if (row) location.hash = regress.benchmarkAddress(row);
      });
    },
  });
})();
