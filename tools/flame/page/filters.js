// SPDX-License-Identifier: Apache-2.0
// What is left out of the graph and of the table alike: samples by their labels, files of a timeline.

const MOST_VALUES = 300;  // of a label in its list: the largest

// A flag for each stack: whether its labels are those chosen; null where nothing is chosen. A value of -1 stands for
// stacks without the key.
function shownStacks(profile, chosen) {
  if (chosen.size === 0) return null;
  const sets = profile.labels.sets.map((set) => [...chosen].every(([key, value]) => {
    let has = false;
    for (let i = 0; i < set.length; i += 2) {
      if (set[i] !== key) continue;
      if (set[i + 1] === value) return true;
      has = true;
    }
    return value === -1 && !has;
  }));
  return Uint8Array.from(profile.stackLabels, (set) => sets[set]);
}

function describeLabels(profile, chosen) {
  return [...chosen].map(([key, value]) =>
    `${profile.labels.keys[key]} = ${value < 0 ? 'none' : profile.labels.values[key][value]}`).join(', ');
}

// What the values of a key hold, in any moment or type: the order of its list.
function valueWeights(profile, key, column) {
  const weights = new Map();
  const {sets} = profile.labels;
  for (let stack = 0; stack < profile.stacks; ++stack) {
    const set = sets[profile.stackLabels[stack]];
    for (let i = 0; i < set.length; i += 2) {
      if (set[i] === key) weights.set(set[i + 1], (weights.get(set[i + 1]) ?? 0) + Math.abs(column.value[stack]));
    }
  }
  return weights;
}

function buildLabels(page) {
  const {profile} = page;
  if (!profile.stackLabels) return;
  byId('labels').hidden = false;
  profile.labels.keys.forEach((name, key) => {
    const values = profile.labels.values[key];
    const weights = valueWeights(profile, key, page.column());
    const order = [...values.keys()].sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0) || a - b);
    const select = element('select', {}, [
      element('option', {value: '', text: 'all'}),
      ...order.slice(0, MOST_VALUES).map((value) => element('option', {value, text: values[value]})),
      element('option', {value: -1, text: '(without)'}),
    ]);
    const more = order.length - MOST_VALUES;
    if (more > 0) select.append(element('option', {text: `${formatCount(more)} smaller ones`, disabled: ''}));
    select.addEventListener('change', () => page.setLabel(key, select.value === '' ? undefined : Number(select.value)));
    byId('labels').append(element('label', {}, [element('span', {text: name}), select]));
  });
}

function buildTimeline(page) {
  const {profile} = page;
  const {moments} = profile;
  if (moments.length < 2) return;
  byId('timeline').hidden = false;
  const slider = byId('moment');
  slider.max = moments.length - 1;
  slider.addEventListener('input', () => page.setMoment(Number(slider.value)));
  byId('bars').replaceChildren(...moments.map((moment, i) => {
    const bar = element('span', {title: moment.file});
    bar.addEventListener('click', () => page.setMoment(i));
    return bar;
  }));
}

// What each moment holds of the type that is shown, of the stacks that are.
function momentTotals(page) {
  const {profile, type} = page;
  const shown = shownStacks(profile, page.labels);
  if (!shown) return profile.moments.map((moment) => moment.totals[type]);
  return profile.moments.map((moment, i) => {
    let sum = 0;
    columnsOf(profile, i)[type].value.forEach((value, stack) => {
      if (shown[stack]) sum += value;
    });
    return sum;
  });
}

function showMoment(page) {
  const {moments} = page.profile;
  if (moments.length < 2) return;
  const totals = momentTotals(page);
  const most = totals.reduce((a, b) => Math.max(a, b), 0);
  [...byId('bars').children].forEach((bar, i) => {
    bar.style.height = `${most > 0 ? Math.max(2, 100 * totals[i] / most) : 2}%`;
    bar.classList.toggle('current', i === page.moment);
  });
  const {file, milliseconds} = moments[page.moment];
  const text = [`${page.moment + 1} of ${moments.length}`, file, formatMoment(milliseconds),
                formatValue(totals[page.moment], page.unit())].filter(Boolean).join(' \u00b7 ');
  byId('moment').value = page.moment;
  byId('moment').setAttribute('aria-valuetext', text);
  byId('moment-text').textContent = text;
}
