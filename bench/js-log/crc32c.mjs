// SPDX-License-Identifier: MIT
// CRC-32C (RFC 3720, section 12.1) in plain JavaScript: sixteen bytes a turn from tables ("slicing-by-16", after Kounavis
// and Berry, 2005). zlib.crc32 has another polynomial. Works on memory that is seen both as bytes and as 32-bit words,
// which is what engines read fastest; so on little-endian machines only.
//
// All functions take and return the register, which is the checksum inverted: crc(seed, bytes) of docs/format.md is
// ~crcOf(~seed, bytes), and a register can be carried from a seed into what it seeds as it is.

import { endianness } from 'node:os';

const POLYNOMIAL = 0x82f63b78;

export const CRC_START = -1;

if (endianness() !== 'LE') throw new Error('This log needs a little-endian machine');

/** Table k begins at k * 256: what a byte contributes that has k bytes behind it. */
const TABLES = new Int32Array(16 * 256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
  TABLES[byte] = value;
}
for (let at = 256; at < TABLES.length; at++) TABLES[at] = (TABLES[at - 256] >>> 8) ^ TABLES[TABLES[at - 256] & 255];

/** Of the bytes from `start`, a multiple of 4, to `end`. */
export function crcOf(register, { bytes, words }, start, end) {
  const t = TABLES;
  let a = register;
  let word = start >>> 2;
  for (const last = word + (((end - start) >>> 4) << 2); word < last; word += 4) {
    a ^= words[word];
    const b = words[word + 1];
    const c = words[word + 2];
    const d = words[word + 3];
    // biome-ignore format: a line per word
    a =
      t[3840 + (a & 255)] ^ t[3584 + ((a >>> 8) & 255)] ^ t[3328 + ((a >>> 16) & 255)] ^ t[3072 + (a >>> 24)] ^
      t[2816 + (b & 255)] ^ t[2560 + ((b >>> 8) & 255)] ^ t[2304 + ((b >>> 16) & 255)] ^ t[2048 + (b >>> 24)] ^
      t[1792 + (c & 255)] ^ t[1536 + ((c >>> 8) & 255)] ^ t[1280 + ((c >>> 16) & 255)] ^ t[1024 + (c >>> 24)] ^
      t[768 + (d & 255)] ^ t[512 + ((d >>> 8) & 255)] ^ t[256 + ((d >>> 16) & 255)] ^ t[d >>> 24];
  }
  for (let at = word << 2; at < end; at++) a = (a >>> 8) ^ t[(a ^ bytes[at]) & 255];
  return a;
}

/** Of a u64 that is given as its two words. */
export function crcOfWords(register, low, high) {
  const t = TABLES;
  const a = register ^ low;
  const b = high | 0;
  // biome-ignore format: a line per word
  return (
    t[1792 + (a & 255)] ^ t[1536 + ((a >>> 8) & 255)] ^ t[1280 + ((a >>> 16) & 255)] ^ t[1024 + (a >>> 24)] ^
    t[768 + (b & 255)] ^ t[512 + ((b >>> 8) & 255)] ^ t[256 + ((b >>> 16) & 255)] ^ t[b >>> 24]
  );
}

/** Of a u64 below 2^53. */
export function crcOfNumber(register, value) {
  return crcOfWords(register, value | 0, value / 4_294_967_296);
}
