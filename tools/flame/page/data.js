// SPDX-License-Identifier: Apache-2.0
// The profile as the page carries it: base64 of a zlib stream of
//
//   u32 little-endian       length of the JSON text
//   JSON, UTF-8             names, sample types, facts; "nodes" N and "stacks" S say how long the columns are
//   N x varint              frames to leave before node i is entered; nodes are numbered from 1 in preorder
//   N x varint              the function of node i
//   S x varint              nodes at which stacks end: distance to the one before
//   S x varint              the labels of the stacks, a number in "labels.sets"; if there is more than the empty set
//   S x varint              where the stacks end without wrappers, if "hasFolded"
//   for each of "moments", for each sample type:
//     varint                length in bytes of what follows for it
//     S x signed varint     values of the stacks (zigzag)
//     in a difference, where "base" is in the JSON:
//       S x signed varint   values of the base
//       2 x S x real        variances of the change, and how much of the values varies: see limits.js; a real is
//                           the upper three bytes of a float32
//     else, where the type is "sampled":
//       4 x S x real        variances, what was passed by, one more sample, its variance: see limits.js
//
// Node 0 is the root. All text of the profile is in the JSON, none in the page's markup. In the JSON,
//   functions               columns by function: name, display (''; else what people call it), file, module, line
//   labels                  keys; values of each key; sets, each [key, value, key, value, ...]
//   source                  if asked for: link; functions: by number {at, path, lines: [[line, value by type...]...],
//                           text: [[line, text]...]}

class ByteReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  // Numbers above 2^53 lose their last digits, as every number here does.
  varint() {
    let byte = this.bytes[this.at++];
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return value;
  }

  signedVarint() {
    const isNegative = this.bytes[this.at] & 1;  // above 2^53 the last bit of the number is lost
    const value = this.varint();
    return isNegative ? -(value + 1) / 2 : value / 2;
  }
}

async function inflate(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; ++i) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function readReals(reader, count) {
  const bits = new Uint32Array(count);
  const {bytes} = reader;
  for (let i = 0; i < count; ++i, reader.at += 3) {
    bits[i] = bytes[reader.at] << 8 | bytes[reader.at + 1] << 16 | bytes[reader.at + 2] << 24;
  }
  return new Float32Array(bits.buffer);
}

function readSigned(reader, count) {
  const values = new Float64Array(count);
  for (let i = 0; i < count; ++i) values[i] = reader.signedVarint();
  return values;
}

// Fills parent, depth, func and end (one behind the last node of the subtree) of every node.
function readNodes(reader, count) {
  const parent = new Int32Array(count + 1);
  const depth = new Int32Array(count + 1);
  const func = new Int32Array(count + 1);
  const end = new Int32Array(count + 1);
  const path = [0];
  parent[0] = func[0] = -1;
  for (let node = 1; node <= count; ++node) {
    for (let leave = reader.varint(); leave > 0; --leave) end[path.pop()] = node;
    parent[node] = path[path.length - 1];
    depth[node] = path.length;
    path.push(node);
  }
  while (path.length > 0) end[path.pop()] = count + 1;
  for (let node = 1; node <= count; ++node) func[node] = reader.varint();
  return {parent, depth, func, end};
}

// The values of a sample type by stack; what is not known is null.
function readColumn(reader, profile, type) {
  const count = profile.stacks;
  const column = {value: readSigned(reader, count), base: null, variance: null, moved: null, passedBy: null};
  if (profile.base) {
    column.base = readSigned(reader, count);
    column.variance = readReals(reader, count);
    column.moved = readReals(reader, count);
  } else if (type.sampled) {
    column.variance = readReals(reader, count);
    column.passedBy = readReals(reader, count);
    column.oneMore = readReals(reader, count);
    column.oneMoreVariance = readReals(reader, count);
  }
  return column;
}

function readVarints(reader, count) {
  const values = new Int32Array(count);
  for (let i = 0; i < count; ++i) values[i] = reader.varint();
  return values;
}

// The columns of a moment, by sample type. They are read when they are asked for first.
function columnsOf(profile, moment) {
  const {columns, columnAt, bytes, types} = profile;
  columns[moment] ??= types.map((type, i) => {
    const reader = new ByteReader(bytes);
    reader.at = columnAt[moment * types.length + i];
    return readColumn(reader, profile, type);
  });
  return columns[moment];
}

// Resolves to {facts..., parent, depth, func, end, stackNode, wholeNode, foldedNode, stackLabels}. `stackNode` is the one
// of the two that is shown.
async function readProfile(text) {
  const bytes = await inflate(text);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const profile = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const reader = new ByteReader(bytes);
  reader.at = 4 + length;
  Object.assign(profile, readNodes(reader, profile.nodes));
  profile.wholeNode = readVarints(reader, profile.stacks);
  for (let i = 1; i < profile.stacks; ++i) profile.wholeNode[i] += profile.wholeNode[i - 1];
  profile.stackLabels = profile.labels.sets.length > 1 ? readVarints(reader, profile.stacks) : null;
  profile.foldedNode = profile.hasFolded ? readVarints(reader, profile.stacks) : profile.wholeNode;
  profile.stackNode = profile.unfold ? profile.wholeNode : profile.foldedNode;
  profile.bytes = bytes;
  profile.columns = [];
  profile.columnAt = [];
  for (let i = 0; i < profile.moments.length * profile.types.length; ++i) {
    const length = reader.varint();
    profile.columnAt.push(reader.at);
    reader.at += length;
  }
  profile.functions.display = profile.functions.display.map((name, i) => name || profile.functions.name[i]);
  return profile;
}
