// Two commits of one machine, or the present levels of two machines, side by side.
"use strict";

(() => {
  const { element } = regress;

  function select(name, title, options, value) {
    return element(
      "label",
      {},
      `${title} `,
      element(
        "select",
        { change: (event) => regress.change({ [name]: event.target.value }) },
        options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)),
      ),
    );
  }

  /** Return the pairs of values to compare: {row, before, after}. */
  async function pairs(index, parameters) {
    const rows = regress.filtered(index, parameters);
    const kind = parameters.get("kind") || "commits";
    if (kind === "machines") {
      const [a, b] = [Number(parameters.get("a") || 0), Number(parameters.get("b") || 1)];
      const other = new Map(
        rows.filter((row) => row.machine === b).map((row) => [`${row.name}\n${row.metricName}`, row]),
      );
      return rows
        .filter((row) => row.machine === a && other.has(`${row.name}\n${row.metricName}`))
        .map((row) => ({ row, before: row.level, after: other.get(`${row.name}\n${row.metricName}`).level }));
    }
    const machine = Number(parameters.get("on") || 0);
    const { first, columns, exponents } = (await regress.data("compare"))[machine];
    const last = first + columns.length - 1;
    const value = (report, place) => {
      const whole = (columns[report - first] || [])[place] ?? null;
      return whole === null ? null : whole * 10 ** exponents[place];
    };
    const [a, b] = [Number(parameters.get("a") || first), Number(parameters.get("b") || last)];
    const place = new Map(
      regress
        .series(index)
        .filter((row) => row.machine === machine)
        .map((row, n) => [row.number, n]),
    );
    return rows
      .filter((row) => row.machine === machine)
      .map((row) => ({
        row,
        before: value(a, place.get(row.number)),
        after: value(b, place.get(row.number)),
      }))
      .filter(({ before, after }) => before !== null || after !== null);
  }

  async function controls(index, parameters) {
    const kind = parameters.get("kind") || "commits";
    const machines = index.machines.map((_, number) => [String(number), regress.machineName(index, number)]);
    const choice =
      machines.length > 1
        ? select(
            "kind",
            "Compare",
            [
              ["commits", "two commits"],
              ["machines", "two machines"],
            ],
            kind,
          )
        : null;
    if (kind === "machines")
      return [
        choice,
        select("a", "from", machines, parameters.get("a") || "0"),
        select("b", "to", machines, parameters.get("b") || "1"),
      ];
    const machine = Number(parameters.get("on") || 0);
    const reports = (await regress.data("reports"))[machine];
    const { first, columns } = (await regress.data("compare"))[machine];
    const options = columns
      .map((_, n) => [
        String(first + n),
        `${reports.releases[first + n] || reports.commit[first + n].slice(0, 10) || "no commit"} · ${regress.day(reports.time[first + n])} · ${reports.branches[reports.branch[first + n]] || "no branch"}`,
      ])
      .reverse();
    return [
      choice,
      machines.length > 1 ? select("on", "on", machines, String(machine)) : null,
      select("a", "from", options, parameters.get("a") || String(first)),
      select("b", "to", options, parameters.get("b") || String(first + columns.length - 1)),
    ];
  }

  regress.views.set("compare", {
    title: "Compare",
    filters: true,
    async draw({ index, parameters }) {
      const found = (await pairs(index, parameters)).map((pair) => ({
        ...pair,
        ratio: regress.badness(pair.row, pair.before, pair.after),
        beyond: null,
      }));
      for (const pair of found)
        if (pair.ratio !== null && pair.row.noise !== null)
          pair.beyond = Math.abs(Math.log(pair.ratio)) > 1.96 * Math.SQRT2 * pair.row.noise;
      found.sort((a, b) => Math.abs(Math.log(b.ratio || 1)) - Math.abs(Math.log(a.ratio || 1)));
      const columns = [
        {
          name: "benchmark",
          title: "Benchmark",
          first: true,
          value: ({ row }) => row.label,
          cell: ({ row }) =>
            element("a", { href: regress.benchmarkAddress(row), title: row.name }, regress.breakable(row.label)),
        },
        { name: "metric", title: "Metric", value: ({ row }) => row.metricName, cell: ({ row }) => row.metricName },
        {
          name: "before",
          title: "From",
          right: true,
          value: ({ before }) => before,
          cell: ({ row, before }) => regress.quantity(before, row.unit),
        },
        {
          name: "after",
          title: "To",
          right: true,
          value: ({ after }) => after,
          cell: ({ row, after }) => regress.quantity(after, row.unit),
        },
        {
          name: "ratio",
          title: "Change",
          right: true,
          value: ({ ratio }) => ratio,
          cell: ({ ratio, beyond }) =>
            element("span", { class: beyond ? (ratio > 1 ? "worse" : "better") : "quiet" }, regress.changeOf(ratio)),
        },
        {
          name: "beyond",
          title: "Against the noise",
          value: ({ beyond }) => (beyond === null ? null : Number(beyond)),
          cell: ({ beyond }) => (beyond === null ? "noise unknown" : beyond ? "beyond it" : "within it"),
        },
      ];
      return [
        element(
          "div",
          { class: "actions" },
          await controls(index, parameters),
          regress.downloadButton("compare", ["benchmark", "metric", "from", "to", "unit", "ratio"], () =>
            found.map(({ row, before, after, ratio }) => [row.name, row.metricName, before, after, row.unit, ratio]),
          ),
        ),
        element(
          "p",
          { class: "quiet" },
          "Changes are badness ratios: + is worse. “Beyond the noise” means more than neighbouring reports usually differ (95 %); it is no verdict, which only a measurement in pairs gives.",
        ),
        found.length
          ? regress.table({ columns, rows: found, parameters, caption: "Changes between the two, largest first" })
          : element("p", { class: "quiet" }, "The two have no series in common."),
      ];
    },
  });
})();
