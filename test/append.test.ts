// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import type { Durability } from '../lib/index.js';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';

describe('append', () => {
  test('numbers the records of each stream, and all of them in the order of the calls', async () => {
    const log = await openTestLog();
    const results = await Promise.all(['a', 'b', 'a', 'a', 'b'].map((key) => log.append(key, key)));
    expect(results.map(({ seq }) => seq)).toEqual([1, 1, 2, 3, 2]);
    expect(results.map(({ lsn }) => lsn)).toEqual([1, 2, 3, 4, 5]);
  });

  test('gives each record a ref that reading gives again', async () => {
    const log = await openTestLog();
    const { ref, seq, lsn } = await log.append('key', 'data');
    expect(ref).toMatch(new RegExp(`^[0-9a-f]+-${seq}-${lsn}$`));
    expect((await log.stream('key').get(1))?.ref).toBe(ref);
    expect((await log.append('key', 'data')).ref).not.toBe(ref);
  });

  test('copies the bytes before it returns', async () => {
    const log = await openTestLog();
    const data = Buffer.from('before');
    const appended = log.append('key', data);
    data.fill('x');
    await appended;
    expect((await log.stream('key').get(1))?.data.toString()).toBe('before');
  });

  test('takes empty records, strings, views and large ones as they are', async () => {
    const log = await openTestLog();
    const large = Buffer.alloc(3_000_000, 'large');
    const all = ['', 'ä€😀', Buffer.alloc(0), new Uint8Array([9, 8, 7]).subarray(1), large];
    for (const data of all) await log.append('key', data);
    const records = await collect(log.stream('key').read());
    expect(records.map(({ data }) => data.toString('hex'))).toEqual(
      all.map((data) => Buffer.from(data).toString('hex')),
    );
  });

  test('takes one key as a string and as its bytes', async () => {
    const log = await openTestLog();
    await log.append('ä', 'string');
    expect(await log.append(Buffer.from('ä'), 'bytes')).toMatchObject({ seq: 2 });
    expect(log.streams()).toHaveLength(1);
  });

  test('takes keys that are not UTF-8 and gives them back as bytes', async () => {
    const log = await openTestLog();
    const key = Buffer.from([0xff, 0xfe, 0x00]);
    await log.append(key, 'data');
    expect(log.streams()[0]?.key).toEqual(key);
    expect((await log.stream(key).get(1))?.key).toEqual(key);
  });

  test('takes keys of 1,024 bytes and keys that look like paths', async () => {
    const directory = temporaryDirectory();
    const keys = ['x'.repeat(1024), '../../etc/passwd', '/', '.', '..', 'a/b', 'UPPER', 'upper', '\0'];
    const log = await openTestLog({}, directory);
    for (const key of keys) await log.append(key, `data of ${key}`);
    await log.close();
    const again = await openTestLog({}, directory);
    for (const key of keys) expect((await again.stream(key).get(1))?.data.toString()).toBe(`data of ${key}`);
  });

  test('never throws: misuse is a rejection', async () => {
    const log = await openTestLog();
    const calls: [unknown, unknown, unknown?][] = [
      ['', 'data'],
      ['x'.repeat(1025), 'data'],
      [7, 'data'],
      ['\ud800', 'data'],
      ['key', undefined],
      ['key', 7],
      ['key', '\udc00'],
      ['key', new ArrayBuffer(3)],
      ['key', 'data', { durability: 'fsync' }],
      ['key', 'data', { header: {} }],
      ['key', 'data', { signal: {} }],
      ['key', 'data', 'sync'],
    ];
    for (const call of calls) {
      // @ts-expect-error: on purpose
      const error = await rejection(log.append(...call));
      expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
    }
    expect(log.streams()).toEqual([]);
  });

  test('rejects with TOO_LARGE beyond recordBytesMax, and goes on', async () => {
    const log = await openTestLog({ recordBytesMax: 1000 });
    expect(await rejection(log.append('key', Buffer.alloc(1001)))).toMatchObject({ code: 'TOO_LARGE' });
    await expect(log.append('key', Buffer.alloc(1000))).resolves.toMatchObject({ seq: 1 });
  });

  test.each<[Durability]>([['sync'], ['os'], ['none']])(
    "with durability '%s' is there after a reopen",
    async (durability) => {
      const directory = temporaryDirectory();
      const log = await openTestLog({ durability }, directory);
      await log.append('key', 'by the log');
      await log.append('key', 'by the append', { durability });
      await log.close();
      const again = await openTestLog({}, directory);
      expect((await collect(again.stream('key').read())).map(({ data }) => data.toString())).toEqual([
        'by the log',
        'by the append',
      ]);
    },
  );
});

