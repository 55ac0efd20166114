// SPDX-License-Identifier: MIT
// Single arguments that are not what they look like. The fuzz of arguments has many more, but says less.

import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { areOwnBytes } from '../lib/check.js';
import { openLog } from '../lib/index.js';
import { parseLockHolder } from '../lib/lock-holder.js';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';

const MISUSE = { code: 'INVALID_ARGUMENT', docs: 'docs/errors.md#invalid_argument' };

/** An object whose property is another value each time it is looked at. */
function changing(name: string, values: readonly unknown[]): Record<string, unknown> {
  let looks = 0;
  return Object.defineProperty({}, name, {
    enumerable: true,
    get: () => values[Math.min(looks++, values.length - 1)],
  });
}

describe('an argument', () => {
  test('that looks like a handle of the library is none', async () => {
    const log = await openTestLog();
    // @ts-expect-error: on purpose
    expect(await rejection(log.append({ handle: 4_000_000_000, key: 'key' }, 'data'))).toMatchObject(MISUSE);
    // @ts-expect-error: on purpose
    expect(() => log.ingest({ handle: 0 }, 'data')).toThrow(expect.objectContaining(MISUSE));
    await log.append('key', 'data');
  });

  test('is used as it was checked, whatever its getters say next', async () => {
    const log = await openTestLog();
    await log.append('key', 'data', changing('durability', ['os', 'never']));
    await log.sync(changing('signal', [undefined, 7]));
    await log.append('key', 'data', changing('headers', [{ a: 'b' }, 7]));
    expect((await log.stream('key').get(2))?.headers).toEqual({ a: 'b' });
    const other = await openTestLog(changing('segmentBytes', [20_000, 1]));
    expect(other.options.segmentBytes).toBe(20_000);
  });

  test('that is a Map, a Date or an array is no object of options or headers', async () => {
    const log = await openTestLog();
    for (const wrong of [new Map([['a', 'b']]), new Date(0), ['a'], new Uint8Array(0), Promise.resolve()]) {
      // @ts-expect-error: on purpose
      expect(await rejection(log.append('key', 'data', wrong))).toMatchObject(MISUSE);
      // @ts-expect-error: on purpose
      expect(await rejection(log.append('key', 'data', { headers: wrong }))).toMatchObject(MISUSE);
      // @ts-expect-error: on purpose
      expect(await rejection(openLog(temporaryDirectory(), wrong))).toMatchObject(MISUSE);
    }
  });

  test('of options may be inherited, and is checked all the same', async () => {
    const log = await openTestLog();
    await log.append('key', 'data', Object.create({ headers: { a: 'b' } }));
    expect((await log.stream('key').get(1))?.headers).toEqual({ a: 'b' });
    expect(await rejection(log.append('key', 'data', Object.create({ header: {} })))).toMatchObject(MISUSE);
  });

  test('may be a Uint8Array of another realm, of a subclass, or over shared memory', async () => {
    const log = await openTestLog();
    class Bytes extends Uint8Array {
      override get length() {
        return 2 ** 40;
      }
    }
    const shared = new Uint8Array(new SharedArrayBuffer(1)).fill(97);
    for (const bytes of [runInNewContext('Uint8Array.of(97)'), Bytes.of(97), shared]) {
      const { seq } = await log.append(bytes, bytes, { headers: { bytes } });
      await log.appendBatch([{ key: bytes, data: bytes, headers: { bytes } }]);
      const records = await log.stream('a').getRange(seq, seq + 1);
      expect(records.map(({ data, headers }) => [data.toString(), String(headers.bytes)])).toEqual([
        ['a', 'a'],
        ['a', 'a'],
      ]);
    }
  });

  test("over shared memory are not taken for their owner's, whatever the memory claims to be", () => {
    const disguised = new SharedArrayBuffer(1);
    Object.setPrototypeOf(disguised, ArrayBuffer.prototype);
    const claiming = Object.defineProperty(new Uint8Array(new SharedArrayBuffer(1)), 'buffer', {
      value: new ArrayBuffer(1),
    });
    for (const shared of [disguised, runInNewContext('new SharedArrayBuffer(1)')]) {
      expect(areOwnBytes(new Uint8Array(shared))).toBe(false);
    }
    expect(areOwnBytes(claiming)).toBe(false);
    expect(areOwnBytes(new Uint8Array(runInNewContext('new ArrayBuffer(1)')))).toBe(true);
  });

  test('of a Uint8Array that claims another length is stored as long as it is', async () => {
    const log = await openTestLog();
    let asked = 0;
    const claims: PropertyDescriptor[] = [
      { value: 1 },
      { value: 1_000_000 },
      { get: () => (asked++ === 0 ? 10_000 : 3) },
      { value: 'long' },
    ];
    for (const claim of claims) {
      const data = Object.defineProperty(Buffer.alloc(10_000, 'data'), 'length', claim);
      await Promise.all([log.append('key', data), log.append('key', 'next'), log.appendBatch([{ key: 'key', data }])]);
      log.appendSync('key', data);
      log.ingest('key', data);
    }
    await log.sync();
    const records = await collect(log.stream('key').read());
    expect(records).toHaveLength(5 * claims.length);
    for (const { data } of records) {
      if (data.toString() !== 'next') expect(data.equals(Buffer.alloc(10_000, 'data'))).toBe(true);
    }
  });

  test('of a batch is refused where a getter resizes what was looked at before', async () => {
    const log = await openTestLog();
    for (const bytes of [4, 16]) {
      const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
      const resizing = {
        key: 'key',
        get data() {
          buffer.resize(bytes);
          return 'second';
        },
      };
      const batch = [{ key: 'key', data: new Uint8Array(buffer) }, resizing];
      expect(await rejection(log.appendBatch(batch))).toMatchObject(MISUSE);
    }
    expect(log.streams()).toEqual([]);
  });

  test('of a batch that has to wait is refused in the same way, and nobody behind it waits for ever', async () => {
    const log = await openTestLog({ bufferedBytesMax: 4096 });
    const before = Array.from({ length: 50 }, () => log.append('key', Buffer.alloc(900)));
    const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
    const resizing = {
      key: 'other',
      get data() {
        buffer.resize(16);
        return 'second';
      },
    };
    const refused = rejection(log.appendBatch([{ key: 'other', data: new Uint8Array(buffer) }, resizing]));
    const behind = log.append('key', 'behind');
    expect(await refused).toMatchObject(MISUSE);
    await Promise.all([...before, behind]);
    expect(log.stream('key').info()?.nextSeq).toBe(52);
    await log.close();
  });

  test('goes by its own bytes, whatever iterator or length it is given', async () => {
    const log = await openTestLog({ bufferedBytesMax: 4096, recordBytesMax: 900 });
    const before = Array.from({ length: 50 }, () => log.append('key', Buffer.alloc(900)));
    const iterating = Object.assign(Buffer.from('own bytes'), { *[Symbol.iterator]() {} });
    const waiting = [log.append('iterated', iterating), log.appendBatch([{ key: 'iterated', data: iterating }])];
    await Promise.all([...before, ...waiting]);
    // The second time there is room.
    for (const claim of [4, 4096, 1e9]) {
      const claiming = Buffer.from('own bytes');
      const later = {
        get data() {
          Object.defineProperty(claiming, 'length', { value: claim, configurable: true });
          return 'later';
        },
      };
      await log.stream('claimed').appendBatch([claiming, later]);
      const reentering = Buffer.from('own bytes');
      const appending = {
        get data() {
          Object.defineProperty(reentering, 'length', {
            get: () => {
              void log.append('aside', 'x');
              return claim;
            },
          });
          return 'later';
        },
      };
      await log.stream('claimed').appendBatch([reentering, appending]);
    }
    const [iterated, claimed] = [
      await collect(log.read({ keys: ['iterated'] })),
      await collect(log.read({ keys: ['claimed'] })),
    ];
    expect(iterated.map(({ data }) => data.toString())).toEqual(['own bytes', 'own bytes']);
    expect(claimed.map(({ data }) => data.toString())).toEqual(
      Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? 'own bytes' : 'later')),
    );
    expect((await log.verify()).damage).toEqual([]);
  });

  test('of a batch is refused where the array claims a length that is none', async () => {
    const log = await openTestLog();
    for (const length of [Number.NaN, -1, 0.5, '1']) {
      const batch = new Proxy([{ key: 'key', data: 'data' }], {
        get: (target, name) => (name === 'length' ? length : Reflect.get(target, name)),
      });
      expect(await rejection(log.appendBatch(batch))).toMatchObject(MISUSE);
    }
  });

  test('that waits needs a signal that works', async () => {
    const log = await openTestLog();
    for (const signal of [
      Object.create(AbortSignal.prototype),
      new Proxy(new AbortController().signal, {}),
      {},
      null,
    ]) {
      expect(await rejection(log.append('key', 'data', { signal }))).toMatchObject(MISUSE);
      expect(await rejection(log.sync({ signal }))).toMatchObject(MISUSE);
      expect(() => log.read({ signal })).toThrow(expect.objectContaining(MISUSE));
    }
    expect(log.streams()).toEqual([]);
  });

  test('of a batch is refused with the whole batch', async () => {
    const log = await openTestLog();
    const stream = log.stream('key');
    // @ts-expect-error: on purpose
    const toStream = stream.appendBatch([{ data: 'one' }, { key: 'other', data: 'two' }]);
    expect(await rejection(toStream)).toMatchObject({ ...MISUSE, message: expect.stringContaining("'key'") });
    // @ts-expect-error: on purpose
    expect(await rejection(stream.appendBatch([{ data: 'one' }, undefined]))).toMatchObject(MISUSE);
    const many = Object.assign([], { length: 2 ** 32 - 1 });
    expect(await rejection(log.appendBatch(many))).toMatchObject({ code: 'TOO_LARGE' });
    expect(log.streams()).toEqual([]);
  });

  test('of get is not one of read', async () => {
    const log = await openTestLog();
    await log.append('key', 'data');
    // @ts-expect-error: on purpose
    expect(await rejection(log.stream('key').get(1, { from: 2 }))).toMatchObject(MISUSE);
    const batch = (await log.stream('key').readBatches().next()).value;
    for (const index of [0.5, -1, 1]) expect(() => batch?.at(index)).toThrow(expect.objectContaining(MISUSE));
  });
});

