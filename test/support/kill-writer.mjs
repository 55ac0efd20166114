// SPDX-License-Identifier: MIT
// The writer that kill.test.ts kills: 20 keys, 64 appends in flight, one in eight of them a batch over several keys,
// all three durabilities. Reports on descriptor 3, one line per event, written before the program goes on:
//   open <status>              the log is open
//   start <batch> <records>    a batch is about to be appended
//   ack <durability> <key> <counter> <seq> <lsn>
//   batch <durability> <batch> <first lsn>
// A payload is "<round>,<key>,<counter>,<batch or ->,<records of the batch>,<filler>,<CRC-32 of all before>".
import { writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { openLog } from '../../dist/index.js';

const [directory, round, seedText, optionsText] = process.argv.slice(2);
const IN_FLIGHT = 64;
const KEYS = 20;
const random = mulberry32(Number(seedText));
const counters = new Array(KEYS).fill(0);
let batches = 0;

const log = await openLog(directory, JSON.parse(optionsText));
report(`open ${log.recovery.status}`);
for (let lane = 0; lane < IN_FLIGHT; lane++) void appendForEver();

async function appendForEver() {
  for (;;) {
    const durability = pickDurability();
    if (random() < 1 / 8) await appendBatch(durability);
    else await appendOne(durability);
  }
}

async function appendOne(durability) {
  const { key, counter, data } = nextRecord('-', 1);
  const { seq, lsn } = await log.append(`key ${key}`, data, { durability });
  report(`ack ${durability} ${key} ${counter} ${seq} ${lsn}`);
}

async function appendBatch(durability) {
  const batch = batches++;
  const count = 2 + Math.floor(random() * 10);
  const records = Array.from({ length: count }, () => nextRecord(batch, count));
  report(`start ${batch} ${count}`);
  const { firstLsn } = await log.appendBatch(
    records.map(({ key, data }) => ({ key: `key ${key}`, data })),
    { durability },
  );
  report(`batch ${durability} ${batch} ${firstLsn}`);
}

function nextRecord(batch, count) {
  const key = Math.floor(random() * KEYS);
  const counter = counters[key]++;
  const length = random() < 0.02 ? 20_000 : Math.floor(random() * 400);
  const text = `${round},${key},${counter},${batch},${count},${'x'.repeat(length)}`;
  return { key, counter, data: `${text},${crc32(text)}` };
}

function pickDurability() {
  const number = random();
  return number < 0.7 ? 'sync' : number < 0.9 ? 'os' : 'none';
}

function report(line) {
  writeSync(3, `${line}\n`);
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
