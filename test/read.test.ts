// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Damage, type Log, type LogRecord, openLog } from '../lib/index.js';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';

/** `count` records of about `bytes` bytes, each beginning with its sequence. */
async function fill(log: Log, key: string, count: number, bytes = 10): Promise<void> {
  const { length } = await Promise.all(
    Array.from({ length: count }, (_, index) => log.append(key, `${index + 1}:`.padEnd(bytes, 'x'))),
  );
  expect(length).toBe(count);
}

function sequences(records: Iterable<LogRecord>): number[] {
  return Array.from(records, ({ seq }) => seq);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function segmentFiles(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => name.endsWith('.seg')).sort();
}

describe('read', () => {
  test('gives the records of one stream in order, with all their fields', async () => {
    const log = await openTestLog();
    const before = Date.now() * 1000;
    await log.append('other', 'x');
    await log.append('key', 'data', { headers: { a: 'b' } });
    const [record] = await collect(log.stream('key').read());
    expect(record).toMatchObject({ key: 'key', seq: 1, lsn: 2, kind: 'data', headers: { a: 'b' } });
    expect(record?.data).toBeInstanceOf(Buffer);
    expect(record?.timeUs).toBeGreaterThan(before - 1e6);
    expect(record?.timeUs).toBeLessThan(Date.now() * 1000 + 1e6);
  });

  test('keeps to from and to, both included', async () => {
    const log = await openTestLog();
    await fill(log, 'key', 50);
    const stream = log.stream('key');
    expect(sequences(await collect(stream.read({ from: 10, to: 20 })))).toEqual(range(10, 20));
    expect(sequences(await collect(stream.read({ from: 45 })))).toEqual(range(45, 50));
    expect(sequences(await collect(stream.read({ to: 3 })))).toEqual([1, 2, 3]);
    expect(await collect(stream.read({ from: 51 }))).toEqual([]);
    expect(await collect(stream.read({ from: 9, to: 8 }))).toEqual([]);
  });

  test('of a stream without records is empty', async () => {
    const log = await openTestLog();
    expect(await collect(log.stream('nothing').read())).toEqual([]);
    expect(await log.stream('nothing').get(1)).toBeUndefined();
    expect(log.stream('nothing').info()).toBeUndefined();
  });

  test('gives batches that follow one another without a gap, whatever their size', async () => {
    const log = await openTestLog();
    await fill(log, 'key', 2000, 200);
    const batches = await collect(log.stream('key').readBatches({ batchBytes: 10_000 }));
    expect(batches.length).toBeGreaterThan(5);
    expect(batches.flatMap((batch) => sequences(batch))).toEqual(range(1, 2000));
    for (const batch of batches) {
      expect(batch.length).toBe(batch.lastSeq - batch.firstSeq + 1);
      expect(batch.at(0).seq).toBe(batch.firstSeq);
      expect(() => batch.at(batch.length)).toThrow(RangeError);
    }
  });

  test('may be left early, and begun anew', async () => {
    const log = await openTestLog();
    await fill(log, 'key', 100);
    const reader = log.stream('key').read();
    for await (const record of reader) if (record.seq === 10) break;
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(await collect(log.stream('key').read())).toHaveLength(100);
  });

  test('answers several next() at once in order', async () => {
    const log = await openTestLog();
    await fill(log, 'key', 3);
    const reader = log.stream('key').read();
    const steps = await Promise.all(Array.from({ length: 5 }, () => reader.next()));
    expect(steps.map(({ value }) => value?.seq)).toEqual([1, 2, 3, undefined, undefined]);
  });

  test('rejects with the reason of an aborted signal', async () => {
    const log = await openTestLog();
    await fill(log, 'key', 3);
    const signal = AbortSignal.abort(new Error('reason'));
    expect(await rejection(log.stream('key').get(1, { signal }))).toBe(signal.reason);
    expect(await rejection(collect(log.read({ signal })))).toBe(signal.reason);
  });

  test('throws on misuse', async () => {
    const log = await openTestLog();
    const stream = log.stream('key');
    expect(() => stream.read({ from: 0 })).toThrow(RangeError);
    expect(() => stream.read({ batchBytes: 0 })).toThrow(RangeError);
    // @ts-expect-error: on purpose
    expect(() => stream.read({ form: 1 })).toThrow(TypeError);
    // @ts-expect-error: on purpose
    expect(() => stream.readBatches({ visible: 'all' })).toThrow(TypeError);
    // @ts-expect-error: on purpose
    expect(() => log.read({ keys: 'key' })).toThrow(TypeError);
    expect(await rejection(stream.get(0))).toBeInstanceOf(RangeError);
    expect(await rejection(stream.getRange(1, 1.5))).toBeInstanceOf(RangeError);
  });
});

