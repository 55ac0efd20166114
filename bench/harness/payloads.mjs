// SPDX-License-Identifier: MIT
// What is appended: the same bytes in each run, which do not compress, and keys in an order without a pattern.
import { createCipheriv } from 'node:crypto';

const POOL_BYTES = 4 * 2 ** 20;
const SEED = Buffer.alloc(16, 7);

/** Views of so many bytes into one pool, whose number is a power of two. */
export function makePayloads(payloadBytes) {
  const pool = randomBytes(POOL_BYTES);
  const count = POOL_BYTES / payloadBytes;
  return Array.from({ length: count }, (_, index) => pool.subarray(index * payloadBytes, (index + 1) * payloadBytes));
}

/** The keys, shuffled. */
export function makeKeys(count) {
  const keys = Array.from({ length: count }, (_, index) => `stream-${index}`);
  const numbers = new Uint32Array(randomBytes(count * 4).buffer);
  return shuffled(keys, (index) => numbers[index]);
}

/** A copy in another order; `numberOf(index)` is a random integer. */
export function shuffled(list, numberOf) {
  const copy = [...list];
  for (let index = copy.length - 1; index > 0; index--) {
    const other = numberOf(index) % (index + 1);
    [copy[index], copy[other]] = [copy[other], copy[index]];
  }
  return copy;
}

/** Random integers from a seed: AES in counter mode, four bytes at a time. */
export function randomIntegers(seed) {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(seed >>> 0);
  const cipher = createCipheriv('aes-128-ctr', SEED, iv);
  return () => cipher.update(Buffer.alloc(4)).readUInt32LE();
}

// A buffer of its own, not a part of Node's pool.
function randomBytes(count) {
  const cipher = createCipheriv('aes-128-ctr', SEED, SEED);
  return Buffer.from(new Uint8Array(cipher.update(new Uint8Array(count))).buffer);
}
