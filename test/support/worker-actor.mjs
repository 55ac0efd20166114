// SPDX-License-Identifier: MIT
// Runs in a worker thread: what it is told to, one source text after another. Each is the body of an async function with
// `openLog`, `args`, and `own`, an object that stays.
import { parentPort } from 'node:worker_threads';
import { openLog } from '../../dist/index.js';

const AsyncFunction = (async () => {}).constructor;
const own = {};

parentPort.on('message', async ({ id, source, args }) => {
  try {
    const run = new AsyncFunction('openLog', 'own', 'args', source);
    parentPort.postMessage({ id, value: await run(openLog, own, args) });
  } catch (error) {
    const { name, code, message, hint, docs, differs, holder, stack } = error;
    parentPort.postMessage({ id, error: { name, code, message, hint, docs, differs, holder, stack } });
  }
});