describe('what is visible', () => {
  test("a record of durability 'none' is, once its append has resolved", async () => {
    const log = await openTestLog();
    await log.append('key', 'data', { durability: 'none' });
    expect((await log.stream('key').get(1))?.data.toString()).toBe('data');
    expect(log.stream('key').info()?.nextSeq).toBe(2);
  });

  test("with 'accepted', an append that is not durable yet may be seen, and what is seen is what was appended", async () => {
    const log = await openTestLog();
    const appended = log.append('key', 'data');
    const seen = await collect(log.stream('key').read({ visible: 'accepted' }));
    for (const record of seen) expect(record.data.toString()).toBe('data');
    await appended;
    expect(await collect(log.stream('key').read({ visible: 'accepted' }))).toHaveLength(1);
  });
});

describe('get and getRange', () => {
  test('find single records, after a reopen too', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({ segmentBytes: 32_768 }, directory);
    await fill(log, 'key', 1000, 100);
    await log.close();
    const stream = (await openTestLog({}, directory)).stream('key');
    for (const seq of [1, 2, 16, 17, 500, 999, 1000]) {
      expect((await stream.get(seq))?.data.toString()).toBe(`${seq}:`.padEnd(100, 'x'));
    }
    expect(await stream.get(1001)).toBeUndefined();
    expect(sequences(await stream.getRange(990, 2000))).toEqual(range(990, 1000));
    expect(await stream.getRange(5, 4)).toEqual([]);
  });
});

test('a copy of a record is in memory of its own', async () => {
  const log = await openTestLog();
  await log.append('key', 'data', { headers: { bytes: Buffer.from('head') } });
  await fill(log, 'key', 100, 1000);
  const record = await log.stream('key').get(1);
  const copy = record?.copy();
  expect(copy).toMatchObject({ key: 'key', seq: 1, lsn: 1, kind: 'data', timeUs: record?.timeUs, ref: record?.ref });
  expect(copy?.data.toString()).toBe('data');
  expect(copy?.data.buffer.byteLength).toBe(4);
  expect(copy?.headers).toEqual({ bytes: Buffer.from('head') });
});

describe('log.read', () => {
  test('gives the records of all streams in the order of their LSNs', async () => {
    const log = await openTestLog();
    const keys = range(0, 30).map((index) => `key ${index}`);
    const appended = await Promise.all(
      range(0, 2999).map((index) => log.append(keys[(index * 7) % 31] ?? '', `${index}`)),
    );
    const records = await collect(log.read());
    expect(records.map(({ lsn }) => lsn)).toEqual(appended.map(({ lsn }) => lsn));
    expect(records.map(({ data }) => Number(data.toString()))).toEqual(range(0, 2999));
  });

  test('keeps to fromLsn and keys', async () => {
    const log = await openTestLog();
    for (let index = 0; index < 30; index++) await log.append(`key ${index % 3}`, 'data', { durability: 'none' });
    expect((await collect(log.read({ fromLsn: 25 }))).map(({ lsn }) => lsn)).toEqual(range(25, 30));
    const two = await collect(log.read({ keys: ['key 0', Buffer.from('key 2')] }));
    expect(two.map(({ lsn }) => lsn)).toEqual(range(1, 30).filter((lsn) => lsn % 3 !== 2));
    expect(await collect(log.read({ fromLsn: 31 }))).toEqual([]);
    expect(await collect(log.read({ keys: [] }))).toEqual([]);
  });

  test('leaves out what is appended after it began', async () => {
    const log = await openTestLog();
    await fill(log, 'a', 10);
    const reader = log.read();
    const first = await reader.next();
    await fill(log, 'a', 10);
    await fill(log, 'b', 10);
    expect(first.value?.lsn).toBe(1);
    expect(await collect(reader)).toHaveLength(9);
  });

  test('is there while records are appended, without a gap', async () => {
    const log = await openTestLog({ durability: 'none' });
    let going = true;
    const writer = (async () => {
      for (let index = 0; going; index++) await log.append(`key ${index % 5}`, 'data');
    })();
    for (let round = 0; round < 20; round++) {
      const lsns = (await collect(log.read())).map(({ lsn }) => lsn);
      expect(lsns).toEqual(range(1, lsns.length));
    }
    going = false;
    await writer;
  });
});

