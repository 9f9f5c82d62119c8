"use strict";
// Draws each run's pictures from the numbers in the page. No library: what is
// shown is three pictures, and a library would be ten times as large as a run.
(() => {
  const fail = (why) => { document.documentElement.dataset.error = String(why); };
  addEventListener("error", (event) => fail(event.message));
  const runs = JSON.parse(document.getElementById("data").textContent);
  const svgName = "http://www.w3.org/2000/svg";
  const count = (number) => number.toLocaleString("en-US");
  const short = (number) => number === null ? "none" : String(+number.toPrecision(3));
  const share = (part) => short(100 * part) + " %";

  const element = (parent, name, attributes = {}, text = "") => {
    const node = document.createElement(name);
    Object.assign(node, attributes);
    if (text) node.textContent = text;
    parent.append(node);
    return node;
  };
  const shape = (parent, name, attributes, text = "") => {
    const node = document.createElementNS(svgName, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    parent.append(node);
    return node;
  };

  const drawRun = (section, run) => {
    const state = { curve: 0, from: 0, to: run.first.length - 1, at: null };
    const place = section.querySelector(".pictures");
    if (!run.first.length) return;

    // Norm against threshold.
    const figure = element(place, "figure");
    const bar = element(figure, "div", { className: "bar" });
    const label = element(bar, "label", {}, "Show ");
    const choice = element(label, "select", { className: "curve" });
    run.curves.forEach((curve, i) => element(choice, "option", { value: i }, curve.name));
    const all = element(bar, "button", { type: "button" }, "All steps");
    const caption = element(figure, "figcaption");
    const picture = shape(figure, "svg", { role: "img", class: "norms" });
    const told = element(figure, "div", { className: "told" });
    const margin = { left: 56, right: 24, top: 10, bottom: 38 };

    const draw = () => {
      const curve = run.curves[state.curve];
      const width = Math.max(place.clientWidth, 280), height = 300;
      picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
      picture.setAttribute("height", height);
      picture.replaceChildren();
      const columns = [];
      for (let i = state.from; i <= state.to; i++) columns.push(i);
      const seen = columns.flatMap((i) => [curve.low[i], curve.high[i], curve.bound[i]])
        .filter((value) => value !== null && value > 0);
      const logs = seen.map(Math.log10);
      const bottom = logs.length ? logs.reduce((a, b) => Math.min(a, b)) - 0.05 : -1;
      const top = logs.length ? logs.reduce((a, b) => Math.max(a, b)) + 0.05 : 1;
      const start = run.first[state.from], end = run.last[state.to] + 1;
      const inner = width - margin.left - margin.right;
      const x = (step) => margin.left + inner * (step - start) / (end - start);
      const middleOf = (i) => (run.first[i] + run.last[i] + 1) / 2;
      const y = (value) => margin.top
        + (height - margin.top - margin.bottom) * (top - Math.log10(value)) / (top - bottom);

      let ticks = [];
      for (let e = Math.ceil(bottom); e <= top; e++) ticks.push(10 ** e);
      if (ticks.length < 2)
        ticks = [0, 1, 2, 3].map((k) => +(10 ** (bottom + (top - bottom) * (0.1 + k * 0.26)))
          .toPrecision(2));
      for (const tick of ticks) {
        shape(picture, "line", { x1: margin.left, x2: width - margin.right,
          y1: y(tick), y2: y(tick), class: "grid" });
        shape(picture, "text", { x: margin.left - 8, y: y(tick) + 4,
          "text-anchor": "end" }, short(tick));
      }
      const rough = (end - start) / Math.max(2, Math.floor(inner / 110));
      const power = 10 ** Math.floor(Math.log10(rough));
      const between = Math.max(1, [1, 2, 5, 10].find((n) => n * power >= rough) * power);
      for (let step = Math.ceil(start / between) * between; step < end; step += between)
        shape(picture, "text", { x: x(step), y: height - 18, "text-anchor": "middle" },
          count(step));
      shape(picture, "text", { x: width - margin.right, y: height - 4,
        "text-anchor": "end" }, "update");
      const known = columns.filter((i) => curve.middle[i] !== null);
      const band = known.map((i) => `${x(middleOf(i))},${y(curve.high[i])}`)
        .concat(known.slice().reverse().map((i) => `${x(middleOf(i))},${y(curve.low[i])}`));
      shape(picture, "polygon", { points: band.join(" "), fill: "var(--norm)",
        "fill-opacity": 0.3, class: "band" });
      const line = (values, colour, name, dashes = "") => {
        let path = "", pen = "M";
        for (const i of columns) {
          if (values[i] === null || !(values[i] > 0)) { pen = "M"; continue; }
          path += `${pen}${x(middleOf(i)).toFixed(1)},${y(values[i]).toFixed(1)}`;
          pen = "L";
        }
        shape(picture, "path", { d: path, fill: "none", stroke: colour,
          "stroke-width": 1.8, "stroke-dasharray": dashes, class: name });
      };
      line(curve.bound, "var(--bound)", "bound", state.curve === 0 ? "2 3" : "");
      line(curve.middle, "var(--norm)", "middle");
      for (const i of columns) {
        if (curve.clipped[i] > 0 && curve.high[i] !== null)
          shape(picture, "circle", { cx: x(middleOf(i)), cy: y(curve.high[i]), r: 2.2,
            fill: "var(--clipped)", class: "clipped" });
        if (run.broken[i])
          shape(picture, "text", { x: x(middleOf(i)), y: height - margin.bottom,
            "text-anchor": "middle", style: "fill:var(--hot)", class: "broken" }, "×");
      }
      const cursor = shape(picture, "line", { y1: margin.top, y2: height - margin.bottom,
        stroke: "var(--soft)", "stroke-dasharray": "3 3", visibility: "hidden" });
      const brush = shape(picture, "rect", { y: margin.top,
        height: height - margin.top - margin.bottom, fill: "var(--soft)",
        "fill-opacity": 0.2, visibility: "hidden" });
      const columnAt = (event) => {
        const box = picture.getBoundingClientRect();
        const step = start + (end - start)
          * ((event.clientX - box.left) * width / box.width - margin.left) / inner;
        let nearest = state.from;
        for (const i of columns) if (run.first[i] <= step) nearest = i;
        return nearest;
      };
      let pressed = null;
      picture.onpointermove = (event) => {
        const i = columnAt(event);
        cursor.setAttribute("x1", x(middleOf(i)));
        cursor.setAttribute("x2", x(middleOf(i)));
        cursor.setAttribute("visibility", "visible");
        tell(i);
        if (pressed === null) return;
        const [a, b] = [Math.min(pressed, i), Math.max(pressed, i)];
        brush.setAttribute("x", x(run.first[a]));
        brush.setAttribute("width", x(run.last[b] + 1) - x(run.first[a]));
        brush.setAttribute("visibility", "visible");
      };
      picture.onpointerdown = (event) => {
        if (event.pointerType === "mouse") pressed = columnAt(event);
      };
      picture.onpointerup = (event) => {
        const [a, b] = [pressed, columnAt(event)].sort((m, n) => m - n);
        const wide = pressed !== null && b - a >= 3;
        pressed = null;
        if (wide) { state.from = a; state.to = b; draw(); }
      };
      picture.onpointerleave = () => {
        pressed = null;
        brush.setAttribute("visibility", "hidden");
      };
      const isWhole = state.curve === 0;
      caption.replaceChildren();
      const key = (colour, words) => {
        const whole = element(caption, "span", { className: "keyed" });
        const dot = element(whole, "span", { className: "key" });
        dot.style.background = `var(--${colour})`;
        whole.append(words);
        caption.append(" ");
      };
      caption.append("Norm of the gradient, each column from the smallest to the largest. ");
      key("norm", "median norm");
      key("clipped", "largest norm where any was clipped");
      key("bound", isWhole ? "median after clipping" : "threshold");
      all.hidden = state.from === 0 && state.to === run.first.length - 1;
      tell(null);
    };

    const tell = (i) => {
      const curve = run.curves[state.curve];
      if (i === null) {
        told.textContent = "Point at the picture for numbers; drag across it to zoom.";
        return;
      }
      const steps = run.first[i] === run.last[i] ? `Step ${count(run.first[i])}`
        : `Steps ${count(run.first[i])} to ${count(run.last[i])}`;
      const bound = state.curve === 0 ? "after clipping" : "threshold";
      told.textContent = `${steps}: median norm ${short(curve.middle[i])}, largest `
        + `${short(curve.high[i])}, ${bound} ${short(curve.bound[i])}, `
        + `${share(curve.clipped[i])} clipped`
        + (run.broken[i] ? `, ${run.broken[i]} with a NaN or an inf` : "");
    };
    choice.onchange = () => { state.curve = +choice.value; draw(); drawSpread(); };
    all.onclick = () => { state.from = 0; state.to = run.first.length - 1; draw(); };

    // Layers by steps.
    const layers = run.curves.slice(1);
    const heat = element(place, "figure");
    const shown = layers.length < run.groups ? `, the ${layers.length} of ${run.groups} `
      + "that were clipped most" : "";
    element(heat, "figcaption", {}, `Largest norm over threshold: each row a layer${shown}, `
      + "orange above the threshold, blue below. Choose one by a click.");
    const canvas = element(heat, "canvas", { className: "heat" });
    const toldHeat = element(heat, "div", { className: "told" });
    const drawHeat = () => {
      const row = layers.length > 16 ? 22 : 30, above = 15;
      const width = Math.max(place.clientWidth, 280), height = row * layers.length;
      const scale = devicePixelRatio || 1;
      canvas.width = width * scale;
      canvas.height = height * scale;
      canvas.style.height = `${height}px`;
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      const colour = (name) =>
        getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      const [hot, cold, none] = ["--hot", "--norm", "--faint"].map(colour);
      // Below the picture above, column by column.
      const start = run.first[0], end = run.last.at(-1) + 1;
      const inner = width - margin.left - margin.right;
      const x = (step) => margin.left + inner * (step - start) / (end - start);
      layers.forEach((curve, r) => run.first.forEach((_, i) => {
        const ratio = curve.ratio[i];
        pen.globalAlpha = 1;
        pen.fillStyle = none;
        if (ratio !== null) {
          // Up to 16 times above or below: beyond it looks like it.
          pen.globalAlpha = Math.min(Math.abs(Math.log2(ratio)) / 4, 1) || 0.02;
          pen.fillStyle = ratio > 1 ? hot : cold;
        }
        if (run.broken[i]) { pen.globalAlpha = 1; pen.fillStyle = hot; }
        const left = x(run.first[i]);
        pen.fillRect(left, r * row + above, x(run.last[i] + 1) - left + 0.3,
          row - above - 1);
      }));
      pen.font = "12px system-ui, sans-serif";
      pen.textBaseline = "middle";
      layers.forEach((curve, r) => {
        pen.globalAlpha = 1;
        pen.fillStyle = colour("--text");
        pen.fillText(curve.name, margin.left, r * row + above / 2);
      });
    };
    const heatAt = (event) => {
      const box = canvas.getBoundingClientRect();
      const inner = box.width - margin.left - margin.right;
      const i = Math.floor((event.clientX - box.left - margin.left) / inner
        * run.first.length);
      const r = Math.floor((event.clientY - box.top) / box.height * layers.length);
      return [Math.max(0, Math.min(r, layers.length - 1)),
        Math.max(0, Math.min(i, run.first.length - 1))];
    };
    canvas.onpointermove = (event) => {
      const [r, i] = heatAt(event);
      toldHeat.textContent = `${layers[r].name}, steps ${count(run.first[i])} to `
        + `${count(run.last[i])}: ${short(layers[r].ratio[i])} times the threshold at most`;
    };
    canvas.onclick = (event) => {
      choice.value = heatAt(event)[0] + 1;
      choice.onchange();
    };

    // What a percentile would give.
    const spread = element(place, "figure");
    const spreadCaption = element(spread, "figcaption");
    const slide = element(spread, "div", { className: "bar" });
    const knob = element(slide, "input", { type: "range", min: 1, max: 99, value: 90,
      className: "percentile" });
    knob.setAttribute("aria-label", "percentile of the norms");
    const verdict = element(spread, "div", { className: "told verdict" });
    const drawSpread = () => {
      const curve = run.curves[state.curve], p = +knob.value;
      spreadCaption.textContent =
        `Which fixed threshold would which percentile of the norms be? (${curve.name})`;
      const value = curve.percentiles[p - 1];
      verdict.textContent = value === undefined ? "No norms."
        : `Percentile ${p}: a threshold of ${short(value)} would clip ${100 - p} % of steps.`;
    };
    knob.oninput = drawSpread;

    const drawAll = () => { draw(); drawHeat(); };
    drawAll();
    drawSpread();
    addEventListener("resize", drawAll);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawHeat);
  };

  try {
    document.querySelectorAll("section.run")
      .forEach((section) => drawRun(section, runs[+section.dataset.run]));
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    fail(error.stack || error);
  }
})();
