// SPDX-License-Identifier: MIT
// More than the disk takes, for ten minutes: is memory flat? Three loads at once, of 8 KiB records: appends that nobody
// holds back, until QUEUE_FULL refuses them; ingest that heeds drain(); a Writable that is written to while it says so.
// What is old is truncated, so that the disk does not fill. Prints a row a minute; fails where memory grows after the
// first, or where a record is refused with anything but QUEUE_FULL. Linux only: it reads /proc.
//
//   npm run measure:overload -- [--seconds=600] [--bytes=8192]
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLog } from '../dist/index.js';

const { values: given } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, bytes: { type: 'string', default: '8192' } },
});
const seconds = Number(given.seconds);
const rows = 10;
const growthBytesMax = 64e6;
const kept = 50_000; // records of each stream
const burst = 5000; // appends in one turn of the event loop

const beside = dirname(fileURLToPath(new URL('..', import.meta.url))); // /tmp may be memory.
const directory = mkdtempSync(join(beside, 'seglog-overload-'));
const log = await openLog(join(directory, 'log'));
const data = Buffer.alloc(Number(given.bytes), 'x');
const counts = { appended: 0, refused: 0, ingested: 0, written: 0 };
let running = true;

async function appendTooMuch() {
  const stream = log.stream('appended');
  while (running) {
    for (let i = 0; i < burst; i++) {
      stream.append(data).then(
        () => counts.appended++,
        (error) => {
          if (error.code !== 'QUEUE_FULL') throw error;
          counts.refused++;
        },
      );
    }
    await setImmediate();
  }
}

async function ingest() {
  const stream = log.stream('ingested');
  while (running) {
    try {
      if (!stream.ingest(data)) await log.drain();
      counts.ingested++;
    } catch (error) {
      // Appends wait for room.
      if (error.code !== 'QUEUE_FULL') throw error;
      await log.drain();
    }
    if (counts.ingested % 1000 === 0) await setImmediate();
  }
}

async function write() {
  const writable = log.stream('written').writable();
  while (running) {
    if (!writable.write(data)) await once(writable, 'drain');
    counts.written++;
  }
  writable.end();
  await once(writable, 'finish');
}

async function truncate() {
  while (running) {
    for (const { key, nextSeq } of log.streams()) {
      if (nextSeq > kept) await log.stream(key).truncateBefore(nextSeq - kept);
    }
    await setTimeout(250);
  }
}

// The highest since the last look.
let highest = 0;
const watch = setInterval(() => {
  const status = readFileSync('/proc/self/status', 'utf8');
  highest = Math.max(highest, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024);
}, 100);

const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`.padStart(8);
const loads = [appendTooMuch(), ingest(), write(), truncate()];
const peaks = [];
console.log(' seconds   highest memory   appended    refused   ingested    written   waiting in JavaScript');
for (let row = 1; row <= rows; row++) {
  await Promise.race([setTimeout((seconds / rows) * 1000), ...loads]);
  peaks.push(highest);
  highest = 0;
  const { appended, refused, ingested, written } = counts;
  const columns = [appended, refused, ingested, written].map((count) => `${(count / 1e6).toFixed(2)} M`.padStart(10));
  console.log(
    `${String(Math.round((seconds / rows) * row)).padStart(8)}   ${mb(peaks.at(-1)).padStart(14)} ${columns.join(' ')}   ${log.stats().appendsWaiting}`,
  );
}
running = false;
await Promise.all(loads);
clearInterval(watch);
await log.close();
rmSync(directory, { recursive: true });

const growth = Math.max(...peaks.slice(1)) - peaks[0];
console.log(`highest after the first tenth, over the highest in it: ${mb(growth).trim()}`);
if (growth > growthBytesMax || counts.refused === 0) {
  console.error(`Expected at most ${mb(growthBytesMax).trim()}, and appends that were refused`);
  process.exitCode = 1;
}
