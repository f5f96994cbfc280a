// How well the gate can see, what to do next, and who decided what.
"use strict";

(() => {
  const { element } = regress;

  function table(caption, titles, rows) {
    return element(
      "div",
      { class: "scroll wrap", tabindex: "0", role: "region", "aria-label": caption },
      element(
        "table",
        {},
        element("caption", {}, caption),
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            titles.map((title) => element("th", { scope: "col" }, title)),
          ),
        ),
        element(
          "tbody",
          {},
          rows.map((cells) =>
            element(
              "tr",
              {},
              cells.map((cell) => element("td", {}, cell)),
            ),
          ),
        ),
      ),
    );
  }

  function link(row, index) {
    return element(
      "a",
      { href: regress.benchmarkAddress(row), title: row.name },
      regress.breakable(
        `${row.label}, ${row.metricName}${index && index.machines.length > 1 ? `, ${regress.machineName(index, row.machine)}` : ""}`,
      ),
    );
  }

  regress.views.set("health", {
    title: "Health of the gate",
    async draw({ index }) {
      const health = await regress.data("health");
      const rows = regress.series(index);
      const minutes = (value) => (value === null ? "–" : `${Math.round(value).toLocaleString("en")} min`);
      const machines = health.machines.map((machine, number) => [
        regress.machineName(index, number),
        String(index.machines[number].reports),
        machine.noise.map(regress.share).join(" / "),
        machine.visible === null ? "–" : regress.changeOf(machine.visible),
        machine.speed_variation === null ? "–" : regress.changeOf(machine.speed_variation),
        regress.share(machine.steal),
        machine.neighbours ? `${machine.crossed} of ${machine.neighbours.toLocaleString("en")} (${regress.share(machine.crossed / machine.neighbours)})` : "–",
        machine.repeated
          ? `${machine.differed} of ${machine.repeated.toLocaleString("en")} (${regress.share(machine.differed / machine.repeated)})`
          : "–",
        minutes(machine.minutes),
        minutes(machine.saved),
      ]);
      const total = (name) => health.machines.reduce((sum, machine) => sum + (machine[name] || 0), 0);
      const made = health.machines.map((machine, number) => [
        regress.machineName(index, number),
        machine.judged.toLocaleString("en"),
        ...machine.caught.map((caught) => (machine.judged ? regress.share(caught / machine.judged) : "–")),
      ]);
      const planted = (factor) => (factor === 1 ? "Nothing planted: false alarms" : `${regress.changeOf(factor)} planted`);
      const { held, accepted, adopted } = health.alarms;
      return [
        element("h2", {}, "What can be seen"),
        element(
          "p",
          { class: "actions" },
          regress.downloadButton(
            "health",
            [
              "machine",
              "reports",
              "noise 10 %",
              "noise 50 %",
              "noise 90 %",
              "visible ratio",
              "neighbours",
              "beyond the threshold",
              "repeated commits",
              "beyond the threshold",
              "minutes",
              "minutes saved",
            ],
            () =>
              health.machines.map((machine, number) => [
                regress.machineName(index, number),
                index.machines[number].reports,
                ...machine.noise,
                machine.visible,
                machine.neighbours,
                machine.crossed,
                machine.repeated,
                machine.differed,
                machine.minutes,
                machine.saved,
              ]),
          ),
        ),
        table(
          "Noise and cost of each machine",
          [
            "Machine",
            "Reports",
            "Noise between reports (10 / 50 / 90 % of the series)",
            "One report shows, typically",
            "Speed variation of the machine",
            "Time taken by others",
            "Neighbours beyond the threshold",
            "A/A: one commit twice, beyond the threshold",
            "Measured",
            "Saved by stopping early",
          ],
          machines,
        ),
        element(
          "p",
          { class: "quiet" },
          "“One report shows” is the change that a single report shows against twenty stored ones in four of five cases. Pairs on one machine show much less; see the report of a pull request. “Neighbours beyond the threshold” are reports on one level, so without a known change, that are worse than the one before by their threshold or more: the false alarms of a gate that compares single reports. “A/A” are the same for two reports in a row of one commit.",
        ),
        element(
          "p",
          {},
          `Measuring took ${minutes(total("minutes"))} in all; stopping early saved ${minutes(total("saved"))}.`,
        ),
        health.classes.length
          ? table(
              "Noise of each class of runners",
              ["Runner", "Machines", "Processors", "Noise between reports (10 / 50 / 90 % of the series)"],
              health.classes.map(([runner, count, processors, noise]) => [
                runner || "unknown",
                String(count),
                String(processors),
                noise.map(regress.share).join(" / "),
              ]),
            )
          : null,
        element("h2", {}, "What a planted slowdown does"),
        element(
          "p",
          { class: "actions" },
          regress.downloadButton("planted-slowdowns", ["machine", "judged", ...health.planted], () =>
            health.machines.map((machine, number) => [regress.machineName(index, number), machine.judged, ...machine.caught]),
          ),
        ),
        table("Newest values that alarm when they are made worse", ["Machine", "Values", ...health.planted.map(planted)], made),
        element(
          "p",
          { class: "quiet" },
          "Up to a hundred newest values of every series are made worse on paper. Each is judged against the twenty before it on the same level: it alarms where it is worse by its threshold and by more than single values differ (95 %). A planted slowdown below a threshold is not to alarm.",
        ),
        element("h2", {}, "What became of the alarms"),
        element(
          "p",
          {},
          held
            ? `${held} ${held === 1 ? "report was" : "reports were"} held back for a regression. ${accepted} ${accepted === 1 ? "level was" : "levels were"} accepted by somebody, ${adopted} lasted and became the reference.`
            : "No report was held back for a regression.",
        ),
        element("h2", {}, "Thresholds that one report cannot reach"),
        health.blind.length
          ? table(
              "Series whose noise hides their threshold",
              ["Series", "Noise", "One report shows", "Threshold"],
              health.blind
                .slice(0, 200)
                .map(([number, noise, visible, threshold]) => [
                  link(rows[number], index),
                  regress.share(noise),
                  regress.changeOf(visible),
                  regress.changeOf(threshold),
                ]),
            )
          : element("p", { class: "quiet" }, "Every threshold is above what one report can show."),
      ];
    },
  });

  regress.views.set("recommendations", {
    title: "Recommendations",
    async draw({ index }) {
      const advice = await regress.data("recommendations");
      const rows = regress.series(index);
      if (!advice.length)
        return [
          element(
            "p",
            { class: "quiet" },
            "Nothing to do: no level is worse than accepted, no budget is near, no benchmark is noisy.",
          ),
        ];
      return [
        element(
          "p",
          { class: "actions" },
          regress.downloadButton("recommendations", ["benchmark", "metric", "recommendation", "evidence"], () =>
            advice.map(([title, evidence, number]) => [rows[number].name, rows[number].metricName, title, evidence]),
          ),
        ),
        element(
          "ol",
          { class: "advice" },
          advice.map(([title, evidence, number]) =>
            element(
              "li",
              {},
              link(rows[number], index),
              " ",
              regress.statusBadge(rows[number]),
              element("br"),
              element("b", {}, title),
              ` ${evidence}`,
            ),
          ),
        ),
      ];
    },
  });

  regress.views.set("audit", {
    title: "Audit",
    async draw({ index }) {
      const { events, waivers } = await regress.data("decisions");
      const words = { held: "held back", accepted: "accepted", withdrawn: "acceptance withdrawn", adopted: "became the reference", pruned: "removed" };
      const subject = (event) =>
        event.kind === "pruned"
          ? `${event.removed} records`
          : event.patterns
              .map(
                ([benchmark, metric, ratio]) =>
                  `${benchmark}, ${metric}${ratio ? ` (${regress.changeOf(ratio)})` : ""}`,
              )
              .join("; ");
      return [
        element("h2", {}, "Decisions"),
        element(
          "p",
          { class: "actions" },
          regress.downloadButton("decisions", ["time", "decision", "what", "commit", "who", "why"], () =>
            events.map((event) => [event.at, event.kind, subject(event), event.commit, event.who, event.why]),
          ),
        ),
        events.length
          ? table(
              "Decisions about the history, newest first",
              ["When", "Decision", "What", "Commit", "Who", "Why"],
              events
                .slice(0, 500)
                .map((event) => [
                  event.at.slice(0, 10),
                  words[event.kind] || event.kind,
                  subject(event),
                  regress.commit(index, event.commit),
                  event.who,
                  event.why,
                ]),
            )
          : element("p", { class: "quiet" }, "Nobody has decided anything yet."),
        element("h2", {}, "Waivers in force"),
        waivers.length
          ? element(
              "ul",
              {},
              waivers.map((waiver) => element("li", {}, waiver)),
            )
          : element("p", { class: "quiet" }, "There are none."),
      ];
    },
  });
})();
