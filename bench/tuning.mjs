// SPDX-License-Identifier: MIT
// The measurements behind docs/tuning.md: presets, durabilities and journal sizes against each other, in alternating
// rounds, so that a machine that is slow for a while is slow for all of them. Prints the median over the rounds.
//
//   node bench/tuning.mjs <experiment> [--rounds=5] [--dir=<where>]
//
// Experiments: durability, durability-flight, alone, spaced, ingest, ingest-small, flight, open, streams.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLog } from '../dist/index.js';

const { values: given, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, dir: { type: 'string', default: tmpdir() } },
  allowPositionals: true,
});
const PRESETS = { default: {}, ingest: { preset: 'ingest' }, engine: { preset: 'engine' }, small: { preset: 'small' } };
const MIB = 2 ** 20;

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const percentile = (numbers, part) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const median = (numbers) => percentile(numbers, 0.5);

async function withLog(options, work) {
  const directory = mkdtempSync(join(given.dir, 'seglog-tuning-'));
  const log = await openLog(directory, options);
  try {
    return await work(log, directory);
  } finally {
    await log.close();
    rmSync(directory, { recursive: true });
  }
}

/** One append after the other, `pauseMs` between them; microseconds. */
function latency(count, pauseMs = 0) {
  return (options) =>
    withLog(options, async (log) => {
      const times = [];
      const data = Buffer.alloc(128, 'x');
      for (let n = 0; n < count; n++) {
        if (pauseMs > 0) await setTimeout(pauseMs);
        const start = performance.now();
        await log.append('wal', data);
        times.push((performance.now() - start) * 1000);
      }
      return { 'median µs': median(times), 'p99 µs': percentile(times, 0.99) };
    });
}

/** Records of 4 KiB over 100 streams without promises, durable at the end. */
function ingest(count) {
  return (options) =>
    withLog(options, async (log) => {
      const data = Buffer.alloc(4096, 'x');
      const start = performance.now();
      for (let n = 0; n < count; n++) if (!log.ingest(`stream-${n % 100}`, data)) await log.drain();
      await log.sync();
      const seconds = (performance.now() - start) / 1000;
      const { checkpoints } = log.stats();
      return { 'MB/s': (count * data.length) / seconds / 1e6, checkpoints };
    });
}

/** Awaited appends of 256 bytes, many in flight, over 100 streams. */
function flight(count, inFlight) {
  return (options) =>
    withLog(options, async (log) => {
      const data = Buffer.alloc(256, 'x');
      const start = performance.now();
      let next = 0;
      const worker = async () => {
        while (next < count) await log.append(`stream-${next++ % 100}`, data);
      };
      await Promise.all(Array.from({ length: inFlight }, worker));
      return { 'appends/s': count / ((performance.now() - start) / 1000) };
    });
}

/** Opening: a new log, and one whose writer was killed behind 40 MiB of appends. */
async function opening(options) {
  const directory = mkdtempSync(join(given.dir, 'seglog-tuning-'));
  const start = performance.now();
  await (await openLog(join(directory, 'new'), options)).close();
  const fresh = performance.now() - start;
  const killed = join(directory, 'killed');
  spawnSync(process.execPath, [fileURLToPath(import.meta.url), 'fill-and-die', killed, JSON.stringify(options)]);
  const log = await openLog(killed, options);
  const { durationMs, journalBytesRead } = log.recovery;
  await log.close();
  rmSync(directory, { recursive: true });
  return { 'new, open and close, ms': fresh, 'killed, ms': durationMs, 'MiB read': journalBytesRead / MIB };
}

async function fillAndDie(directory, options) {
  const log = await openLog(directory, options);
  const data = Buffer.alloc(4096, 'x');
  for (let n = 0; n < 10_240; n++) if (!log.ingest(`stream-${n % 100}`, data)) await log.drain();
  await log.sync();
  process.kill(process.pid, 'SIGKILL');
}

/** 100,000 streams with one record of 100 bytes each: what the process, the catalogue and opening take for each. */
async function manyStreams(options) {
  const count = 100_000;
  return withLog(options, async (log, directory) => {
    const before = process.memoryUsage().rss;
    const data = Buffer.alloc(100, 'x');
    for (let n = 0; n < count; n++) if (!log.ingest(Buffer.from(`stream-${n}`), data)) await log.drain();
    await log.sync();
    await setTimeout(3000); // For the checkpoints.
    const memory = process.memoryUsage().rss - before;
    const { pendingBytes } = log.stats();
    await log.close();
    const catalogue = statSync(join(directory, 'CATALOG')).size;
    const again = await openLog(directory, options);
    const { durationMs } = again.recovery;
    await again.close();
    return {
      'memory, bytes a stream': memory / count,
      'of which pending': pendingBytes / count,
      'catalogue, bytes a stream': catalogue / count,
      'opening, ms': durationMs,
    };
  });
}

const DURABILITIES = Object.fromEntries(['sync', 'os', 'none'].map((durability) => [durability, { durability }]));
const EXPERIMENTS = {
  durability: [DURABILITIES, latency(500)],
  'durability-flight': [DURABILITIES, flight(20_000, 1000)],
  alone: [PRESETS, latency(500)],
  spaced: [PRESETS, latency(100, 20)],
  ingest: [{ default: {}, ingest: PRESETS.ingest, engine: PRESETS.engine }, ingest(40_000)],
  'ingest-small': [{ small: PRESETS.small }, ingest(2000)],
  flight: [PRESETS, flight(20_000, 1000)],
  open: [PRESETS, opening],
  streams: [{ default: {} }, manyStreams],
};

async function run(name) {
  const [variants, measure] = EXPERIMENTS[name];
  const results = {};
  for (let round = 0; round < Number(given.rounds); round++) {
    for (const [variant, options] of Object.entries(variants)) {
      const figures = await measure(options);
      results[variant] ??= Object.fromEntries(Object.keys(figures).map((figure) => [figure, []]));
      for (const [figure, value] of Object.entries(figures)) results[variant][figure].push(value);
    }
  }
  console.log(`${name}: medians of ${given.rounds} rounds, lowest and highest`);
  for (const [variant, figures] of Object.entries(results)) {
    const shown = Object.entries(figures).map(([figure, values]) => {
      const [middle, low, high] = [median(values), ...[0, -1].map((index) => sorted(values).at(index))].map((value) =>
        Number(value.toPrecision(3)),
      );
      return `${figure} ${middle} (${low} to ${high})`;
    });
    console.log(`  ${variant.padEnd(8)} ${shown.join('; ')}`);
  }
}

const [name = '', ...rest] = positionals;
if (name === 'fill-and-die') await fillAndDie(rest[0], JSON.parse(rest[1]));
else if (name in EXPERIMENTS) await run(name);
else console.error(`Expected one of ${Object.keys(EXPERIMENTS).join(', ')}`);
