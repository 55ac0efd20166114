// SPDX-License-Identifier: MIT
// What 100 logs with `preset: 'small'` cost in one process: memory, processor time while idle, threads, descriptors,
// disk, and the time that opening and closing take. `npm run measure:small`; fails when the bound on memory, or that on
// idle processor time, is broken. Linux only: it reads /proc.
//
//   node bench/small.mjs [--preset=small|engine|ingest|none] [--logs=100] [--streams=5] [--appends=2000] [--bytes=200]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openLog } from '../dist/index.js';

const { values: given } = parseArgs({
  options: {
    preset: { type: 'string', default: 'small' },
    logs: { type: 'string', default: '100' },
    streams: { type: 'string', default: '5' },
    appends: { type: 'string', default: '2000' },
    bytes: { type: 'string', default: '200' },
  },
});
const [logCount, streamCount, appendCount, recordBytes] = ['logs', 'streams', 'appends', 'bytes'].map((name) =>
  Number(given[name]),
);
const options = given.preset === 'none' ? {} : { preset: given.preset };
const rssBytesMax = 150e6;
const idleSeconds = 10;
// 10 ms of processor time are one tick of /proc: what the process itself, without a log, may take as well.
const idleCpuSecondsMax = 0.05;

const memory = () => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { rss: field('VmRSS'), peak: field('VmHWM') };
};
const cpuSeconds = () => {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const switches = () =>
  readdirSync('/proc/self/task')
    .map((task) => readFileSync(`/proc/self/task/${task}/status`, 'utf8'))
    .reduce((sum, status) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]), 0);
const diskBytes = (path) => Number(execFileSync('du', ['-s', '-B1', path], { encoding: 'utf8' }).split('\t')[0]);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const timed = async (times, work) => {
  const start = performance.now();
  const result = await work();
  times.push(performance.now() - start);
  return result;
};
const show = (name, text) => console.log(`${name.padEnd(34)} ${text}`);
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`;

const directory = mkdtempSync(join(tmpdir(), 'seglog-small-'));
const openTimes = [];
const closeTimes = [];
const before = memory();
show('before the first log', mb(before.rss));

const logs = [];
for (let n = 0; n < logCount; n++) {
  logs.push(await timed(openTimes, () => openLog(join(directory, `log-${n}`), options)));
}
const first = join(directory, 'log-0');
show(`${logCount} logs open`, mb(memory().rss));
show('disk of one, new', kib(diskBytes(first)));

// One append in flight per stream, all logs at once.
const data = Buffer.alloc(recordBytes, 'x');
const perStream = Math.ceil(appendCount / streamCount);
async function fill(log, key) {
  for (let n = 0; n < perStream; n++) await log.append(key, data);
}
await Promise.all(
  logs.flatMap((log) => Array.from({ length: streamCount }, (_, stream) => fill(log, `stream-${stream}`))),
);
show(`after ${perStream * streamCount} appends to each`, mb(memory().rss));
show('disk of one', kib(diskBytes(first)));

await setTimeout(1000); // Destaging ends.
const cpuBefore = cpuSeconds();
const switchesBefore = switches();
await setTimeout(idleSeconds * 1000);
const idleCpu = cpuSeconds() - cpuBefore;
const idleSwitches = switches() - switchesBefore;
const idle = memory();
show(`idle for ${idleSeconds} s`, `${mb(idle.rss)}, processor ${idleCpu.toFixed(2)} s, ${idleSwitches} wake-ups`);
show(
  '  pending, live journal of one',
  `${kib(logs[0].stats().pendingBytes)}, ${kib(logs[0].stats().journalLiveBytes)}`,
);
show('  threads, descriptors', `${readdirSync('/proc/self/task').length}, ${readdirSync('/proc/self/fd').length - 1}`);

for (const log of logs) await timed(closeTimes, () => log.close());
show('disk of one, closed', kib(diskBytes(first)));
show('all closed', mb(memory().rss));
show('highest resident set', mb(memory().peak));
show('median time to open, to close', `${median(openTimes).toFixed(1)} ms, ${median(closeTimes).toFixed(1)} ms`);
rmSync(directory, { recursive: true });

const broken = [
  given.preset === 'small' && memory().peak > rssBytesMax && `more than ${mb(rssBytesMax)} resident`,
  idleCpu > idleCpuSecondsMax && `more than ${idleCpuSecondsMax} s of processor time in ${idleSeconds} s`,
].filter(Boolean);
for (const line of broken) console.error(line);
process.exitCode = broken.length > 0 ? 1 : 0;
