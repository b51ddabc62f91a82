// SPDX-License-Identifier: Apache-2.0
// The controls around the graph, the graph's pointer and keys, and the lines about a frame.

function buildControls(page) {
  const {profile} = page;
  profile.types.forEach((type, i) => {
    const input = element('input', {type: 'radio', name: 'type', value: i});
    input.checked = i === page.type;
    input.addEventListener('change', () => page.setType(i));
    byId('types').append(element('label', {}, [input, element('span', {text: type.name})]));
  });
  for (const input of byId('order').querySelectorAll('input')) {
    input.addEventListener('change', () => page.setOrder(input.value));
  }
  byId('width').hidden = !profile.base;
  for (const input of byId('width').querySelectorAll('input')) {
    input.addEventListener('change', () => page.setWidth(input.value));
  }
  buildSearch(page);
  buildTimeline(page);
  buildLabels(page);
  buildFold(page);
  buildTheme(page);
  listenToPrinter(page);
  byId('reset').addEventListener('click', () => page.zoom(page.tree.root));
  byId('help').addEventListener('click', () => byId('keys').showModal());
  document.addEventListener('keydown', (event) => pageKey(page, event));
}

function buildFold(page) {
  const {profile} = page;
  const fold = byId('fold');
  fold.hidden = !profile.hasFolded;
  fold.title = profile.folded.replace(/; --unfold shows.*$/, '');
  const input = fold.querySelector('input');
  input.checked = !profile.unfold;
  input.addEventListener('change', () => page.setFold(input.checked));
}

function repaint(page) {
  page.colors.refresh();
  page.showLegend();
  page.chart.requestDraw();
}

function setTheme(page, theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').setAttribute('aria-pressed', String(isDark()));
  repaint(page);
}

function buildTheme(page) {
  const button = byId('theme');
  button.setAttribute('aria-pressed', String(isDark()));
  button.addEventListener('click', () => setTheme(page, isDark() ? 'light' : 'dark'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    button.setAttribute('aria-pressed', String(isDark()));
    repaint(page);
  });
}

// Paper is white, and does not scroll.
function listenToPrinter(page) {
  let theme;
  window.addEventListener('beforeprint', () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = 'light';
    page.colors.refresh();
    page.showLegend();
    page.chart.isWhole = true;
    page.chart.draw();
  });
  window.addEventListener('afterprint', () => {
    if (theme === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    page.chart.isWhole = false;
    repaint(page);
  });
}

function buildSearch(page) {
  const query = byId('query');
  let timer = 0;
  query.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => page.setQuery(query.value), page.profile.nodes > 200000 ? 150 : 0);
  });
  query.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    event.stopPropagation();
    if (query.value !== '') page.setQuery(''); else page.graph.focus();
  });
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    if (query.value !== page.query) page.setQuery(query.value);
    page.step(1);
  });
  byId('previous').addEventListener('click', () => page.step(-1));
}

