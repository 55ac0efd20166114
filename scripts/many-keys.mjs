// SPDX-License-Identifier: MIT
// Many streams with one record each, under few descriptors: `npm run measure:keys -- [KEYS]`. Prints what writing,
// reopening and the disk cost. A child process under `ulimit -n 256` does the work.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DESCRIPTORS_MAX = 256;
const DATA_BYTES = 128;

const keys = Number(process.argv[2] ?? 100_000);
if (process.argv[3] === undefined) measure();
else if (process.argv[4] === 'write') await write(process.argv[3]);
else await reopen(process.argv[3]);

function measure() {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-many-keys-'));
  try {
    const results = { keys };
    for (const part of ['write', 'reopen']) {
      const command = `ulimit -n ${DESCRIPTORS_MAX}; exec "$0" "$@"`;
      const script = [fileURLToPath(import.meta.url), String(keys), directory, part];
      const child = spawnSync('/bin/sh', ['-c', command, process.execPath, ...script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (child.status !== 0) throw new Error(`${part} failed`);
      Object.assign(results, JSON.parse(child.stdout.toString()));
      if (part === 'write') results.diskMb = diskMb(directory);
    }
    console.table(results);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function write(directory) {
  const { openLog } = await import('../dist/index.js');
  const started = performance.now();
  const log = await openLog(directory);
  const most = { segmentDescriptors: 0, descriptors: 0, diskWhileOpenMb: 0 };
  for (let index = 0; index < keys; index++) {
    if (!log.ingest(keyOf(index), dataOf(index))) await log.drain();
    if (index % 5000 === 0) watch(directory, log, most);
  }
  await log.sync();
  watch(directory, log, most);
  most.diskWhileOpenMb = diskMb(directory);
  await log.close();
  const writeSeconds = seconds(started);
  console.log(JSON.stringify({ writeSeconds, writeRssMb: rssMb(), ...most }));
}

async function reopen(directory) {
  const { openLog } = await import('../dist/index.js');
  const started = performance.now();
  const log = await openLog(directory);
  const reopenSeconds = seconds(started);
  const reopenRssMb = rssMb();
  const streams = log.stats().streams;
  if (streams !== keys) throw new Error(`${streams} streams were found`);
  // Spread over all of them; each is the stream's only record.
  const readStarted = performance.now();
  let reads = 0;
  for (let index = 0; index < keys; index += Math.max(1, Math.floor(keys / 10_000))) {
    const record = await log.stream(keyOf(index)).get(1);
    if (record === undefined || !record.data.equals(dataOf(index))) throw new Error(`${keyOf(index)} differs`);
    reads++;
  }
  const readMicrosEach = Math.round((seconds(readStarted) / reads) * 1e6);
  await log.close();
  console.log(JSON.stringify({ reopenSeconds, reopenRssMb, reads, readMicrosEach }));
}

function keyOf(index) {
  return `entity-${index}`;
}

function dataOf(index) {
  return Buffer.alloc(DATA_BYTES, `${index};`);
}

function watch(directory, log, most) {
  const links = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  const segments = links.filter((link) => link.startsWith(directory) && link.endsWith('.seg')).length;
  most.segmentDescriptors = Math.max(most.segmentDescriptors, segments, log.stats().openSegments);
  most.descriptors = Math.max(most.descriptors, links.length);
}

function rssMb() {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

function seconds(started) {
  return Number(((performance.now() - started) / 1000).toFixed(2));
}

function diskMb(directory) {
  const kib = Number(execFileSync('du', ['-sk', directory]).toString().split('\t')[0]);
  return Number((kib / 1024).toFixed(1));
}
