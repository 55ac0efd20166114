// SPDX-License-Identifier: MIT
// One run, in a process of its own: opens a contender, warms up, measures, and prints the result as one line of JSON.
//
//   node child.mjs '{"file","variant","workload","payloadBytes","seconds","directory","bytesMax"}'
import { readFileSync } from 'node:fs';
import { drive, Run } from './drive.mjs';
import { bytesWritten, startMeter } from './meter.mjs';
import { NotSupported } from './not-supported.mjs';
import { makeKeys, makePayloads } from './payloads.mjs';
import { driveThreads } from './threads.mjs';

const WARM_UP_PART = 0.2;
const METHODS = {
  awaited: ['append'],
  batches: ['appendBatch'],
  ingest: ['ingest', 'drain', 'sync'],
  paced: ['append'],
};

async function measure(peer, spec) {
  const writtenBefore = bytesWritten();
  const contender = await open(peer, spec);
  const { keys: keyCount = 1, threads = 1 } = spec.workload;
  const payloads = makePayloads(spec.payloadBytes);
  const keys = makeKeys(keyCount);
  const newRun = () => new Run(payloads, keys, spec.bytesMax / spec.payloadBytes);
  const driveFor = (run, seconds) =>
    threads > 1 ? driveThreads(spec, run, seconds) : drive(contender, spec.workload, run, seconds);

  const warmUp = newRun();
  await driveFor(warmUp, spec.seconds * WARM_UP_PART);
  // Each stream exists when measuring begins.
  if (keyCount > 1) await everyKeyOnce(contender, keys, payloads);
  global.gc?.();
  const run = newRun();
  const stopMeter = startMeter();
  const seconds = await driveFor(run, spec.seconds);
  const costs = stopMeter();
  await contender.close();

  const records = warmUp.records + run.records + (keyCount > 1 ? keys.length : 0);
  return {
    records: run.records,
    seconds,
    ...latencies(run.latency),
    ...costs,
    writtenPerPayloadByte:
      writtenBefore === undefined ? undefined : (bytesWritten() - writtenBefore) / (records * spec.payloadBytes),
    intervals: spec.timeline ? run.intervals : undefined,
  };
}

async function open(peer, spec) {
  const { workload, variant } = spec;
  const { keys = 1, threads = 1, syncEvery } = workload;
  if (threads > 1 && !peer.about.threads) throw new NotSupported('one thread only');
  const contender = await peer.open(spec.directory, { variant, keys, syncEvery, threads });
  const missing = METHODS[workload.kind].find((method) => contender[method] === undefined);
  if (missing === undefined) return contender;
  await contender.close();
  throw new NotSupported(`has nothing like ${missing}`);
}

async function everyKeyOnce(contender, keys, payloads) {
  for (let at = 0; at < keys.length; at += 1000) {
    await Promise.all(keys.slice(at, at + 1000).map((key) => contender.append(key, payloads[0])));
  }
}

function latencies(histogram) {
  if (histogram.count === 0) return {};
  const [p50Us, p99Us, p999Us] = [0.5, 0.99, 0.999].map((part) => histogram.percentileUs(part));
  return { p50Us, p99Us, p999Us, maxUs: histogram.maxUs };
}

function versionOf(name) {
  if (name === undefined) return undefined;
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

const spec = JSON.parse(process.argv[2]);
const peer = await import(`../peers/${spec.file}.mjs`);
let result;
try {
  result = await measure(peer, spec);
} catch (error) {
  if (!(error instanceof NotSupported)) throw error;
  result = { notSupported: error.message };
}
const { settings, ...about } = peer.about;
result.about = { ...about, setting: settings?.[spec.variant] ?? about.setting, version: versionOf(peer.about.package) };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
