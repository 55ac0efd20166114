// SPDX-License-Identifier: MIT
// A string of 128 characters as UTF-8 into a shared arena: written in place, encoded in place, or by way of a Buffer.

const RECORDS = 256;
const CHARACTERS = 128;
const BYTES_MAX = 3 * CHARACTERS; // A UTF-16 unit is three bytes of UTF-8 at most.

export const title = 'a string into an arena';

export function addTasks(bench) {
  const arena = Buffer.from(new ArrayBuffer(RECORDS * BYTES_MAX));
  const encoder = new TextEncoder();
  const texts = {
    'one byte each': Array.from({ length: RECORDS }, (_, index) => String(index).padEnd(CHARACTERS, 'x')),
    'some of two bytes': Array.from({ length: RECORDS }, (_, index) => String(index).padEnd(CHARACTERS, 'xxxé')),
  };
  for (const [kind, strings] of Object.entries(texts)) {
    bench.add(`utf8Write, ${kind}`, () => {
      let at = 0;
      for (const text of strings) at += arena.utf8Write(text, at, BYTES_MAX);
    });
    bench.add(`encodeInto, ${kind}`, () => {
      let at = 0;
      for (const text of strings) at += encoder.encodeInto(text, arena.subarray(at)).written;
    });
    bench.add(`Buffer.from and set, ${kind}`, () => {
      let at = 0;
      for (const text of strings) {
        const bytes = Buffer.from(text);
        arena.set(bytes, at);
        at += bytes.length;
      }
    });
  }
}
