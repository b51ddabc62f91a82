// SPDX-License-Identifier: Apache-2.0
// The graph on its canvas: which frames are seen, where they lie, what they look like, and which one is where
// the pointer is. Only what is at least a pixel wide is visited, so that time goes with the window and not with
// the profile.

const ROW = 19;        // CSS pixels
const LEAST = 1;       // narrower frames are drawn together
const TEXT_FROM = 26;  // narrower frames carry no text
const PART_FROM = 6;   // the least width of the widest frame, after a zoom to smaller ones
const STRIP = 0.04;    // of the width, for those that are smaller still
const FONT = 11.5;
const MOST_ON_PAPER = 1600;  // pixels of height

class Chart {
  constructor(element, canvas, extent, colors, nameOf) {
    Object.assign(this, {element, canvas, extent, colors, nameOf});
    this.context = canvas.getContext('2d');
    this.tree = null;
    this.view = {from: 0, to: 1};  // what part of the root's width is seen, in its own units
    this.boxes = [];
    this.focus = this.hover = -1;
    this.matches = null;           // flags by function, while a search is on
    this.differential = false;
    this.isWhole = false;          // for paper: all rows, whatever the window shows
    this.labelOf = () => '';
    this.height = '';
    this.pending = 0;
    this.turn = 0;                 // of the zooming under way
    this.forms = new Map();
  }

  // As tall as the graph, if that leaves room for the table; a height that was set by hand stays.
  fitHeight() {
    const {element} = this;
    if (element.style.height !== this.height) return;
    const most = Math.max(160, 0.58 * window.innerHeight);
    element.style.height = this.height = `${Math.round(Math.min(most, Math.max(160, this.rows * ROW + 6)))}px`;
  }

  show(tree) {
    this.tree = tree;
    this.offsets = new Map();
    this.focus = tree.root;
    this.hover = -1;
    this.view = {from: 0, to: tree.width(tree.root)};
    this.zoomed = tree.root;
    this.isPart = this.hasStrip = false;
    ++this.turn;
  }

  // Where a frame begins, in units of the root's width.
  offset(node) {
    const {tree, offsets} = this;
    const path = [];
    for (; node !== tree.root && !offsets.has(node); node = tree.parent(node)) path.push(node);
    let at = node === tree.root ? 0 : offsets.get(node);
    while (path.length > 0) {
      const next = path.pop();
      for (const child of tree.children(tree.parent(next))) {
        offsets.set(child, at);
        at += tree.width(child);
      }
      at = offsets.get(next);
    }
    return at;
  }

  // The part of a frame that shows the first of those children that `box` stands for, as many as can be told apart.
  partOf(box) {
    const {tree} = this;
    const children = tree.children(box.node);
    const most = tree.width(box.first) * this.element.clientWidth / PART_FROM;
    let i = children.indexOf(box.first);
    let to = box.from;
    do to += tree.width(children[i++]); while (i < children.length && to + tree.width(children[i]) - box.from <= most);
    return {from: box.from, to, isLast: i === children.length};
  }

  // Zooms to a frame, or to the part of it from `range.from` to `range.to`.
  zoomTo(node, animate, range) {
    const from = this.offset(node);
    const target = range ?? {from, to: from + this.tree.width(node)};
    this.zoomed = node;
    this.isPart = Boolean(range);
    this.hasStrip = this.isPart && !range.isLast;
    const turn = ++this.turn;
    if (!animate) {
      this.view = target;
      this.scrollTo(node);
      this.draw();
      return;
    }
    const start = this.view;
    const begin = performance.now();
    const step = (now) => {
      if (this.turn !== turn) return;
      const part = Math.min(1, Math.max(0, now - begin) / 140);
      const eased = 1 - (1 - part) ** 3;
      const mix = (a, b) => a + (b - a) * eased;
      this.view = part < 1 ? {from: mix(start.from, target.from), to: mix(start.to, target.to)} : target;
      this.draw();
      if (part < 1) requestAnimationFrame(step); else this.scrollTo(node);
    };
    requestAnimationFrame(step);
  }

  // Brings a frame's row into the window.
  scrollTo(node) {
    const top = this.tree.depth(node) * ROW;
    const room = this.element.clientHeight;
    if (top < this.element.scrollTop) this.element.scrollTop = Math.max(0, top - ROW);
    if (top + 2 * ROW > this.element.scrollTop + room) this.element.scrollTop = top + 3 * ROW - room;
  }

  // Lays out what is seen: boxes of {node, x, w, row, rest}; one with rest > 0 stands for that many children of
  // `node`, from `first` on, that are too narrow to be drawn and begin at `from`.
  layout(pixels) {
    const {tree, view} = this;
    const scale = pixels * (this.hasStrip ? 1 - STRIP : 1) / (view.to - view.from);
    const boxes = [];
    let rows = 1;
    const stack = [[tree.root, 0]];
    while (stack.length > 0) {
      const [node, from] = stack.pop();
      const width = tree.width(node);
      const left = Math.max(0, (from - view.from) * scale);
      const right = Math.min(pixels, (from + width - view.from) * scale);
      const row = tree.depth(node);
      boxes.push({node, x: left, w: right - left, row, rest: 0});
      rows = Math.max(rows, row + 1);
      let at = from;
      const children = tree.children(node);
      for (let i = 0; i < children.length; ++i) {
        const child = tree.width(children[i]);
        if (at >= view.to) {
          if (this.hasStrip && node === this.zoomed) this.layoutStrip(boxes, node, children, i, at, pixels);
          break;
        }
        if (child * scale < LEAST) {
          this.layoutRest(boxes, node, children, i, at, scale, pixels);
          if (children.length - i > 1 || child * scale > 0.3) rows = Math.max(rows, row + 2);
          break;
        }
        if (at + child > view.from) stack.push([children[i], at]);
        at += child;
      }
    }
    this.rows = rows;
    return boxes;
  }

