// SPDX-License-Identifier: MIT
// log.recovery after a writer that was killed: what it found, by stream and LSN, and what it changed.

import { expect, test } from 'vitest';
import { openLog } from '../lib/index.js';
import { startChild } from './support/child.js';
import { temporaryDirectory } from './support/directory.js';

const writer = `
import('seglog').then(async ({ openLog }) => {
  const log = await openLog(process.argv[1], { markDelayMs: 1e6 });
  await log.append('orders', 'one');
  await log.appendBatch([{ key: 'orders', data: 'two' }, { key: 'stock', data: 'three' }]);
  process.kill(process.pid, 'SIGKILL');
});`;

test('names the records that only the journal held, and what opening changed on disk', async () => {
  const directory = temporaryDirectory();
  const { signal } = await startChild(process.execPath, ['-e', writer, directory]).exit;
  expect(signal).toBe('SIGKILL');
  const before = Date.now() * 1000;
  const log = await openLog(directory);
  expect(log.recovery).toMatchObject({
    status: 'recovered',
    streams: 2,
    segments: 1,
    commitsAccepted: 2,
    recordsReplayed: 3,
    replayedLsns: { first: 1, last: 3 },
    replayed: [
      { key: 'orders', firstSeq: 1, lastSeq: 2 },
      { key: 'stock', firstSeq: 1, lastSeq: 1 },
    ],
    lastLsn: 3,
    nextLsn: 4,
    mayHaveBeenAcknowledged: false,
    tornTail: undefined,
    lostLsns: undefined,
    damage: [],
  });
  expect(log.recovery.clock.status).toBe('ok');
  expect(log.recovery.clock.storedUs).toBeLessThanOrEqual(log.recovery.clock.wallUs);
  expect(log.recovery.clock.wallUs).toBeGreaterThanOrEqual(before);
  expect(log.recovery.changes).toContain('CATALOG and CATALOG.copy were written');
  await log.close();
});

test('is frozen with all that it holds', async () => {
  const directory = temporaryDirectory();
  await startChild(process.execPath, ['-e', writer, directory]).exit;
  const log = await openLog(directory);
  const frozen = (value: object): boolean =>
    Object.isFrozen(value) && Object.values(value).every((part) => Object(part) !== part || frozen(part));
  expect(log.recovery.replayed).toHaveLength(2);
  expect(frozen(log.recovery)).toBe(true);
  await log.close();
});
