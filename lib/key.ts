// SPDX-License-Identifier: MIT
// Keys name streams: 1 to 1,024 bytes, given as a string or as bytes. The bytes count, so that 'a' and
// Uint8Array.of(97) are one key.

import { isUtf8 } from 'node:buffer';
import { expectedMessage, toBytes, unlessGone } from './check.js';
import { rangeError } from './errors.js';

/** The name of a stream as it comes back: a string, or a `Buffer` where the bytes are not UTF-8. */
export type Key = string | Buffer;

/** A key has at most this many bytes. */
export const KEY_BYTES_MAX = 1024;

/** The bytes of a key, which are not the caller's. Throws TypeError and RangeError. */
export function keyBytes(key: unknown): Uint8Array {
  // A string that is long enough in characters is not encoded to be counted.
  if (typeof key === 'string' && key.length > KEY_BYTES_MAX) throw wrongLength(key);
  const bytes = toBytes(key, 'key');
  if (bytes.length === 0 || bytes.length > KEY_BYTES_MAX) throw wrongLength(key);
  return typeof key === 'string' ? bytes : unlessGone('key', () => new Uint8Array(bytes));
}

/** The key that `bytes` are. */
export function keyOf(bytes: Uint8Array): Key {
  const buffer = Buffer.from(bytes);
  return isUtf8(buffer) ? buffer.toString('utf8') : buffer;
}

function wrongLength(key: unknown): RangeError {
  return rangeError(expectedMessage(`1 to ${KEY_BYTES_MAX} bytes`, 'key', key));
}
