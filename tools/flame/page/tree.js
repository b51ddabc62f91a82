// SPDX-License-Identifier: Apache-2.0
// Two trees over the same stacks, with one interface for those who draw and walk them:
//   figures       width(node) >= 0, by which the graph is drawn; value, base, change, isNoise, self of a node
//   structure     func(node), parent(node), depth(node), children(node), heaviest first; node 0 is the root
// Callees: the root's children are where threads begin. Callers: they are where memory was asked for.

// What the widths and figures of a tree are made of, one entry for each stack.
class Measure {
  // `widthBy` is 'new', 'base' or 'change'. Stacks whose flag in `shown` is 0 count for nothing; null shows all.
  constructor(column, widthBy, shown) {
    for (const [name, values] of Object.entries(column)) {
      this[name] = values && shown ? values.map((value, stack) => shown[stack] ? value : 0) : values;
    }
    this.width = new Float64Array(this.value.length);
    for (let i = 0; i < this.width.length; ++i) {
      const base = this.base ? this.base[i] : 0;
      const of = widthBy === 'change' ? this.value[i] - base : widthBy === 'base' ? base : this.value[i];
      this.width[i] = Math.abs(of);  // differences that other tools wrote hold negative values
    }
  }
}

class CalleeTree {
  constructor(profile, measure) {
    this.profile = profile;
    this.root = 0;
    const sums = (perStack) => {
      if (!perStack) return null;
      const sum = new Float64Array(profile.parent.length);
      for (let i = 0; i < perStack.length; ++i) sum[profile.stackNode[i]] += perStack[i];
      for (let node = sum.length - 1; node > 0; --node) sum[profile.parent[node]] += sum[node];
      return sum;
    };
    this.values = sums(measure.value);
    this.bases = sums(measure.base);
    this.variances = measure.base && sums(measure.variance);
    this.moved = sums(measure.moved);
    this.widths = sums(measure.width);
    this.sorted = new Map();
  }

  width(node) { return this.widths[node]; }
  value(node) { return this.values[node]; }
  base(node) { return this.bases ? this.bases[node] : 0; }
  change(node) { return this.values[node] - this.base(node); }
  isNoise(node) { return isNoise(this.change(node), this.variances[node], this.moved[node]); }
  func(node) { return this.profile.func[node]; }
  parent(node) { return this.profile.parent[node]; }
  depth(node) { return this.profile.depth[node]; }

  self(node) {
    let own = this.values[node];
    const end = this.profile.end;
    for (let child = node + 1; child < end[node]; child = end[child]) own -= this.values[child];
    return own;
  }

  children(node) {
    let list = this.sorted.get(node);
    if (!list) {
      list = [];
      const end = this.profile.end;
      for (let child = node + 1; child < end[node]; child = end[child]) {
        if (this.widths[child] > 0) list.push(child);
      }
      list.sort((a, b) => this.widths[b] - this.widths[a] || a - b);
      this.sorted.set(node, list);
    }
    return list;
  }
}

// Built as far as it is looked at: a node knows the frames of the callee tree that it stands for ("at") and the
// stacks that came through each of them ("stack"), and is split by their callers when asked for children.
class CallerTree {
  constructor(profile, measure) {
    this.profile = profile;
    this.measure = measure;
    this.root = 0;
    this.nodes = [];
    const all = {stack: [], at: []};
    for (let i = 0; i < profile.stackNode.length; ++i) {
      all.stack.push(i);
      all.at.push(profile.stackNode[i]);
    }
    this.add(-1, -1, 0, all.stack, all.at);
    this.nodes[0].children = this.split(0, all.stack, all.at);
  }

  add(parent, func, depth, stack, at) {
    const {value, base, variance, moved, width} = this.measure;
    const node = {parent, func, depth, stack, at, children: null, value: 0, base: 0, variance: 0, moved: 0,
                  width: 0};
    for (const i of stack) {
      node.value += value[i];
      node.width += width[i];
      if (!base) continue;
      node.base += base[i];
      node.variance += variance[i];
      node.moved += moved[i];
    }
    return this.nodes.push(node) - 1;
  }

  // The children of `node`, whose frames are `at` and reach `stack`.
  split(node, stack, at) {
    const groups = new Map();
    for (let i = 0; i < stack.length; ++i) {
      if (at[i] === 0 || this.measure.width[stack[i]] === 0) continue;
      const func = this.profile.func[at[i]];
      let group = groups.get(func);
      if (!group) groups.set(func, group = {stack: [], at: []});
      group.stack.push(stack[i]);
      group.at.push(at[i]);
    }
    const list = [];
    for (const [func, group] of groups) {
      list.push(this.add(node, func, this.nodes[node].depth + 1, group.stack, group.at));
    }
    return list.sort((a, b) => this.nodes[b].width - this.nodes[a].width || this.nodes[a].func - this.nodes[b].func);
  }

  width(node) { return this.nodes[node].width; }
  value(node) { return this.nodes[node].value; }
  base(node) { return this.nodes[node].base; }
  change(node) { return this.nodes[node].value - this.nodes[node].base; }
  isNoise(node) { return isNoise(this.change(node), this.nodes[node].variance, this.nodes[node].moved); }
  func(node) { return this.nodes[node].func; }
  parent(node) { return this.nodes[node].parent; }
  depth(node) { return this.nodes[node].depth; }

  // What was asked for by stacks that begin here: their outermost frame.
  self(node) {
    return this.nodes[node].value - this.children(node).reduce((sum, child) => sum + this.nodes[child].value, 0);
  }

  children(node) {
    const data = this.nodes[node];
    if (!data.children) {
      data.children = this.split(node, data.stack, data.at.map((frame) => this.profile.parent[frame]));
    }
    return data.children;
  }
}

// The functions from the root down to `node`, by which it is found again in another tree.
function pathTo(tree, node) {
  const path = [];
  for (; node !== tree.root; node = tree.parent(node)) path.push(tree.func(node));
  return path.reverse();
}

// The node of `path`, or as far as the tree goes along it.
function findPath(tree, path) {
  let node = tree.root;
  for (const func of path) {
    const next = tree.children(node).find((child) => tree.func(child) === func);
    if (next === undefined) break;
    node = next;
  }
  return node;
}
