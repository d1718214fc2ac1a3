"use strict";
// Sorts and filters the table of models, draws the charts. Works from a folder: nothing is fetched.
(() => {
  const here = document.currentScript.src;
  const each = (selector, work, root = document) => root.querySelectorAll(selector).forEach(work);
  const pairs = numbers => Array.from({ length: numbers.length / 2 }, (_, k) => [numbers[2 * k] / 1000, numbers[2 * k + 1] / 1000]);
  const curves = () => read("curves").roc.map(curve => ({ ...curve, points: pairs(curve.points) }));
  const bins = () => read("curves").calibration.map(([x, y, low, high, n]) => [x / 1000, y / 1000, low / 1000, high / 1000, n]);
  const read = name => JSON.parse(document.querySelector(`[data-ga-data="${name}"]`).textContent);

  // ---- table -------------------------------------------------------------------------------------------------------
  const collate = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  const grade = ["BLOCKED", "NO_POLICY", "REVIEW", "PASSED"];

  function sortValue(row, column, key) {
    const cell = row.cells[column];
    if (key === "status") return grade.indexOf(row.dataset.status);
    return cell.dataset.v ?? cell.textContent.trim();
  }

  // What is looked for in the table is not named `q` in the address: Material opens its own search for that.
  function table(form) {
    const shown = document.getElementById(form.dataset.gaFilter);
    const body = shown.tBodies[0];
    const rows = [...body.rows].map(row => ({ row, text: row.textContent.toLowerCase() }));
    const heads = [...shown.tHead.rows[0].cells];
    const state = { sort: "", dir: "ascending" };
    const none = document.querySelector(`[data-ga-none="${shown.id}"]`);
    const output = document.querySelector(`[data-ga-shown="${shown.id}"]`);

    function filter() {
      const words = form.find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const status = form.status.value, team = form.team.value;
      let count = 0;
      for (const { row, text } of rows) {
        const fits = words.every(word => text.includes(word)) && (!team || row.dataset.team === team) &&
          (!status || row.dataset.status === status || (status === "APPROVED" && "approved" in row.dataset) || (status === "attention" && row.dataset.status !== "PASSED"));
        row.hidden = !fits;
        count += fits;
      }
      none.hidden = count > 0;
      const all = `${rows.length} ${rows.length === 1 ? "model" : "models"}`;
      output.textContent = count === rows.length ? all : `${count} of ${all}`;
    }

    function sort() {
      const column = heads.findIndex(head => head.dataset.key === state.sort);
      heads.forEach((head, k) => k === column ? head.setAttribute("aria-sort", state.dir) : head.removeAttribute("aria-sort"));
      const sign = state.dir === "descending" ? -1 : 1;
      const ordered = column < 0 ? rows : rows.map((entry, k) => ({ ...entry, k, value: sortValue(entry.row, column, state.sort) }))
        .sort((a, b) => sign * (typeof a.value === "number" ? a.value - b.value : collate(a.value, b.value)) || a.k - b.k);
      body.append(...ordered.map(entry => entry.row));
    }

    function remember() {
      const query = new URLSearchParams();
      for (const name of ["find", "status", "team"]) if (form[name].value) query.set(name, form[name].value);
      if (state.sort) query.set("sort", state.sort);
      if (state.sort && state.dir === "descending") query.set("dir", "desc");
      const text = query.toString();
      history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
    }

    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "ga-sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.dataset.kind ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        state.dir = state.sort === head.dataset.key && state.dir === first ? other : first;
        state.sort = head.dataset.key;
        sort();
        remember();
      });
    }
    const query = new URLSearchParams(location.search);
    for (const name of ["find", "status", "team"]) if (query.has(name)) form[name].value = query.get(name);
    if (heads.some(head => head.dataset.key === query.get("sort"))) {
      state.sort = query.get("sort");
      state.dir = query.get("dir") === "desc" ? "descending" : "ascending";
      sort();
    }
    filter();
    const change = () => { filter(); remember(); };
    form.addEventListener("input", change);
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(change));
    each("[data-ga-clear]", button => button.addEventListener("click", () => form.reset()));
  }

  // ---- charts ------------------------------------------------------------------------------------------------------
  const paper = { ink: "#1d2733", quiet: "#56606e", line: "#dfe4ea", ground: "#fff" };
  let printing = false;
  const colour = name => (printing && paper[name]) || getComputedStyle(document.body).getPropertyValue(`--ga-${name}`).trim();
  const words = { PASSED: "Passed", REVIEW: "Needs review", BLOCKED: "Blocked", NO_POLICY: "No policy" };
  const tones = { PASSED: "good", REVIEW: "caution", BLOCKED: "bad", NO_POLICY: "neutral" };
  const lines = ["#4f7fc0", "#c77d2e", "#5a9e6f", "#a667a8", "#8a8f3c"];
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
  const diagonal = () => ({ x: [0, 1], y: [0, 1], mode: "lines", line: { color: colour("quiet"), width: 1, dash: "dot" }, hoverinfo: "skip", showlegend: false });

  const figures = {
    trend() {
      const months = read("trend");
      const there = ["PASSED", "REVIEW", "NO_POLICY", "BLOCKED"].filter(status => months.some(([, counts]) => counts[status]));
      const data = there.map(status => ({
        type: "bar", name: words[status], x: months.map(([month]) => month), y: months.map(([, counts]) => counts[status]),
        marker: { color: colour(`${tones[status]}-fill`) }, hovertemplate: `%{y} ${words[status].toLowerCase()}<extra></extra>`,
      }));
      return [data, { barmode: "stack", bargap: .35, hovermode: "x unified", xaxis: { type: "category" }, yaxis: { title: { text: "Models" }, rangemode: "tozero" } }];
    },
    roc() {
      const data = curves().map((curve, k) => ({
        x: curve.points.map(p => p[0]), y: curve.points.map(p => p[1]), mode: "lines", name: escape(curve.name) + (curve.auc === null ? "" : ` (${curve.auc.toFixed(3)})`),
        line: { color: lines[k % 5], width: k ? 1.5 : 2.5, dash: dashes[k % 5] }, hovertemplate: "%{x:.2f}, %{y:.2f}<extra></extra>",
      }));
      return [[diagonal(), ...data], { xaxis: { title: { text: "False positive rate" }, range: [0, 1] }, yaxis: { title: { text: "True positive rate" }, range: [0, 1.02] } }];
    },
    calibration() {
      const found = bins();
      const data = {
        x: found.map(b => b[0]), y: found.map(b => b[1]), mode: "lines+markers", name: "Observed", customdata: found.map(b => b[4]),
        error_y: { type: "data", symmetric: false, array: found.map(b => b[3] - b[1]), arrayminus: found.map(b => b[1] - b[2]), color: lines[0], thickness: 1, width: 3 },
        line: { color: lines[0], width: 1.5 }, marker: { size: 6 }, hovertemplate: "score %{x:.3f}, observed %{y:.3f}, n %{customdata}<extra></extra>", showlegend: false,
      };
      return [[diagonal(), data], { xaxis: { title: { text: "Mean score" }, range: [0, 1] }, yaxis: { title: { text: "Observed share" }, range: [0, 1.02] } }];
    },
  };
  const tables = {
    roc: () => [["Curve", "False positive rate", "True positive rate"], curves().flatMap(c => c.points.map(p => [c.name, ...p]))],
    calibration: () => [["Mean score", "Observed", "Low", "High", "n"], bins()],
  };
  // Plotly reads a few tags in names: they are written as text.
  const escape = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  function draw() {
    const ink = colour("quiet"), line = colour("line");
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, fixedrange: true };
    each("[data-ga-chart]", place => {
      const [data, layout] = figures[place.dataset.gaChart]();
      const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink };
      Plotly.react(place, data, {
        ...layout, ...(printing ? { width: place.closest(".ga-two") ? 320 : 660, height: 260 } : {}), font, margin: { l: 8, r: 8, t: 8, b: 8 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", separators: ".,",
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
        hoverlabel: { bgcolor: colour("ground"), bordercolor: line, font },
      }, { displayModeBar: false, responsive: true });
    });
  }

  function charts() {
    const script = document.createElement("script");
    script.src = new URL("plotly-basic.min.js", here).href;
    script.onload = () => {
      draw();
      new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
      // The page is still laid out for the screen when this is told: the width on paper is given.
      addEventListener("beforeprint", () => { printing = true; draw(); });
      addEventListener("afterprint", () => { printing = false; draw(); });
    };
    document.head.append(script);
  }

  function numbers(place) {
    const [head, body] = tables[place.dataset.gaTable]();
    const shown = document.createElement("table");
    shown.className = "ga-table";
    const first = shown.createTHead().insertRow();
    for (const word of head) first.append(Object.assign(document.createElement("th"), { textContent: word, scope: "col" }));
    const rest = shown.createTBody();
    for (const cells of body) {
      const row = rest.insertRow();
      for (const cell of cells) row.insertCell().textContent = cell;
    }
    place.append(shown);
  }

  // A table that is wider than its place can be scrolled with the keyboard too.
  function reachable() {
    each(".ga-scroll, .md-typeset__scrollwrap", place => {
      const wide = place.scrollWidth > place.clientWidth + 1;
      const named = place.closest("section")?.querySelector("h2,h3") ?? [...document.querySelectorAll("h1,h2,h3")].findLast(
        head => head.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING);
      const label = place.querySelector("caption")?.textContent ?? named?.firstChild.textContent ?? "Table";
      for (const [name, value] of Object.entries({ role: "region", tabindex: "0", "aria-label": label }))
        if (wide) place.setAttribute(name, value); else place.removeAttribute(name);
    });
  }
  reachable();
  addEventListener("resize", reachable);
  addEventListener("load", reachable);
  each("form[data-ga-filter]", table);
  each("[data-ga-table]", numbers);
  if (document.querySelector("[data-ga-chart]")) charts();
})();