describe('streams', () => {
  test('are listed by prefix, with what is in them', async () => {
    const log = await openTestLog();
    for (const key of ['a', 'ab', 'abc', 'b']) await log.append(key, 'data');
    await log.append('ab', 'data');
    const keys = (prefix?: string | Uint8Array) =>
      log
        .streams({ prefix })
        .map(({ key }) => key)
        .sort();
    expect(keys()).toEqual(['a', 'ab', 'abc', 'b']);
    expect(keys('ab')).toEqual(['ab', 'abc']);
    expect(keys(Buffer.from('abc'))).toEqual(['abc']);
    expect(keys('x')).toEqual([]);
    expect(log.streams({ prefix: 'ab' }).find(({ key }) => key === 'ab')).toMatchObject({
      firstSeq: 1,
      nextSeq: 3,
      lastLsn: 5,
    });
  });

  test('keep their ids after a reopen', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    const { ref } = await log.append('key', 'data');
    const info = log.stream('key').info();
    await log.close();
    const again = await openTestLog({}, directory);
    expect(again.stream('key').info()).toMatchObject({ key: 'key', id: info?.id, createdUs: info?.createdUs });
    expect((await again.stream('key').get(1))?.ref).toBe(ref);
  });

  test('may be thousands, with few segment files open', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({ openSegmentsMax: 8 }, directory);
    const keys = range(1, 2000).map((index) => `entity/${index}`);
    for (let round = 1; round <= 3; round++) await Promise.all(keys.map((key) => log.append(key, `${key} ${round}`)));
    expect(log.stats()).toMatchObject({ streams: 2000 });
    expect(log.stats().openSegments).toBeLessThanOrEqual(8);
    await log.close();
    const again = await openTestLog({ openSegmentsMax: 8 }, directory);
    expect(again.recovery).toMatchObject({ status: 'clean', streams: 2000 });
    const records = await collect(again.read());
    expect(records.map(({ data }) => data.toString())).toEqual(
      [1, 2, 3].flatMap((round) => keys.map((key) => `${key} ${round}`)),
    );
  });
});

describe('segments', () => {
  test('are rotated by size, and read across', async () => {
    const directory = temporaryDirectory();
    const options = { segmentBytes: 20_000, destageBytes: 4096 };
    const log = await openTestLog(options, directory);
    for (let round = 0; round < 40; round++) await fill(log, 'key', 25, 200);
    expect(log.stream('key').info()?.segments).toBeGreaterThanOrEqual(8);
    expect(sequences(await collect(log.stream('key').read()))).toEqual(range(1, 1000));
    await log.close();
    const again = await openTestLog(options, directory);
    expect(sequences(await collect(again.stream('key').read()))).toEqual(range(1, 1000));
    expect(await again.append('key', 'next')).toMatchObject({ seq: 1001 });
  });

  test('are rotated by hand', async () => {
    const log = await openTestLog({ sharedStreamBytesMax: 0 });
    await fill(log, 'key', 10);
    await log.seal('key');
    await fill(log, 'key', 10);
    expect(log.stream('key').info()).toMatchObject({ segments: 2, nextSeq: 21 });
    expect(sequences(await collect(log.stream('key').read()))).toEqual(range(1, 20));
  });

  test('are not made by sealing what has no records', async () => {
    const log = await openTestLog({ sharedStreamBytesMax: 0 });
    await log.seal('nothing');
    expect(log.streams()).toEqual([]);
    await fill(log, 'key', 1);
    await log.seal('key');
    await log.seal('key');
    await fill(log, 'key', 1);
    expect(log.stream('key').info()).toMatchObject({ segments: 2, nextSeq: 3 });
  });

  test('go on over small recycled journals, and everything is there after a reopen', async () => {
    const directory = temporaryDirectory();
    const options = { journalFirstBytes: 65_536, journalFileBytes: 131_072, journalLiveBytesMax: 524_288 };
    const log = await openTestLog(options, directory);
    for (let round = 0; round < 20; round++) {
      await Promise.all(range(1, 200).map((index) => log.append(`key ${index % 7}`, Buffer.alloc(1000, index))));
    }
    expect(log.stats().checkpoints).toBeGreaterThan(2);
    await log.close();
    const again = await openTestLog(options, directory);
    const records = await collect(again.read());
    expect(records.map(({ lsn }) => lsn)).toEqual(range(1, 4000));
    const differing = records.filter(({ lsn, data }) => !data.equals(Buffer.alloc(1000, ((lsn - 1) % 200) + 1)));
    expect(differing.map(({ lsn }) => lsn)).toEqual([]);
  });
});

