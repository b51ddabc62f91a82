// SPDX-License-Identifier: Apache-2.0
// The source lines of functions: links to them, and the text that was put into the page.

// The lines of a function as [{line, value}], and the line that holds most of the type.
function linesOf(profile, func, type) {
  const known = profile.source?.functions[func];
  const lines = (known?.lines ?? []).map((entry) => ({line: entry[0], value: entry[type + 1]}));
  const heaviest = lines.reduce((best, one) => Math.abs(one.value) > Math.abs(best.value) ? one : best,
                                {line: lines[0]?.line ?? profile.functions.line[func], value: 0});
  return {known, lines, heaviest: heaviest.line};
}

// Where a link to a line leads, '' where that is not known. The parts of the profile are only ever parts of a path.
function lineAddress(profile, func, known, line) {
  const template = profile.source?.link;
  const path = known?.path ?? known?.at ?? profile.files[profile.functions.file[func]];
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  if (template) {
    return template.replaceAll('/{path}', `/${escaped.replace(/^\/+/, '')}`).replaceAll('{path}', escaped)
      .replaceAll('{line}', String(line));
  }
  return known?.at ? `file://${known.at.split('/').map(encodeURIComponent).join('/')}` : '';
}

// "src/a.cc:12", a link where it leads somewhere; the module of a function without a source file.
function placeOf(profile, func, type) {
  const file = profile.files[profile.functions.file[func]];
  if (!file) return '';
  const {known, heaviest} = linesOf(profile, func, type);
  const text = heaviest > 0 ? `${file}:${heaviest}` : file;
  const address = profile.source ? lineAddress(profile, func, known, heaviest) : '';
  return address ? element('a', {text, href: address, target: '_blank', rel: 'noopener noreferrer'}) : text;
}

// The lines of the function that has the focus, as they are in the last file, whatever the graph leaves out.
function showSource(page, func) {
  const {profile, type} = page;
  const section = byId('source');
  const {known, lines} = func < 0 ? {} : linesOf(profile, func, type);
  section.hidden = !known?.text;
  if (section.hidden) return;
  const held = new Map(lines.map(({line, value}) => [line, value]));
  byId('source-place').replaceChildren(placeOf(profile, func, type), profile.moments.length > 1
    ? ', figures of the whole last file' : ', figures of the whole profile');
  let last = 0;
  const rows = [];
  for (const [line, text] of known.text) {
    if (last > 0 && line !== last + 1) rows.push(element('tr', {className: 'gap'}, [element('td', {text: '\u2026'})]));
    last = line;
    rows.push(element('tr', {className: held.has(line) ? 'held' : ''}, [
      element('td', {className: 'number', text: held.has(line) ? formatValue(held.get(line), page.unit()) : ''}),
      element('td', {className: 'number', text: String(line)}), element('td', {text})]));
  }
  byId('lines').replaceChildren(element('tbody', {}, rows));
}
