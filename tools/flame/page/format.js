// SPDX-License-Identifier: Apache-2.0
// Figures and names as people read them.

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const NANOSECONDS = {nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9};

// "1.5 MiB", "12,345", "2.31 s": as the command prints them.
function formatValue(value, unit) {
  if (unit === 'bytes') return formatBytes(value);
  if (unit in NANOSECONDS) return formatTime(value * NANOSECONDS[unit]);
  const number = formatCount(value);
  return unit === 'count' || unit === '' ? number : `${number} ${unit}`;
}

function formatBytes(value) {
  let unit = 0;
  // 1023.95 and above would show as 1024.0 of the smaller unit.
  while (Math.abs(value) >= (unit === 0 ? 1024 : 1023.95) && unit + 1 < BYTE_UNITS.length) {
    value /= 1024;
    ++unit;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${BYTE_UNITS[unit]}`;
}

function formatTime(nanoseconds) {
  const size = Math.abs(nanoseconds);
  if (size >= 1e9) return `${(nanoseconds / 1e9).toFixed(2)} s`;
  if (size >= 1e6) return `${(nanoseconds / 1e6).toFixed(1)} ms`;
  if (size >= 1e3) return `${(nanoseconds / 1e3).toFixed(1)} \u00b5s`;
  return `${nanoseconds.toFixed(0)} ns`;
}

function formatCount(value) {
  return Math.round(value).toLocaleString('en-US');
}

function formatPercent(part, whole) {
  if (!(Math.abs(whole) > 0)) return '\u2013';
  const percent = 100 * part / whole;
  if (part === 0) return '0 %';
  if (Math.abs(percent) < 0.01) return '<0.01 %';
  return `${percent.toFixed(Math.abs(percent) >= 99.995 ? 0 : Math.abs(percent) < 10 ? 2 : 1)} %`;
}

function formatPercentChange(change, base) {
  return base === 0 ? 'new' : `${change > 0 ? '+' : ''}${formatPercent(change, base)}`.replace('-', '\u2212');
}

// With its sign, for changes; a real minus, which is as wide as the plus.
function formatChange(value, unit) {
  const text = formatValue(Math.abs(value), unit);
  return value > 0 ? `+${text}` : value < 0 ? `\u2212${text}` : text;
}

// Where the bracket that opens at `at` closes, or the end. "->", "operator<" and "operator>>" are no brackets.
function skipBracket(name, at) {
  let depth = 0;
  for (; at < name.length; ++at) {
    const c = name[at];
    if (c === '<' || c === '(') ++depth;
    if ((c === '>' && name[at - 1] !== '-') || c === ')') {
      if (--depth <= 0) return at + 1;
    }
  }
  return at;
}

// The name without its arguments and with <> for the arguments of templates.
function foldArguments(name) {
  let short = '';
  for (let at = 0; at < name.length;) {
    const isOperator = /operator$/.test(short);
    if (name[at] === '<' && at > 0 && !isOperator) {
      short += '<>';
      at = skipBracket(name, at);
    } else if (name[at] === '(' && at > 0 && !isOperator) {
      const end = skipBracket(name, at);
      // "(anonymous namespace)::f" and "f(int)::{lambda()#1}" go on behind the bracket.
      if (name.startsWith('(anonymous', at)) short += '(anon)';
      at = end;
    } else {
      short += name[at++];
    }
  }
  return short.replace(/ (const|volatile|&|&&)$/, '').replace(/ \[clone [^\]]*\]$/, '');
}

// Forms of a name, each shorter than the one before: whole, without arguments, last two parts, last part.
function nameForms(name) {
  const forms = [name];
  const add = (form) => {
    if (form.length > 0 && form.length < forms[forms.length - 1].length) forms.push(form);
  };
  // A name that a hostile file made long would be folded for nothing.
  if (name.length < 4000) {
    const folded = foldArguments(name);
    add(folded);
    const parts = folded.split('::');
    if (parts.length > 2) add(parts.slice(-2).join('::'));
    if (parts.length > 1) add(parts[parts.length - 1]);
  }
  return forms;
}

// The longest form that fits `room` characters, else the shortest one cut; '' where that tells nothing.
function fitName(forms, room) {
  for (const form of forms) {
    if (form.length <= room) return form;
  }
  const last = forms[forms.length - 1];
  return room < 3 ? '' : `${last.slice(0, room - 1)}\u2026`;
}

function baseName(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}
