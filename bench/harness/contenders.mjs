// SPDX-License-Identifier: MIT
// Who takes part, in the order of the tables. Each is a file under bench/peers/ (a variant is an option of it) that
// exports `about` and `open`, bench/README.md says how. The limit is a program of its own.

/** `ours`: not a peer that ratios go by. `only`: takes part in workloads of these names alone. */
export const CONTENDERS = [
  { name: 'seglog', file: 'seglog', ours: true },
  { name: 'seglog-sync', file: 'seglog', variant: 'sync', ours: true, only: /^W1$/ },
  { name: 'seglog-nopoll', file: 'seglog', variant: 'nopoll', ours: true, only: /^(W1|W2|W3|W7|P\d+)$/ },
  { name: 'js-log', file: 'js-log' },
  { name: 'fs-group', file: 'fs-group' },
  { name: 'fs-append', file: 'fs-append', only: /^W[12]$/ },
  { name: 'sonic-boom', file: 'sonic-boom' },
  { name: 'better-sqlite3', file: 'better-sqlite3', only: /^(W1|W2|W3|F\d+|P\d+)$/ },
  { name: 'better-sqlite3-grouped', file: 'better-sqlite3', variant: 'grouped', only: /^(?!W1$|W3)/ },
  { name: 'classic-level', file: 'classic-level' },
  { name: 'lmdb', file: 'lmdb' },
  { name: 'lmdb-overlapping', file: 'lmdb', variant: 'overlapping', only: /^W[123]$/ },
  { name: 'rocksdb', file: 'rocksdb' },
  { name: 'limit', program: true, variant: 'first' },
  { name: 'limit-recycled', program: true, variant: 'recycled' },
];

/** Those of a list such as "seglog,lmdb", or all. Throws RangeError on names that there are not. */
export function contendersFor(list) {
  if (list === undefined) return CONTENDERS;
  return list.split(',').map((name) => {
    const found = CONTENDERS.find((contender) => contender.name === name);
    if (found !== undefined) return found;
    const names = CONTENDERS.map((contender) => contender.name).join(', ');
    throw new RangeError(`Expected one of ${names} for --contender but received ${name}`);
  });
}
