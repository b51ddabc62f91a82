// SPDX-License-Identifier: Apache-2.0
// Keeps 40 MB in buffers, which are malloc's, and many small objects, which are V8's own.
const buffers = [], objects = [];
for (let i = 0; i < 40; i++) buffers.push(Buffer.alloc(1 << 20, 1));
for (let i = 0; i < 100000; i++) objects.push({ order: i });
console.log(buffers.length, objects.length);
