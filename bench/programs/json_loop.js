// SPDX-License-Identifier: Apache-2.0
// Work of an interpreter: a document is written and read again, and what was read is sorted and counted.
let document = [];
for (let i = 0; i < 60000; ++i) document.push({ name: "row " + i, numbers: [i * 7919 % 10007, i, i / 3], key: null });
for (let turn = 0; turn < Number(process.argv[2]); ++turn) {
  document = JSON.parse(JSON.stringify(document));
  document.sort((a, b) => a.numbers[0] - b.numbers[0]);
}
console.log(document.length, document[0].name);
