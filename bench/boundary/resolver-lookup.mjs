// SPDX-License-Identifier: MIT
// Who waits for which record: a ring in the order of appending, whose slots are nulled, or a Map by token.

const RECORDS = 256;
const RING = 65_536;

export const title = 'finding who waits';

export function addTasks(bench) {
  const waiter = () => {};
  const ring = new Array(RING).fill(undefined);
  let head = 0;
  let tail = 0;
  bench.add('a ring of resolvers, slots nulled', () => {
    for (let index = 0; index < RECORDS; index++) ring[tail++ % RING] = waiter;
    while (head < tail) {
      const at = head++ % RING;
      const found = ring[at];
      ring[at] = undefined;
      found();
    }
  });
  const byToken = new Map();
  let nextToken = 1;
  bench.add('a Map by token', () => {
    const first = nextToken;
    for (let index = 0; index < RECORDS; index++) byToken.set(nextToken++, waiter);
    for (let token = first; token < nextToken; token++) {
      const found = byToken.get(token);
      byToken.delete(token);
      found();
    }
  });
}
