// SPDX-License-Identifier: Apache-2.0
// Colours of frames: one hue for each module, or in a difference red for growth and blue for shrinking.

// Far from each other also for eyes that take red for green; the main binary gets the first.
const HUES = [36, 208, 152, 276, 336, 92, 240, 12, 182, 312];

// The theme that was chosen on the page, else the system's.
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

class Colors {
  // `moduleRank[m]` is the place of module m when the hues are given out.
  constructor(profile, moduleRank) {
    this.profile = profile;
    this.moduleRank = moduleRank;
    this.shade = profile.functions.name.map((name) => shadeOf(name));
    this.refresh();
  }

  // Reads the theme, which the style sheet has.
  refresh() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    this.dark = isDark();
    this.text = read('--frame-text');
    this.quiet = read('--frame-quiet');
    this.ground = read('--panel');
    this.line = read('--line');
    this.accent = read('--accent');
    this.strong = read('--text');
    this.faded = this.dark ? '#24292f' : '#eaecee';
    this.rest = this.dark ? '#2b3138' : '#e1e4e7';
    this.root = this.dark ? '#353c45' : '#d6dade';
    this.noise = this.dark ? '#343a41' : '#dddfe2';
    this.cache = new Map();
  }

  module(module, shade) {
    const key = module * 16 + shade;
    let color = this.cache.get(key);
    if (!color) this.cache.set(key, color = this.moduleColor(module, shade));
    return color;
  }

  // Neighbours of one module are told apart by a little lightness.
  moduleColor(module, shade) {
    const rank = this.moduleRank[module] ?? HUES.length;
    const hue = HUES[rank] ?? 220;
    const saturation = rank < HUES.length ? (this.dark ? 34 : 62) : 6;
    const lightness = this.dark ? 27 + shade * 0.9 : 83 - shade * 1.1;
    return `hsl(${hue} ${saturation}% ${lightness}%)`;
  }

  func(func) {
    if (func < 0) return this.root;
    return this.module(this.profile.functions.module[func], this.shade[func]);
  }

  // `ratio` is the change over the larger of both values, -1 to 1.
  change(ratio) {
    const step = Math.round(Math.min(1, Math.abs(ratio)) * 12);
    const hue = ratio > 0 ? 8 : 214;
    return this.dark ? `hsl(${hue} ${30 + 3 * step}% ${24 + 1.1 * step}%)`
                     : `hsl(${hue} ${50 + 3 * step}% ${92 - 2.2 * step}%)`;
  }
}

// 0 to 9, the same for a name in every report (FNV-1a over the first characters).
function shadeOf(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length && i < 200; ++i) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 8) % 10;
}

// The modules in the order in which hues are given out: the main binary first, the others by what ran in or
// below them. `tree` is a CalleeTree.
function rankModules(profile, tree) {
  const {func, parent} = profile;
  const {module} = profile.functions;
  const weight = new Float64Array(profile.modules.length);
  for (let node = 1; node < func.length; ++node) {
    const own = module[func[node]];
    if (parent[node] === 0 || module[func[parent[node]]] !== own) weight[own] += tree.width(node);
  }
  const order = [...weight.keys()].filter((i) => weight[i] > 0 || i === profile.mainModule);
  const isMain = (i) => i === profile.mainModule;
  order.sort((a, b) => isMain(b) - isMain(a) || weight[b] - weight[a] || a - b);
  const rank = [];
  order.forEach((i, place) => { rank[i] = place; });
  return {rank, order};
}
