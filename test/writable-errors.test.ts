// SPDX-License-Identifier: MIT
// What a Writable of records refuses, and how it ends: always with the error of the log, with all that was acknowledged
// stored, and with nothing stored but a beginning of what was written.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { type Log, openLog, type RecordWritable, SeglogError } from '../lib/index.js';
import { runModule } from './support/child.js';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';
import { meetInChild } from './support/error-case.js';

const EIO = 5;

/** Writes whatever it is, as JavaScript would. */
function writeAny(writable: RecordWritable, ...args: readonly unknown[]): unknown {
  return Reflect.apply(writable.write, writable, args);
}

/** Writes 1, 2, 3 … until the stream is destroyed. Resolves with how many were acknowledged when it is closed. */
async function writeOn(writable: RecordWritable, onAcknowledged: (count: number) => void): Promise<number> {
  let acknowledged = 0;
  const closed = new Promise((resolve) => writable.once('close', resolve));
  for (let number = 1; !writable.destroyed; number++) {
    const hasRoom = writable.write(String(number), (error) => {
      if (!error) onAcknowledged(++acknowledged);
    });
    if (!hasRoom) await Promise.race([new Promise((resolve) => writable.once('drain', resolve)), closed]);
  }
  await closed;
  return acknowledged;
}

/** How many records are stored: 1, 2, 3 … without a gap. */
async function storedIn(log: Log): Promise<number> {
  const texts = (await collect(log.stream('key').read())).map(({ data }) => data.toString());
  expect(texts).toEqual(texts.map((_, index) => String(index + 1)));
  return texts.length;
}

