// The first view: every series, ranked by what needs attention.
"use strict";

regress.views.set("status", {
  title: "Status",
  filters: true,
  async draw({ index, parameters }) {
    const { element } = regress;
    const rows = regress.filtered(index, parameters);
    const reports = await regress.data("reports");
    const now = Date.parse(index.generated) / 1000;
    const began = (row) =>
      row.since === null
        ? null
        : {
            commit: reports[row.machine].commit[row.since],
            time: reports[row.machine].time[row.since],
            author: reports[row.machine].authors[reports[row.machine].author[row.since]],
          };
    const ranked = [...rows].sort((a, b) => a.status - b.status || (b.ratio || 0) - (a.ratio || 0));
    const shared = regress.columns(index);
    const columns = [
      { name: "status", title: "Status", value: (row) => row.status, cell: (row) => regress.statusBadge(row) },
      shared.benchmark,
      shared.metric,
      ...shared.service,
      ...shared.machine,
      shared.quantity("level", "Level", (row) => row.level),
      {
        name: "ratio",
        title: "Change",
        right: true,
        value: (row) => row.ratio,
        cell: (row) =>
          row.statusName === "too few reports"
            ? "–"
            : element("span", { title: "against the best accepted level" }, regress.changeOf(row.ratio)),
      },
      { name: "trend", title: "Reports", value: (row) => row.drift, cell: (row) => regress.sparkline(row) },
      {
        name: "since",
        title: "Since",
        value: (row) => (began(row) ? began(row).time : null),
        cell: (row) => regress.since(index, began(row), now, row),
      },
      {
        name: "author",
        title: "Author",
        value: (row) => (began(row) && began(row).author) || null,
        cell: (row) => (began(row) && began(row).author) || "",
      },
      {
        name: "budget",
        title: "Budget",
        right: true,
        value: (row) => (row.budget ? regress.badness(row, row.budget, row.level) : null),
        cell: (row) => regress.budgetCell(row),
      },
    ];
    return [
      regress.counts(index, rows, parameters),
      element(
        "p",
        { class: "actions" },
        regress.groupChoice(index, parameters),
        regress.downloadButton(
          "status",
          [
            "status",
            "benchmark",
            "metric",
            "service",
            "machine",
            "level",
            "unit",
            "reference",
            "ratio",
            "noise",
            "budget",
            "days to budget",
            "since",
            "commit",
            "author",
          ],
          () =>
            ranked.map((row) => [
              row.statusName,
              row.name,
              row.metricName,
              row.serviceName,
              regress.machineName(index, row.machine),
              row.level,
              row.unit,
              row.reference,
              row.ratio,
              row.noise,
              row.budget,
              row.daysToBudget,
              began(row) ? regress.day(began(row).time) : "",
              began(row) ? began(row).commit : "",
              began(row) ? began(row).author : "",
            ]),
        ),
      ),
      rows.length
        ? regress.table({
            columns,
            rows: ranked,
            parameters,
            caption: "Every series, the most urgent first",
            group: regress.groups(index)[parameters.get("group")],
          })
        : element("p", { class: "quiet" }, "No series fits the filters."),
    ];
  },
});

/** Return by what series can be grouped: the name of a group for each kind of group. */
regress.groups = (index) => ({
  service: (row) => row.serviceName,
  benchmark: (row) => row.label,
  metric: (row) => row.metricName,
  machine: (row) => regress.machineName(index, row.machine),
  status: (row) => row.statusName,
});

/** Return the list of groups to choose from. */
regress.groupChoice = (index, parameters) => {
  const { element } = regress;
  const names = ["", ...Object.keys(regress.groups(index))];
  const several = { service: index.services, machine: index.machines, metric: index.metrics };
  return element(
    "label",
    {},
    "Group by ",
    element(
      "select",
      { name: "group", change: (event) => regress.change({ group: event.target.value }) },
      names
        .filter((name) => !several[name] || several[name].length > 1)
        .map((name) => element("option", { value: name, selected: (parameters.get("group") || "") === name }, name || "nothing")),
    ),
  );
};

/** Return the number of series in each state, as buttons that filter. */
regress.counts = (index, rows, parameters) => {
  const { element } = regress;
  const numbers = index.statuses.map((name, status) => [name, rows.filter((row) => row.status === status).length]);
  const chosen = parameters.get("status");
  return element(
    "div",
    { class: "cards" },
    numbers
      .filter(([name, count]) => count || name === chosen)
      .map(([name, count]) =>
        element(
          "button",
          {
            type: "button",
            class: `card ${name.replaceAll(" ", "-")}`,
            "aria-pressed": String(chosen === name),
            click: () => regress.change({ status: chosen === name ? "" : name }),
          },
          element("b", {}, count.toLocaleString("en")),
          ` ${name}`,
        ),
      ),
  );
};

/** Return how long ago a state began, with which commit, and where its issue is. */
regress.since = (index, began, now, row) => {
  if (!began) return regress.issues(index, row);
  const age = `${regress.age(began.time, now)} `;
  return regress.element("span", {}, age, regress.commit(index, began.commit, 7), regress.issues(index, row));
};

/** Return a link to the issues that name a series which is worse than it should be. */
regress.issues = (index, row) => {
  if (!index.repository || !["over budget", "regressed", "missing"].includes(row.statusName)) return "";
  const query = `is:issue in:title "${row.name.replaceAll('"', " ")}"`;
  const href = `${index.repository}/issues?q=${encodeURIComponent(query)}`;
  return regress.element("span", {}, " ", regress.element("a", { href, rel: "noreferrer" }, "issues"));
};

/** Return a budget as a traffic light: the share that is used, and when a drift reaches it. */
regress.budgetCell = (row) => {
  if (!row.budget) return "";
  const used = regress.badness(row, row.budget, row.level);
  const grade = used > 1 ? "bad" : used > 0.9 ? "warn" : "good";
  const { element } = regress;
  const budget = regress.quantity(row.budget, row.unit);
  return element(
    "span",
    { title: `budget ${budget}` },
    element("span", { class: `light ${grade}` }, `${Math.round(used * 100)} %`),
    row.daysToBudget ? element("small", { class: "ahead" }, ` reaches ${budget} in ${regress.ahead(row.daysToBudget)}`) : "",
  );
};