// Keys of the whole page, but not while text is being typed.
function pageKey(page, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('keys').open) return;
  if (event.target.id === 'query' || event.target.tagName === 'SELECT') return;
  const actions = {
    '/': () => { byId('query').focus(); byId('query').select(); },
    '?': () => byId('keys').showModal(),
    i: () => page.setOrder(page.order === 'callees' ? 'callers' : 'callees'),
    t: () => page.setType((page.type + 1) % page.profile.types.length),
    f: () => page.profile.hasFolded && page.setFold(page.profile.stackNode === page.profile.wholeNode),
    d: () => setTheme(page, isDark() ? 'light' : 'dark'),
    '[': () => page.setMoment(page.moment - 1),
    ']': () => page.setMoment(page.moment + 1),
    n: () => page.step(1),
    p: () => page.step(-1),
    Escape: () => zoomOut(page),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function zoomOut(page) {
  const {chart, tree} = page;
  if (page.query !== '') page.setQuery('');
  else if (chart.isPart) page.zoom(chart.zoomed);
  else if (chart.zoomed !== tree.root) page.zoom(tree.parent(chart.zoomed));
}

// Keys of the graph, when it has the focus.
function graphKey(page, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const {chart, tree} = page;
  const node = chart.focus;
  const beside = (step) => {
    const row = chart.boxes.filter((box) => box.rest === 0 && box.row === tree.depth(node)).sort((a, b) => a.x - b.x);
    const at = row.findIndex((box) => box.node === node);
    return row[at + step]?.node;
  };
  const actions = {
    ArrowDown: () => tree.children(node)[0],
    ArrowUp: () => node === tree.root ? undefined : tree.parent(node),
    ArrowRight: () => beside(1),
    ArrowLeft: () => beside(-1),
  };
  const rest = event.key === 'ArrowRight' && node !== tree.root && beside(1) === undefined &&
    chart.boxes.find((box) => box.rest > 0 && box.node === tree.parent(node));
  if (rest) page.zoomRest(rest);
  else if (event.key === 'Enter' || event.key === ' ') page.zoom(node);
  else if (event.key === 'Home') page.zoom(tree.root);
  else if (event.key in actions) {
    const next = actions[event.key]();
    if (next !== undefined) moveTo(page, next);
  } else return;
  event.preventDefault();
}

// Focuses a frame; one that is too narrow to be seen, or not in what is zoomed to, is zoomed to.
function moveTo(page, node) {
  if (page.chart.boxes.some((box) => box.node === node && box.rest === 0)) page.focusFrame(node);
  else page.zoom(node);
}

function listenToGraph(page) {
  const {chart, graph} = page;
  const canvas = byId('canvas');
  const boxOf = (event) => chart.boxAt(event.offsetX, event.offsetY);
  const hover = (box) => {
    const node = box && box.rest === 0 ? box.node : -1;
    if (node === chart.hover) return;
    chart.hover = node;
    page.showFrame();
  };
  canvas.addEventListener('pointermove', (event) => hover(boxOf(event)));
  canvas.addEventListener('pointerleave', () => hover(undefined));
  canvas.addEventListener('click', (event) => {
    const box = boxOf(event);
    if (box && box.rest > 0) page.zoomRest(box); else if (box) page.zoom(box.node);
  });
  graph.addEventListener('keydown', (event) => graphKey(page, event));
  graph.addEventListener('focus', () => {
    page.speak();
    chart.requestDraw();
  });
  graph.addEventListener('blur', () => chart.requestDraw());
  graph.addEventListener('scroll', () => chart.requestDraw());
  new ResizeObserver(() => chart.requestDraw()).observe(graph);
}

// The widest frame of a function in the tree as it is built, -1 if there is none.
function widestFrame(page, func) {
  const {tree, profile} = page;
  if (page.order === 'callers') {
    const first = tree.children(tree.root).find((node) => tree.func(node) === func);
    if (first !== undefined) return first;
  }
  let widest = -1;
  const visit = page.order === 'callees' ? null : [...tree.children(tree.root)];
  const consider = (node) => {
    if (tree.func(node) === func && (widest < 0 || tree.width(node) > tree.width(widest))) widest = node;
  };
  if (!visit) {
    for (let node = 1; node < profile.parent.length; ++node) consider(node);
    return widest >= 0 && tree.width(widest) > 0 ? widest : -1;
  }
  // Widths only fall along a path: what is narrower than the best so far holds nothing better.
  while (visit.length > 0) {
    const node = visit.pop();
    if (widest >= 0 && tree.width(node) <= tree.width(widest)) continue;
    consider(node);
    if (tree.func(node) !== func) visit.push(...tree.children(node));
  }
  return widest;
}

// The three lines about a frame.
function describeFrame(page, node) {
  const {tree, profile, chart} = page;
  const func = tree.func(node);
  const unit = page.unit();
  const {file, module} = profile.functions;
  const total = tree.value(tree.root);
  byId('name').textContent = byId('name').title = func < 0 ? 'Whole profile' : profile.functions.name[func];
  byId('place').replaceChildren(...func < 0 ? ['Click a frame to zoom, / to search, ? for the keys.'] :
    [placeOf(profile, func, page.type), profile.files[file[func]] && profile.modules[module[func]] ? ' \u00b7 ' : '',
     profile.modules[module[func]]]);
  const value = tree.value(node);
  const parts = [];
  if (profile.base) {
    const base = tree.base(node);
    parts.push(`${formatValue(base, unit)} \u2192 ${formatValue(value, unit)}`);
    const noise = tree.isNoise(node);
    const change = element('span', {text: `${formatChange(value - base, unit)} (${formatPercentChange(value - base, base)})${
      noise ? ', within the noise' : ''}`, className: noise ? 'noise' : value > base ? 'grown' : 'shrunk'});
    byId('figures').replaceChildren(`${parts[0]} \u00b7 `, change);
    return;
  }
  const limits = formatLimits(limitsUnder(profile, page.measure, tree, node), unit);
  const share = total === 0 ? '' : `, ${formatPercent(value, total)} of all`;
  parts.push(`${formatValue(value, unit)}${limits && ` (${limits})`}${share}`);
  if (chart.zoomed !== tree.root && node !== chart.zoomed && tree.depth(node) > tree.depth(chart.zoomed)) {
    parts.push(`${formatPercent(value, tree.value(chart.zoomed))} of the zoomed frame`);
  }
  const self = tree.self(node);
  parts.push(page.order === 'callers' ? `${formatValue(self, unit)} where stacks begin here`
                                      : `${formatValue(self, unit)} by itself`);
  byId('figures').textContent = parts.join(' \u00b7 ');
}

// The legend of modules: a button for each searches for it.
function showModules(legend, page, sums, total) {
  const {profile, colors} = page;
  const shown = page.moduleOrder.slice(0, HUES.length);
  legend.replaceChildren(...shown.map((module) => {
    const path = profile.modules[module];
    const swatch = element('span', {className: 'swatch'});
    swatch.style.background = colors.module(module, 4);
    const button = element('button', {type: 'button', title: path, 'aria-pressed': String(page.query === path)}, [
      swatch, element('span', {text: baseName(path) || 'no module'}),
      element('span', {className: 'share', text: formatPercent(sums[module], total)}),
    ]);
    button.dataset.query = path;
    button.addEventListener('click', () => page.setQuery(page.query === path ? '' : path));
    return button;
  }));
}

// The legend of a difference.
function showRamp(legend, colors) {
  const item = (color, text) => {
    const swatch = element('span', {className: 'swatch'});
    swatch.style.background = color;
    return element('span', {className: 'ramp'}, [swatch, element('span', {text})]);
  };
  legend.replaceChildren(
    item(colors.change(1), 'grew from nothing'), item(colors.change(0.35), 'grew by half'),
    item(colors.noise, 'no change beyond the noise of sampling'),
    item(colors.change(-0.35), 'shrank by a third'), item(colors.change(-1), 'gone'));
}