describe('an unknown option', () => {
  test('is answered with the one that was meant only where one is near', async () => {
    const messages: string[] = [];
    for (const name of ['durabilty', 'segmentsBytes', 'ReadOnly', 'colour', 'fsync', 'x'.repeat(1e6)]) {
      const error = await rejection(openLog(temporaryDirectory(), { [name]: 1 }));
      messages.push(/; did you mean '(\w+)'/.exec(String(error))?.[1] ?? 'none');
      expect(String(error).length).toBeLessThan(200);
    }
    expect(messages).toEqual(['durability', 'segmentBytes', 'readOnly', 'none', 'none', 'none']);
  });
});

describe("the LOCK file's text", () => {
  test('names a holder', () => {
    expect(parseLockHolder('pid=7\nhost=a=b\nstarted=2026-01-02T03:04:05.678Z\n')).toEqual({
      pid: 7,
      host: 'a=b',
      startedAt: new Date('2026-01-02T03:04:05.678Z'),
    });
  });

  test.each([
    [''],
    ['\0\0\0\0'],
    ['pid=7'],
    ['pid=7\nhost=a'],
    ['pid=-7\nhost=a\nstarted=2026-01-02T03:04:05.678Z'],
    ['pid=99999999999999999999\nhost=a\nstarted=2026-01-02T03:04:05.678Z'],
    ['pid=7\nhost=\nstarted=2026-01-02T03:04:05.678Z'],
    [`pid=7\nhost=${'a'.repeat(256)}\nstarted=2026-01-02T03:04:05.678Z`],
    ['pid=7\nhost=a\nstarted=yesterday'],
    ['=\n=\n='],
  ])('%j names none', (text) => {
    expect(parseLockHolder(text)).toBeUndefined();
  });
});
