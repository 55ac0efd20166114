// SPDX-License-Identifier: MIT
// Records through a Writable: what is stored and in which order, what 'finish' and the callbacks promise, and what
// write() says about room. What is refused is in writable-errors.test.ts.

import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import type { Log, LogRecord, RecordChunk, RecordWritable } from '../lib/index.js';
import { runModule } from './support/child.js';
import { collect, openTestLog, temporaryDirectory } from './support/directory.js';

function numbers(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}

async function textsOf(log: Log, key = 'key'): Promise<string[]> {
  return (await collect(log.stream(key).read())).map(({ data }) => data.toString());
}

/** Resolves when the record is acknowledged. */
function written(writable: RecordWritable, chunk: RecordChunk): Promise<void> {
  return new Promise((resolve, reject) => {
    writable.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

describe('what is written', () => {
  test('is stored once and in order, from a source through pipeline, also after reopening', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    await pipeline(Readable.from(numbers(20_000)), log.stream('key').writable());
    await log.close();
    const again = await openTestLog({}, directory);
    expect(again.recovery.status).toBe('clean');
    expect(await textsOf(again)).toEqual(numbers(20_000));
  });

  test('comes from an async generator, from pipe, from a loop that waits for drain, and from a web stream', async () => {
    const log = await openTestLog();
    const stream = log.stream('key');
    await pipeline(async function* () {
      yield* numbers(100);
    }, stream.writable());
    await finished(Readable.from(numbers(100, 101)).pipe(stream.writable({ highWaterMark: 3 })));
    const writable = stream.writable({ highWaterMark: 3 });
    for await (const number of numbers(100, 201)) {
      if (!writable.write(number)) await once(writable, 'drain');
    }
    await finished(writable.end());
    const web = Writable.toWeb(stream.writable({ highWaterMark: 3 })).getWriter();
    for (const number of numbers(100, 301)) await web.write(number);
    await web.close();
    expect(await textsOf(log)).toEqual(numbers(400));
  });

  test('may be strings in any encoding, bytes, and records with headers', async () => {
    const log = await openTestLog();
    const writable = log.stream('key').writable({ defaultEncoding: 'base64' });
    const bytes = Buffer.from([0, 255, 7, 9]);
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set(bytes);
    writable.write('AP8H');
    writable.write('é€😀', 'utf8');
    writable.write('é€😀', 'utf-8');
    writable.write('00ff07', 'hex');
    writable.write('é', 'latin1');
    writable.write('é', 'utf16le');
    writable.setDefaultEncoding('hex');
    writable.write('00ff');
    writable.write(bytes);
    writable.write(bytes.subarray(1, 3));
    writable.write(new Uint8Array(bytes));
    writable.write(shared);
    writable.write('', 'utf8');
    writable.write(new Uint8Array(0));
    writable.write({ data: 'é' });
    writable.write({ data: bytes, headers: { type: 'created', id: bytes } });
    writable.end('last', 'utf8');
    await finished(writable);
    const records = await collect(log.stream('key').read());
    const hex = ['00ff07', 'c3a9e282acf09f9880', 'c3a9e282acf09f9880', '00ff07', 'e9', 'e900', '00ff', '00ff0709'];
    hex.push('ff07', '00ff0709', '00ff0709', '', '', 'c3a9', '00ff0709', '6c617374');
    expect(records.map(({ data }) => data.toString('hex'))).toEqual(hex);
    expect(records[14]?.headers).toEqual({ type: 'created', id: bytes });
    expect(Object.keys(records[13]?.headers ?? { none: '' })).toEqual([]);
  });

  test('may be records that were read: a stream is copied by a pipeline, headers and all', async () => {
    const log = await openTestLog();
    for (const number of numbers(100)) await log.append('from', number, { headers: { number } });
    await pipeline(log.stream('from').read(), log.stream('to').writable());
    const contents = (records: LogRecord[]) => records.map(({ data, headers }) => [data.toString(), headers]);
    expect(contents(await collect(log.stream('to').read()))).toEqual(
      contents(await collect(log.stream('from').read())),
    );
  });

  test('may be larger than a batch, than the buffer and than each other', async () => {
    const log = await openTestLog({ bufferedBytesMax: 65_536, batchBytesMax: 1000, batchRecordsMax: 3 });
    const sizes = [1, 999, 1000, 1001, 0, 0, 0, 0, 200_000, 1, 5_000_000, 2];
    await pipeline(
      sizes.map((bytes, index) => Buffer.alloc(bytes, index)),
      log.stream('key').writable(),
    );
    const records = await collect(log.stream('key').read());
    expect(records.map(({ data }) => data.length)).toEqual(sizes);
    for (const [index, { data }] of records.entries()) expect(data.every((byte) => byte === index)).toBe(true);
  });

  test('is in front of a direct append only where it was handed over before: one batch is under way at a time', async () => {
    const log = await openTestLog();
    const writable = log.stream('key').writable();
    writable.write('handed over');
    writable.write('waits');
    const direct = log.append('key', 'direct');
    writable.end('waits too');
    await Promise.all([direct, finished(writable)]);
    expect(await textsOf(log)).toEqual(['handed over', 'direct', 'waits', 'waits too']);
  });

  test('keeps its order beside other writables and appends, and nothing is lost or refused where little may wait', async () => {
    const log = await openTestLog({ appendsWaitingMax: 1, bufferedBytesMax: 4096 });
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    await Promise.all([
      ...names.map((name) =>
        pipeline(
          numbers(300).map((number) => `${name} ${number}`),
          log.stream('key').writable({ highWaterMark: 7 }),
        ),
      ),
      (async () => {
        for (const number of numbers(50)) await log.stream('key').append(`append ${number}`).catch(refusedQueueFull);
      })(),
    ]);
    const texts = await textsOf(log);
    for (const name of names) {
      expect(texts.filter((text) => text.startsWith(`${name} `))).toEqual(numbers(300).map((n) => `${name} ${n}`));
    }
  });
});

function refusedQueueFull(error: unknown): void {
  expect(error).toMatchObject({ code: 'QUEUE_FULL' });
}

describe('finish and the callbacks of writes', () => {
  test("mean under 'sync' that the records are durable, each callback those up to its own", async () => {
    const log = await openTestLog();
    const { lsn } = await log.append('key', 'before');
    const writable = log.stream('key').writable({ highWaterMark: 16 });
    let acknowledged = 0;
    for (const number of numbers(500)) {
      const hasRoom = writable.write(number, () => {
        acknowledged++;
        expect(log.durableLsn).toBeGreaterThanOrEqual(lsn + acknowledged);
      });
      if (!hasRoom) await once(writable, 'drain');
    }
    writable.end();
    await finished(writable);
    expect(acknowledged).toBe(500);
    expect(log.durableLsn).toBe(lsn + 500);
  });

  test("mean under 'none' that the records are accepted; then sync() makes them durable", async () => {
    const log = await openTestLog({ durability: 'sync' });
    // The first weaker append of a session waits for a flush.
    await log.append('key', 'first', { durability: 'none' });
    await pipeline(numbers(10), log.stream('key').writable({ durability: 'none' }));
    const { lastLsn = 0, nextSeq } = log.stream('key').info() ?? {};
    expect(nextSeq).toBe(12);
    expect(log.durableLsn).toBeLessThan(lastLsn);
    await log.sync();
    expect(log.durableLsn).toBe(lastLsn);
  });

  test("take the log's durability where none is chosen", async () => {
    const log = await openTestLog({ durability: 'none' });
    await log.append('key', 'first');
    await pipeline(['second'], log.stream('key').writable());
    const { lastLsn = 0 } = log.stream('key').info() ?? {};
    expect(log.durableLsn).toBeLessThan(lastLsn);
    await pipeline(['third'], log.stream('key').writable({ durability: 'sync' }));
    expect(log.durableLsn).toBe(lastLsn + 1);
  });

  test.each(['sync', 'os'])(
    "hold under '%s' when the process is killed in the listener of finish",
    async (durability) => {
      const directory = temporaryDirectory();
      const source = `const log = await openLog(process.argv[1]);
      const writable = log.stream('key').writable({ durability: process.argv[2] });
      for (let number = 1; number <= 5000; number++) writable.write(String(number));
      writable.end();
      writable.on('finish', () => process.kill(process.pid, 'SIGKILL'));
      setInterval(() => {}, 1000);`;
      expect(await runModule(source, [directory, durability])).toMatchObject({ signal: 'SIGKILL', stderr: '' });
      const log = await openTestLog({}, directory);
      expect(log.recovery.status).not.toBe('clean');
      expect(await textsOf(log)).toEqual(numbers(5000));
    },
  );

  test('come also where nothing was written, and where the log was closed after all was acknowledged', async () => {
    const log = await openTestLog();
    await finished(log.stream('key').writable().end());
    expect(log.stream('key').info()).toBeUndefined();
    const writable = log.stream('key').writable();
    await written(writable, 'data');
    await log.close();
    await finished(writable.end());
  });

  test('keep the process alive while they are owed, and an idle writable does not', async () => {
    const source = `const log = await openLog(process.argv[1]);
      const writable = log.stream('key').writable();
      writable.write('one');
      writable.write('two', () => console.log('durable'));`;
    const exit = await runModule(source, [temporaryDirectory()]);
    expect(exit).toMatchObject({ code: 0, stdout: 'durable\n', stderr: '' });
  });
});

describe('write', () => {
  test('returns false when highWaterMark records wait, and drain follows once all are acknowledged', async () => {
    const log = await openTestLog();
    const writable = log.stream('key').writable({ highWaterMark: 4 });
    expect(writable.writableHighWaterMark).toBe(4);
    for (let round = 0; round < 3; round++) {
      expect(numbers(5).map((number) => writable.write(number))).toEqual([true, true, true, false, false]);
      await once(writable, 'drain');
      expect(writable.writableLength).toBe(0);
      expect(log.durableLsn).toBe((round + 1) * 5);
    }
  });

  test.each<[string, (bytes: number) => RecordChunk]>([
    ['bytes', (bytes) => Buffer.alloc(bytes)],
    ['strings', (bytes) => 'x'.repeat(bytes)],
    ['records', (bytes) => ({ data: Buffer.alloc(bytes) })],
  ])('returns false when half of bufferedBytesMax waits as %s, and then drain follows as well', async (_, chunk) => {
    const log = await openTestLog({ bufferedBytesMax: 65_536 });
    const writable = log.stream('key').writable();
    let drains = 0;
    writable.on('drain', () => drains++);
    for (let round = 0; round < 3; round++) {
      expect([1, 2, 3].map(() => writable.write(chunk(16_384)))).toEqual([true, false, false]);
      await once(writable, 'drain');
      expect(writable.writableLength).toBe(0);
    }
    // Where both bounds are reached, and where the stream has ended, nothing is said twice or too late.
    for (let count = 0; count < 4096; count++) writable.write(chunk(16));
    expect(writable.writableNeedDrain).toBe(true);
    await once(writable, 'drain');
    expect(writable.write(chunk(40_000))).toBe(false);
    await finished(writable.end());
    expect(drains).toBe(4);
    expect(log.stream('key').info()?.nextSeq).toBe(1 + 9 + 4096 + 1);
  });

  test('bounds what a source of a million records has under way by highWaterMark', { timeout: 120_000 }, async () => {
    const log = await openTestLog({ bufferedBytesMax: 262_144, durability: 'none' });
    const count = 1_000_000;
    const stream = log.stream('key');
    const writable = stream.writable({ highWaterMark: 1000 });
    let pulledMax = 0;
    let waitingMax = 0;
    let appendsWaitingMax = 0;
    await pipeline(function* () {
      for (let number = 1; number <= count; number++) {
        waitingMax = Math.max(waitingMax, writable.writableLength);
        if (number % 100 === 0) {
          pulledMax = Math.max(pulledMax, number - (stream.info()?.nextSeq ?? 1) + 1);
          appendsWaitingMax = Math.max(appendsWaitingMax, log.stats().appendsWaiting);
        }
        yield String(number);
      }
    }, writable);
    expect(waitingMax).toBeLessThanOrEqual(1000);
    expect(pulledMax).toBeLessThanOrEqual(1001);
    expect(appendsWaitingMax).toBeLessThanOrEqual(1);
    let next = 1;
    for await (const batch of stream.readBatches()) {
      for (const { data } of batch) if (Number(data.toString()) !== next++) throw new Error(`Expected ${next - 1}`);
    }
    expect(next - 1).toBe(count);
  });

  test('bounds what a source of large records has under way by bytes', async () => {
    const log = await openTestLog({ bufferedBytesMax: 1_048_576, durability: 'os' });
    const writable = log.stream('key').writable();
    let waitingMax = 0;
    await pipeline(function* () {
      for (let count = 0; count < 1000; count++) {
        yield Buffer.alloc(32_768, count);
        waitingMax = Math.max(waitingMax, writable.writableLength);
      }
    }, writable);
    expect(waitingMax).toBeLessThanOrEqual(16);
    expect(waitingMax).toBeGreaterThan(1);
    expect(log.stream('key').info()?.nextSeq).toBe(1001);
  });

  test('holds back a pipe of which it is one of two ends', async () => {
    const log = await openTestLog({ bufferedBytesMax: 65_536 });
    const source = new PassThrough({ objectMode: true });
    const ends = ['a', 'b'].map((key) => source.pipe(log.stream(key).writable({ highWaterMark: 2 })));
    Readable.from(numbers(1000)).pipe(source);
    await Promise.all(ends.map((end) => finished(end)));
    for (const key of ['a', 'b']) expect(await textsOf(log, key)).toEqual(numbers(1000));
  });
});
