// Two commits of one machine, or the present levels of two machines, side by side. Of the stored reports, only the
// data files with the two that are compared are loaded.
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
    const { exponents } = (await regress.data("compare"))[machine];
    const [a, b] = chosen(await offered(index, kind, machine), parameters);
    const columns = new Map();
    for (const report of [a, b].filter((report) => report !== undefined))
      columns.set(report, (await regress.data(`compare-${machine}-${Math.floor(report / index.chunk)}`))[report]);
    const value = (report, place) => {
      const whole = (columns.get(report) || [])[place] ?? null;
      return whole === null ? null : whole * 10 ** exponents[place];
    };
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

  /** Return the reports that can be chosen, newest first, as [report, words]; of a branch, the newest one. */
  async function offered(index, kind, machine) {
    const all = (await regress.data("reports"))[machine];
    const { reports } = (await regress.data("compare"))[machine];
    const branch = (report) => all.branches[all.branch[report]] || "no branch";
    const commit = (report) => all.commit[report].slice(0, 10) || "no commit";
    const newest = [...reports].reverse();
    if (kind === "branches") {
      const first = new Map();
      for (const report of newest) if (!first.has(branch(report))) first.set(branch(report), report);
      return [...first].map(([name, report]) => [report, `${name} · ${commit(report)} · ${regress.day(all.time[report])}`]);
    }
    return newest
      .filter((report) => kind !== "releases" || all.releases[report])
      .map((report) => [
        report,
        `${all.releases[report] || commit(report)} · ${regress.day(all.time[report])}${kind === "releases" ? "" : ` · ${branch(report)}`}`,
      ]);
  }

  /** Return the two reports of the address; of commits the ends, of releases and branches the newest two. */
  function chosen(options, parameters) {
    const numbers = options.map(([report]) => report);
    const kind = parameters.get("kind") || "commits";
    const before = kind === "commits" ? numbers.at(-1) : (numbers[1] ?? numbers[0]);
    const named = (name, other) => (numbers.includes(Number(parameters.get(name) || NaN)) ? Number(parameters.get(name)) : other);
    return [named("a", before), named("b", numbers[0])];
  }

  async function controls(index, parameters) {
    const kind = parameters.get("kind") || "commits";
    const machines = index.machines.map((_, number) => [String(number), regress.machineName(index, number)]);
    const machine = Number(parameters.get("on") || 0);
    const kinds = [["commits", "two commits"]];
    for (const [name, words] of [
      ["releases", "two releases"],
      ["branches", "two branches"],
    ])
      if ((await offered(index, name, machine)).length > 1) kinds.push([name, words]);
    if (machines.length > 1) kinds.push(["machines", "two machines or configurations"]);
    const choice =
      kinds.length > 1
        ? element(
            "label",
            {},
            "Compare ",
            element(
              "select",
              { name: "kind", change: (event) => regress.change({ kind: event.target.value, a: "", b: "" }) },
              kinds.map(([key, words]) => element("option", { value: key, selected: key === kind }, words)),
            ),
          )
        : null;
    if (kind === "machines")
      return [
        choice,
        select("a", "from", machines, parameters.get("a") || "0"),
        select("b", "to", machines, parameters.get("b") || "1"),
      ];
    const options = await offered(index, kind, machine);
    const [a, b] = chosen(options, parameters);
    const words = options.map(([report, text]) => [String(report), text]);
    return [
      choice,
      machines.length > 1 ? select("on", "on", machines, String(machine)) : null,
      select("a", "from", words, String(a)),
      select("b", "to", words, String(b)),
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
      const shared = regress.columns(index, ({ row }) => row);
      const columns = [
        shared.benchmark,
        shared.metric,
        shared.quantity("before", "From", ({ before }) => before),
        shared.quantity("after", "To", ({ after }) => after),
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
