// SPDX-License-Identifier: MIT
// Runs in a worker thread until it is terminated: every way to append, and reads between, on a log that others have open
// too. `counts` has a place for each of COUNTS, at which stands how much of it was acknowledged in this life.
import { workerData } from 'node:worker_threads';
import { openLog } from '../../dist/index.js';

const { directory, options, slot, life, seed, counts } = workerData;
const [STEPS, RECORDS, BATCHES] = [0, 1, 2];
const acknowledged = new Int32Array(counts);
const random = randomOf(seed);
let records = 0;
let batches = 0;

const log = await openLog(directory, options);
step();
const stream = log.stream(`records-${slot}`);
for (;;) {
  const choice = random(8);
  if (choice <= 2) {
    await Promise.all(Array.from({ length: 1 + random(40) }, () => append(['sync', 'os', 'none'][random(3)])));
    Atomics.store(acknowledged, RECORDS, records);
  } else if (choice === 3) {
    for (let n = 0; n < 3; n++) log.appendSync(stream.key, nextRecord());
    Atomics.store(acknowledged, RECORDS, records);
  } else if (choice === 4) {
    await Promise.all(Array.from({ length: 1 + random(4) }, appendBatch));
    Atomics.store(acknowledged, BATCHES, batches);
  } else if (choice === 5) {
    await log.sync();
    for (let n = random(50); n > 0; n--) if (!log.ingest(stream.key, nextRecord())) await log.drain();
    await log.sync();
    Atomics.store(acknowledged, RECORDS, records);
  } else if (choice === 6) {
    for await (const batch of stream.readBatches({ batchBytes: 4096 })) if (batch.length > random(1000)) break;
    log.stats();
  } else {
    // In flight when the next one is decided on, and perhaps when the thread ends.
    for (let n = random(20); n > 0; n--) void append('sync');
    void appendBatch();
    if (random(4) === 0) void log.verify();
    if (random(4) === 0) await log.seal(stream.key);
  }
  step();
}

function step() {
  Atomics.add(acknowledged, STEPS, 1);
  Atomics.notify(acknowledged, STEPS);
}

// Now and then too large for the ring.
function nextRecord() {
  return `${life}:${records++}:`.padEnd(random(30) === 0 ? 40_000 : random(300));
}

function append(durability) {
  return stream.append(nextRecord(), { durability });
}

function appendBatch() {
  const text = `${life}:${batches++}:`.padEnd(random(10) === 0 ? 30_000 : random(300));
  return log.appendBatch([
    { key: `left-${slot}`, data: text },
    { key: `right-${slot}`, data: text },
  ]);
}

/** Numbers below a bound, the same for the same seed (mulberry32). */
function randomOf(from) {
  let state = from | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
