// SPDX-License-Identifier: MIT
// Writes a log that has a bit of everything, for independent-reader.test.ts: large, tiny and oddly named streams, single
// appends and batches over many streams, all kinds of headers and data, sealed segments and, if asked, truncation.
// Arguments: directory, a JSON of { seed, records, batchRecords, largeRecords, truncate, end } and one of the log's
// options. end 'close' closes the log. end 'kill' reports "ready" on descriptor 3 once the records are durable, and
// goes on appending until it is killed.
import { writeSync } from 'node:fs';
import { openLog } from '../../dist/index.js';

const [directory, planText, optionsText] = process.argv.slice(2);
const plan = { seed: 1, records: 5000, batchRecords: 100, largeRecords: 1, truncate: false, end: 'close' };
Object.assign(plan, JSON.parse(planText));
const random = mulberry32(plan.seed);
const below = (bound) => Math.floor(random() * bound);
const noise = Buffer.from(Uint8Array.from({ length: 65_536 }, () => below(256)));

const LARGE = ['orders', 'clicks', 'Twin', 'twin', '😀 emoji', 'k'.repeat(1024)];
const ODD = [Buffer.of(0xff, 0x00, 0x2e), Buffer.alloc(1024, 0xfe), '.', '..', '.hidden', 'a/b', '~', 'Ä'.repeat(500)];
const TINY = [...ODD, ...Array.from({ length: Math.max(150, plan.records / 250) }, (_, index) => `tiny ${index}`)];

const log = await openLog(directory, JSON.parse(optionsText));
let [written, largeRecords] = [0, 0];
while (written < plan.records) await step();
await finish();
if (plan.end === 'close') {
  await log.close();
} else {
  writeSync(3, 'ready\n');
  // Segments end faster than they are sealed here, so that the killed writer leaves some that have ended.
  for (;;) {
    const appends = Array.from({ length: 8 }, () => log.append(pickKey(), pickData(), pickOptions()));
    await Promise.all([...appends, ...LARGE.map((key) => log.stream(key).seal())]);
  }
}

async function step() {
  const dice = random();
  if (dice < 0.5) {
    const records = Array.from({ length: 1 + below(2 * plan.batchRecords) }, () => ({
      key: pickKey(),
      data: pickData(),
      ...pickOptions(),
    }));
    await log.appendBatch(records, { durability: random() < 0.5 ? 'sync' : 'none' });
    written += records.length;
  } else if (dice < 0.95) {
    const count = 1 + below(8);
    await Promise.all(Array.from({ length: count }, () => log.append(pickKey(), pickData(), pickOptions())));
    written += count;
  } else if (dice < 0.96) {
    await log.stream(pick(LARGE)).seal();
  } else if (plan.truncate && dice < 0.98) {
    const stream = log.stream(random() < 0.5 ? pick(LARGE) : pick(TINY));
    const { nextSeq = 1 } = stream.info() ?? {};
    await stream.truncateBefore(1 + below(nextSeq));
  } else if (largeRecords < plan.largeRecords && written > plan.records / 4) {
    largeRecords++;
    await log.append(pick(LARGE), Buffer.alloc(3 * 2 ** 20 + below(4096), noise));
    written++;
  }
}

// What the last commits of each log hold, so that its journal does, too.
async function finish() {
  const orders = log.stream('orders');
  await log.append('orders', 'to be sealed');
  const { segmentsSealed } = log.stats();
  await orders.seal();
  while (log.stats().segmentsSealed === segmentsSealed) await new Promise((resolve) => setTimeout(resolve, 5));
  if (plan.truncate) await orders.truncateBefore(Math.ceil((orders.info()?.nextSeq ?? 1) / 2));
  await log.append('begun last', pickData());
  await log.sync();
}

function pick(list) {
  return list[below(list.length)];
}

function pickKey() {
  if (random() < 0.9) return pick(LARGE);
  // The first ones more often than the others: they grow out of shared segments.
  return TINY[Math.floor(random() ** 3 * TINY.length)];
}

function pickData() {
  const dice = random();
  if (dice < 0.02) return '';
  if (dice < 0.04) return noise.subarray(0, below(9000));
  const at = below(60_000);
  return dice < 0.2 ? `text ${at} ✓` : noise.subarray(at, at + below(200));
}

function pickOptions() {
  const dice = random();
  if (dice < 0.8) return {};
  if (dice < 0.9) return { headers: { source: 'web', ünïcode: '✓', empty: '' } };
  return { headers: { id: noise.subarray(below(1000), 1010), text: 'text', none: new Uint8Array(0) } };
}

function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
