// A table that sorts by its headers, shows a hundred rows at a time, and is walked with the keys j and k.
"use strict";

/**
 * Return a table. `columns` are {name, title, value, cell, right}: `value` sorts, `cell` is shown.
 * The order is kept in the address as `sort` (a column, `-` before it for descending). `group` names the group of a row:
 * rows of a group stand together under its name, the groups in the order of their first rows.
 */
regress.table = ({ columns, rows, parameters, caption, page = 100, group = null }) => {
  const { element } = regress;
  const sort = parameters.get("sort") || "";
  const column = columns.find(({ name }) => name === sort.replace(/^-/, ""));
  if (column) {
    const sign = sort.startsWith("-") ? -1 : 1;
    const keyed = rows.map((row) => [column.value(row), row]);
    keyed.sort(([a], [b]) =>
      a === b ? 0 : a === null || a === undefined ? 1 : b === null || b === undefined ? -1 : a < b ? -sign : sign,
    );
    rows = keyed.map(([, row]) => row);
  }
  if (group) {
    const groups = new Map();
    for (const row of rows) {
      const name = group(row);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    rows = [...groups].flatMap(([name, members]) => [{ heading: name, count: members.length }, ...members]);
  }
  const header = columns.map(({ name, title, right }) => {
    const sorted = column && column.name === name ? (sort.startsWith("-") ? "descending" : "ascending") : null;
    const next = sorted === "descending" ? name : `-${name}`;
    const arrow = sorted ? (sorted === "descending" ? " ↓" : " ↑") : "";
    return element(
      "th",
      { scope: "col", "aria-sort": sorted, class: right ? "right" : null },
      element("button", { type: "button", click: () => regress.change({ sort: next }, true) }, title + arrow),
    );
  });
  const body = element("tbody");
  const more = element("button", { type: "button", class: "more", click: () => fill() });
  let shown = 0;
  function fill() {
    const next = rows.slice(shown, shown + page);
    body.append(
      ...next.map((row) =>
        row.heading !== undefined
          ? element(
              "tr",
              { class: "group" },
              element(
                "th",
                { scope: "colgroup", colspan: columns.length },
                row.heading || "none",
                element("span", { class: "quiet" }, ` ${row.count.toLocaleString("en")} series`),
              ),
            )
          : element(
              "tr",
              { tabindex: "-1" },
              columns.map(({ cell, right, first, title }) =>
                element(
                  first ? "th" : "td",
                  { scope: first ? "row" : null, class: right ? "right" : null, "data-title": right ? title : null },
                  cell(row),
                ),
              ),
            ),
      ),
    );
    shown += next.length;
    more.hidden = shown >= rows.length;
    more.textContent = `Show ${Math.min(page, rows.length - shown)} more of ${(rows.length - shown).toLocaleString("en")}`;
  }
  fill();
  return element(
    "div",
    { class: "scroll list", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", { class: "hidden" }, caption),
      element("thead", {}, element("tr", {}, header)),
      body,
    ),
    more,
  );
};

/** Return a line of the newest values as a small picture, described in words for those who do not see it. */
regress.sparkline = (row) => {
  const { element } = regress;
  const levels = regress.spark(row);
  const height = row.sparkHigh - row.sparkLow || 1;
  const points = [];
  levels.forEach((level, n) => {
    if (level === null) return;
    const x = levels.length > 1 ? (n / (levels.length - 1)) * 118 + 1 : 60;
    const y = row.sparkHigh === row.sparkLow ? 12 : 22 - ((level - row.sparkLow) / height) * 20;
    points.push(`${points.length && levels[n - 1] !== null ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
  });
  const words = `from ${regress.quantity(row.sparkLow, row.unit)} to ${regress.quantity(row.sparkHigh, row.unit)}`;
  return element(
    "svg",
    { viewBox: "0 0 120 24", width: "120", height: "24", role: "img", "aria-label": words, class: "spark" },
    element("path", { d: points.join("") || "M0 0" }),
  );
};

/** Return a status as a word with a sign of its own shape, so that it is told apart without colour. */
regress.statusBadge = (row) => {
  const signs = {
    "over budget": "■",
    regressed: "▲",
    missing: "○",
    drifting: "↗",
    "near budget": "◆",
    "slightly worse": "△",
    noisy: "≈",
    improved: "▼",
    steady: "●",
    "too few reports": "·",
  };
  const { element } = regress;
  return element(
    "span",
    { class: `status ${row.statusName.replaceAll(" ", "-")}` },
    element("span", { "aria-hidden": "true" }, `${signs[row.statusName] || "·"} `),
    row.statusName,
  );
};

/** Return the address of the page of one series. */
regress.benchmarkAddress = (row) =>
  regress.address("benchmark", { b: row.name, m: row.metricName, machine: row.machine });

/** The columns that tables of series share; `of` takes the series from a row of the table. */
regress.columns = (index, of = (row) => row) => {
  const { element } = regress;
  const quantity = (name, title, value) => ({
    name,
    title,
    right: true,
    value: (row) => value(row),
    cell: (row) => regress.quantity(value(row), of(row).unit),
  });
  return {
    benchmark: {
      name: "benchmark",
      title: "Benchmark",
      first: true,
      value: (row) => of(row).label,
      cell: (row) =>
        element("a", { href: regress.benchmarkAddress(of(row)), title: of(row).name }, regress.breakable(of(row).label)),
    },
    metric: {
      name: "metric",
      title: "Metric",
      value: (row) => of(row).metricName,
      cell: (row) => of(row).metricName,
    },
    service:
      index.services.length > 1
        ? [
            {
              name: "service",
              title: "Service",
              value: (row) => of(row).serviceName,
              cell: (row) => of(row).serviceName,
            },
          ]
        : [],
    machine:
      index.machines.length > 1
        ? [
            {
              name: "machine",
              title: "Machine",
              value: (row) => of(row).machine,
              cell: (row) => regress.machineName(index, of(row).machine),
            },
          ]
        : [],
    quantity,
  };
};
