// SPDX-License-Identifier: MIT
// The demo's child process: appends every line durably, many batches in flight, and reports what is acknowledged, one
// JSON object per line. It goes on where the log stops: lines whose records are there are skipped, per key.
import { writeSync } from 'node:fs';
import { openLog } from '../../dist/index.js';
import { listFiles, readLines } from './input.mjs';

const IN_FLIGHT = 32;
const BATCH_RECORDS = 256;
// Lines are far shorter than this; a few are not.
const BATCH_BYTES = 1024 * 1024;

const [directory] = process.argv.slice(2);
const files = listFiles();
const log = await openLog(directory);
const skips = new Map(log.streams().map(({ key, nextSeq }) => [key, nextSeq - 1]));
const started = performance.now();
let [acknowledged, bytes, skipped] = [0, 0, 0];
const inFlight = new Set();

let batch = [];
let batchBytes = 0;
for (const { key, line } of readLines(files)) {
  const left = skips.get(key) ?? 0;
  if (left > 0) {
    skips.set(key, left - 1);
    skipped++;
    continue;
  }
  batch.push({ key, data: line });
  batchBytes += line.length;
  if (batch.length < BATCH_RECORDS && batchBytes < BATCH_BYTES) continue;
  await submit();
}
if (batch.length > 0) await submit();
await Promise.all(inFlight);
report();
await log.close();

// Waits only where IN_FLIGHT batches are under way.
async function submit() {
  const [records, size] = [batch, batchBytes];
  [batch, batchBytes] = [[], 0];
  const done = log.appendBatch(records).then(() => {
    inFlight.delete(done);
    acknowledged += records.length;
    bytes += size;
    report();
  });
  inFlight.add(done);
  if (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
}

function report() {
  const seconds = (performance.now() - started) / 1000;
  const line = { acknowledged, bytes, seconds, skipped, inFlight: IN_FLIGHT, batchRecords: BATCH_RECORDS };
  writeSync(1, `${JSON.stringify(line)}\n`);
}