describe('signal', () => {
  test('that has aborted before rejects, and nothing is written', async () => {
    const log = await openTestLog();
    const reason = new Error('reason');
    expect(await rejection(log.append('key', 'data', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    await log.sync();
    expect(log.streams()).toEqual([]);
  });

  test('ends the wait, but not an append that was handed over', async () => {
    const log = await openTestLog();
    const controller = new AbortController();
    const appended = log.append('key', 'data', { signal: controller.signal });
    controller.abort();
    expect(await rejection(appended)).toMatchObject({ name: 'AbortError' });
    await log.sync();
    expect(await log.stream('key').get(1)).toBeDefined();
  });
});

describe('backpressure', () => {
  const options = { bufferedBytesMax: 8192, appendsWaitingMax: 50 };

  test('appends beyond bufferedBytesMax wait in order, and are copied', async () => {
    const log = await openTestLog(options);
    const data = Buffer.alloc(1024);
    const appended = Array.from({ length: 50 }, (_, index) => {
      data.fill(index);
      return log.append('key', data);
    });
    expect((await Promise.all(appended)).map(({ seq }) => seq)).toEqual(appended.map((_, index) => index + 1));
    for (const record of await log.stream('key').getRange(1, 50)) {
      expect(record.data).toEqual(Buffer.alloc(1024, record.seq - 1));
    }
  });

  test('rejects with QUEUE_FULL beyond appendsWaitingMax; what waits is not harmed', async () => {
    const log = await openTestLog(options);
    const settled = await Promise.allSettled(
      Array.from({ length: 300 }, (_, index) => log.append('key', Buffer.alloc(4096, index))),
    );
    const refused = settled.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'QUEUE_FULL' });
    expect(log.stream('key').info()?.nextSeq).toBe(settled.length - refused.length + 1);
  });

  test('sync and close cover appends that wait', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog(options, directory);
    const first = Promise.all(Array.from({ length: 20 }, () => log.append('key', Buffer.alloc(4096))));
    await log.sync();
    expect(log.stats().appendsWaiting).toBe(0);
    expect(log.durableLsn).toBe(20);
    const second = Promise.all(Array.from({ length: 20 }, () => log.append('key', Buffer.alloc(4096))));
    await log.close();
    expect([(await first).length, (await second).at(-1)?.seq]).toEqual([20, 40]);
    expect((await openTestLog({}, directory)).recovery.lastLsn).toBe(40);
  });

  test('an append that is aborted while it waits for room is not written', async () => {
    const log = await openTestLog(options);
    const controller = new AbortController();
    // Larger than the buffer, and than what a disk takes before the next calls are made.
    const kept = Array.from({ length: 4 }, () => log.append('key', Buffer.alloc(2 ** 20)));
    const dropped = log.append('key', 'dropped', { signal: controller.signal });
    expect(log.stats().appendsWaiting).toBe(4);
    controller.abort();
    expect(await rejection(dropped)).toMatchObject({ name: 'AbortError' });
    await Promise.all(kept);
    await log.sync();
    expect(log.stream('key').info()?.nextSeq).toBe(5);
  });

  test('takes a record that is larger than bufferedBytesMax', async () => {
    const log = await openTestLog(options);
    const results = await Promise.all([log.append('key', 'x'), log.append('key', Buffer.alloc(100_000))]);
    expect(results[1]).toMatchObject({ seq: 2 });
  });
});

