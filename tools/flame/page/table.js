// SPDX-License-Identifier: Apache-2.0
// The table of the heaviest functions.

const ROWS_AT_FIRST = 60;
const ROWS_MORE = 400;

// Sets text, class and attributes of a new element. Text only ever becomes text.
function element(tag, {text, className, ...attributes} = {}, children = []) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A column knows what it is sorted by, what it shows, and the class of a cell: of a function `id` in `sums`, its
// flat or cum figures.
function plainColumns(title, part, isSampled) {
  const value = (all, id) => all[part].value[id];
  const columns = [
    {title, value, show: (all, id) => formatValue(value(all, id), all.unit),
     className: (all, id) => isVague(value(all, id), all[part].limits(id)) ? 'noise' : ''},
    {title: `${title} %`, value, show: (all, id) => formatPercent(value(all, id), all.total)},
  ];
  if (isSampled) {
    columns.push({title: '95 % limits', isPlain: true, value,
                  show: (all, id) => formatLimits(all[part].limits(id), all.unit)});
  }
  return columns;
}

function changeColumns(title, part) {
  const change = (all, id) => all[part].change(id);
  return [
    {title: `${title} change`, value: (all, id) => Math.abs(change(all, id)),
     show: (all, id) => formatChange(change(all, id), all.unit),
     className: (all, id) => all[part].isNoise(id) ? 'noise' : change(all, id) > 0 ? 'grown' : 'shrunk'},
    {title: `${title} base`, value: (all, id) => all[part].base[id],
     show: (all, id) => formatValue(all[part].base[id], all.unit)},
    {title: `${title} new`, value: (all, id) => all[part].value[id],
     show: (all, id) => formatValue(all[part].value[id], all.unit)},
  ];
}

class FunctionTable {
  // `choose(func)` is called when a row is.
  constructor(table, more, profile, choose) {
    Object.assign(this, {table, more, profile, choose});
    this.columns = [];
    this.sorted = {column: 0, descending: true};
    this.limit = ROWS_AT_FIRST;
    this.chosen = -1;
    more.addEventListener('click', () => {
      this.limit += ROWS_MORE;
      this.render();
    });
  }

  // `sums` is what functionSums returned, with the unit and the total added; `matches` flags by function, or
  // null for all.
  show(sums, matches) {
    this.sums = sums;
    this.ids = matches ? sums.ids.filter((id) => matches[id]) : sums.ids;
    const make = this.profile.base ? changeColumns : plainColumns;
    const isSampled = sums.flat.passedBy !== null;
    const sorted = this.columns[this.sorted.column]?.title;
    this.columns = [...make('Flat', 'flat', isSampled), ...make('Cum', 'cum', isSampled)];
    this.sorted.column = Math.max(0, this.columns.findIndex((column) => column.title === sorted));
    this.limit = ROWS_AT_FIRST;
    this.render();
  }

  order() {
    const {sums} = this;
    const {column, descending} = this.sorted;
    const {value} = this.columns[column];
    const names = this.profile.functions.display;
    const sign = descending ? -1 : 1;
    const second = (id) => this.profile.base ? Math.abs(sums.cum.change(id)) : sums.cum.value[id];
    this.ids.sort((a, b) => sign * (value(sums, a) - value(sums, b)) || second(b) - second(a) ||
      (names[a] < names[b] ? -1 : 1));
  }

  render() {
    this.order();
    const shown = this.ids.slice(0, this.limit);
    this.table.replaceChildren(
      element('thead', {}, [this.headRow()]),
      element('tbody', {}, shown.map((id) => this.bodyRow(id))));
    const left = this.ids.length - shown.length;
    this.more.hidden = left <= 0;
    this.more.textContent = left > ROWS_MORE ? `${ROWS_MORE} more of ${formatCount(left)}` : `${left} more`;
  }

  headRow() {
    const cells = this.columns.map((column, i) => {
      if (column.isPlain) return element('th', {text: column.title, className: 'number limits', scope: 'col'});
      const button = element('button', {type: 'button', text: column.title});
      button.addEventListener('click', () => this.sortBy(i));
      const cell = element('th', {className: 'number', scope: 'col'}, [button]);
      if (i === this.sorted.column) {
        cell.setAttribute('aria-sort', this.sorted.descending ? 'descending' : 'ascending');
      }
      return cell;
    });
    return element('tr', {}, [
      ...cells,
      element('th', {text: 'Function', className: 'symbol', scope: 'col'}),
      element('th', {text: 'Module', scope: 'col'}),
    ]);
  }

  sortBy(column) {
    const same = column === this.sorted.column;
    this.sorted = {column, descending: same ? !this.sorted.descending : true};
    this.render();
    this.table.querySelectorAll('th')[column].querySelector('button').focus();
  }

  bodyRow(id) {
    const {functions, modules} = this.profile;
    const {sums} = this;
    const name = functions.display[id];
    const module = modules[functions.module[id]];
    const button = element('button', {type: 'button', text: name, title: functions.name[id]});
    button.addEventListener('click', () => this.choose(id));
    const cells = this.columns.map((column) => element('td', {
      // A plain column goes from narrow pages whole, so that its cells have its class whatever they hold.
      className: `number ${column.isPlain ? 'limits ' : ''}${
        column.value(sums, id) === 0 ? 'nothing' : column.className?.(sums, id) ?? ''}`,
      text: column.show(sums, id),
    }));
    const made = element('tr', {}, [
      ...cells,
      element('td', {className: 'symbol'}, [button]),
      element('td', {className: 'module', text: baseName(module), title: module}),
    ]);
    made.dataset.func = id;
    if (id === this.chosen) made.className = 'chosen';
    return made;
  }

  mark(func) {
    this.chosen = func;
    for (const row of this.table.querySelectorAll('tbody tr')) {
      row.classList.toggle('chosen', Number(row.dataset.func) === func);
    }
  }
}
