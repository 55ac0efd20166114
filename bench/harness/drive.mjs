// SPDX-License-Identifier: MIT
// Carries out a workload on an open contender for some seconds, and counts. Nothing here differs between contenders.
// Per record it costs one look at the clock, one step of the histogram and what `await` costs.
import { setTimeout } from 'node:timers/promises';
import { LatencyHistogram } from '../../dist/cli/latency.js';
import { batchOf } from './workloads.mjs';

const RECORDS_PER_LOOK = 64;
const INTERVAL_MS = 100;

/**
 * The state of a run: payloads and keys by turns, and what was counted. `intervals` has, for each tenth of a second,
 * when it ended, the records so far and the longest wait in it.
 */
export class Run {
  records = 0;
  latency = new LatencyHistogram();
  intervals = [];
  longestMs = 0;

  constructor(payloads, keys, recordsMax) {
    this.payloads = payloads;
    this.keys = keys;
    this.recordsMax = recordsMax;
  }

  key() {
    return this.keys.length === 1 ? this.keys[0] : this.keys[this.records % this.keys.length];
  }

  payload() {
    return this.payloads[this.records % this.payloads.length];
  }

  waited(durationMs) {
    this.latency.record(durationMs * 1000);
    if (durationMs > this.longestMs) this.longestMs = durationMs;
  }
}

/** The seconds that it took, the last acknowledgement or sync included. */
export async function drive(contender, workload, run, seconds) {
  const start = performance.now();
  const timer = setInterval(() => {
    run.intervals.push([Math.round(performance.now() - start), run.records, run.longestMs]);
    run.longestMs = 0;
  }, INTERVAL_MS);
  try {
    await DRIVERS[workload.kind](contender, workload, run, start + seconds * 1000, seconds);
    // Of the weaker modes, what was accepted is durable in the end too.
    if (workload.syncEvery !== undefined) await contender.sync?.();
  } finally {
    clearInterval(timer);
  }
  return (performance.now() - start) / 1000;
}

const DRIVERS = { awaited, batches, ingest, paced };

async function awaited(contender, { callers }, run, end) {
  const caller = async () => {
    let before = performance.now();
    while (before < end && run.records < run.recordsMax) {
      const key = run.key();
      const data = run.payload();
      run.records++;
      await contender.append(key, data);
      const after = performance.now();
      run.waited(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

async function batches(contender, { callers }, run, end) {
  const batch = batchOf(run.payloads[0].length);
  // So that making an array is no part of what is measured; there are always 4,096 records or more to take from.
  const doubled = [...run.payloads, ...run.payloads, ...Array(batch).fill(run.payloads[0])];
  const parts = [];
  for (let at = 0; at + batch <= doubled.length; at += batch) parts.push(doubled.slice(at, at + batch));
  let next = 0;
  const caller = async () => {
    let before = performance.now();
    while (before < end && run.records < run.recordsMax) {
      run.records += batch;
      await contender.appendBatch(run.keys[0], parts[next++ % parts.length]);
      const after = performance.now();
      run.waited(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

async function ingest(contender, _, run, end) {
  const step = run.payloads[0].length > 4096 ? 1 : RECORDS_PER_LOOK;
  while (performance.now() < end && run.records < run.recordsMax) {
    for (let look = 0; look < step; look++) {
      const hasRoom = contender.ingest(run.key(), run.payload());
      run.records++;
      if (!hasRoom) await contender.drain();
    }
  }
  await contender.sync();
}

async function paced(contender, { rate }, run, end, seconds) {
  const start = end - seconds * 1000;
  const pending = new Set();
  for (let now = start; now < end; now = performance.now()) {
    const due = Math.floor(((now - start) / 1000) * rate);
    for (; run.records < due; run.records++) {
      const before = performance.now();
      const append = Promise.resolve(contender.append(run.key(), run.payload())).then(() => {
        run.waited(performance.now() - before);
        pending.delete(append);
      });
      pending.add(append);
    }
    await setTimeout(1);
  }
  await Promise.all(pending);
}
