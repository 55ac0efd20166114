// SPDX-License-Identifier: MIT
// The writer that kill.test.ts kills: 20 keys, and what the mode says:
//   mixed                 64 appends in flight, one in eight of them a batch over several keys, all three durabilities
//   sync, os, none        the same with one durability
//   weak                  the same with 'os' and 'none' (for syncEvery)
//   here                  appendSync, appendBatchSync and syncSync, beside 8 appends in flight, all three durabilities
//   ingest                records that nobody waits for, and a sync() behind every few of them
// Reports on descriptor 3, one line per event, written before the program goes on:
//   open <status>              the log is open
//   start <batch> <records>    a batch is about to be appended
//   ack <durability> <key> <counter> <seq> <lsn>
//   batch <durability> <batch> <first lsn>
//   synced <records>...        of each key so many were handed over before a sync() or syncSync() that is done
// A payload is "<round>,<key>,<counter>,<batch or ->,<records of the batch>,<number>,<filler>,<CRC-32 of all before>":
// `counter` counts the records of the key, `number` all of them, in the order of the calls.
import { writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { openLog } from '../../dist/index.js';

const [directory, round, seedText, optionsText, mode] = process.argv.slice(2);
const IN_FLIGHT = 64;
const IN_FLIGHT_BESIDE = 8;
const INGESTED_MAX = 200;
const KEYS = 20;
/** Up to which number between 0 and 1 the durability is 'sync', and up to which it is 'os'. */
const DURABILITIES = { mixed: [0.7, 0.9], here: [0.4, 0.7], sync: [1, 1], os: [0, 1], none: [0, 0], weak: [0, 0.5] };
const random = mulberry32(Number(seedText));
const counters = new Array(KEYS).fill(0);
let records = 0;
let batches = 0;

const log = await openLog(directory, JSON.parse(optionsText));
report(`open ${log.recovery.status}`);
if (mode === 'ingest') {
  void ingestForEver();
} else {
  const lanes = mode === 'here' ? IN_FLIGHT_BESIDE : IN_FLIGHT;
  for (let lane = 0; lane < lanes; lane++) void appendForEver();
  if (mode === 'here') void appendHereForEver();
}

async function appendForEver() {
  for (;;) {
    const durability = pickDurability();
    if (random() < 1 / 8) await appendBatch(durability);
    else await appendOne(durability);
  }
}

async function appendHereForEver() {
  for (;;) {
    const durability = pickDurability();
    const dice = random();
    if (dice < 1 / 8) {
      const { batch, list } = nextBatch();
      const { firstLsn } = log.appendBatchSync(list, { durability });
      report(`batch ${durability} ${batch} ${firstLsn}`);
    } else if (dice < 1 / 6) {
      const before = counters.join(' ');
      log.syncSync();
      report(`synced ${before}`);
    } else {
      const { key, counter, data } = nextRecord('-', 1);
      const { seq, lsn } = log.appendSync(`key ${key}`, data, { durability });
      report(`ack ${durability} ${key} ${counter} ${seq} ${lsn}`);
    }
    if (random() < 1 / 4) await nextTurn();
  }
}

async function ingestForEver() {
  let synced = Promise.resolve();
  for (;;) {
    for (let left = Math.floor(random() * INGESTED_MAX); left > 0; left--) {
      const { key, data } = nextRecord('-', 1);
      if (!log.ingest(`key ${key}`, data)) await log.drain();
    }
    // More is ingested while the sync goes on.
    await synced;
    const before = counters.join(' ');
    synced = log.sync().then(() => report(`synced ${before}`));
  }
}

async function appendOne(durability) {
  const { key, counter, data } = nextRecord('-', 1);
  const { seq, lsn } = await log.append(`key ${key}`, data, { durability });
  report(`ack ${durability} ${key} ${counter} ${seq} ${lsn}`);
}

async function appendBatch(durability) {
  const { batch, list } = nextBatch();
  const { firstLsn } = await log.appendBatch(list, { durability });
  report(`batch ${durability} ${batch} ${firstLsn}`);
}

function nextBatch() {
  const batch = batches++;
  const count = 2 + Math.floor(random() * 10);
  const list = Array.from({ length: count }, () => {
    const { key, data } = nextRecord(batch, count);
    return { key: `key ${key}`, data };
  });
  report(`start ${batch} ${count}`);
  return { batch, list };
}

function nextRecord(batch, count) {
  const key = Math.floor(random() * KEYS);
  const counter = counters[key]++;
  const length = random() < 0.02 ? 20_000 : Math.floor(random() * 400);
  const text = `${round},${key},${counter},${batch},${count},${records++},${'x'.repeat(length)}`;
  return { key, counter, data: `${text},${crc32(text)}` };
}

function pickDurability() {
  const number = random();
  const [sync, os] = DURABILITIES[mode];
  return number < sync ? 'sync' : number < os ? 'os' : 'none';
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
