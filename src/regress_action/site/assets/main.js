// Navigation, filters, theme, keys: what surrounds the views.
"use strict";

(async () => {
  const { element } = regress;
  const main = document.getElementById("main");
  const order = ["status", "benchmark", "compare", "scaling", "history", "health", "recommendations", "audit"];
  let index;
  let drawing = 0;

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("regress-theme", theme);
    } catch {
      // A page opened from disk may have no storage; the theme then lasts as long as the page.
    }
  }

  function storedTheme() {
    try {
      return localStorage.getItem("regress-theme");
    } catch {
      return null;
    }
  }

  function navigation(current) {
    document
      .getElementById("views")
      .replaceChildren(
        ...order
          .filter((name) => name !== "benchmark" || current === "benchmark")
          .map((name) =>
            element(
              "a",
              { href: regress.address(name), "aria-current": name === current ? "page" : null },
              regress.views.get(name).title,
            ),
          ),
      );
  }

  function filters(view, parameters) {
    const form = document.getElementById("filters");
    form.hidden = !view.filters;
    if (!view.filters) return;
    const typed = document.activeElement && document.activeElement.id === "search";
    if (typed && form.dataset.made) return;
    form.dataset.made = "1";
    const choice = (name, title, options) =>
      options.length < 2
        ? null
        : element(
            "label",
            {},
            `${title} `,
            element(
              "select",
              { name, change: (event) => regress.change({ [name]: event.target.value }) },
              element("option", { value: "" }, "all"),
              options.map(([value, text]) =>
                element("option", { value, selected: parameters.get(name) === value }, text),
              ),
            ),
          );
    const search = element("input", {
      id: "search",
      type: "search",
      placeholder: "Search ( / )",
      "aria-label": "Search benchmarks",
      value: parameters.get("q") || "",
      input: (event) => regress.change({ q: event.target.value }, true),
    });
    const metrics = [...new Set(index.metrics.map(([name]) => name))];
    form.replaceChildren(
      ...[
        search,
        choice(
          "service",
          "Service",
          index.services.filter(Boolean).map((name) => [name, name]),
        ),
        choice(
          "metric",
          "Metric",
          metrics.map((name) => [name, name]),
        ),
        choice(
          "machine",
          "Machine",
          index.machines.map((_, number) => [String(number), regress.machineName(index, number)]),
        ),
      ].filter(Boolean),
    );
  }

  async function draw() {
    const { view: name, parameters } = regress.state();
    const view = regress.views.get(name);
    const turn = ++drawing;
    navigation(name);
    filters(view, parameters);
    document.title = `${view.title} – ${index.title}`;
    try {
      const nodes = await view.draw({ index, parameters });
      if (turn !== drawing) return;
      main.replaceChildren(...nodes.flat().filter(Boolean));
      if (view.drawn) await view.drawn({ index, parameters, main });
    } catch (error) {
      main.replaceChildren(element("p", { class: "error", role: "alert" }, String(error.message || error)));
    }
    main.dataset.drawn = String(turn);
  }

  function move(step) {
    const rows = [...main.querySelectorAll("tbody tr")];
    if (!rows.length) return;
    const now = rows.indexOf(document.activeElement ? document.activeElement.closest("tr") : null);
    rows[Math.min(rows.length - 1, Math.max(0, now + step))].focus();
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const search = document.getElementById("search");
    const named = order[Number(event.key) - 1];
    if (event.key === "/" && search) search.focus();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && event.target.matches("tr")) event.target.querySelector("a")?.click();
    else if (named) location.hash = regress.address(named);
    else if (event.key === "t") document.getElementById("theme").click();
    else return;
    event.preventDefault();
  }

  /** Make charts as wide as a sheet of A4 and dark on white for printing, or again as they were on the screen. */
  function fitCharts(printing) {
    const style = getComputedStyle(document.documentElement);
    const [text, back] = printing
      ? ["#1f2328", "#ffffff"]
      : [style.getPropertyValue("--text").trim(), style.getPropertyValue("--back").trim()];
    for (const chart of main.querySelectorAll(".js-plotly-plot"))
      window.Plotly.relayout(chart, {
        ...(printing ? { width: Math.min(680, chart.clientWidth) } : { width: null, autosize: true }),
        "font.color": text,
        annotations: (chart.layout.annotations || []).map((note) => ({ ...note, bgcolor: back, font: { ...note.font, color: text } })),
      });
  }

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  setTheme(storedTheme() || (dark.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    draw();
  });
  document.addEventListener("keydown", keys);
  window.addEventListener("beforeprint", () => fitCharts(true));
  window.addEventListener("afterprint", () => fitCharts(false));
  window.addEventListener("hashchange", draw);
  try {
    index = await regress.data("index");
  } catch (error) {
    main.replaceChildren(element("p", { class: "error", role: "alert" }, error.message));
    return;
  }
  document.getElementById("title").textContent = index.title;
  const note = document.getElementById("note");
  note.textContent = index.note;
  note.hidden = !index.note;
  const reports = index.machines.reduce((sum, machine) => sum + machine.reports, 0);
  document
    .getElementById("footer")
    .replaceChildren(
      `Written ${index.generated.replace("T", " ").slice(0, 16)} UTC by regress-action from ${reports.toLocaleString("en")} ${reports === 1 ? "report" : "reports"}. Keys: / search, j and k move, Enter opens, 1 to 8 views, t theme. `,
      element("a", { href: "feed.xml" }, "Atom feed"),
      " · ",
      element("a", { href: "summary.md" }, "Weekly summary"),
    );
  await draw();
  regress.prepare();
  if (location.protocol === "http:" && location.hostname === "127.0.0.1")
    setInterval(async () => {
      const now = await regress.again("index").catch(() => index); // the server was stopped: what is here stays
      if (now.generated !== index.generated) location.reload();
    }, 2000);
})();