describe('damage in a segment', () => {
  // One flipped bit in the middle of a closed log's only segment.
  async function damagedLog(): Promise<string> {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { destageBytes: 16_384 });
    for (let round = 0; round < 20; round++) await fill(log, 'key', 50, 500);
    await expect.poll(() => log.stats().segmentBytesWritten).toBeGreaterThan(300_000);
    await log.close();
    const [name = 'no segment file'] = segmentFiles(directory);
    const path = join(directory, name);
    const bytes = readFileSync(path);
    const middle = bytes.indexOf('x', bytes.lastIndexOf('x') >> 1);
    expect(middle).toBeGreaterThan(0);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    return directory;
  }

  test('rejects the read that meets it with CORRUPT, after the sound records before it', async () => {
    const log = await openTestLog({}, await damagedLog());
    const sound: number[] = [];
    const reading = (async () => {
      for await (const { seq } of log.stream('key').read()) sound.push(seq);
    })();
    const error = await rejection(reading);
    const firstSeq = sound.length + 1;
    expect(error).toMatchObject({
      code: 'CORRUPT',
      path: expect.stringMatching(/\.seg$/),
      damage: { key: 'key', file: expect.stringMatching(/\.seg$/), offset: expect.any(Number), firstSeq },
      message: expect.stringMatching(new RegExp(`: \\S+\\.seg at \\d+, sequences? ${firstSeq}( to \\d+)?$`)),
    });
    // It was not passed over.
    expect(log.damage).toEqual([]);
    expect(sound.length).toBeLessThan(1000);
    expect(sound).toEqual(range(1, sound.length));
  });

  test('is told with its place where a file was cut off', async () => {
    const directory = await damagedLog();
    const [name = 'no segment file'] = segmentFiles(directory);
    truncateSync(join(directory, name), 8192);
    const log = await openTestLog({}, directory);
    const error = await rejection(log.stream('key').getRange(1, 1000));
    expect(error).toMatchObject({ code: 'CORRUPT', damage: { key: 'key', lastSeq: expect.any(Number) } });
    expect(error).toMatchObject({ message: expect.stringMatching(/\.seg at \d+, sequences \d+ to \d+$/) });
  });

  test("is passed over and reported with onCorruption: 'skip'", async () => {
    const log = await openTestLog({ readOnly: true, onCorruption: 'skip' }, await damagedLog());
    const damage: Damage[] = [];
    const sound = sequences(await collect(log.stream('key').read({ onDamage: (one) => damage.push(one) })));
    expect(sound.length).toBeLessThan(1000);
    expect(sound.at(-1)).toBe(1000);
    expect(damage.length).toBeGreaterThan(0);
    expect(log.damage).toEqual(damage);
    expect(() => Object.assign(damage[0] ?? {}, { file: '' })).toThrow(TypeError);
    Object.assign(log.damage, []).length = 0;
    expect(log.damage).toEqual(damage);
    expect(damage[0]).toMatchObject({ key: 'key', file: expect.stringMatching(/\.seg$/) });
  });
});
