// SPDX-License-Identifier: MIT
// Memory as the log uses it, and how numbers are put there. Offsets count bytes; those of words are multiples of 4.

export const PAGE_BYTES = 4096;

/** Memory seen as bytes and as little-endian words. */
export class Memory {
  constructor(arrayBuffer) {
    this.bytes = Buffer.from(arrayBuffer);
    this.words = new Int32Array(arrayBuffer);
  }

  static of(byteCount) {
    return new Memory(new ArrayBuffer(byteCount));
  }

  /** Begins on a page, as O_DIRECT wants it: a WebAssembly memory is the only one for which JavaScript can know that. */
  static aligned(byteCount) {
    const pages = Math.ceil(byteCount / 65_536);
    return new Memory(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
  }
}

export function alignUp(value, unit) {
  return Math.ceil(value / unit) * unit;
}

export function alignDown(value, unit) {
  return value - (value % unit);
}

export function putU32(words, offset, value) {
  words[offset >> 2] = value;
}

/** Of a number below 2^53. */
export function putU64(words, offset, value) {
  words[offset >> 2] = value;
  words[(offset >> 2) + 1] = value / 4_294_967_296;
}

/** An id: the upper word is its session, the lower one counts. */
export function putId(words, offset, { low, high }) {
  words[offset >> 2] = low;
  words[(offset >> 2) + 1] = high;
}

export function varintBytes(value) {
  let count = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) count++;
  return count;
}

/** Returns the offset behind it. */
export function putVarint(bytes, offset, value) {
  let at = offset;
  let rest = value;
  while (rest > 127) {
    bytes[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

/** The varint of any u64. */
export function putIdVarint(bytes, offset, { low, high }) {
  let at = offset;
  let [a, b] = [low >>> 0, high >>> 0];
  while (b > 0 || a > 127) {
    bytes[at++] = (a & 127) | 128;
    a = ((a >>> 7) | (b << 25)) >>> 0;
    b >>>= 7;
  }
  bytes[at++] = a;
  return at;
}
