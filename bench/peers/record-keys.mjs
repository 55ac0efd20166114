// SPDX-License-Identifier: MIT
// Keys of records in a key-value store that serves as a log: the stream's key and a number, in the order of appending.

const FIRST = 36 ** 7; // From here on numbers have eight digits of base 36.

/** A function that makes the next key of a stream. `owner` tells threads apart. */
export function recordKeys(owner = 0) {
  let count = 0;
  return (key) => `${key}/${owner}${(FIRST + count++).toString(36)}`;
}
