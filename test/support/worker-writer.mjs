// SPDX-License-Identifier: MIT
// Runs in a worker thread: appends and reads without end, and posts the last sequence that was acknowledged. With
// --once it appends one record and ends, without closing the log.
import { parentPort, workerData } from 'node:worker_threads';
import { openLog } from '../../dist/index.js';

const log = await openLog(workerData);
const stream = log.stream('key');
let next = stream.info()?.nextSeq ?? 1;
if (process.argv.includes('--once')) {
  await stream.append(`record ${next}`);
} else {
  for (;;) {
    const appended = await Promise.all(Array.from({ length: 50 }, () => stream.append(`record ${next++}`)));
    parentPort.postMessage(appended.at(-1).seq);
    await Promise.all([stream.get(1), stream.getRange(next - 50, next)]);
  }
}
