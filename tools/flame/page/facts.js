// SPDX-License-Identifier: Apache-2.0
// What the profile says about itself: totals, times, comments, mappings.

function definitions(pairs) {
  const list = element('dl');
  for (const [name, value] of pairs) {
    if (value !== undefined && value !== '') list.append(element('dt', {text: name}), element('dd', {text: value}));
  }
  return list;
}

function grid(heads, rows) {
  const cell = (tag, text, i) => element(tag, {text, className: heads[i].className ?? ''});
  return element('div', {className: 'scroll', tabindex: '0', role: 'region', 'aria-label': heads[0].region}, [
    element('table', {}, [
      element('thead', {}, [element('tr', {}, heads.map((head, i) => cell('th', head.title, i)))]),
      element('tbody', {}, rows.map((row) => element('tr', {}, row.map((text, i) => cell('td', text, i))))),
    ]),
  ]);
}

function sumOf(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function totalsGrid(profile) {
  const heads = [{title: 'Sample type', region: 'Totals'}];
  if (profile.base) heads.push({title: 'Base', className: 'number'});
  heads.push({title: profile.base ? 'New' : 'Total', className: 'number'});
  heads.push({title: profile.base ? 'Change' : 'Exact', className: 'number'});
  return grid(heads, profile.types.map((type, i) => {
    const {value, base} = columnsOf(profile, profile.moments.length - 1)[i];
    const total = sumOf(value);
    if (!base) return [type.name, formatValue(total, type.unit), `${formatCount(total)} ${type.unit}`];
    const before = sumOf(base);
    return [type.name, formatValue(before, type.unit), formatValue(total, type.unit),
            formatChange(total - before, type.unit)];
  }));
}

// The files of a timeline.
function momentsGrid(profile) {
  if (profile.moments.length < 2) return [];
  return [element('div', {}, [element('h3', {text: 'Files'}), grid(
    [{title: 'File', region: 'Files'}, {title: 'Taken'},
     ...profile.types.map((type) => ({title: type.name, className: 'number'}))],
    profile.moments.map((moment) => [moment.file, formatMoment(moment.milliseconds),
      ...moment.totals.map((total, i) => formatValue(total, profile.types[i].unit))]))])];
}

function commentGrid(title, comments) {
  if (comments.length === 0) return [];
  return [element('div', {}, [element('h3', {text: title}), definitions(comments.map((line) => {
    const colon = line.indexOf(': ');
    return colon > 0 ? [line.slice(0, colon), line.slice(colon + 2)] : ['', line];
  }))])];
}

function formatMoment(milliseconds) {
  if (milliseconds === 0) return '';
  const moment = new Date(milliseconds);
  return Number.isNaN(moment.getTime()) ? '' : `${moment.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function formatPeriod(facts) {
  if (facts.period === 0) return '';
  return `${formatValue(facts.period, facts.periodUnit)} of ${facts.periodType}`;
}

function renderFacts(section, profile) {
  const {facts} = profile;
  const columns = element('div', {className: 'columns'});
  columns.append(
    element('div', {}, [definitions([
      ['File', profile.file],
      ['Base', profile.base],
      ['Taken', formatMoment(facts.milliseconds)],
      ['Duration', facts.duration > 0 ? formatTime(facts.duration) : ''],
      ['Period', formatPeriod(facts)],
      ['Samples', formatCount(facts.samples)],
      ['Stacks', formatCount(profile.stacks)],
      ['Functions', formatCount(profile.functions.name.length)],
      ['Folded', profile.hasFolded ? profile.folded.replace(/; --unfold shows.*$/, '') : ''],
      ...facts.notes.map((note) => ['Note', note]),
    ])]),
    element('div', {}, [element('h3', {text: 'Totals'}), totalsGrid(profile)]),
    ...momentsGrid(profile),
    ...commentGrid('Comments', facts.comments),
    ...commentGrid('Comments of the base', facts.baseComments ?? []));
  section.append(columns);
  if (facts.dropFrames) {
    section.append(definitions([['Frames left out', facts.dropFrames]]));
  }
  if (facts.mappings.length > 0) {
    section.append(element('h3', {text: facts.mappings.length < facts.mappingCount
      ? `Mappings, ${formatCount(facts.mappings.length)} of ${formatCount(facts.mappingCount)}` : 'Mappings'}), grid(
      [{title: 'Addresses', className: 'code', region: 'Mappings'}, {title: 'Offset', className: 'code'},
       {title: 'Build id', className: 'code'}, {title: 'File', className: 'code'}],
      facts.mappings));
  }
}
