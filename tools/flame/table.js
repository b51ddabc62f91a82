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

const PLAIN_COLUMNS = [
  {title: 'Flat', key: (row) => row.flat, show: (row, all) => formatValue(row.flat, all.unit)},
  {title: 'Flat %', key: (row) => row.flat, show: (row, all) => formatPercent(row.flat, all.total)},
  {title: 'Cum', key: (row) => row.cum, show: (row, all) => formatValue(row.cum, all.unit)},
  {title: 'Cum %', key: (row) => row.cum, show: (row, all) => formatPercent(row.cum, all.total)},
];

function changeColumn(title, part) {
  const change = (row) => row[part] - row[`${part}Base`];
  return {
    title,
    key: change,
    show: (row, all) => formatChange(change(row), all.unit),
    className: (row) => isNoise(change(row), row[`${part}Variance`] || 0) ? 'noise'
                        : change(row) > 0 ? 'grown' : 'shrunk',
  };
}

const CHANGE_COLUMNS = [
  changeColumn('Flat change', 'flat'),
  {title: 'Flat base', key: (row) => row.flatBase, show: (row, all) => formatValue(row.flatBase, all.unit)},
  {title: 'Flat new', key: (row) => row.flat, show: (row, all) => formatValue(row.flat, all.unit)},
  changeColumn('Cum change', 'cum'),
  {title: 'Cum base', key: (row) => row.cumBase, show: (row, all) => formatValue(row.cumBase, all.unit)},
  {title: 'Cum new', key: (row) => row.cum, show: (row, all) => formatValue(row.cum, all.unit)},
];

class FunctionTable {
  // `choose(func)` is called when a row is.
  constructor(table, more, profile, choose) {
    Object.assign(this, {table, more, profile, choose});
    this.columns = profile.base ? CHANGE_COLUMNS : PLAIN_COLUMNS;
    this.sorted = {column: 0, descending: true};
    this.limit = ROWS_AT_FIRST;
    this.chosen = -1;
    more.addEventListener('click', () => {
      this.limit += ROWS_MORE;
      this.render();
    });
  }

  // `figures` is {unit, total}; `matches` flags by function, or null for all.
  show(rows, figures, matches) {
    this.rows = matches ? rows.filter((row) => matches[row.func]) : rows;
    this.figures = figures;
    this.limit = ROWS_AT_FIRST;
    this.render();
  }

  order() {
    const {column, descending} = this.sorted;
    const {key} = this.columns[column];
    const names = this.profile.functions.name;
    const sign = descending ? -1 : 1;
    // In a difference growth and shrinking stand together when they are of one size.
    const size = this.profile.base ? (row) => Math.abs(key(row)) : key;
    this.rows.sort((a, b) => sign * (size(a) - size(b)) || b.cum - a.cum ||
      (names[a.func] < names[b.func] ? -1 : 1));
  }

  render() {
    this.order();
    const shown = this.rows.slice(0, this.limit);
    this.table.replaceChildren(
      element('thead', {}, [this.headRow()]),
      element('tbody', {}, shown.map((row) => this.bodyRow(row))));
    const left = this.rows.length - shown.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `${formatCount(Math.min(left, ROWS_MORE))} more of ${formatCount(left)}`;
  }

  headRow() {
    const cells = this.columns.map((column, i) => {
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
    this.table.querySelectorAll('th button')[column].focus();
  }

  bodyRow(row) {
    const {functions, modules} = this.profile;
    const name = functions.name[row.func];
    const module = modules[functions.module[row.func]];
    const button = element('button', {type: 'button', text: name, title: name});
    button.addEventListener('click', () => this.choose(row.func));
    const cells = this.columns.map((column) => element('td', {
      className: `number ${column.key(row) === 0 ? 'nothing' : column.className ? column.className(row) : ''}`,
      text: column.show(row, this.figures),
    }));
    const made = element('tr', {}, [
      ...cells,
      element('td', {className: 'symbol'}, [button]),
      element('td', {className: 'module', text: baseName(module), title: module}),
    ]);
    made.dataset.func = row.func;
    if (row.func === this.chosen) made.className = 'chosen';
    return made;
  }

  mark(func) {
    this.chosen = func;
    for (const row of this.table.querySelectorAll('tbody tr')) {
      row.classList.toggle('chosen', Number(row.dataset.func) === func);
    }
  }
}
