// SPDX-License-Identifier: Apache-2.0
// Sums over stacks that do not depend on how they are drawn.

// The stacks below `node` and the frame at which a walk from their ends up stops, which is not counted.
function stacksUnder(profile, tree, node) {
  if (node === tree.root) return {list: null, stop: 0};
  if (tree instanceof CallerTree) return {list: tree.nodes[node].stack, stop: 0};
  const list = [];
  const end = profile.end[node];
  profile.stackNode.forEach((at, stack) => {
    if (at >= node && at < end) list.push(stack);
  });
  return {list, stop: profile.parent[node]};
}

function eachStack(profile, under, visit) {
  const count = under.list ? under.list.length : profile.stackNode.length;
  for (let i = 0; i < count; ++i) visit(under.list ? under.list[i] : i);
}

// Flat and cum of each function that the stacks of `under` touch: flat is what it asked for itself, cum what was
// asked for while it ran. A function that calls itself counts once. `ids` are the functions touched.
function functionSums(profile, measure, under) {
  const {parent, func, stackNode} = profile;
  const size = profile.functions.name.length;
  const flat = new Sums(size, measure);
  const cum = new Sums(size, measure);
  const last = new Int32Array(size).fill(-1);  // the stack that a function was last counted for
  eachStack(profile, under, (stack) => {
    let node = stackNode[stack];
    if (measure.value[stack] === 0 && !(measure.base && measure.base[stack] !== 0) || node === under.stop) return;
    flat.add(func[node], stack);
    for (; node !== under.stop; node = parent[node]) {
      if (last[func[node]] === stack) continue;
      last[func[node]] = stack;
      cum.add(func[node], stack);
    }
  });
  return {flat, cum, ids: [...last.keys()].filter((id) => last[id] >= 0)};
}

// The 95 % limits of what lies below a frame, or null.
function limitsUnder(profile, measure, tree, node) {
  if (!measure.passedBy) return null;
  const sums = new Sums(1, measure);
  eachStack(profile, stacksUnder(profile, tree, node), (stack) => sums.add(0, stack));
  return sums.limits(0);
}

// What each module asked for itself.
function moduleSums(profile, measure) {
  const sums = new Float64Array(profile.modules.length);
  for (let stack = 0; stack < profile.stackNode.length; ++stack) {
    const node = profile.stackNode[stack];
    if (node > 0) sums[profile.functions.module[profile.func[node]]] += measure.value[stack];
  }
  return sums;
}

// The width of the stacks in which a function of `matches` stands, and the width of all.
function matchedWidth(profile, measure, matches) {
  let matched = 0;
  let all = 0;
  for (let stack = 0; stack < profile.stackNode.length; ++stack) {
    const width = measure.width[stack];
    all += width;
    if (width === 0) continue;
    for (let node = profile.stackNode[stack]; node > 0; node = profile.parent[node]) {
      if (matches[profile.func[node]]) {
        matched += width;
        break;
      }
    }
  }
  return {matched, all};
}

// A predicate over text: /regex/ if it is written so, else the text itself, in either case of letters.
// Errors: SyntaxError for a regex that is none.
function compileQuery(query) {
  if (query.length > 2 && query.startsWith('/') && query.endsWith('/')) {
    const regex = new RegExp(query.slice(1, -1), 'i');
    return (text) => regex.test(text);
  }
  const wanted = query.toLowerCase();
  return (text) => text.toLowerCase().includes(wanted);
}

// Which functions match by name, file or module: {flags, count}.
function matchFunctions(profile, query) {
  const matches = compileQuery(query);
  const modules = profile.modules.map(matches);
  const files = profile.files.map(matches);
  const {name, display, file, module} = profile.functions;
  const flags = new Uint8Array(name.length);
  let count = 0;
  for (let i = 0; i < flags.length; ++i) {
    if (modules[module[i]] || files[file[i]] || matches(name[i]) || matches(display[i])) {
      flags[i] = 1;
      ++count;
    }
  }
  return {flags, count};
}
