// SPDX-License-Identifier: MIT
// The writer in plain JavaScript that js-log.test.ts kills: appends, batches and ingested records over several keys, some
// in flight at a time. Kills itself after so many of them. Reports on descriptor 3, before it goes on:
// "ack <key> <seq> <lsn> <payload's SHA-256>".
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openJsLog } from '../../bench/js-log/index.mjs';

const [directory, options, inFlight, appendsMax] = process.argv.slice(2);
const KEYS = 10;
const log = await openJsLog(directory, JSON.parse(options));
let counter = 0;
let appends = 0;

for (let lane = 0; lane < Number(inFlight); lane++) void appendForEver();

async function appendForEver() {
  for (;;) {
    const records = Array.from({ length: counter % 8 === 0 ? 5 : 1 }, nextRecord);
    if (counter % 16 === 1) log.ingest('ingested', `${counter}`);
    const places =
      records.length > 1 ? await log.appendBatch(records) : [await log.append(records[0].key, records[0].data)];
    const lines = records.map(
      ({ key, data }, index) => `ack ${key} ${places[index].seq} ${places[index].lsn} ${sha256(data)}\n`,
    );
    writeSync(3, lines.join(''));
    if (++appends !== Number(appendsMax)) continue;
    // With one append in flight between two commits; with more in the middle of a later one.
    if (inFlight === '1') die();
    else setTimeout(die, Math.random() * 5);
  }
}

function die() {
  process.kill(process.pid, 'SIGKILL');
}

function nextRecord() {
  const number = counter++;
  // Half of them go to one stream, so that frames have tables of offsets.
  const length = number % 50 === 0 ? 20_000 : (number * 37) % 400;
  return { key: `key-${number % 2 === 0 ? 0 : number % KEYS}`, data: `${number},${'x'.repeat(length)}` };
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}