describe('appendBatch', () => {
  test('gives consecutive LSNs over several streams', async () => {
    const log = await openTestLog();
    await log.append('a', 'before');
    const { firstLsn, records } = await log.appendBatch([
      { key: 'a', data: '1' },
      { key: 'b', data: Buffer.from('2') },
      { key: 'a', data: '' },
    ]);
    expect(firstLsn).toBe(2);
    expect(records.map(({ seq, lsn }) => [seq, lsn])).toEqual([
      [2, 2],
      [1, 3],
      [3, 4],
    ]);
    expect((await log.stream('a').get(3))?.ref).toBe(records[2]?.ref);
    const read = await collect(log.read());
    expect(read.map(({ key, data }) => `${key}:${data}`)).toEqual(['a:before', 'a:1', 'b:2', 'a:']);
  });

  test('of nothing resolves at once', async () => {
    const log = await openTestLog();
    expect(await log.appendBatch([])).toEqual({ firstLsn: 0, records: [] });
  });

  test('is refused as a whole', async () => {
    const log = await openTestLog({ recordBytesMax: 1000, batchBytesMax: 1500, batchRecordsMax: 3 });
    const good = { key: 'a', data: 'good' };
    const large = { key: 'a', data: Buffer.alloc(1001) };
    const half = { key: 'a', data: Buffer.alloc(800) };
    expect(await rejection(log.appendBatch([good, large]))).toMatchObject({ code: 'TOO_LARGE' });
    expect(await rejection(log.appendBatch([half, half]))).toMatchObject({ code: 'TOO_LARGE' });
    expect(await rejection(log.appendBatch([good, good, good, good]))).toMatchObject({ code: 'TOO_LARGE' });
    expect(await rejection(log.appendBatch([good, { key: '', data: '' }]))).toBeInstanceOf(RangeError);
    // @ts-expect-error: on purpose
    expect(await rejection(log.appendBatch([good, { kee: 'a', data: '' }]))).toBeInstanceOf(TypeError);
    // @ts-expect-error: on purpose
    expect(await rejection(log.appendBatch('text'))).toBeInstanceOf(TypeError);
    expect(log.streams()).toEqual([]);
  });

  test('to one stream goes through its handle', async () => {
    const log = await openTestLog();
    const { records } = await log.stream('a').appendBatch([{ data: 'x' }, { data: 'y', headers: { h: 'v' } }]);
    expect(records.map(({ seq }) => seq)).toEqual([1, 2]);
    expect((await log.stream('a').get(2))?.headers).toEqual({ h: 'v' });
  });

  test('to one stream takes data alone, by either way', async () => {
    const log = await openTestLog({ recordBytesMax: 100, batchBytesMax: 250 });
    const stream = log.stream('a');
    const bytes = Buffer.from('bytes');
    const appended = stream.appendBatch(['é', bytes, { data: 'record', headers: { h: 'v' } }, new Uint8Array([0xff])]);
    bytes.fill(0);
    await appended;
    stream.appendBatchSync(['', new Uint8Array(0)]);
    const records = await collect(stream.read());
    expect(records.map(({ data }) => data.toString('latin1'))).toEqual(['Ã©', 'bytes', 'record', 'ÿ', '', '']);
    expect(records.map(({ headers }) => Object.keys(headers).length)).toEqual([0, 0, 1, 0, 0, 0]);
  });

  test('of data alone is refused as a whole where one is wrong, or where there is no stream', async () => {
    const log = await openTestLog({ recordBytesMax: 100, batchBytesMax: 250 });
    const stream = log.stream('a');
    expect(await rejection(stream.appendBatch(['x', 'x'.repeat(101)]))).toMatchObject({ code: 'TOO_LARGE' });
    expect(await rejection(stream.appendBatch(['x', '\u{d800}']))).toBeInstanceOf(TypeError);
    // The bound is of bytes: characters may take up to three.
    expect(await rejection(stream.appendBatch(['é'.repeat(50), 'é'.repeat(50), 'é'.repeat(26)]))).toMatchObject({
      code: 'TOO_LARGE',
    });
    // @ts-expect-error: on purpose
    const number = await rejection(stream.appendBatch(['x', 7]));
    expect(number).toBeInstanceOf(TypeError);
    expect(number).toMatchObject({ message: expect.stringContaining('a string, a Uint8Array or an object with data') });
    // @ts-expect-error: on purpose
    expect(await rejection(log.appendBatch(['x']))).toBeInstanceOf(TypeError);
    expect(log.streams()).toEqual([]);
    expect(await stream.appendBatch(['é'.repeat(50), 'é'.repeat(50), 'é'.repeat(25)])).toMatchObject({ firstLsn: 1 });
  });
});

