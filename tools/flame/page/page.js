// SPDX-License-Identifier: Apache-2.0
// The page: its state, and what each control does to it.

const byId = (id) => document.getElementById(id);
const plural = (count, word) => `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;

class Page {
  constructor(profile) {
    this.profile = profile;
    this.type = profile.defaultType;
    this.moment = profile.moments.length - 1;
    this.order = 'callees';
    this.labels = new Map();  // what is chosen: key -> value, both by their numbers
    this.widthBy = profile.base && !this.column().value.some((v) => v !== 0) ? 'base' : 'new';
    this.query = '';
    this.found = null;  // {flags, count} while a search is on
    this.plant();
    const modules = rankModules(profile, this.tree);
    this.moduleOrder = modules.order;
    this.colors = new Colors(profile, modules.rank);
    this.graph = byId('graph');
    this.chart = new Chart(this.graph, byId('canvas'), byId('extent'), this.colors, (func) => this.nameOf(func));
    this.chart.differential = Boolean(profile.base);
    this.chart.labelOf = (node) => profile.base && node !== this.tree.root ? this.changeLabel(node) : '';
    this.table = new FunctionTable(byId('table'), byId('more'), profile, (func) => this.chooseFunction(func));
    this.spoken = byId('frame-a');
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  nameOf(func) { return func < 0 ? 'all' : this.profile.functions.display[func]; }
  column() { return columnsOf(this.profile, this.moment)[this.type]; }
  unit() { return this.profile.types[this.type].unit; }

  changeLabel(node) {
    return this.tree.isNoise(node) ? '' : formatChange(this.tree.change(node), this.unit());
  }

  // What the tree depends on.
  state() {
    return [this.moment, this.type, this.order, this.widthBy, this.profile.stackNode === this.profile.foldedNode,
            ...this.labels].join(' ');
  }

  plant() {
    const {profile} = this;
    this.shown = this.state();
    this.measure = new Measure(this.column(), this.widthBy, shownStacks(profile, this.labels));
    this.tree = this.order === 'callers' ? new CallerTree(profile, this.measure)
                                         : new CalleeTree(profile, this.measure);
  }

  // Shows the tree for type, order and width, and stays at the same frame where there is one.
  rebuild(keepPlace) {
    const {profile, chart} = this;
    const place = keepPlace && chart.tree ? pathTo(chart.tree, chart.zoomed) : [];
    if (this.shown !== this.state()) this.plant();
    chart.show(this.tree);
    const node = findPath(this.tree, place);
    chart.zoomTo(node, false);
    chart.fitHeight();
    chart.focus = node;
    if (this.found) this.search(this.query);
    this.showTotals();
    this.showLegend();
    this.showScope();
    this.showFrame();
    showMoment(this);
  }

  showTotals() {
    const {tree, profile} = this;
    const type = profile.types[this.type];
    const total = tree.value(tree.root);
    const text = profile.base
      ? `${type.name}: ${formatValue(tree.base(tree.root), type.unit)} \u2192 ${formatValue(total, type.unit)} (${
        formatChange(total - tree.base(tree.root), type.unit)})`
      : `${type.name}: ${formatValue(total, type.unit)}`;
    byId('summary').textContent =
      [text, plural(profile.stacks, 'stack'), profile.facts.period > 1 && `period ${formatValue(profile.facts.period, profile.facts.periodUnit)}`,
       formatMoment(profile.moments[this.moment].milliseconds), this.labels.size > 0 && 'filtered by labels'].filter(Boolean).join(' \u00b7 ');
  }

  showLegend() {
    if (this.profile.base) return showRamp(byId('legend'), this.colors);
    showModules(byId('legend'), this, moduleSums(this.profile, this.measure), this.tree.value(this.tree.root));
  }

  // The table follows the zoom.
  showScope() {
    const {chart, tree, profile} = this;
    const node = chart.zoomed;
    const sums = functionSums(profile, this.measure, stacksUnder(profile, tree, node));
    this.table.show({...sums, unit: this.unit(), total: tree.value(node)}, this.found && this.found.flags);
    const where = node === tree.root ? '' : this.order === 'callers' ? 'in stacks that end in ' : 'in ';
    byId('scope').textContent = [
      node === tree.root ? 'whole profile' : `${where}${fitName(nameForms(this.nameOf(tree.func(node))), 60)}`,
      this.found ? 'that match the search' : '',
      this.labels.size > 0 ? describeLabels(profile, this.labels) : '',
    ].filter(Boolean).join(', ');
    byId('reset').disabled = node === tree.root && !chart.isPart;
  }

  // Shows and speaks the frame under the pointer, else the focused one.
  showFrame() {
    const {chart, tree} = this;
    const node = chart.hover >= 0 ? chart.hover : chart.focus;
    describeFrame(this, node);
    this.table.mark(chart.focus === tree.root ? -1 : tree.func(chart.focus));
    showSource(this, chart.focus === tree.root ? -1 : tree.func(chart.focus));
    chart.requestDraw();
  }

  // What the tree's active item is for assistive technology; two items take turns, so that each change is told.
  speak() {
    const {chart, tree} = this;
    const node = chart.focus;
    this.spoken.textContent = '';
    this.spoken = byId(this.spoken.id === 'frame-a' ? 'frame-b' : 'frame-a');
    const siblings = node === tree.root ? [node] : tree.children(tree.parent(node));
    const item = {
      'aria-level': tree.depth(node) + 1,
      'aria-posinset': siblings.indexOf(node) + 1,
      'aria-setsize': siblings.length,
      'aria-selected': node === chart.zoomed,
    };
    if (tree.children(node).length > 0) item['aria-expanded'] = true;
    this.spoken.removeAttribute('aria-expanded');
    for (const [name, value] of Object.entries(item)) this.spoken.setAttribute(name, value);
    this.spoken.textContent = `${this.nameOf(tree.func(node))}, ${byId('figures').textContent}`;
    this.graph.setAttribute('aria-activedescendant', this.spoken.id);
  }

  focusFrame(node) {
    this.chart.focus = node;
    this.chart.hover = -1;
    this.chart.scrollTo(node);
    this.showFrame();
    this.speak();
  }

  zoom(node) {
    this.chart.zoomTo(node, !this.calm.matches);
    this.showScope();
    this.focusFrame(node);
  }

  // Zooms to the frames that a box of frames too narrow to be drawn stands for.
  zoomRest(box) {
    this.chart.zoomTo(box.node, !this.calm.matches, this.chart.partOf(box));
    this.showScope();
    this.focusFrame(box.first);
  }

  setType(type) {
    this.type = type;
    byId('types').querySelectorAll('input')[type].checked = true;
    this.rebuild(true);
    this.speak();
  }

  setOrder(order) {
    this.order = order;
    byId('order').querySelector(`[value=${order}]`).checked = true;
    this.rebuild(false);
    this.speak();
  }

  setMoment(moment) {
    const last = this.profile.moments.length - 1;
    this.moment = Math.max(0, Math.min(last, moment));
    this.rebuild(true);
    this.speak();
  }

  // Shows wrappers as frames, or puts what they hold to their callers.
  setFold(fold) {
    const {profile} = this;
    profile.stackNode = fold ? profile.foldedNode : profile.wholeNode;
    byId('fold').querySelector('input').checked = fold;
    this.rebuild(true);
    this.speak();
  }

  // `value` undefined: all.
  setLabel(key, value) {
    if (value === undefined) this.labels.delete(key); else this.labels.set(key, value);
    this.rebuild(true);
    this.speak();
  }

  setWidth(widthBy) {
    this.widthBy = widthBy;
    this.rebuild(true);
    this.speak();
  }

  search(query) {
    this.query = query;
    let found = null;
    let message = '';
    try {
      if (query !== '') found = matchFunctions(this.profile, query);
    } catch (error) {
      message = 'not a regex';
    }
    byId('query').setAttribute('aria-invalid', String(message !== ''));
    if (found) {
      const {matched, all} = matchedWidth(this.profile, this.measure, found.flags);
      message = found.count === 0 ? 'no match' : `${plural(found.count, 'function')} \u00b7 ${formatPercent(matched, all)}`;
    }
    byId('matches').textContent = message;
    this.found = found;
    this.chart.matches = found && found.flags;
    byId('previous').disabled = byId('next').disabled = !found || found.count === 0;
    for (const button of byId('legend').querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.query === query));
    }
    this.chart.requestDraw();
  }

  setQuery(query) {
    byId('query').value = query;
    this.search(query);
    this.showScope();
  }

  // Goes to the next (1) or previous (-1) frame of those on the canvas that match.
  step(direction) {
    if (!this.found || this.found.count === 0) return;
    const boxes = this.chart.boxes
      .filter((box) => box.rest === 0 && box.node !== this.tree.root && this.found.flags[this.tree.func(box.node)])
      .sort((a, b) => a.row - b.row || a.x - b.x);
    if (boxes.length === 0) return this.chooseFunction(this.found.flags.indexOf(1));
    const at = boxes.findIndex((box) => box.node === this.chart.focus);
    const next = at < 0 ? (direction > 0 ? 0 : boxes.length - 1) : (at + direction + boxes.length) % boxes.length;
    this.focusFrame(boxes[next].node);
  }

  // The widest frame of a function, zoomed to if it is too narrow to be seen.
  chooseFunction(func) {
    const node = widestFrame(this, func);
    if (node < 0) return;
    if (this.chart.boxes.some((box) => box.node === node && box.rest === 0)) this.focusFrame(node);
    else this.zoom(node);
    this.graph.scrollIntoView({block: 'nearest'});
    this.graph.focus({preventScroll: true});
  }
}

readProfile(byId('profile').textContent)
  .then((profile) => {
    byId('profile').remove();
    const page = new Page(profile);
    document.title = `${profile.file} \u2013 heapprof`;
    byId('title').textContent = profile.base ? `${profile.base} \u2192 ${profile.file}` :
      profile.moments.length > 1 ? `${profile.moments[0].file} \u2026 ${profile.file}` : profile.file;
    document.querySelector('main').hidden = false;
    buildControls(page);
    listenToGraph(page);
    page.rebuild(false);
    performance.mark('drawn');
    renderFacts(byId('facts'), profile);
  })
  .catch((error) => {
    byId('summary').textContent = `This browser cannot show the profile: ${error.message}`;
  });
