// SPDX-License-Identifier: MIT
// The workloads of seglog bench, on a log and on a file written by hand, one run at a time in a directory of its own.
// The long form, with other stores and each run in a process of its own, is `npm run bench` of the project.

import { createCipheriv } from 'node:crypto';
import { join } from 'node:path';
import { openLog } from '../index.js';
import { FileLog } from './file-log.js';
import { LatencyHistogram } from './latency.js';

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** Callers that append and wait at the same time; 0: nothing is waited for but room, and one sync at the end. */
  readonly callers: number;
  /** Records that a caller appends together. */
  readonly batch: number;
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'W1', title: 'one at a time', callers: 1, batch: 1 },
  { name: 'W2', title: '256 in flight', callers: 256, batch: 1 },
  { name: 'W3', title: '1,000 a batch', callers: 1, batch: 1000 },
  { name: 'W4', title: 'ingest, 1 sync', callers: 0, batch: 1 },
];

/** Bytes per record. */
export const PAYLOADS: readonly number[] = [128, 1024];

export type Contender = 'seglog' | 'fs';

export const CONTENDERS: readonly Contender[] = ['seglog', 'fs'];

export interface RunResult {
  readonly records: number;
  readonly seconds: number;
  /** What appends waited, where they were waited for. */
  readonly latency: LatencyHistogram;
}

const KEY = 'bench';
/** One run writes at most this much, however long it may take. */
const RUN_BYTES_MAX = 2 ** 30;
const WARM_UP_PART = 0.2;
const RECORDS_PER_LOOK = 64;
const SEED = Buffer.alloc(16, 7);
const NO_BYTES = new Uint8Array(0);

/** What a contender must do; promises resolve when what was appended is durable. */
interface Target {
  append(data: Uint8Array): Promise<unknown>;
  appendBatch(datas: readonly Uint8Array[]): Promise<unknown>;
  ingest(data: Uint8Array): boolean;
  drain(): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Runs a workload for so many seconds, and a part of that before, to warm up. Ends early when the signal aborts. */
export async function runWorkload(
  contender: Contender,
  workload: Workload,
  payloadBytes: number,
  seconds: number,
  directory: string,
  signal: AbortSignal,
): Promise<RunResult> {
  const payloads = makePayloads(payloadBytes, Math.max(workload.batch, 4096));
  const target = contender === 'seglog' ? await openSeglog(directory) : await openFile(directory);
  try {
    const measure = workload.callers === 0 ? ingest : closedLoop;
    await measure(target, workload, payloads, seconds * WARM_UP_PART, signal);
    return await measure(target, workload, payloads, seconds, signal);
  } finally {
    await target.close();
  }
}

async function openSeglog(directory: string): Promise<Target> {
  const log = await openLog(join(directory, 'log'));
  const stream = log.stream(KEY);
  return {
    append: (data) => stream.append(data),
    appendBatch: (datas) => stream.appendBatch(datas.map((data) => ({ data }))),
    ingest: (data) => stream.ingest(data),
    drain: () => log.drain(),
    sync: () => log.sync(),
    close: () => log.close(),
  };
}

async function openFile(directory: string): Promise<Target> {
  const file = await FileLog.create(join(directory, 'log'), { hasKeys: false });
  return {
    append: (data) => file.append(KEY, data),
    appendBatch: (datas) => file.appendBatch(KEY, datas),
    ingest: (data) => file.ingest(KEY, data),
    drain: () => file.drain(),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

async function closedLoop(
  target: Target,
  { callers, batch }: Workload,
  payloads: readonly Uint8Array[],
  seconds: number,
  signal: AbortSignal,
): Promise<RunResult> {
  const latency = new LatencyHistogram();
  const recordsMax = recordsIn(RUN_BYTES_MAX, payloads);
  const start = performance.now();
  const end = start + seconds * 1000;
  let appended = 0;
  const caller = async () => {
    for (let before = performance.now(); before < end && appended < recordsMax && !signal.aborted; ) {
      const at = appended % (payloads.length - batch + 1);
      appended += batch;
      if (batch === 1) await target.append(payloads[at] ?? NO_BYTES);
      else await target.appendBatch(payloads.slice(at, at + batch));
      const after = performance.now();
      latency.record((after - before) * 1000);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { records: appended, seconds: (performance.now() - start) / 1000, latency };
}

async function ingest(
  target: Target,
  _: Workload,
  payloads: readonly Uint8Array[],
  seconds: number,
  signal: AbortSignal,
): Promise<RunResult> {
  const recordsMax = recordsIn(RUN_BYTES_MAX, payloads);
  const start = performance.now();
  const end = start + seconds * 1000;
  let records = 0;
  while (performance.now() < end && records < recordsMax && !signal.aborted) {
    for (let look = 0; look < RECORDS_PER_LOOK; look++) {
      const data = payloads[records++ % payloads.length];
      if (data !== undefined && !target.ingest(data)) await target.drain();
    }
  }
  await target.sync();
  return { records, seconds: (performance.now() - start) / 1000, latency: new LatencyHistogram() };
}

function recordsIn(bytes: number, payloads: readonly Uint8Array[]): number {
  return bytes / (payloads[0]?.length ?? 1);
}

// The same bytes in each run, which do not compress.
function makePayloads(payloadBytes: number, count: number): Uint8Array[] {
  const cipher = createCipheriv('aes-128-ctr', SEED, SEED);
  const bytes = cipher.update(Buffer.alloc(payloadBytes * count));
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * payloadBytes, (index + 1) * payloadBytes));
}
