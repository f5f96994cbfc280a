// The data of the site, the state in the address, numbers for people, and elements without markup.
// Names come from result files: they reach the page as text only, never as HTML.
"use strict";

const regress = (() => {
  const waiting = new Map();
  const loaded = new Map();
  const views = new Map();

  /** Called by the data files: takes the value of `name`. */
  function receive(name, value) {
    loaded.set(name, value);
  }

  /** Return a promise of a data file's value. A page opened from disk may load scripts, but not fetch. */
  function data(name) {
    if (!waiting.has(name))
      waiting.set(
        name,
        script(`data/${name}.js`).then(() => loaded.get(name)),
      );
    return waiting.get(name);
  }

  /** Return a promise of a data file's value as it is now on the server. */
  function again(name) {
    return script(`data/${name}.js?${Date.now()}`).then(() => loaded.get(name));
  }

  /** Load a script that lies beside the page. */
  function script(path) {
    return new Promise((resolve, reject) => {
      const node = document.createElement("script");
      node.src = path;
      node.onload = () => {
        node.remove();
        resolve();
      };
      node.onerror = () => reject(new Error(`${path} cannot be loaded. Write the dashboard again.`));
      document.head.append(node);
    });
  }

  /** Load Plotly with the first chart that needs it. */
  function plotly() {
    if (!waiting.has("plotly")) {
      waiting.set(
        "plotly",
        window.Plotly ? Promise.resolve(window.Plotly) : script("plotly-basic.min.js").then(() => window.Plotly),
      );
    }
    return waiting.get("plotly");
  }

  /** Load Plotly and let it draw once out of sight, while nobody waits, so that the first chart appears at once. */
  function prepare() {
    const wait = window.requestIdleCallback || ((work) => setTimeout(work, 300));
    wait(async () => {
      const Plotly = await plotly();
      wait(async () => {
        const place = element("div", { class: "prepared", "aria-hidden": "true" });
        document.body.append(place);
        const line = { x: [new Date(0), new Date(1e9), new Date(2e9)], y: [1, 2, 1], mode: "lines+markers", fill: "toself" };
        const mark = { type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1 };
        await Plotly.newPlot(place, [line, line], { shapes: [mark], annotations: [{ x: 0, y: 1, text: "0" }], showlegend: true });
        Plotly.purge(place);
        place.remove();
        regress.prepared = true;
      });
    });
  }

  /** Make an element: `attributes` are set as such, functions become listeners, children are nodes or text. */
  function element(tag, attributes = {}, ...children) {
    const svg = tag === "svg" || tag === "path" || tag === "line" || tag === "circle";
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(name, value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }

  /** Return a name that may break after its separators, and nowhere else. */
  function breakable(name) {
    const parts = String(name).split(/(?<=[/:._\-[\]=,])(?!:)/);
    return parts.flatMap((part, n) => (n ? [element("wbr"), part] : [part]));
  }

  // --- the state in the address ------------------------------------------------------------------------------------

  /** Return the view and its parameters from the address. */
  function state() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    return { view: views.has(path) ? path : "status", parameters: new URLSearchParams(query) };
  }

  /** Return the address of a view; parameters that are empty are left out. */
  function address(view, parameters = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters))
      if (value !== "" && value !== null && value !== undefined) query.set(name, value);
    const text = query.toString();
    return `#/${view}${text ? `?${text}` : ""}`;
  }

  /** Change parameters of the present view; `quietly` leaves no entry in the browser's history. */
  function change(parameters, quietly = false) {
    const now = state();
    const next = address(now.view, { ...Object.fromEntries(now.parameters), ...parameters });
    if (quietly) {
      history.replaceState(null, "", next);
      window.dispatchEvent(new HashChangeEvent("hashchange"));
    } else location.hash = next;
  }

  // --- numbers -----------------------------------------------------------------------------------------------------

  const SCALES = {
    s: [
      [1e-12, "ps"],
      [1e-9, "ns"],
      [1e-6, "µs"],
      [1e-3, "ms"],
      [1, "s"],
    ],
    B: [
      [1, "B"],
      [1024, "KiB"],
      [1024 ** 2, "MiB"],
      [1024 ** 3, "GiB"],
      [1024 ** 4, "TiB"],
    ],
    "B/s": [
      [1, "B/s"],
      [1024, "KiB/s"],
      [1024 ** 2, "MiB/s"],
      [1024 ** 3, "GiB/s"],
    ],
    "1/s": [
      [1, "ops/s"],
      [1e6, "M ops/s"],
      [1e9, "G ops/s"],
    ],
    count: [
      [1, ""],
      [1e6, "M"],
      [1e9, "G"],
    ],
    ratio: [[1, ""]],
  };

  /** Return the scale of a value: what to divide by, and the unit's name. */
  function scale(value, unit) {
    const scales = SCALES[unit] || [[1, unit]];
    const size = Math.abs(value);
    let chosen = scales[0];
    for (const candidate of scales) if (size >= candidate[0] * 0.9995) chosen = candidate;
    return size === 0 ? scales.find(([factor]) => factor === 1) : chosen;
  }

  /** Return a value with three significant digits and its unit. */
  function quantity(value, unit) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const [factor, name] = scale(value, unit);
    const number = value / factor;
    const digits = Math.abs(number) >= 100 ? 0 : Math.abs(number) >= 10 ? 1 : 2;
    const text =
      number === 0
        ? "0"
        : Math.abs(number) < 0.01
          ? number.toExponential(2)
          : number.toLocaleString("en", {
              minimumFractionDigits: Number.isInteger(number) ? 0 : digits,
              maximumFractionDigits: digits,
            });
    return `${text.replace("-", "−")}${name ? ` ${name}` : ""}`;
  }

  /** Return a badness ratio as a change: `+12 %`, from a doubling on `2.5×`. */
  function changeOf(ratio) {
    if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return "–";
    if (ratio >= 2) return `${ratio >= 99.5 ? Math.round(ratio) : ratio.toPrecision(2)}×`;
    const percent = (ratio - 1) * 100;
    const size = Math.abs(percent);
    if (size < 0.05) return "±0 %";
    return `${percent > 0 ? "+" : "−"}${size >= 9.95 ? Math.round(size) : size.toFixed(1)} %`;
  }

  /** Return a share as per cent. */
  function share(value) {
    return value === null || value === undefined ? "–" : `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
  }

  /** Return the date of seconds since 1970. */
  function day(seconds) {
    return seconds === null || seconds === undefined ? "no date" : new Date(seconds * 1000).toISOString().slice(0, 10);
  }

  /** Return how long ago a time is, from the moment at which the site was made. */
  function age(seconds, now) {
    if (seconds === null || seconds === undefined) return "–";
    const days = Math.max(0, (now - seconds) / 86400);
    if (days < 1.5) return "today";
    if (days < 14) return `${Math.round(days)} days`;
    if (days < 60) return `${Math.round(days / 7)} weeks`;
    return days < 700 ? `${Math.round(days / 30)} months` : `${Math.round(days / 365)} years`;
  }

  /** Return a time ahead: `about 3 weeks`. */
  function ahead(days) {
    if (days === null || days === undefined) return "";
    for (const [size, noun] of [
      [365, "years"],
      [30, "months"],
      [7, "weeks"],
    ])
      if (days >= 1.5 * size) return `about ${Math.round(days / size)} ${noun}`;
    return `about ${Math.max(1, Math.round(days))} days`;
  }

  // --- the series --------------------------------------------------------------------------------------------------

  const SPARK = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

  /** Return the series of the index as objects, made once. */
  function series(index) {
    if (index.rows) return index.rows;
    const columns = index.series;
    const names = Object.keys(columns);
    const labels = shortNames(index.benchmarks.map(([name]) => name));
    index.rows = columns.benchmark.map((_, number) => {
      const row = { number };
      for (const name of names) row[name] = columns[name][number];
      const [metric, unit, better] = index.metrics[row.metric];
      const [benchmark, parameters = {}] = index.benchmarks[row.benchmark];
      row.name = benchmark;
      row.label = labels[row.benchmark];
      row.parameters = parameters;
      row.metricName = metric;
      row.unit = unit;
      row.lower = better !== "higher";
      row.serviceName = index.services[row.service];
      row.statusName = index.statuses[row.status];
      const values = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
      row.search = [benchmark, metric, row.serviceName, row.statusName, ...values].join(" ").toLowerCase();
      return row;
    });
    return index.rows;
  }

  /** Return the names without the folders and prefixes that all of them share. */
  function shortNames(names) {
    if (names.length < 2) return names;
    let shared = names[0];
    for (const name of names) while (!name.startsWith(shared)) shared = shared.slice(0, -1);
    const cut = Math.max(
      ...["/", "::", "."].map((mark) => {
        const at = shared.lastIndexOf(mark);
        return at < 0 ? 0 : at + mark.length;
      }),
    );
    return names.map((name) => name.slice(cut));
  }

  /** Return the series that the filters of the address leave over. */
  function filtered(index, parameters) {
    const words = (parameters.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = ["service", "metric", "machine", "status"]
      .map((name) => [name, parameters.get(name)])
      .filter(([, value]) => value);
    const texts = {
      service: (row) => row.serviceName,
      metric: (row) => row.metricName,
      machine: (row) => String(row.machine),
      status: (row) => row.statusName,
    };
    return series(index).filter(
      (row) =>
        words.every((word) => row.search.includes(word)) && wanted.every(([name, value]) => texts[name](row) === value),
    );
  }

  /** Return the values of a spark line, null where there is none. */
  function spark(row) {
    const height = row.sparkHigh - row.sparkLow;
    return Array.from(row.spark, (character) =>
      character === " " ? null : row.sparkLow + (height * SPARK.indexOf(character)) / (SPARK.length - 1),
    );
  }

  /** Return how many times worse `value` is than `reference`, null without a ratio. */
  function badness(row, reference, value) {
    if (!(reference > 0) || !(value > 0)) return null;
    return row.lower ? value / reference : reference / value;
  }

  /** Return the values of one series, decoded: columns `at`, and `value`, `low`, `high` in the metric's unit. */
  async function values(index, row) {
    const file = await data(`series-${Math.floor(row.number / index.shard)}`);
    const packed = file[row.number % index.shard];
    const factor = 10 ** packed.exponent;
    const value = packed.value.map((number) => number * factor);
    const at = Array.isArray(packed.at) ? packed.at : value.map((_, offset) => packed.at + offset);
    const low = packed.low ? value.map((middle, n) => middle - packed.low[n] * factor) : value;
    const high = packed.high ? value.map((middle, n) => middle + packed.high[n] * factor) : value;
    const runs = new Map(
      Object.entries(packed.runs || {}).map(([column, numbers]) => [
        Number(column),
        numbers.map((number) => number * factor),
      ]),
    );
    return { at, value, low, high, runs, changes: packed.changes, renames: packed.renames || [] };
  }

  /** Return the name of a machine; all parts that differ between the machines are named. */
  function machineName(index, number) {
    const machine = index.machines[number];
    const parts = ["source", "suite", "runner", "os", "cpu", "memory", "runtime"]
      .filter((name) => new Set(index.machines.map((other) => other[name])).size > 1)
      .map((name) => machine[name]);
    if (parts.length) return parts.filter(Boolean).join(" · ");
    return index.machines.length > 1
      ? `${machine.suite} · ${machine.fingerprint}`
      : machine.cpu === "unknown"
        ? machine.suite
        : machine.cpu;
  }

  /** Offer rows (arrays of cells) as a CSV file. */
  function download(name, header, rows) {
    const cell = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      const inert = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
      return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
    };
    const blob = new Blob([[header, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n"], {
      type: "text/csv",
    });
    const link = element("a", { href: URL.createObjectURL(blob), download: `${name}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /** Return a button that offers what a view shows as CSV. */
  function downloadButton(name, header, rows) {
    return element(
      "button",
      { type: "button", class: "download", click: () => download(name, header, rows()) },
      "Download CSV",
    );
  }

  /** Return a link to a commit where the repository is known, else its text. */
  function commit(index, hash, digits = 10) {
    if (!hash) return "–";
    const short = hash.slice(0, digits);
    if (!index.repository || !/^[0-9a-f]{7,}$/.test(hash)) return element("code", {}, short);
    return element("a", { href: `${index.repository}/commit/${hash}`, rel: "noreferrer" }, element("code", {}, short));
  }

  return {
    receive,
    data,
    again,
    plotly,
    prepare,
    element,
    breakable,
    views,
    state,
    address,
    change,
    scale,
    quantity,
    changeOf,
    share,
    day,
    age,
    ahead,
    series,
    filtered,
    spark,
    badness,
    values,
    machineName,
    downloadButton,
    commit,
  };
})();
