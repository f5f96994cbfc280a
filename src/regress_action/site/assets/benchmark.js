// One benchmark: its values along the reports, on every machine, with what happened on the way.
"use strict";

(() => {
  const { element } = regress;
  const NEAR = 60; // reports in sight, up to which every run is drawn
  const LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]; // Okabe and Ito, for the colour-blind

  /** Return the series that the address names: those of one benchmark and metric, one for each machine. */
  function chosen(index, parameters) {
    const rows = regress.series(index).filter((row) => row.name === parameters.get("b"));
    const metric = parameters.get("m") || (rows[0] && rows[0].metricName);
    return { rows, metric, own: rows.filter((row) => row.metricName === metric) };
  }

  /** Return the values as they are drawn: in the unit that fits, or as per cent of the reference. */
  function drawn(row, values, parameters) {
    const percent = parameters.get("y") === "percent" && row.reference;
    const [factor, unit] = percent
      ? [row.reference / 100, "% of the reference"]
      : regress.scale(row.level || 0, row.unit);
    return { factor, unit };
  }

  function traces(index, row, values, reports, parameters, color) {
    const { factor } = drawn(row, values, parameters);
    const own = reports[row.machine];
    const byTime = parameters.get("x") !== "order";
    const x = values.at.map((column) =>
      byTime && own.time[column] !== null ? new Date(own.time[column] * 1000) : column,
    );
    const hover = values.at.map(
      (column, n) =>
        `${own.commit[column].slice(0, 10) || "no commit"} · ${regress.day(own.time[column])}<br>${regress.quantity(values.value[n], row.unit)} · ${own.runs[column]} runs${own.authors[own.author[column]] ? `<br>${plain(own.authors[own.author[column]])}` : ""}`,
    );
    const name = regress.machineName(index, row.machine);
    const scaled = (numbers) => numbers.map((number) => number / factor);
    const all = [];
    if (values.low !== values.value) {
      all.push({
        x: [...x, ...[...x].reverse()],
        y: [...scaled(values.high), ...scaled(values.low).reverse()],
        fill: "toself",
        fillcolor: `${color}2b`,
        line: { width: 0 },
        mode: "lines",
        hoverinfo: "skip",
        showlegend: false,
      });
    }
    all.push({
      x,
      y: levels(values, row).map((level) => (level === null ? null : level / factor)),
      mode: "lines",
      line: { color, width: 3, shape: "hv" },
      opacity: 0.55,
      hoverinfo: "skip",
      showlegend: false,
    });
    all.push({
      x,
      y: scaled(values.value),
      name: plain(name),
      mode: x.length > 400 ? "lines" : "lines+markers",
      line: { color, width: 1.2 },
      marker: { size: 5, color },
      customdata: values.at,
      text: hover,
      hovertemplate: "%{text}<extra></extra>",
    });
    if (values.runs.size) {
      const points = values.at.map((column, n) => [x[n], values.runs.get(column) || []]);
      all.push({
        meta: "runs",
        visible: parameters.get("raw") === "1" || isNear(x, parameters.get("from"), parameters.get("to")),
        x: points.flatMap(([place, runs]) => runs.map(() => place)),
        y: points.flatMap(([, runs]) => scaled(runs)),
        name: "runs",
        mode: "markers",
        marker: { size: 4, color, opacity: 0.5, symbol: "line-ew-open" },
        hovertemplate: "one run: %{y}<extra></extra>",
        showlegend: false,
      });
    }
    return all;
  }

  /** Whether a zoom leaves so few reports that their single runs are shown. */
  function isNear(places, from, to) {
    if (!from) return false;
    const number = (place) => (place instanceof Date ? place.getTime() : place);
    const end = (text) => (places[0] instanceof Date ? Date.parse(`${text.replace(" ", "T")}Z`) : Number(text));
    const [low, high] = [end(from), end(to)];
    return places.filter((place) => number(place) >= low && number(place) <= high).length <= NEAR;
  }

  /** Show the single runs of the reports where the zoom is near enough, or where they were asked for. */
  function showRuns(Plotly, target, parameters, from, to) {
    target.data.forEach((trace, n) => {
      if (trace.meta !== "runs") return;
      const line = target.data.slice(0, n).findLast((other) => other.customdata);
      const visible = parameters.get("raw") === "1" || isNear(line.x, from, to);
      if (trace.visible !== visible) Plotly.restyle(target, { visible }, [n]);
    });
  }

  /** Return text that Plotly does not read as markup. */
  function plain(text) {
    return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  }

  /** Return, for each value, the median of the stretch between two change points in which it lies. */
  function levels(values) {
    const starts = [
      0,
      ...values.changes.map(([column]) => values.at.indexOf(column)).filter((place) => place > 0),
      values.at.length,
    ];
    return starts.slice(0, -1).flatMap((start, n) => {
      const part = values.value.slice(start, starts[n + 1]);
      const ordered = [...part].sort((a, b) => a - b);
      return part.map(() => ordered[Math.floor(ordered.length / 2)]);
    });
  }

  /** Return when each machine but the first began and ended, and since when a benchmark has its name: [column, words]. */
  function turns(index, row, values, reports) {
    const times = reports.map(({ time }) => time.filter((second) => second !== null));
    const ends = times.map((seconds) => [seconds[0], seconds.at(-1)]);
    const own = reports[row.machine].time;
    const nearest = (second) => own.findLastIndex((other) => other !== null && other <= second);
    const found = values.renames.map(([column, name]) => [column, `renamed from ${shortened(name)}`]);
    const alike = index.machines.map((machine) => machine.suite === index.machines[row.machine].suite);
    reports.forEach((_, machine) => {
      if (!alike[machine] || machine === row.machine || ends[machine][0] === undefined) return;
      const name = shortened(regress.machineName(index, machine));
      if (ends[machine][0] > ends[row.machine][0]) found.push([nearest(ends[machine][0]), `${name} begins`]);
      if (ends[machine][1] < ends[row.machine][1] - 14 * 86400 && ends[machine][1] > ends[row.machine][0])
        found.push([nearest(ends[machine][1]), `${name} ends`]);
    });
    return found.filter(([column]) => column >= 0);
  }

  function shortened(name) {
    return name.length > 32 ? `…${name.slice(-31)}` : name;
  }

  /** Return the lines and words for changes, releases, renames, changes of the machine, and the budget. */
  function marks(index, row, values, reports, parameters, style) {
    const { factor } = drawn(row, values, parameters);
    const own = reports[row.machine];
    const place = (column) =>
      parameters.get("x") !== "order" && own.time[column] !== null ? new Date(own.time[column] * 1000) : column;
    const line = (column, color, dash) => ({
      type: "line",
      x0: place(column),
      x1: place(column),
      yref: "paper",
      y0: 0,
      y1: 1,
      line: { color, width: 1, dash },
      layer: "below",
    });
    const word = (column, text, y) => ({
      x: place(column),
      yref: "paper",
      y,
      text: plain(text),
      showarrow: false,
      font: { size: 11, color: style.text },
      bgcolor: style.back,
      xanchor: "left",
    });
    const shapes = [];
    const annotations = [];
    for (const [column, ratio, settled, accepted] of values.changes) {
      const color = ratio !== null && ratio < 1 ? "#0072b2" : "#d55e00";
      shapes.push(line(column, color, settled === 2 ? "solid" : "dot"));
      annotations.push(word(column, `${regress.changeOf(ratio)}${accepted ? " accepted" : ""}`, 1));
    }
    for (const [column, name] of Object.entries(own.releases)) {
      shapes.push(line(Number(column), style.quiet, "dash"));
      annotations.push(word(Number(column), name, 0.06));
    }
    for (const [column, words] of turns(index, row, values, reports)) {
      shapes.push(line(column, style.quiet, "longdash"));
      annotations.push(word(column, words, 0.14));
    }
    if (row.budget)
      shapes.push({
        type: "line",
        xref: "paper",
        x0: 0,
        x1: 1,
        y0: row.budget / factor,
        y1: row.budget / factor,
        line: { color: "#d55e00", width: 1.5, dash: "dashdot" },
      });
    return { shapes, annotations };
  }

  function style() {
    const computed = getComputedStyle(document.documentElement);
    const color = (name) => computed.getPropertyValue(name).trim();
    return { text: color("--text"), back: color("--back"), quiet: color("--quiet"), line: color("--line") };
  }

  /** Return buttons of which one is pressed: the value of a parameter of the address. */
  function group(parameters, name, title, options) {
    return element(
      "span",
      { class: "choice", role: "group", "aria-label": title },
      options.map(([value, text]) =>
        element(
          "button",
          {
            type: "button",
            "aria-pressed": String((parameters.get(name) || "") === value),
            click: () => regress.change({ [name]: value }),
          },
          text,
        ),
      ),
    );
  }

  /** Return the place for a small chart of another metric, which is drawn later. */
  function small(row) {
    return element(
      "figure",
      {},
      element(
        "figcaption",
        {},
        element("a", { href: regress.benchmarkAddress(row) }, row.metricName),
        ` ${regress.quantity(row.level, row.unit)} `,
        regress.statusBadge(row),
      ),
      element("div", {
        class: "chart small",
        "data-series": String(row.number),
        role: "group",
        "aria-label": `${row.metricName} along the reports`,
      }),
    );
  }

  /** Return the earlier names of a benchmark as a sentence; nothing where it has none. */
  function former(own, values) {
    const names = [...new Set(own.flatMap((_, n) => values[n].renames.map(([, name]) => name)))];
    return names.length
      ? element("p", { class: "quiet" }, "Earlier: ", names.map((name, n) => [n ? ", " : "", element("code", {}, name)]).flat(), ".")
      : null;
  }

  function choices(parameters, values) {
    return [
      group(parameters, "x", "Horizontal axis", [
        ["", "Time"],
        ["order", "Order"],
      ]),
      group(parameters, "y", "Vertical axis", [
        ["", "Value"],
        ["log", "Log"],
        ["percent", "% of reference"],
      ]),
      values.some(({ runs }) => runs.size)
        ? group(parameters, "raw", "Runs", [
            ["", "Medians"],
            ["1", "Every run"],
          ])
        : null,
    ];
  }

  /** Draw the series of one metric, one line for each machine; the marks are those of the machine in `focus`. */
  async function plot(Plotly, target, { index, own, values, reports, parameters, focus, height }) {
    const look = style();
    const data = own.flatMap((row, n) => traces(index, row, values[n], reports, parameters, LINES[n % LINES.length]));
    const { unit } = drawn(own[focus], values[focus], parameters);
    const axis = { gridcolor: look.line, linecolor: look.line, zeroline: false, automargin: true };
    const zoom = parameters.get("from") ? { range: [parameters.get("from"), parameters.get("to")] } : {};
    await Plotly.newPlot(
      target,
      data,
      {
        ...marks(index, own[focus], values[focus], reports, parameters, look),
        margin: { l: 60, r: 20, t: 24, b: 40 },
        height,
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: look.text, family: "system-ui, sans-serif" },
        hovermode: "closest",
        showlegend: own.length > 1,
        legend: { orientation: "h" },
        xaxis: { ...axis, ...zoom, title: { text: parameters.get("x") === "order" ? "report" : "" } },
        yaxis: {
          ...axis,
          title: { text: plain(unit) },
          type: parameters.get("y") === "log" ? "log" : "linear",
          rangemode: parameters.get("y") === "log" ? "normal" : "tozero",
        },
      },
      { responsive: true, displaylogo: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] },
    );
  }

  async function shown(index, parameters) {
    const { rows, metric, own } = chosen(index, parameters);
    const values = await Promise.all(own.map((row) => regress.values(index, row)));
    return { rows, metric, own, values, reports: await regress.data("reports") };
  }

  regress.views.set("benchmark", {
    title: "Benchmark",
    async draw({ index, parameters }) {
      const { rows, metric, own, values, reports } = await shown(index, parameters);
      if (!own.length)
        return [
          element("p", { class: "quiet" }, "Choose a benchmark in ", element("a", { href: "#/status" }, "Status"), "."),
        ];
      const now = Date.parse(index.generated) / 1000;
      const first = own.find((row) => String(row.machine) === parameters.get("machine")) || own[0];
      const others = rows.filter((row) => row.metricName !== metric && row.machine === first.machine);
      return [
        element(
          "h2",
          {},
          regress.breakable(first.name),
          element("span", { class: "quiet" }, ` ${metric}${first.serviceName ? ` · ${first.serviceName}` : ""}`),
        ),
        former(own, values),
        element(
          "p",
          { class: "facts" },
          own.map((row) =>
            element(
              "span",
              {},
              regress.statusBadge(row),
              ` ${own.length > 1 ? `${regress.machineName(index, row.machine)}: ` : ""}${regress.quantity(row.level, row.unit)}`,
              row.ratio !== null ? `, ${regress.changeOf(row.ratio)} against the best accepted level` : "",
              row.noise !== null ? `, neighbouring reports differ by ${regress.share(row.noise)}` : "",
              row.budget
                ? element(
                    "span",
                    {},
                    ", budget ",
                    regress.budgetCell(row),
                    ` of ${regress.quantity(row.budget, row.unit)}`,
                  )
                : "",
            ),
          ),
        ),
        element(
          "p",
          { class: "actions" },
          choices(parameters, values),
          regress.downloadButton("benchmark", ["machine", "commit", "time", "value", "low", "high", "unit"], () =>
            own.flatMap((row, n) =>
              values[n].at.map((column, place) => [
                regress.machineName(index, row.machine),
                reports[row.machine].commit[column],
                regress.day(reports[row.machine].time[column]),
                values[n].value[place],
                values[n].low[place],
                values[n].high[place],
                row.unit,
              ]),
            ),
          ),
        ),
        element("div", {
          id: "chart",
          class: "chart",
          role: "group",
          "aria-label": `Values of ${first.name} along its reports`,
        }),
        element(
          "p",
          { class: "quiet" },
          "Points are the median of a report's runs, the band is their range. Thick lines are levels between change points. Dashed lines are releases, renames, and machines that begin or end. Drag to zoom, which shows every run of the newest reports once few are in sight; double-click to reset, click a point to open its commit.",
        ),
        changesTable(index, own, values, reports, now),
        others.length
          ? element(
              "section",
              {},
              element("h3", {}, "Other metrics of this benchmark"),
              element(
                "p",
                { class: "actions" },
                group(parameters, "side", "Other metrics", [
                  ["", "Values"],
                  ["1", "Side by side"],
                ]),
              ),
              element(
                "div",
                { class: "minis" },
                others.map((row) =>
                  parameters.get("side") === "1" ? small(row) : element(
                    "a",
                    { class: "mini", href: regress.benchmarkAddress(row) },
                    element("b", {}, row.metricName),
                    ` ${regress.quantity(row.level, row.unit)} `,
                    regress.sparkline(row),
                    regress.statusBadge(row),
                  ),
                ),
              ),
            )
          : null,
      ];
    },
    async drawn({ index, parameters, main }) {
      const target = main.querySelector("#chart");
      if (!target) return;
      const Plotly = await regress.plotly();
      const { rows, own, values, reports } = await shown(index, parameters);
      const focus = Math.max(
        0,
        own.findIndex((row) => String(row.machine) === parameters.get("machine")),
      );
      await plot(Plotly, target, { index, own, values, reports, parameters, focus, height: 420 });
      for (const small of main.querySelectorAll(".chart.small")) {
        const row = rows.find(({ number }) => String(number) === small.dataset.series);
        const its = [await regress.values(index, row)];
        await plot(Plotly, small, { index, own: [row], values: its, reports, parameters, focus: 0, height: 260 });
      }
      target.on("plotly_relayout", (event) => {
        const from = event["xaxis.range[0]"];
        if (from === undefined && !event["xaxis.autorange"]) return;
        const now = regress.state();
        const next = {
          ...Object.fromEntries(now.parameters),
          from: from === undefined ? "" : String(from),
          to: from === undefined ? "" : String(event["xaxis.range[1]"]),
        };
        history.replaceState(null, "", regress.address(now.view, next)); // the zoom is part of the address; nothing is drawn anew
        showRuns(Plotly, target, now.parameters, next.from, next.to);
      });
      target.on("plotly_click", ({ points: [point] }) => {
        const hash = reports[own[focus].machine].commit[point.customdata];
        if (index.repository && /^[0-9a-f]{7,}$/.test(hash || ""))
          window.open(`${index.repository}/commit/${hash}`, "_blank", "noreferrer");
      });
    },
  });

  function changesTable(index, own, values, reports, now) {
    const rows = own
      .flatMap((row, n) =>
        values[n].changes.map(([column, ratio, settled, accepted]) => ({ row, column, ratio, settled, accepted })),
      )
      .reverse();
    if (!rows.length) return element("p", { class: "quiet" }, "No change of level was found.");
    return element(
      "div",
      { class: "scroll" },
      element(
        "table",
        {},
        element("caption", {}, "Changes of level, newest first"),
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ["Change", "Commit", "When", "By", "Machine", "State"].map((title) =>
              element("th", { scope: "col" }, title),
            ),
          ),
        ),
        element(
          "tbody",
          {},
          rows.map(({ row, column, ratio, settled, accepted }) =>
            element(
              "tr",
              {},
              element("td", {}, regress.changeOf(ratio)),
              element("td", {}, regress.commit(index, reports[row.machine].commit[column])),
              element(
                "td",
                {},
                `${regress.day(reports[row.machine].time[column])} (${regress.age(reports[row.machine].time[column], now)})`,
              ),
              element("td", {}, reports[row.machine].authors[reports[row.machine].author[column]] || "–"),
              element("td", {}, regress.machineName(index, row.machine)),
              element("td", {}, accepted ? "accepted" : ["too new to be sure", "may be noise", ""][settled]),
            ),
          ),
        ),
      ),
    );
  }
})();
