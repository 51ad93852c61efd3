"use strict";
// Every text is put into the page as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const steps = data.steps;

  const make = (tag, fields, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(fields || {})) {
      if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  // A column as it was packed.
  const column = (packed) => {
    if ("c" in packed) return () => packed.c;
    if ("p" in packed) {
      const of = column(packed.of);
      return (row) => of(row % packed.p);
    }
    if ("r" in packed) {
      const places = [];
      for (let at = 0; at < packed.r.length; at += 2) for (let i = 0; i < packed.r[at + 1]; i++) places.push(packed.r[at]);
      return (row) => packed.d[places[row]];
    }
    if ("d" in packed) return (row) => packed.d[packed.v[row]];
    return (row) => packed.v[row];
  };

  // As the program writes numbers. What lies in the middle goes to the even digit.
  const fixed = (value) => {
    const shifted = value * 1e4, low = Math.floor(shifted);
    if (shifted - low === 0.5) return ((low % 2 === 0 ? low : low + 1) / 1e4).toFixed(4);
    return value.toFixed(4);
  };
  const number = (value) => (value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : fixed(value));
  const two = (value) => String(value).padStart(2, "0");
  const duration = (seconds) => {
    const whole = Math.round(seconds);
    if (whole < 10) return seconds.toFixed(1) + " s";
    if (whole < 60) return whole + " s";
    if (whole < 3600) return Math.floor(whole / 60) + " min " + two(whole % 60) + " s";
    if (whole < 345600) return Math.floor(whole / 3600) + " h " + two(Math.floor((whole % 3600) / 60)) + " min";
    return Math.floor(whole / 86400) + " days";
  };
  const size = (bytes) => {
    const [unit, factor] = [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]].find(([, least]) => bytes >= least) || ["B", 1];
    const value = bytes / factor;
    return (value < 9.95 && factor > 1 ? value.toFixed(1) : value.toFixed(0)) + " " + unit;
  };
  const utc = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";

  const keyOf = column(steps.key);
  const shortKey = (step) => (keyOf(step) || "").slice(0, 12);
  const show = (form, value) => {
    if (value === null || value === undefined) return "-";
    if (typeof value !== "number") return String(value);
    if (form === "number") return number(value);
    if (form === "time") return duration(value);
    if (form === "size") return size(value);
    if (form === "step") return shortKey(value);
    return String(value);
  };

  // ---- Tables -------------------------------------------------------------------------------------------------------
  const CHUNK = 100, PLAIN = 20;
  const words = new Intl.Collator("en", { numeric: true });

  class Sheet {
    constructor(id, sheet) {
      this.root = document.getElementById("sheet-" + id);
      this.rows = sheet.rows;
      this.fields = sheet.fields.map((field) => ({ ...field, at: column(field.values) }));
      this.body = this.root.querySelector("tbody");
      this.scroll = this.root.querySelector(".scroll");
      this.more = this.root.querySelector(".more");
      this.wide = this.root.querySelector("table.wide") !== null;
      this.sorted = { field: -1, down: false };
      this.order = null;
      this.headings = [...this.root.querySelectorAll("thead th")];
      this.headings.forEach((heading, at) => {
        const button = make("button", { type: "button", on: { click: () => this.sortBy(at) } }, ...heading.childNodes);
        heading.append(button);
      });
      if (this.rows > 8) this.addTools();
      this.scroll.addEventListener("scroll", () => this.fill(), { passive: true });
      // A key in the first rows leads to its step, as in all others.
      if (this.fields.some((field) => field.form === "step")) this.start();
    }

    addTools() {
      const label = "Filter " + this.root.querySelector("h3").firstChild.textContent.trim();
      const numeric = this.fields.find((field) => field.form === "number");
      const example = numeric ? "words, or " + numeric.name + " > 0.5" : "words";
      this.input = make("input", { type: "search", "aria-label": label, placeholder: example, on: { input: () => this.refresh() } });
      this.count = make("span", { role: "status" });
      this.scroll.before(make("div", { class: "tools" }, this.input, this.count));
    }

    sortBy(at) {
      const { field, down } = this.sorted;
      // Up, down, and as it was.
      if (field !== at) this.sorted = { field: at, down: false };
      else if (!down) this.sorted = { field: at, down: true };
      else this.sorted = { field: -1, down: false };
      this.headings.forEach((heading, number) => {
        const way = this.sorted.field !== number ? null : this.sorted.down ? "descending" : "ascending";
        if (way) heading.setAttribute("aria-sort", way);
        else heading.removeAttribute("aria-sort");
      });
      this.refresh();
    }

    // Values as numbers that stand in their order; what there is not is NaN.
    ranks(field) {
      const ranks = new Float64Array(this.rows);
      const places = new Map();
      if (field.form === "text") {
        const different = new Set();
        for (let row = 0; row < this.rows; row++) if (field.at(row) !== null) different.add(String(field.at(row)));
        [...different].sort(words.compare).forEach((text, place) => places.set(text, place));
      }
      for (let row = 0; row < this.rows; row++) {
        const value = field.at(row);
        if (value === null) ranks[row] = NaN;
        else ranks[row] = field.form === "text" ? places.get(String(value)) : typeof value === "number" ? value : NaN;
      }
      return ranks;
    }

    refresh() {
      const wanted = this.input ? this.input.value.trim().toLowerCase() : "";
      let order = Array.from({ length: this.rows }, (_, row) => row);
      for (const test of this.tests(wanted)) order = order.filter(test);
      if (this.sorted.field >= 0) {
        const ranks = this.ranks(this.fields[this.sorted.field]);
        const way = this.sorted.down ? -1 : 1;
        order.sort((one, other) => {
          const [a, b] = [ranks[one], ranks[other]];
          // What there is not comes last, whichever way.
          if (a !== a || b !== b) return (a !== a) - (b !== b) || one - other;
          return way * (a - b) || one - other;
        });
      }
      this.order = order;
      // On paper the first rows are shown.
      if (this.more) this.more.textContent = order.length > PLAIN ? "… and " + (order.length - PLAIN) + " more rows" : "";
      if (this.count) this.count.textContent = wanted ? order.length + " of " + this.rows + " rows" : "";
      this.start();
    }

    // `word`, which some cell has, or `name > 0.5`.
    tests(text) {
      const tests = [];
      const names = this.fields.map((field) => field.name.toLowerCase().replace(/_/g, " "));
      const rest = text.replace(/([a-z][a-z_ ]*?)\s*(<=|>=|<|>|=)\s*(-?[0-9.]+(?:e-?[0-9]+)?)/g, (all, name, sign, value) => {
        const wanted = name.replace(/_/g, " ").trim();
        // Words that stand before the name are words.
        const at = names.findIndex((known) => wanted === known || wanted.endsWith(" " + known));
        if (at < 0 || this.fields[at].form === "text") return all;
        const [get, limit] = [this.fields[at].at, Number(value)];
        const holds = { "<": (x) => x < limit, ">": (x) => x > limit, "<=": (x) => x <= limit, ">=": (x) => x >= limit, "=": (x) => x === limit }[sign];
        tests.push((row) => get(row) !== null && holds(get(row)));
        return wanted.slice(0, wanted.length - names[at].length);
      });
      for (const word of rest.split(/\s+/).filter(Boolean)) {
        const fields = this.fields.filter((field) => field.form === "text" || field.form === "step" || /[0-9]/.test(word));
        // A value that comes again and again is looked at once.
        const known = fields.map(() => new Map());
        tests.push((row) =>
          fields.some((field, at) => {
            const value = field.at(row);
            if (!known[at].has(value)) known[at].set(value, show(field.form, value).toLowerCase().includes(word));
            return known[at].get(value);
          })
        );
      }
      return tests;
    }

    start() {
      this.body.replaceChildren();
      this.scroll.scrollTop = 0;
      this.fill();
    }

    // Rows as far as somebody has come.
    fill() {
      const all = this.order ? this.order.length : this.rows;
      while (this.body.childElementCount < all) {
        const there = this.body.childElementCount;
        const left = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight;
        if (there > 0 && left > 400) break;
        const rows = document.createDocumentFragment();
        for (let at = there; at < Math.min(all, there + CHUNK); at++) rows.append(this.row(this.order ? this.order[at] : at));
        this.body.append(rows);
        if (there > 0 && this.scroll.clientHeight === 0) break;
      }
    }

    row(row) {
      const cells = this.fields.map((field, at) => {
        const value = field.at(row);
        const text = show(field.form, value);
        const name = this.wide ? { "data-name": field.name.replace(/_/g, " ") } : {};
        if (field.form === "step") return make("td", name, typeof value === "number" ? make("a", { href: "#key-" + text }, text) : text);
        if (field.form === "text") return make(at === 0 ? "th" : "td", at === 0 ? { scope: "row", ...name } : name, text);
        return make("td", { class: "n", ...name, title: field.form === "number" && value !== null ? String(value) : null }, text);
      });
      return make("tr", {}, ...cells);
    }
  }

  document.body.classList.add("scripted");
  for (const [id, sheet] of Object.entries(data.sheets)) new Sheet(id, sheet);

  // ---- Steps --------------------------------------------------------------------------------------------------------
  const [stageOf, instanceOf, stateOf] = [steps.stage, steps.instance, steps.state].map(column);
  const [startedOf, secondsOf, hostOf, deviceOf, programOf] = ["started", "seconds", "host", "device", "program"].map((name) => column(steps[name]));
  const [inputsOf, rolesOf, outputsOf] = [steps.inputs, steps.roles, steps.outputs].map(column);
  const count = steps.stages.reduce((sum, stage) => sum + stage.steps.length, 0);
  const nameOf = (step) => {
    const instance = instanceOf(step);
    return steps.stages[stageOf(step)].name + (instance ? "[" + instance + "]" : "");
  };
  const stepLink = (step) => (keyOf(step) ? make("a", { href: "#key-" + shortKey(step) }, nameOf(step)) : make("a", { href: "#step-" + step }, nameOf(step)));

  // `study.toml:12` leads to that line.
  const placeLink = (place) => {
    const end = place.lastIndexOf(":");
    const text = end < 0 ? -1 : data.texts.indexOf(place.slice(0, end));
    return text < 0 ? place : make("a", { href: "#text" + text + "-" + place.slice(end + 1) }, place);
  };

  let users = null;
  const usersOf = (wanted) => {
    if (!users) {
      users = Array.from({ length: count }, () => []);
      for (let step = 0; step < count; step++) {
        new Set(inputsOf(step)).forEach((from) => users[from].push(step));
      }
    }
    return users[wanted];
  };

  const table = (headings, rows) => {
    const cells = (row) => row.map((cell, at) => (at === 0 ? make("th", { scope: "row" }, cell) : make("td", {}, cell)));
    return make("div", { class: "scroll", tabindex: "0" },
      make("table", {},
        make("thead", {}, make("tr", {}, ...headings.map((heading) => make("th", { scope: "col" }, heading)))),
        make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row))))));
  };
  const MOST = 500;
  const part = (title, headings, rows) => {
    if (rows.length === 0) return [];
    const more = rows.length > MOST ? [make("p", {}, "… and " + (rows.length - MOST) + " more")] : [];
    return [make("h3", {}, title), table(headings, rows.slice(0, MOST)), ...more];
  };

  const dialog = make("dialog", { "aria-labelledby": "step-title" });
  document.body.append(dialog);
  const leave = () => {
    if (/^#(key|step)-/.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
  };
  dialog.addEventListener("close", leave);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  const open = (step) => {
    const stage = steps.stages[stageOf(step)];
    const at = stage.steps.indexOf(step);
    const why = column(steps.why)(step);
    const facts = [["state", stateOf(step) + (why ? ": " + why : "")], ["step", stage.kind + " version " + stage.version]];
    if (stage.table) facts.push(["table", placeLink(stage.table)]);
    if (keyOf(step)) facts.push(["key", make("code", {}, keyOf(step))]);
    if (startedOf(step) !== null) {
      facts.push(["ran", utc(startedOf(step)) + ", took " + duration(secondsOf(step))]);
      facts.push(["on", [deviceOf(step), hostOf(step)].filter(Boolean).join(" of ") + ", by pipeline " + programOf(step)]);
    }
    Object.entries(steps.facts[step] || {}).forEach((fact) => facts.push(fact));
    const parameters = stage.parameters.map(([name, from, values]) => [name, JSON.stringify(column(values)(at)), placeLink(from)]);
    const roles = rolesOf(step), outputs = outputsOf(step), made = [];
    const reads = inputsOf(step).map((from, at) => [steps.words[roles[2 * at]], steps.words[roles[2 * at + 1]], stepLink(from)]);
    for (let i = 0; i < outputs.length; i += 3) made.push([steps.words[outputs[i]], size(outputs[i + 1]), make("code", {}, outputs[i + 2] + "…")]);
    const needed = usersOf(step).map((user) => [stepLink(user)]);
    dialog.replaceChildren(
      make("button", { type: "button", class: "close", on: { click: () => dialog.close() } }, "Close"),
      make("h2", { id: "step-title" }, nameOf(step)),
      make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      ...part("Parameters", ["name", "value", "from"], parameters),
      ...part("Reads", ["as", "what", "of"], reads),
      ...part("Made", ["what", "size", "digest"], made),
      ...part("Needed by", ["step"], needed)
    );
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  };

  const byKey = (start) => {
    for (let step = 0; step < count; step++) if ((keyOf(step) || "").startsWith(start)) return step;
    return -1;
  };

  const arrive = () => {
    const [, what, name] = /^#(key|step)-(.+)$/.exec(location.hash) || [];
    if (what) {
      const step = what === "key" ? byKey(name) : Number(name);
      if (step >= 0 && step < count) open(step);
      return;
    }
    if (dialog.open) dialog.close();
    // Whatever somebody wrote behind the address.
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let outer = target; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", arrive);

  const SHOWN = 20;
  const found = make("ul", {});
  const find = () => {
    const text = input.value.trim().toLowerCase();
    const items = [];
    let more = 0;
    for (let step = 0; text && step < count; step++) {
      if (!nameOf(step).toLowerCase().includes(text) && !(text.length >= 4 && (keyOf(step) || "").startsWith(text))) continue;
      if (items.length < SHOWN) items.push(make("li", {}, stepLink(step), " ", make("small", {}, shortKey(step) + " " + stateOf(step))));
      else more += 1;
    }
    if (more) items.push(make("li", {}, "… and " + more + " more"));
    found.replaceChildren(...items);
  };
  const input = make("input", { type: "search", "aria-label": "Find a step by its name or key", placeholder: "a step, or a key", on: { input: find } });
  document.getElementById("find").append(input, found);

  // On paper nothing can be opened.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => (one.open = true));
  });
  window.addEventListener("afterprint", () => closed.forEach((one) => (one.open = false)));

  arrive();
})();