describe('a chunk that is no record', () => {
  const throwing = {
    get data(): string {
      throw undefined;
    },
  };
  test.each<[string, unknown]>([
    ['a number', 7],
    ['undefined', undefined],
    ['an object without data', {}],
    ['an array', ['data']],
    ['an array of numbers that is no Uint8Array', new Float64Array(1)],
    ['data of the wrong type', { data: 7 }],
    ['an unknown field', { data: 'data', header: {} }],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a record', { data: '\ud800' }],
    ['headers of the wrong type', { data: 'data', headers: { a: 7 } }],
    ['headers over 64 KiB', { data: 'data', headers: { a: 'x'.repeat(65_536) } }],
    ['bytes whose buffer is gone', transferredAway()],
  ])('destroys the stream with INVALID_ARGUMENT: %s; what was written before it is stored', async (_, chunk) => {
    const log = await openTestLog();
    const writable = log.stream('key').writable();
    const failures: unknown[] = [];
    for (const number of ['1', '2', '3']) writable.write(number);
    writeAny(writable, chunk, (error: unknown) => failures.push(error));
    writeAny(writable, 'behind it', (error: unknown) => failures.push(error));
    const error = await rejection(finished(writable));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(error === writable.errored && failures.every((failure) => failure === error)).toBe(true);
    expect(failures.length).toBe(2);
    expect(await storedIn(log)).toBe(3);
    await log.append('key', '4');
    await pipeline(['5'], log.stream('key').writable());
    expect(await storedIn(log)).toBe(5);
  });

  test('is thrown by write where Node itself refuses it, and so is what a getter throws; the stream goes on', async () => {
    const log = await openTestLog();
    const writable = log.stream('key').writable();
    expect(() => writeAny(writable, null)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_NULL_VALUES' }));
    let thrown: unknown = 'nothing';
    try {
      writable.write(throwing);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeUndefined();
    await finished(writable.end('1'));
    expect(await storedIn(log)).toBe(1);
  });

  test('may throw anything when it is read for the second time, and a string may come with an encoding that is none', async () => {
    const log = await openTestLog();
    let reads = 0;
    const turning = {
      get data(): string {
        if (reads++ > 0) throw undefined;
        return 'data';
      },
    };
    const reading = log.stream('key').writable();
    reading.write(turning);
    expect(await rejection(finished(reading))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const encoding of ['buffer', 'utf9']) {
      const writable = log.stream('key').writable();
      writeAny(writable, '1', encoding);
      expect(await rejection(finished(writable))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(log.stream('key').info()).toBeUndefined();
  });
});

describe('a refused append', () => {
  test('destroys the stream: TOO_LARGE, behind what fits', async () => {
    const log = await openTestLog({ recordBytesMax: 100 });
    const chunks = ['1', '2', 'x'.repeat(101), '3'];
    const error = await rejection(pipeline(Readable.from(chunks), log.stream('key').writable()));
    expect(error).toBeInstanceOf(SeglogError);
    expect(error).toMatchObject({ code: 'TOO_LARGE' });
    expect(await storedIn(log)).toBe(2);
  });

  test('destroys the stream: NO_SPACE on a full disk, and a later writable goes on', async (context) => {
    const met = await meetInChild(context, 'writable on a full disk', { diskBytes: 8 * 2 ** 20 });
    expect(met).toMatchObject({ error: { name: 'SeglogError', code: 'NO_SPACE' }, afterwards: 'usable' });
  });

  test('destroys the stream: FAILED where the device fails', async (context) => {
    const met = await meetInChild(context, 'writable fails', { fault: `write ${EIO} /journal/` });
    expect(met).toMatchObject({ error: { name: 'SeglogError', code: 'FAILED' }, afterwards: 'stopped' });
  });

  test('destroys the stream: CLOSED where the log is closed beneath it; what was handed over is acknowledged', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    const writable = log.stream('key').writable();
    let acknowledged = 0;
    const outcomes: unknown[] = [];
    for (const number of ['1', '2', '3']) {
      writable.write(number, (error) => {
        outcomes.push(error);
        if (!error) acknowledged++;
      });
    }
    const error = rejection(finished(writable));
    await log.close();
    expect(await error).toMatchObject({ name: 'SeglogError', code: 'CLOSED' });
    if (!writable.closed) await new Promise((resolve) => writable.once('close', resolve));
    expect(outcomes.map((outcome) => Boolean(outcome))).toEqual([false, true, true]);
    expect(await storedIn(await openTestLog({}, directory))).toBe(acknowledged);
  });

  test('destroys the stream: CLOSED with the first record after the log was closed', async () => {
    const log = await openTestLog();
    const writable = log.stream('key').writable();
    await log.close();
    expect(writable.destroyed).toBe(false);
    expect(await rejection(finished(writable.end('data')))).toMatchObject({ code: 'CLOSED' });
  });
});

describe('writable()', () => {
  test('throws CLOSED and READ_ONLY', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    const stream = log.stream('key');
    await log.close();
    expect(() => stream.writable()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    const reader = await openTestLog({ readOnly: true }, directory);
    expect(() => reader.stream('key').writable()).toThrow(expect.objectContaining({ code: 'READ_ONLY' }));
  });

  test.each<[unknown, ErrorConstructor]>([
    [null, TypeError],
    [7, TypeError],
    [{ durablity: 'os' }, TypeError],
    [{ objectMode: false }, TypeError],
    [{ durability: 'disk' }, TypeError],
    [{ highWaterMark: 0 }, RangeError],
    [{ highWaterMark: 1.5 }, RangeError],
    [{ highWaterMark: '4' }, TypeError],
    [{ defaultEncoding: 'utf9' }, TypeError],
    [{ signal: {} }, TypeError],
  ])('refuses the options %o', async (options, type) => {
    const stream = (await openTestLog()).stream('key');
    const call = () => Reflect.apply(stream.writable, stream, [options]);
    expect(call).toThrow(type);
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('an abort', () => {
  test('before the beginning destroys the stream, and nothing is stored', async () => {
    const log = await openTestLog();
    const reason = new Error('no more');
    const writable = log.stream('key').writable({ signal: AbortSignal.abort(reason) });
    const failure = new Promise((resolve) => writable.write('1', resolve));
    const error = await rejection(finished(writable));
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason });
    expect(await failure).toBeInstanceOf(Error);
    expect(log.stream('key').info()).toBeUndefined();
  });

  test('in the middle destroys the stream; everything acknowledged is stored, and nothing behind a gap', async () => {
    const log = await openTestLog();
    const controller = new AbortController();
    const writable = log.stream('key').writable({ highWaterMark: 50, signal: controller.signal });
    const error = rejection(finished(writable));
    const acknowledged = await writeOn(writable, (count) => {
      if (count === 200) controller.abort();
    });
    expect(await error).toMatchObject({ code: 'ABORT_ERR' });
    expect(await storedIn(log)).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThanOrEqual(200);
  });

  test('of a pipeline leaves the log usable', async () => {
    const log = await openTestLog();
    const controller = new AbortController();
    const source = async function* () {
      for (let number = 1; ; number++) {
        if (number === 1000) controller.abort();
        yield String(number);
      }
    };
    const error = await rejection(pipeline(source, log.stream('key').writable(), { signal: controller.signal }));
    expect(error).toMatchObject({ code: 'ABORT_ERR' });
    const stored = await storedIn(log);
    await pipeline([String(stored + 1)], log.stream('key').writable());
    expect(await storedIn(log)).toBe(stored + 1);
  });
});

describe('destroy', () => {
  test('in the middle loses nothing acknowledged, and nothing is stored any more after close', async () => {
    const log = await openTestLog({ batchRecordsMax: 10 });
    const writable = log.stream('key').writable({ highWaterMark: 500 });
    const acknowledged = await writeOn(writable, (count) => {
      if (count === 700) writable.destroy();
    });
    const { nextSeq = 0 } = log.stream('key').info() ?? {};
    expect(nextSeq - 1).toBeGreaterThanOrEqual(acknowledged);
    await log.sync();
    expect(log.stream('key').info()?.nextSeq).toBe(nextSeq);
    expect(await storedIn(log)).toBe(nextSeq - 1);
  });

  test('between two batches of what waited hands over no other', async () => {
    const log = await openTestLog({ batchRecordsMax: 1 });
    const writable = log.stream('key').writable();
    const errors: unknown[] = [];
    for (let number = 1; number <= 1000; number++) {
      writable.write(String(number), (error) => {
        if (error) errors.push(error);
        else writable.destroy();
      });
    }
    await finished(writable).catch(() => {});
    if (!writable.closed) await once(writable, 'close');
    expect(await storedIn(log)).toBeLessThanOrEqual(3);
    expect(errors.length).toBe(999);
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_STREAM_DESTROYED' });
  });

  test('with an error gives that error to what waited', async () => {
    const log = await openTestLog();
    const writable = log.stream('key').writable();
    const reason = new Error('enough');
    const outcomes = ['1', '2', '3'].map(
      (number) => new Promise((resolve) => writable.write(number, (error) => resolve(error ?? 'acknowledged'))),
    );
    writable.destroy(reason);
    expect(await rejection(finished(writable))).toBe(reason);
    expect(await Promise.all(outcomes)).toEqual(['acknowledged', reason, reason]);
    expect(await storedIn(log)).toBe(1);
  });
});

test('what a listener throws is an uncaught exception, as with every stream, and no rejection', async () => {
  const source = `const log = await openLog(process.argv[1]);
    const caught = [];
    process.on('unhandledRejection', () => caught.push('rejection'));
    process.on('uncaughtException', ({ message }) => caught.push(message));
    const writable = log.stream('key').writable({ highWaterMark: 1 });
    writable.on('drain', () => { throw new Error('of drain'); });
    writable.write('1');
    writable.on('close', () => setImmediate(() => console.log(caught.join())));
    setTimeout(() => writable.destroy(), 50);`;
  const exit = await runModule(source, [temporaryDirectory()]);
  expect(exit).toMatchObject({ code: 0, stdout: 'of drain\n', stderr: '' });
});

function transferredAway(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}
