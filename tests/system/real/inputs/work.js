// SPDX-License-Identifier: Apache-2.0
// Work whose output is the same on every run: objects, compiled loops, compression, threads, files.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');

function numbers(seed, count) {
  let state = seed >>> 0;
  return Array.from({length: count}, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0));
}

function digest(seed) {
  const table = new Map();
  for (const number of numbers(seed, 50000)) table.set(number % 5000, `${number}`);
  const text = JSON.stringify([...table.entries()].sort((a, b) => a[0] - b[0]));
  const packed = zlib.gzipSync(Buffer.from(text));
  if (zlib.gunzipSync(packed).toString() !== text) throw new Error('torn');
  return crypto.createHash('sha256').update(text).digest('hex');
}

if (isMainThread) {
  console.log('main', digest(1));
  fs.writeFileSync('written.json', JSON.stringify(numbers(2, 1000)));
  console.log('file', JSON.parse(fs.readFileSync('written.json', 'utf8')).length);
  const results = [];
  let running = 3;
  for (let seed = 10; seed < 13; ++seed) {
    const worker = new Worker(__filename, {workerData: seed});
    worker.on('message', (text) => results.push(`${seed} ${text}`));
    worker.on('exit', () => {
      if (--running > 0) return;
      console.log(results.sort().join('\n'));
      process.exitCode = 4;
    });
  }
} else {
  parentPort.postMessage(digest(workerData));
}
