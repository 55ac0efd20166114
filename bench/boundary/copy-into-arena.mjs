// SPDX-License-Identifier: MIT
// Bytes into a shared arena: set of the typed array, or copy of the Buffer.

const RECORDS = 256;

export const title = 'bytes into an arena';

export function addTasks(bench) {
  for (const bytes of [128, 1024, 16_384]) {
    const arena = Buffer.from(new ArrayBuffer(RECORDS * bytes));
    const data = Array.from({ length: RECORDS }, (_, index) => Buffer.alloc(bytes, index));
    bench.add(`set, ${bytes} B`, () => {
      let at = 0;
      for (const one of data) {
        arena.set(one, at);
        at += bytes;
      }
    });
    bench.add(`copy, ${bytes} B`, () => {
      let at = 0;
      for (const one of data) at += one.copy(arena, at);
    });
  }
}
