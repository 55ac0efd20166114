// SPDX-License-Identifier: MIT
// A workload from several worker threads on one store, which the main thread has open too. This file is both sides.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { drive, Run } from './drive.mjs';
import { NotSupported } from './not-supported.mjs';
import { makeKeys, makePayloads } from './payloads.mjs';

/** Runs the workload in its threads, adds what they counted to `run`, and returns the seconds of the slowest. */
export async function driveThreads(spec, run, seconds) {
  const workers = Array.from({ length: spec.workload.threads }, () => {
    return new Worker(new URL(import.meta.url), { workerData: { ...spec, threadSeconds: seconds } });
  });
  // They begin together, when all have opened.
  const opened = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
  const refused = opened.find((message) => message.notSupported !== undefined);
  if (refused !== undefined) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    throw new NotSupported(refused.notSupported);
  }
  const results = workers.map(async (worker) => (await once(worker, 'message'))[0]);
  for (const worker of workers) worker.postMessage('start');
  let longest = 0;
  for (const result of await Promise.all(results)) {
    run.records += result.records;
    run.latency.add(result.latency);
    longest = Math.max(longest, result.seconds);
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  return longest;
}

async function runInThread(spec) {
  const peer = await import(`../peers/${spec.file}.mjs`);
  let contender;
  try {
    const { variant, workload, directory } = spec;
    contender = await peer.open(directory, { variant, keys: 1, threads: workload.threads, syncEvery: undefined });
  } catch (error) {
    if (!(error instanceof NotSupported)) throw error;
    return { notSupported: error.message };
  }
  const run = new Run(makePayloads(spec.payloadBytes), makeKeys(1), spec.bytesMax / spec.payloadBytes);
  parentPort.postMessage({});
  await once(parentPort, 'message');
  const seconds = await drive(contender, spec.workload, run, spec.threadSeconds);
  await contender.close();
  return { records: run.records, seconds, latency: run.latency.toJSON() };
}

if (!isMainThread) parentPort.postMessage(await runInThread(workerData));