describe('ingest', () => {
  test('is durable once sync resolves', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    for (let index = 0; index < 1000; index++) log.stream('key').ingest(String(index));
    await log.sync();
    expect(log.durableLsn).toBe(1000);
    const records = await collect(log.stream('key').read());
    expect(records.map(({ data }) => data.toString())).toEqual(
      Array.from({ length: 1000 }, (_, index) => String(index)),
    );
  });

  test('returns false when much waits, throws QUEUE_FULL beyond the bound, and goes on after drain', async () => {
    const log = await openTestLog({ bufferedBytesMax: 65_536 });
    let taken = 0;
    let sawFalse = false;
    const ingestUntilFull = () => {
      for (; taken < 100_000; taken++) sawFalse = !log.ingest('key', Buffer.alloc(1000)) || sawFalse;
    };
    expect(ingestUntilFull).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }));
    expect(sawFalse).toBe(true);
    await log.drain();
    expect(log.ingest('key', 'after')).toBe(true);
    await log.sync();
    expect(log.stream('key').info()?.nextSeq).toBe(taken + 2);
  });

  test('never meets QUEUE_FULL where false is heeded, whatever the sizes', async () => {
    for (const bufferedBytesMax of [4096, 65_536, 2 ** 20]) {
      for (const bytesMax of [0, 10, 900, 3000]) {
        const log = await openTestLog({ bufferedBytesMax });
        let falses = 0;
        for (let index = 0; index < 3000; index++) {
          if (log.ingest('key', Buffer.alloc((index * 7919) % (bytesMax + 1)))) continue;
          falses++;
          await log.drain();
        }
        await log.sync();
        expect(log.stream('key').info()?.nextSeq).toBe(3001);
        if (bytesMax * 3000 > 4 * bufferedBytesMax) expect(falses).toBeGreaterThan(0);
      }
    }
  });

  test('never meets QUEUE_FULL where false is heeded, also with records too large for the ring', async () => {
    const log = await openTestLog({ bufferedBytesMax: 65_536 });
    for (let index = 0; index < 3000; index++) {
      const data = Buffer.alloc(index % 3 === 0 || index < 300 ? 20_000 : 400);
      if (!log.ingest('key', data)) await log.drain();
    }
    await log.sync();
    expect(log.stream('key').info()?.nextSeq).toBe(3001);
  });

  test('never meets QUEUE_FULL where false is heeded', async () => {
    const log = await openTestLog({ bufferedBytesMax: 65_536 });
    for (let index = 0; index < 2000; index++) if (!log.ingest('key', Buffer.alloc(500))) await log.drain();
    await log.sync();
    expect(log.stream('key').info()?.nextSeq).toBe(2001);
  });

  test('throws on misuse', async () => {
    const log = await openTestLog();
    expect(() => log.ingest('', 'data')).toThrow(RangeError);
    // @ts-expect-error: on purpose
    expect(() => log.ingest('key', 'data', { durability: 'sync' })).toThrow(TypeError);
  });
});

describe('sync and waitDurable', () => {
  test('sync makes everything before it durable', async () => {
    const log = await openTestLog();
    const { lsn } = await log.append('key', 'data', { durability: 'none' });
    await log.sync();
    expect(log.durableLsn).toBeGreaterThanOrEqual(lsn);
  });

  test('waitDurable resolves when that LSN is durable', async () => {
    const log = await openTestLog({ durability: 'none' });
    const { lsn } = await log.append('key', 'data');
    await log.waitDurable(lsn);
    expect(log.durableLsn).toBeGreaterThanOrEqual(lsn);
    await log.waitDurable(0);
  });

  test('a durable append is covered by durableLsn when it resolves', async () => {
    const log = await openTestLog();
    for (let index = 0; index < 20; index++) {
      const { lsn } = await log.append('key', 'data');
      expect(log.durableLsn).toBeGreaterThanOrEqual(lsn);
    }
  });

  test('waitDurable refuses what was never an LSN', async () => {
    const log = await openTestLog();
    await log.append('key', 'data');
    for (const lsn of [2, -1, 1.5, Number.MAX_SAFE_INTEGER]) {
      expect(await rejection(log.waitDurable(lsn))).toBeInstanceOf(RangeError);
    }
    // @ts-expect-error: on purpose
    expect(await rejection(log.waitDurable('1'))).toBeInstanceOf(TypeError);
  });
});
