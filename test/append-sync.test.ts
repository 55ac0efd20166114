// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest';
import { collect, openTestLog, temporaryDirectory } from './support/directory.js';

test('appendSync returns when the record is durable, behind everything that was handed over before', async () => {
  const log = await openTestLog();
  const earlier = Array.from({ length: 100 }, (_, index) => log.append('key', `earlier ${index}`));
  log.ingest('key', 'ingested');
  const { seq, lsn, ref } = log.appendSync('key', 'data', { headers: { type: 'created' } });
  expect([seq, lsn, log.durableLsn]).toEqual([102, 102, 102]);
  expect((await Promise.all(earlier)).map((each) => each.seq)).toEqual(earlier.map((_, index) => index + 1));
  const record = await log.stream('key').get(102);
  expect([record?.ref, record?.data.toString(), record?.headers.type]).toEqual([ref, 'data', 'created']);
});

test('synchronous and other appends go on from each other in one stream', async () => {
  const log = await openTestLog();
  const stream = log.stream('key');
  for (let round = 0; round < 50; round++) {
    const first = stream.append('a');
    expect(stream.appendSync('b').seq).toBe(round * 4 + 2);
    const third = stream.append('c');
    log.syncSync();
    expect(log.durableLsn).toBe(round * 4 + 3);
    expect([(await first).seq, (await third).seq, stream.appendSync('d').seq]).toEqual(
      [1, 3, 4].map((n) => n + round * 4),
    );
  }
  expect((await collect(stream.read())).map(({ data }) => data.toString()).join('')).toBe('abcd'.repeat(50));
});

test('appendBatchSync is one batch, over streams and of any size', async () => {
  const log = await openTestLog({ bufferedBytesMax: 65_536 });
  expect(log.appendBatchSync([])).toEqual({ firstLsn: 0, records: [] });
  const { firstLsn, records } = log.appendBatchSync([
    { key: 'a', data: '1' },
    { key: 'b', data: '2' },
    { key: 'a', data: '3' },
  ]);
  expect([firstLsn, ...records.map(({ seq }) => seq)]).toEqual([1, 1, 1, 2]);
  const large = log.stream('a').appendBatchSync([{ data: Buffer.alloc(300_000) }, { data: Buffer.alloc(500_000, 1) }]);
  expect(large.records.map(({ seq, lsn }) => [seq, lsn])).toEqual([
    [3, 4],
    [4, 5],
  ]);
  expect((await log.stream('a').get(4))?.data.equals(Buffer.alloc(500_000, 1))).toBe(true);
});

test('appendSync makes room where there is none, behind the appends that wait for it', async () => {
  const log = await openTestLog({ bufferedBytesMax: 8192, appendsWaitingMax: 50 });
  const waiting = Array.from({ length: 40 }, (_, index) => log.append('key', Buffer.alloc(1024, index)));
  expect(log.stats().appendsWaiting).toBeGreaterThan(0);
  expect(log.appendSync('key', 'behind').seq).toBe(41);
  expect((await Promise.all(waiting)).at(-1)?.seq).toBe(40);
});

test('appendSync commits beside the thread that commits, whatever the journal is doing', async () => {
  const directory = temporaryDirectory();
  const options = {
    journalFirstBytes: 65_536,
    journalFileBytes: 65_536,
    journalLiveBytesMax: 131_072,
    destageBytes: 4096,
  };
  const log = await openTestLog(options, directory);
  let appended = 0;
  for (let round = 0; round < 300; round++) {
    const others = Array.from({ length: 3 }, () => log.append(`key ${round % 7}`, Buffer.alloc(700)));
    log.appendSync('key', Buffer.alloc(700));
    appended += 4;
    if (round % 10 === 0) await Promise.all(others);
  }
  await log.close();
  const again = await openTestLog({}, directory);
  expect(again.recovery.lastLsn).toBe(appended);
  expect((await again.verify()).damage).toEqual([]);
});

test('the synchronous calls refuse by throwing, and change nothing then', async () => {
  const log = await openTestLog({ recordBytesMax: 100 });
  expect(() => log.appendSync('', 'data')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  expect(() => log.appendSync('key', 'x'.repeat(101))).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
  // @ts-expect-error: a wrong option
  expect(() => log.appendSync('key', 'data', { signal: undefined, durabilty: 'os' })).toThrow(TypeError);
  expect(() => log.appendBatchSync([{ key: 'key', data: 'x'.repeat(101) }])).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
  expect(log.stream('key').info()).toBeUndefined();
  await log.close();
  for (const call of [() => log.appendSync('key', 'data'), () => log.appendBatchSync([]), () => log.syncSync()]) {
    expect(call).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  }
});

test('an idle log that was only appended to synchronously notes what is durable', async () => {
  const log = await openTestLog({ markDelayMs: 20 });
  for (let i = 0; i < 20; i++) log.appendSync('key', 'data');
  await expect.poll(() => log.stats().markBlocks).toBeGreaterThan(0);
});