  layoutRest(boxes, node, children, first, at, scale, pixels) {
    let rest = 0;
    for (let i = first; i < children.length; ++i) rest += this.tree.width(children[i]);
    const left = Math.max(0, (at - this.view.from) * scale);
    const right = Math.min(pixels, (at + rest - this.view.from) * scale);
    if (right - left < 0.4) return;
    boxes.push({node, x: left, w: right - left, row: this.tree.depth(node) + 1, rest: children.length - first,
                first: children[first], from: at});
  }

  // The frames behind a part, at the right edge.
  layoutStrip(boxes, node, children, first, at, pixels) {
    boxes.push({node, x: pixels * (1 - STRIP), w: pixels * STRIP, row: this.tree.depth(node) + 1,
                rest: children.length - first, first: children[first], from: at});
  }

  requestDraw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    const {canvas, context, element} = this;
    const pixels = Math.max(50, element.clientWidth);
    if (this.tree.width(this.tree.root) > 0) this.boxes = this.layout(pixels); else this.boxes = [];
    const height = this.isWhole ? Math.min(MOST_ON_PAPER, this.rows * ROW + 4) : element.clientHeight;
    this.extent.style.height = `${Math.max(height, this.rows * ROW + 4)}px`;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(pixels * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(pixels * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${pixels}px`;
      canvas.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, pixels, height);
    context.font = `${FONT}px ${getComputedStyle(document.documentElement).getPropertyValue('--mono')}`;
    context.textBaseline = 'middle';
    this.letter = context.measureText('0').width;
    const top = this.isWhole ? 0 : element.scrollTop;
    const seen = this.boxes.filter((box) => (box.row + 1) * ROW > top && box.row * ROW < top + height);
    for (const box of seen) this.drawBox(box, box.row * ROW - top);
    if (this.boxes.length === 0) {
      context.fillStyle = this.colors.quiet;
      context.fillText('Nothing of this sample type', 8, ROW);
    }
    this.drawOutlines(seen, top);
  }

  fill(box) {
    const {colors, tree} = this;
    if (box.rest > 0) return colors.rest;
    const func = tree.func(box.node);
    if (this.matches && !(func >= 0 && this.matches[func])) return colors.faded;
    if (!this.differential) return colors.func(func);
    const value = tree.value(box.node);
    const base = tree.base(box.node);
    if (tree.isNoise(box.node)) return colors.noise;
    return colors.change((value - base) / Math.max(Math.abs(value), Math.abs(base)));
  }

  drawBox(box, y) {
    const {context, colors} = this;
    const fill = this.fill(box);
    context.fillStyle = fill;
    context.fillRect(box.x, y + 1, Math.max(0.6, box.w - (box.w > 3 ? 1 : 0.25)), ROW - 1);
    if (box.w < TEXT_FROM) return;
    const room = Math.floor((box.w - 8) / this.letter);
    const text = box.rest > 0 ? fitName([`${formatCount(box.rest)} smaller`, `+${box.rest}`], room) : this.label(box.node, room);
    if (!text) return;
    context.fillStyle = fill === colors.faded || fill === colors.rest || fill === colors.noise ? colors.quiet
                                                                                              : colors.text;
    context.fillText(text, box.x + 4, y + ROW / 2 + 1);
  }

  // The name, and behind it the figure where there is room for both.
  label(node, room) {
    const func = this.tree.func(node);
    let forms = this.forms.get(func);
    if (!forms) this.forms.set(func, forms = nameForms(this.nameOf(func)));
    const figure = this.labelOf(node);
    if (figure && room >= forms[forms.length - 1].length + figure.length + 2) {
      return `${fitName(forms, room - figure.length - 2)}  ${figure}`;
    }
    return fitName(forms, room);
  }

  drawOutlines(seen, top) {
    const {context, colors, tree} = this;
    const outline = (box, color, width) => {
      context.strokeStyle = color;
      context.lineWidth = width;
      const inset = width / 2;
      context.strokeRect(box.x + inset, box.row * ROW - top + 1 + inset, Math.max(1, box.w - 1 - width),
                         ROW - 1 - width);
    };
    const func = tree.func(this.focus);
    const focused = func >= 0 || document.activeElement === this.element;
    for (const box of seen) {
      if (box.rest > 0) continue;
      if (box.node === this.focus && focused) outline(box, colors.accent, 2.5);
      else if (box.node === this.hover) outline(box, colors.strong, 1.5);
      else if (func >= 0 && box.w > 3 && tree.func(box.node) === func) outline(box, colors.strong, 1);
    }
  }

  // The box at a point of the canvas, or undefined.
  boxAt(x, y) {
    const row = Math.floor((y + this.element.scrollTop) / ROW);
    return this.boxes.find((box) => box.row === row && x >= box.x && x < box.x + box.w);
  }
}
