// SPDX-License-Identifier: MIT
// Terminates worker threads that append to a log which this thread and a steady worker have open as well, at moments
// that the seed decides as far as it can. Afterwards nothing is missing that was acknowledged to any of them, batches are
// whole, and the others went on all the time. Arguments: directory, rounds, seed. Writes to descriptor 3 what it did;
// anything wrong ends it with an error.
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { openLog } from '../../dist/index.js';

const [directory = '', rounds = '200', seed = '1'] = process.argv.slice(2);
const SLOTS = 3;
const COUNTS_BYTES = 12;
const STEPS_MAX = 25;
// Small, so that files change, segments end and the bound on what waits is met.
const options = {
  bufferedBytesMax: 262_144,
  journalFirstBytes: 262_144,
  journalFileBytes: 262_144,
  journalLiveBytesMax: 1_048_576,
  segmentBytes: 1_048_576,
  destageBytes: 65_536,
};
let state = Number(seed);
const random = (below) => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
};

const lives = [];
let log = await openLog(directory, options);
const steady = begin(SLOTS);
let own = 0;
await Promise.all(Array.from({ length: SLOTS }, (_, slot) => terminateAgainAndAgain(slot)));
await steady.worker.terminate();
check(await contents());
assert.deepEqual(log.stats().native, { logs: 1, channels: 1, rings: 1 });
assert.deepEqual((await log.verify()).damage, []);
await log.close();
log = await openLog(directory, options);
assert.equal(log.recovery.status, 'clean');
const { records, batches } = check(await contents());
await log.close();
writeSync(3, JSON.stringify({ terminations: lives.length - 1, records, batches, own }));

async function terminateAgainAndAgain(slot) {
  for (let round = slot; round < Number(rounds); round += SLOTS) {
    const life = begin(slot);
    // Before it has opened the log, or after so many steps; and a little later, where the steps are the same again.
    const steps = random(4) === 0 ? 0 : 1 + random(STEPS_MAX);
    while (Atomics.load(life.counts, 0) < steps) await turn();
    for (let turns = random(30); turns > 0; turns--) await turn();
    await life.worker.terminate();
    const before = Atomics.load(steady.counts, 0);
    assert.equal((await log.append('own', String(own++), { durability: 'os' })).seq > 0, true);
    while (Atomics.load(steady.counts, 0) === before) await turn();
  }
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

function begin(slot) {
  const counts = new SharedArrayBuffer(COUNTS_BYTES);
  const life = lives.length;
  const worker = new Worker(new URL('termination-worker.mjs', import.meta.url), {
    workerData: { directory, options, slot, life, seed: Number(seed) * 1000 + life, counts },
  });
  worker.on('error', (error) => {
    throw error;
  });
  const begun = { slot, worker, counts: new Int32Array(counts) };
  lives.push(begun);
  return begun;
}

// Of each stream what every life left there, in order.
async function contents() {
  const found = new Map();
  for (const { key } of log.streams()) {
    const byLife = new Map();
    for await (const { data } of log.stream(key).read()) {
      const [life = '', number = ''] = data.toString().split(':');
      if (key === 'own') byLife.set('own', [...(byLife.get('own') ?? []), Number(life)]);
      else if (byLife.has(life)) byLife.get(life).push(Number(number));
      else byLife.set(life, [Number(number)]);
    }
    found.set(key, byLife);
  }
  return found;
}

function check(found) {
  let records = 0;
  let batches = 0;
  for (const [life, { slot, counts }] of lives.entries()) {
    const of = (key) => found.get(`${key}-${slot}`)?.get(String(life)) ?? [];
    isBeginning(of('records'), counts[1], `records of life ${life}`);
    isBeginning(of('left'), counts[2], `batches of life ${life}`);
    assert.deepEqual(of('left'), of('right'), `halves of life ${life}`);
    records += of('records').length;
    batches += of('left').length;
  }
  const numbers = found.get('own')?.get('own') ?? [];
  assert.equal(numbers.length, own);
  return { records, batches };
}

// 0, 1, 2 … without a gap, at least as many as were acknowledged.
function isBeginning(numbers, acknowledged, what) {
  for (const [index, number] of numbers.entries()) assert.equal(number, index, what);
  assert.ok(numbers.length >= acknowledged, `${what}: ${acknowledged} were acknowledged, ${numbers.length} are there`);
}
