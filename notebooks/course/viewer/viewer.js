// The viewer's code.  No library, no request: everything it shows lies in the two JSON blocks of this page.
// Texts reach the page through textContent only, so that nothing in a sentence is ever read as HTML.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const texts = JSON.parse($("texts").textContent);
  const count = texts.length;
  const NONE = 65535; // a missing month, region or cluster
  const HIDDEN = 0, VIVID = 1, FADES = [0.35, 0.55, 0.72]; // how far a faded point's colour goes towards the paper
  const TRAIL = 12; // months
  const ROWS = 25; // of the table, a page

  function numbers(base64, Type) {
    const raw = atob(base64);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new Type(bytes.buffer);
  }

  const month = numbers(data.month, Uint16Array);
  const region = numbers(data.region, Uint16Array);
  const cluster = data.cluster ? numbers(data.cluster, Uint16Array) : new Uint16Array(count).fill(NONE);
  const maps = data.maps.map((map) => numbers(map, Uint16Array)); // x, y of each row, 0..65535
  const spaces = data.spaces.map((space) => ({
    name: space.name,
    kept: space.kept,
    neighbours: numbers(space.neighbours, data.wide ? Uint32Array : Uint16Array), // (rows, k)
    cosines: numbers(space.cosines, Uint8Array), // (cosine + 1) * 100
  }));
  const k = data.k;
  const months = data.months, regions = data.regions, clusters = data.clusters;
  const UNPLACED = regions.length; // the region "none" is drawn and toggled like any other
  for (let i = 0; i < count; i++) if (region[i] === NONE) region[i] = UNPLACED;

  // Rows are drawn in one fixed shuffled order: in the order of the file one region would cover another.
  const shuffled = new Uint32Array(count);
  for (let i = 0, seed = 1; i < count; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 4294967296) * (i + 1));
    shuffled[i] = shuffled[j];
    shuffled[j] = i;
  }

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const state = {
    from: 0, width: months.length, // all months
    space: 0, move: 0, // 0 on the first map, 1 on the second, between them on the way
    scale: 1, x: 0.5, y: 0.5, // zoom, and the place at the middle of the stage
    chosen: -1, cursor: -1, marked: null, markedRows: [], markedBy: "", page: 0, timer: 0,
  };
  const level = new Uint8Array(count); // HIDDEN, VIVID or 2.. for the fades
  const live = new Uint8Array(count); // passes months, regions and cluster
  const order = new Uint32Array(count);
  let drawn = 0, shown = 0;

  // ------------------------------------------------------------------------------------------------ words

  const number = (n) => n.toLocaleString("en");
  const named = (row) => (region[row] === UNPLACED ? "no region" : regions[region[row]].name);
  const dated = (row) => (month[row] === NONE ? "no month" : months[month[row]]);
  const all = () => state.width >= months.length;
  const span = () => {
    if (!months.length) return "no months";
    const last = Math.min(state.from + state.width, months.length) - 1;
    return all() ? "all months" : state.width === 1 ? months[state.from] : `${months[state.from]} to ${months[last]}`;
  };

  let saying = 0;
  function say(words) { // to screen readers, once things are at rest
    clearTimeout(saying);
    saying = setTimeout(() => { $("say").textContent = words; }, 250);
  }

  function element(name, words, kind) {
    const made = document.createElement(name);
    if (words !== undefined) made.textContent = words;
    if (kind) made.className = kind;
    return made;
  }

  const described = (row) => `${texts[row].slice(0, 300) || "(empty)"} (${dated(row)}, ${named(row)})`;

  function sentence(row) { // a button that chooses the row
    const full = texts[row] || "(empty)";
    const button = element("button", full.length > 400 ? full.slice(0, 400) + "…" : full, "text");
    button.type = "button";
    button.dir = "auto";
    button.dataset.row = row;
    return button;
  }

  // ---------------------------------------------------------------------------------------------- filters

  function refilter() {
    const on = [...$("regions").querySelectorAll("input[data-region]")].map((box) => box.checked);
    const undated = $("undated") === null || $("undated").checked;
    const only = $("cluster").value === "" ? -1 : Number($("cluster").value);
    const trails = $("trails").checked, whole = all(), end = state.from + state.width;
    const sizes = new Uint32Array(VIVID + FADES.length + 1);
    shown = 0;
    for (let i = 0; i < count; i++) {
      let now = HIDDEN;
      if (on[region[i]] && (only < 0 || cluster[i] === only)) {
        const m = month[i];
        if (m === NONE) now = undated ? VIVID : HIDDEN;
        else if (whole || (m >= state.from && m < end)) now = VIVID;
        else if (trails && m < state.from && state.from - m <= TRAIL) {
          now = VIVID + 1 + Math.floor(((state.from - m - 1) * FADES.length) / TRAIL);
        }
      }
      live[i] = now === VIVID ? 1 : 0;
      shown += live[i];
      if (now !== HIDDEN && state.marked && !state.marked[i]) now = VIVID + FADES.length;
      level[i] = now;
      sizes[now]++;
    }
    // The most faded first, so that what counts lies on top.
    const start = new Uint32Array(sizes.length);
    drawn = 0;
    for (let l = sizes.length - 1; l > HIDDEN; l--) {
      start[l] = drawn;
      drawn += sizes[l];
    }
    for (let j = 0; j < count; j++) {
      const row = shuffled[j];
      if (level[row] !== HIDDEN) order[start[level[row]]++] = row;
    }
    const missing = [[data.undated, "without a month"], [data.unplaced, "without a region"], [data.unclustered, "in no cluster"]]
      .filter(([n]) => n).map(([n, what]) => `${number(n)} ${what}`);
    $("status").textContent = `${number(shown)} of ${number(count)} sentences shown, ${span()}` +
      (missing.length ? ` · in all ${missing.join(", ")}` : "");
    $("when").textContent = span();
    $("month").setAttribute("aria-valuetext", `${span()}, ${number(shown)} sentences`);
    caption();
    repaint();
  }

  // ---------------------------------------------------------------------------------------------- drawing
  // Points are stamped into one picture in memory: 100,000 of them take a few milliseconds of plain processor time,
  // with or without a graphics card.  What lies over them (names, paths, lines, brush) is drawn as usual.

  const points = $("points").getContext("2d");
  const over = $("over").getContext("2d");
  let picture, pixels, wide = 1, high = 1, ratio = 1, theme, stamps = [];

  const turned = (n, turn = 0, out = 1, inner = out) => // corners of a regular polygon, or of a star
    Array.from({ length: n }, (_, i) => {
      const angle = (2 * Math.PI * i) / n + turn, r = i % 2 ? inner : out;
      return [r * Math.sin(angle), -r * Math.cos(angle)];
    });
  const a = 0.42, b = 1.2;
  const plus = [[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]];
  const SHAPES = { // about equal in area; y points down
    circle: turned(20),
    square: turned(4, Math.PI / 4, 1.25),
    up: turned(3, 0, 1.5),
    diamond: turned(4, 0, 1.4),
    down: turned(3, Math.PI, 1.5),
    plus,
    cross: plus.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]),
    star: turned(10, 0, 1.55, 0.7),
    bar: [[-1.3, -0.45], [1.3, -0.45], [1.3, 0.45], [-1.3, 0.45]],
  };

  function inside(polygon, x, y) {
    let odd = false;
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
      const [xi, yi] = polygon[i], [xj, yj] = polygon[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
    }
    return odd;
  }

  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const mix = (from, to, share) => from.map((c, i) => Math.round(c + (to[i] - c) * share));
  const packed = ([r, g, blue]) => ((255 << 24) | (blue << 16) | (g << 8) | r) >>> 0;

  // One shape in one colour, as distances from its middle and their colours.  The rim is darker (lighter in the dark),
  // so that pale colours stand out and neighbours stay apart; its outermost pixels run into the paper.
  function stamp(shape, colour, radius, rim) {
    const polygon = SHAPES[shape], reach = Math.ceil(radius * 1.6) + 1, fine = 4;
    const edge = mix(colour, theme.ink, rim), core = Math.max(0, 1 - 1 / radius);
    const dx = [], dy = [], paint = [];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        let outer = 0, inner = 0;
        for (let s = 0; s < fine * fine; s++) {
          const u = (x + ((s % fine) + 0.5) / fine - 0.5) / radius, v = (y + (Math.floor(s / fine) + 0.5) / fine - 0.5) / radius;
          if (inside(polygon, u, v)) outer++;
          if (core > 0.3 && inside(polygon, u / core, v / core)) inner++;
        }
        if (outer < fine * fine * 0.2) continue;
        const body = core > 0.3 ? mix(edge, colour, inner / outer) : mix(colour, theme.ink, rim / 3);
        dx.push(x);
        dy.push(y);
        paint.push(packed(mix(theme.paper, body, outer / (fine * fine))));
      }
    }
    return { dx: Int32Array.from(dx), dy: Int32Array.from(dy), step: new Int32Array(dx.length), paint: Uint32Array.from(paint), reach };
  }

  function restamp() {
    const css = getComputedStyle(document.documentElement);
    const look = (name) => css.getPropertyValue(name).trim();
    theme = { paper: rgb(look("--paper")), ink: rgb(look("--ink")), grid: rgb(look("--grid")), focus: look("--focus"), css: { paper: look("--paper"), ink: look("--ink"), soft: look("--soft") } };
    const radius = Number($("size").value) * ratio;
    stamps = [];
    regions.forEach(({ colour, shape }, r) => {
      const full = rgb(colour);
      const faded = FADES.map((share) => stamp(shape, mix(full, theme.paper, share), radius, 0));
      stamps[r] = [null, stamp(shape, full, radius, 0.4), ...faded];
    });
    const grey = mix(theme.ink, theme.paper, 0.35);
    stamps[UNPLACED] = [null, stamp("bar", grey, radius, 0.2), ...FADES.map((share) => stamp("bar", mix(grey, theme.paper, share), radius, 0))];
    for (const sort of stamps) for (const s of sort) if (s) for (let i = 0; i < s.step.length; i++) s.step[i] = s.dy[i] * wide + s.dx[i];
    for (const swatch of document.querySelectorAll("canvas[data-swatch]")) { // the same stamps in the list of regions
      const dots = devicePixelRatio || 1, context = swatch.getContext("2d");
      swatch.width = swatch.height = Math.round(18 * dots);
      const r = Number(swatch.dataset.swatch);
      const s = r === UNPLACED ? stamp("bar", grey, 5 * dots, 0.2) : stamp(regions[r].shape, rgb(regions[r].colour), 5 * dots, 0.4);
      const image = context.createImageData(swatch.width, swatch.height), to = new Uint32Array(image.data.buffer), middle = swatch.width >> 1;
      for (let i = 0; i < s.paint.length; i++) to[(middle + s.dy[i]) * swatch.width + middle + s.dx[i]] = s.paint[i];
      context.putImageData(image, 0, 0);
    }
  }

  // Both maps keep their aspect and fill the stage; the larger extent of the two holds for both, so the axes stay.
  const fit = () => Math.min((wide - 32 * ratio) / data.extent[0], (high - 32 * ratio) / data.extent[1]) * state.scale;
  const second = maps[maps.length - 1];
  function place(row) { // in pixels of the picture
    const x = maps[0][2 * row] + (second[2 * row] - maps[0][2 * row]) * state.move;
    const y = maps[0][2 * row + 1] + (second[2 * row + 1] - maps[0][2 * row + 1]) * state.move;
    return toStage(x / 65535, y / 65535);
  }
  const toStage = (x, y) => [(x - state.x) * fit() + wide / 2, high / 2 - (y - state.y) * fit()];

  function drawPoints() {
    pixels.fill(packed(theme.paper));
    const line = packed(theme.grid), scale = fit();
    for (let g = 0; g <= 8; g++) { // a grid that belongs to the map, so that moving and zooming show
      const [x, y] = toStage(g / 8, g / 8).map(Math.round);
      if (x >= 0 && x < wide) for (let at = x; at < pixels.length; at += wide) pixels[at] = line;
      if (y >= 0 && y < high) pixels.fill(line, y * wide, (y + 1) * wide);
    }
    const first = maps[0], move = state.move;
    const sx = scale / 65535, ox = wide / 2 - state.x * scale, oy = high / 2 + state.y * scale;
    for (let j = 0; j < drawn; j++) {
      const row = order[j], i = 2 * row;
      const x = Math.round((first[i] + (second[i] - first[i]) * move) * sx + ox);
      const y = Math.round(oy - (first[i + 1] + (second[i + 1] - first[i + 1]) * move) * sx);
      const s = stamps[region[row]][level[row]], reach = s.reach, paint = s.paint;
      if (x >= reach && y >= reach && x < wide - reach && y < high - reach) {
        const at = y * wide + x, step = s.step;
        for (let p = 0; p < paint.length; p++) pixels[at + step[p]] = paint[p];
      } else if (x > -reach && y > -reach && x < wide + reach && y < high + reach) {
        for (let p = 0; p < paint.length; p++) {
          const px = x + s.dx[p], py = y + s.dy[p];
          if (px >= 0 && py >= 0 && px < wide && py < high) pixels[py * wide + px] = paint[p];
        }
      }
    }
    points.putImageData(picture, 0, 0);
  }

  // Where each cluster's name stands: the median place of its sentences, on each map.
  const anchors = clusters.map(() => maps.map(() => [[], []]));
  for (let i = 0; i < count; i++) {
    if (cluster[i] !== NONE) maps.forEach((map, m) => { anchors[cluster[i]][m][0].push(map[2 * i]); anchors[cluster[i]][m][1].push(map[2 * i + 1]); });
  }
  const clusterSize = anchors.map((of) => of[0][0].length);
  const median = (values) => values.sort((p, q) => p - q)[values.length >> 1] / 65535;
  const centres = anchors.map((of) => of.map(([x, y]) => [median(x), median(y)]));
  const bySize = clusters.map((_, c) => c).sort((p, q) => clusterSize[q] - clusterSize[p]);

  // Sums of places by region and month, for the paths.
  const sums = maps.map((map) => {
    const table = new Float64Array((regions.length + 1) * months.length * 3);
    for (let i = 0; i < count; i++) {
      if (month[i] === NONE) continue;
      const at = (region[i] * months.length + month[i]) * 3;
      table[at] += map[2 * i] / 65535;
      table[at + 1] += map[2 * i + 1] / 65535;
      table[at + 2]++;
    }
    return table;
  });
  const smooth = months.length >= 24 ? 12 : 3; // months: a year hides the seasons, which would make a path a tangle
  function path(r) { // the mean place in the months before, up to the last month shown
    const end = Math.min(state.from + state.width, months.length), ends = sums[sums.length - 1], places = [];
    for (let m = 0; m < end; m++) {
      let x = 0, y = 0, n = 0;
      for (let near = Math.max(0, m + 1 - smooth); near <= m; near++) {
        const at = (r * months.length + near) * 3;
        x += sums[0][at] + (ends[at] - sums[0][at]) * state.move;
        y += sums[0][at + 1] + (ends[at + 1] - sums[0][at + 1]) * state.move;
        n += sums[0][at + 2];
      }
      if (n && m >= Math.min(smooth, end) - 1) places.push(toStage(x / n, y / n)); // no means of half a span
    }
    return places;
  }

  let brush = null; // corners in pixels while one is drawn
  function ring(row, radius, width, colour) {
    const [x, y] = place(row);
    over.beginPath();
    over.arc(x, y, radius * ratio, 0, 7);
    over.lineWidth = (width + 2) * ratio;
    over.strokeStyle = theme.css.paper;
    over.stroke();
    over.lineWidth = width * ratio;
    over.strokeStyle = colour;
    over.stroke();
  }

  function drawOver() {
    over.clearRect(0, 0, wide, high);
    over.lineJoin = over.lineCap = "round";
    if ($("paths").checked && months.length) {
      const on = [...$("regions").querySelectorAll("input[data-region]")].map((box) => box.checked);
      for (let r = 0; r < regions.length; r++) {
        const places = on[r] ? path(r) : [];
        if (!places.length) continue;
        for (const [width, colour] of [[5, theme.css.paper], [2.5, regions[r].colour]]) {
          over.beginPath();
          places.forEach(([x, y], i) => (i ? over.lineTo(x, y) : over.moveTo(x, y)));
          over.lineWidth = width * ratio;
          over.strokeStyle = colour;
          over.stroke();
        }
        const [x, y] = places[places.length - 1], size = 8 * ratio; // the region's shape at the end of its path
        over.beginPath();
        SHAPES[regions[r].shape].forEach(([u, v], i) => (i ? over.lineTo(x + u * size, y + v * size) : over.moveTo(x + u * size, y + v * size)));
        over.closePath();
        over.fillStyle = regions[r].colour;
        over.strokeStyle = theme.css.ink;
        over.lineWidth = 1.5 * ratio;
        over.fill();
        over.stroke();
      }
    }
    if (state.chosen >= 0) {
      const [x, y] = place(state.chosen);
      for (let j = 0; j < k; j++) {
        const [u, v] = place(spaces[state.space].neighbours[state.chosen * k + j]);
        for (const [width, colour] of [[3, theme.css.paper], [1.3, theme.css.ink]]) {
          over.beginPath();
          over.moveTo(x, y);
          over.lineTo(u, v);
          over.lineWidth = width * ratio;
          over.strokeStyle = colour;
          over.stroke();
        }
      }
      for (let j = 0; j < k; j++) ring(spaces[state.space].neighbours[state.chosen * k + j], 5, 1.5, theme.css.ink);
      ring(state.chosen, 8, 3, theme.css.ink);
    }
    if ($("names").checked && clusters.length) drawNames();
    if (state.cursor >= 0 && document.activeElement === $("over")) ring(state.cursor, 11, 3, theme.focus);
    if (brush) {
      over.beginPath();
      brush.forEach(([x, y], i) => (i ? over.lineTo(x, y) : over.moveTo(x, y)));
      over.closePath();
      over.lineWidth = 2 * ratio;
      over.setLineDash([6 * ratio, 4 * ratio]);
      over.strokeStyle = theme.focus;
      over.stroke();
      over.setLineDash([]);
    }
  }

  function drawNames() {
    const some = new Uint8Array(clusters.length);
    for (let i = 0; i < count; i++) if (live[i] && cluster[i] !== NONE) some[cluster[i]] = 1;
    over.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    over.textAlign = "center";
    over.textBaseline = "middle";
    const taken = [];
    for (const c of bySize) { // a name that would cover a larger cluster's is left to zooming in
      if (!some[c]) continue;
      const [from, to] = [centres[c][0], centres[c][centres[c].length - 1]];
      let [x, y] = toStage(from[0] + (to[0] - from[0]) * state.move, from[1] + (to[1] - from[1]) * state.move);
      if (x < 0 || y < 0 || x > wide || y > high) continue;
      const words = clusters[c].length > 34 ? clusters[c].slice(0, 33) + "…" : clusters[c];
      const half = over.measureText(words).width / 2 + 4 * ratio, tall = 10 * ratio;
      x = Math.max(half, Math.min(wide - half, x));
      y = Math.max(tall, Math.min(high - tall, y));
      if (taken.some(([u, v, w]) => Math.abs(u - x) < w + half && Math.abs(v - y) < 2 * tall)) continue;
      taken.push([x, y, half]);
      over.lineWidth = 4 * ratio;
      over.strokeStyle = theme.css.paper;
      over.strokeText(words, x, y);
      over.fillStyle = theme.css.ink;
      over.fillText(words, x, y);
    }
  }

  let due = 0;
  function repaint() {
    if (!due) due = requestAnimationFrame(() => { due = 0; drawPoints(); drawOver(); });
  }
  function repaintOver() {
    if (!due) drawOver();
  }

  function resize() {
    const { clientWidth: width, clientHeight: height } = $("stage"); // inside its border, as the canvases are
    // No more than 2.5 million pixels: on a very large and fine screen points get coarser rather than slow.
    ratio = Math.min(devicePixelRatio || 1, 2, Math.sqrt(2.5e6 / Math.max(1, width * height)));
    wide = Math.max(1, Math.round(width * ratio));
    high = Math.max(1, Math.round(height * ratio));
    for (const id of ["points", "over"]) { $(id).width = wide; $(id).height = high; }
    picture = points.createImageData(wide, high);
    pixels = new Uint32Array(picture.data.buffer);
    restamp();
    drawPoints();
    drawOver();
  }

  // ------------------------------------------------------------------------------- choosing and marking

  function closest(x, y, within) { // of the sentences shown
    const first = maps[0], move = state.move, scale = fit() / 65535; // as `place`, without an array for each row
    const ox = wide / 2 - state.x * fit() - x, oy = high / 2 + state.y * fit() - y;
    let best = -1, least = within * within;
    for (let i = 0; i < count; i++) {
      if (!live[i]) continue;
      const u = ox + (first[2 * i] + (second[2 * i] - first[2 * i]) * move) * scale;
      const v = oy - (first[2 * i + 1] + (second[2 * i + 1] - first[2 * i + 1]) * move) * scale;
      if (u * u + v * v < least) { least = u * u + v * v; best = i; }
    }
    return best;
  }

  function choose(row) {
    state.chosen = state.cursor = row;
    const box = $("detail");
    box.replaceChildren(element("h2", "Sentence"));
    if (row < 0) {
      box.append(element("p", "Choose a point on the map or a row of the table.", "hint"));
    } else {
      const quote = element("blockquote", texts[row] || "(empty)");
      quote.dir = "auto";
      const group = !clusters.length ? "" : ` · ${cluster[row] === NONE ? "no cluster" : clusters[cluster[row]]}`;
      box.append(quote, element("p", `${dated(row)} · ${named(row)}${group}`, "soft"));
      const sets = spaces.map((space) => new Set(space.neighbours.subarray(row * k, row * k + k)));
      for (const s of spaces.length > 1 ? [state.space, 1 - state.space] : [0]) {
        if (!k) break;
        const both = spaces.length > 1 ? [...sets[0]].filter((other) => sets[1].has(other)).length : 0;
        const title = element("h3", `Nearest by the ${spaces[s].name} embedding` + (spaces.length > 1 && s === state.space ? ` (${both} of ${k} in both)` : ""));
        const list = element("ol");
        list.dataset.space = spaces[s].name;
        for (let j = 0; j < k; j++) {
          const other = spaces[s].neighbours[row * k + j], item = element("li"), words = element("span");
          words.append(sentence(other), element("span", ` ${dated(other)} · ${named(other)}${live[other] ? "" : " · not shown now"}`, "soft"));
          item.append(element("span", (spaces[s].cosines[row * k + j] / 100 - 1).toFixed(2)), words);
          list.append(item);
        }
        box.append(title, list);
      }
      if (k) box.append(element("p", "Numbers are cosines in the whole space, not distances on the map.", "hint"));
      say(`${described(row)} ${k} neighbours listed.`);
    }
    repaintOver();
  }

  function mark(rows, by) { // null: no marks
    state.marked = rows && new Uint8Array(count);
    state.markedRows = rows || [];
    state.markedBy = by;
    state.page = 0;
    for (const row of state.markedRows) state.marked[row] = 1;
    refilter();
    list();
    say(rows ? $("caption").textContent : "Marks cleared.");
  }

  function caption() {
    if (!state.marked) return;
    let seen = 0;
    for (const row of state.markedRows) seen += live[row];
    const n = state.markedRows.length;
    $("caption").textContent = `${number(n)} ${n === 1 ? "sentence" : "sentences"} ${state.markedBy}` + (seen < n ? `, ${number(seen)} of them shown now` : "");
  }

  function list() {
    const pages = Math.max(1, Math.ceil(state.markedRows.length / ROWS)), first = state.page * ROWS;
    $("rows").replaceChildren(...state.markedRows.slice(first, first + ROWS).map((row) => {
      const line = element("tr"), cell = element("td");
      cell.append(sentence(row));
      line.append(element("td", dated(row)), element("td", named(row)));
      if (clusters.length) line.append(element("td", cluster[row] === NONE ? "" : clusters[cluster[row]], "cluster"));
      line.append(cell);
      return line;
    }));
    if (!state.marked) $("caption").textContent = "Marked sentences: none yet. Search, or drag on the map.";
    $("back").disabled = state.page === 0;
    $("next").disabled = state.page >= pages - 1;
  }

  const fold = (words) => words.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  let folded = null;
  function search() {
    const words = fold($("query").value).split(/\s+/).filter(Boolean);
    if (!words.length) return mark(null, "");
    folded ??= texts.map(fold);
    const found = [];
    for (let i = 0; i < count; i++) if (words.every((word) => folded[i].includes(word))) found.push(i);
    mark(found, `with “${$("query").value.trim()}”`);
  }

  function enclosed(corners) { // rows shown inside a polygon
    const found = [];
    for (let i = 0; i < count; i++) if (live[i] && inside(corners, ...place(i))) found.push(i);
    return found;
  }

  // --------------------------------------------------------------------------------- months and embeddings

  function showMonths(from, width) {
    state.width = Math.max(1, Math.min(width, months.length));
    state.from = all() ? 0 : Math.max(0, Math.min(from, months.length - state.width));
    $("month").max = all() ? months.length - 1 : months.length - state.width;
    $("month").value = state.from;
    $("width").value = all() ? months.length : state.width;
    refilter();
    if (!state.timer) say($("status").textContent);
  }
  // With all months shown there is nothing to move through: moving starts a window of a tenth of them.
  const narrow = () => (all() ? Math.max(1, Math.round(months.length / 10)) : state.width);
  const step = (by) => months.length > 1 && showMonths(state.from + by, narrow());

  function play(on) {
    clearInterval(state.timer);
    state.timer = 0;
    if (on) {
      const width = narrow();
      if (all() || state.from >= months.length - width) showMonths(0, width);
      state.timer = setInterval(() => {
        if (state.from >= months.length - state.width) play(false);
        else step(1);
      }, still.matches ? 1200 : 600);
    } else {
      say($("status").textContent);
    }
    $("play").textContent = on ? "Pause" : "Play";
  }

  let moving = 0;
  function toSpace(space) {
    state.space = space;
    const kept = spaces[space].kept;
    $("quality").textContent = !k ? "" : `Of a sentence's ${k} nearest neighbours by the ${spaces[space].name} embedding, ` +
      `${Math.round(kept * 100)} % are also among the ${k} nearest to it on this map` + (maps.length < spaces.length ? " (one map for both embeddings)." : ".");
    cancelAnimationFrame(moving);
    const start = state.move, goal = maps.length > 1 ? space : 0, began = performance.now();
    const glide = () => {
      const t = still.matches ? 1 : Math.min(1, (performance.now() - began) / 900);
      state.move = start + (goal - start) * t * t * (3 - 2 * t);
      drawPoints();
      drawOver();
      if (t < 1) moving = requestAnimationFrame(glide);
    };
    glide();
    choose(state.chosen);
    say($("quality").textContent);
  }

  // ---------------------------------------------------------------------------------------------- the map

  function zoom(by, x = wide / 2, y = high / 2) {
    if (!by) {
      Object.assign(state, { scale: 1, x: 0.5, y: 0.5 });
    } else {
      const before = fit();
      state.scale = Math.max(0.5, Math.min(200, state.scale * by));
      const share = 1 / before - 1 / fit(); // the place under (x, y) stays where it is
      state.x += (x - wide / 2) * share;
      state.y -= (y - high / 2) * share;
    }
    repaint();
  }
  function pan(x, y) {
    state.x -= x / fit();
    state.y += y / fit();
    repaint();
  }

  const at = (event) => {
    const box = $("over").getBoundingClientRect();
    return [(event.clientX - box.left) * (wide / box.width), (event.clientY - box.top) * (high / box.height)];
  };
  let drag = null;
  $("over").addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const tool = event.shiftKey ? "move" : document.querySelector("input[name=tool]:checked").value;
    $("over").setPointerCapture(event.pointerId);
    drag = { tool, start: at(event), last: at(event), trace: [at(event)], moved: false };
    $("tip").hidden = true;
  });
  $("over").addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!drag) return hint(closest(x, y, 12 * ratio));
    if (Math.hypot(x - drag.start[0], y - drag.start[1]) > 4 * ratio) drag.moved = true;
    if (!drag.moved) return;
    if (drag.tool === "move") {
      pan(x - drag.last[0], y - drag.last[1]);
    } else if (drag.tool === "lasso") {
      drag.trace.push([x, y]);
      brush = drag.trace;
    } else {
      const [u, v] = drag.start;
      brush = [[u, v], [x, v], [x, y], [u, y]];
    }
    drag.last = [x, y];
    repaintOver();
  });
  const drop = (event) => {
    if (!drag) return;
    const corners = brush, { moved } = drag, [x, y] = at(event);
    drag = brush = null;
    if (event.type === "pointercancel") return repaintOver();
    if (!moved) choose(closest(x, y, 14 * ratio));
    else if (corners) mark(enclosed(corners), "in the brush");
  };
  $("over").addEventListener("pointerup", drop);
  $("over").addEventListener("pointercancel", drop);
  $("over").addEventListener("pointerleave", () => { $("tip").hidden = true; });
  // The wheel scrolls the page, or the notebook around it, until the map has been clicked.
  $("over").addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== $("over")) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.002), ...at(event));
  }, { passive: false });

  function hint(row) {
    const tip = $("tip");
    tip.hidden = row < 0;
    if (row < 0) return;
    const [x, y] = place(row);
    tip.textContent = described(row);
    const left = x / ratio + 14, top = y / ratio + 14;
    tip.style.left = `${Math.max(4, Math.min(left, wide / ratio - tip.offsetWidth - 8))}px`;
    tip.style.top = `${top + tip.offsetHeight < high / ratio ? top : Math.max(4, top - tip.offsetHeight - 28)}px`;
  }

  function walk(dx, dy) { // to the next sentence in a direction, within 45 degrees of it
    const [x, y] = state.cursor >= 0 && live[state.cursor] ? place(state.cursor) : [wide / 2, high / 2];
    let best = -1, least = Infinity;
    if (state.cursor < 0 || !live[state.cursor]) best = closest(x, y, Infinity);
    else for (let i = 0; i < count; i++) {
      if (!live[i] || i === state.cursor) continue;
      const [u, v] = place(i), along = (u - x) * dx + (v - y) * dy, aside = Math.abs((u - x) * dy) + Math.abs((v - y) * dx);
      if (along <= 0 || aside > along || u < 0 || v < 0 || u > wide || v > high) continue;
      if (along + 2 * aside < least) { least = along + 2 * aside; best = i; }
    }
    if (best < 0) return;
    state.cursor = best;
    hint(best);
    say(described(best));
    repaintOver();
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  $("over").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) pan(-60 * ratio * arrow[0], -60 * ratio * arrow[1]);
    else if (arrow) walk(...arrow);
    else if (event.key === "Enter" || event.key === " ") { if (state.cursor >= 0) choose(state.cursor); }
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") zoom(0);
    else if (event.key === "[") step(-1);
    else if (event.key === "]") step(1);
    else if (event.key === "Escape") { $("tip").hidden = true; choose(-1); mark(null, ""); }
    else return;
    event.preventDefault();
  });
  $("over").addEventListener("focus", repaintOver);
  $("over").addEventListener("blur", () => { $("tip").hidden = true; repaintOver(); });

  // --------------------------------------------------------------------------------------------- controls

  function box(words, checked, swatch) {
    const label = element("label", undefined, "check"), input = element("input");
    input.type = "checkbox";
    input.checked = checked;
    label.append(input);
    if (swatch !== undefined) {
      const canvas = element("canvas");
      canvas.dataset.swatch = swatch;
      canvas.style.width = canvas.style.height = "18px";
      canvas.setAttribute("aria-hidden", "true");
      input.dataset.region = swatch;
      label.append(canvas);
    }
    label.append(element("span", words));
    input.addEventListener("change", () => { refilter(); say($("status").textContent); });
    $("regions").append(label);
    return input;
  }
  regions.forEach((of, r) => box(`${of.name} (${number(of.count)})`, true, r));
  if (data.unplaced) box(`no region (${number(data.unplaced)})`, true, UNPLACED);
  if (data.undated) box(`no month (${number(data.undated)}), shown in every window`, true).id = "undated";

  if (spaces.length > 1) {
    spaces.forEach((space, s) => {
      const label = element("label", undefined, "check"), input = element("input");
      Object.assign(input, { type: "radio", name: "space", value: s, checked: s === 0 });
      input.addEventListener("change", () => toSpace(s));
      label.append(input, element("span", space.name));
      $("embeddings").append(label);
    });
  } else {
    $("embeddings").hidden = true;
  }

  $("span").textContent = `Paths of the regions' centres (means of ${smooth} months)`;
  const option = (words, value) => Object.assign(element("option", words), { value });
  $("cluster").append(option("all clusters", ""), ...bySize.map((c) => option(`${clusters[c]} (${number(clusterSize[c])})`, c)));
  if (data.unclustered) $("cluster").append(option(`in no cluster (${number(data.unclustered)})`, NONE));
  if (!clusters.length) {
    $("clusterbox").hidden = true;
    for (const cell of document.querySelectorAll("th.cluster")) cell.hidden = true;
  }
  const widths = [1, 2, 3, 6, 12, 24, 60, narrow()].filter((w) => w < months.length).sort((p, q) => p - q);
  $("width").append(...[...new Set(widths)].map((w) => option(w === 1 ? "1 month" : `${w} months`, w)), option("all months", months.length));
  if (months.length < 2) for (const id of ["play", "month", "width"]) $(id).disabled = true;

  $("month").addEventListener("input", () => { play(false); showMonths(Number($("month").value), narrow()); });
  $("width").addEventListener("change", () => { play(false); showMonths(state.from, Number($("width").value)); });
  $("play").addEventListener("click", () => play(!state.timer));
  let typing = 0;
  $("query").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, 150); });
  $("search").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); search(); });
  $("clear").addEventListener("click", () => { $("query").value = ""; mark(null, ""); });
  $("mark").addEventListener("click", () => mark(enclosed([[0, 0], [wide, 0], [wide, high], [0, high]]), "in view"));
  for (const id of ["cluster", "trails"]) $(id).addEventListener("change", () => { refilter(); say($("status").textContent); });
  for (const id of ["names", "paths"]) $(id).addEventListener("change", repaintOver);
  $("size").addEventListener("input", () => { restamp(); repaint(); });
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  for (const [id, by] of [["back", -1], ["next", 1]]) $(id).addEventListener("click", () => { state.page += by; list(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-row]");
    if (!button) return;
    choose(Number(button.dataset.row));
    $("detail").focus(); // the list that held the button may be gone
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { restamp(); repaint(); });

  const phone = matchMedia("(max-width: 699px)");
  function arrange() { // on a phone the map comes first, with smaller points; a frame may be told its width late
    $("more").open = !phone.matches;
    $("size").value = count > 50000 ? 1.5 : (count > 10000 ? 2.5 : count > 1500 ? 3.5 : 5) - (phone.matches ? 1 : 0);
  }
  phone.addEventListener("change", () => { arrange(); restamp(); repaint(); });
  arrange();
  showMonths(0, months.length);
  list();
  resize();
  toSpace(0);
  new ResizeObserver(resize).observe($("stage"));

  // For tests and the browser's console: where a row is drawn (CSS pixels), which rows are shown, one frame's time.
  window.spacetimeViewer = Object.freeze({
    place: (row) => place(row).map((v) => v / ratio),
    shown: () => [...live.keys()].filter((row) => live[row]),
    frame: () => { const began = performance.now(); drawPoints(); drawOver(); return performance.now() - began; },
  });
})();
