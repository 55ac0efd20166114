// SPDX-License-Identifier: MIT
// The workloads: what is appended, how many callers wait, and with which payloads each is run unless others are asked
// for. Data only; drive.mjs carries them out.

/** The payloads, in bytes. */
export const PAYLOADS = [128, 1024, 65_536];
const SMALL = [128, 1024];
const BATCH = 1000;
const BATCH_OF_LARGE = 100;
const LARGE_BYTES = 65_536;

/**
 * `kind`: 'awaited', callers that append and wait; 'batches', the same with batches; 'ingest', as fast as it is taken;
 * 'paced', so many appends a second, each awaited.
 */
export const WORKLOADS = [
  { name: 'W1', title: 'one append at a time', kind: 'awaited', callers: 1, payloads: PAYLOADS },
  { name: 'W2', title: '256 appends in flight', kind: 'awaited', callers: 256, payloads: PAYLOADS },
  { name: 'W3', title: 'one batch at a time', kind: 'batches', callers: 1, payloads: PAYLOADS },
  { name: 'W3x4', title: 'four batches in flight', kind: 'batches', callers: 4, payloads: PAYLOADS },
  { name: 'W4', title: 'ingest, one sync at the end', kind: 'ingest', payloads: PAYLOADS },
  { name: 'W7', title: '256 in flight, 1,000 keys', kind: 'awaited', callers: 256, keys: 1000, payloads: SMALL },
  { name: 'W9', title: '256 in flight, 100,000 keys', kind: 'awaited', callers: 256, keys: 100_000, payloads: [128] },
  { name: 'W10', title: '4 worker threads × 64 in flight', kind: 'awaited', callers: 64, threads: 4, payloads: [128] },
  {
    name: 'W11',
    title: 'a sync every 100 records',
    kind: 'awaited',
    callers: 256,
    payloads: [128],
    syncEvery: { records: 100 },
  },
  {
    name: 'W12',
    title: 'a sync every 200 ms',
    kind: 'awaited',
    callers: 256,
    payloads: [128],
    syncEvery: { ms: 200 },
  },
];

/** How rates grow with the appends in flight and with the keys; for the chart. */
export const SCALING = [
  ...[1, 4, 16, 64, 256, 1024, 4096].map((callers) => ({
    name: `F${callers}`,
    title: `${callers} in flight`,
    kind: 'awaited',
    callers,
    payloads: [128],
  })),
  ...[1, 10, 100, 1000, 10_000, 100_000].map((keys) => ({
    name: `K${keys}`,
    title: `256 in flight, ${keys} keys`,
    kind: 'awaited',
    callers: 256,
    keys,
    payloads: [128],
  })),
];

/** What appends at a given pace cost; their rate is not the result, processor time is. */
export const PACED = [100, 1000, 10_000].map((rate) => ({
  name: `P${rate}`,
  title: `${rate} appends a second`,
  kind: 'paced',
  rate,
  payloads: [128],
}));

const GROUPS = { default: WORKLOADS, scaling: SCALING, paced: PACED, all: [...WORKLOADS, ...SCALING, ...PACED] };

/** The workloads of a list such as "W2,W7" or "scaling". Throws RangeError on names that there are not. */
export function workloadsNamed(list) {
  return list.split(',').flatMap((name) => {
    const found = GROUPS[name] ?? GROUPS.all.filter((workload) => workload.name === name);
    if (found.length > 0) return found;
    const names = [...Object.keys(GROUPS), ...GROUPS.all.map((workload) => workload.name)];
    throw new RangeError(`Expected one of ${names.join(', ')} for --workload but received ${name}`);
  });
}

/** Records of one batch. */
export function batchOf(payloadBytes) {
  return payloadBytes >= LARGE_BYTES ? BATCH_OF_LARGE : BATCH;
}
