// SPDX-License-Identifier: MIT
// 10,000 random calls with arguments of every type, a part of them right: of openLog, and of every method of a log and
// of its streams. No call may crash the process or fail with an error that is not documented, and what was accepted is
// what is there afterwards. SEGLOG_SEED repeats a run.

import { inspect, types } from 'node:util';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../lib/errors.js';
import { type Log, openLog, type RecordWritable, SeglogError } from '../lib/index.js';
import { collect, openTestLog, temporaryDirectory } from './support/directory.js';
import { CallersOwnError, Random, strangeValue } from './support/strange-values.js';

const SEED = Number(process.env.SEGLOG_SEED ?? Math.floor(Math.random() * 2 ** 31));
const OPEN_CALLS = 1_000;
const METHOD_CALLS = 9_000;
const KEYS = ['a', 'b', '../../etc/passwd', '.', 'é', Buffer.from([0xff, 0]), Buffer.from('a')] as const;

interface Kept {
  readonly data: Buffer;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What the log must have: records by the key's bytes in hex, and how many of each were truncated. */
class Model {
  readonly streams = new Map<string, { readonly records: Kept[]; firstSeq: number }>();

  add(key: unknown, data: unknown, headers: unknown): number {
    const stream = this.#streamOf(key);
    return stream.records.push({ data: bytesOf(data), headers: { ...Object(headers) } });
  }

  truncate(key: unknown, seq: number): void {
    const stream = this.streams.get(bytesOf(key).toString('hex'));
    if (stream === undefined) return;
    stream.firstSeq = Math.max(stream.firstSeq, Math.min(seq, stream.records.length + 1));
  }

  #streamOf(key: unknown) {
    const name = bytesOf(key).toString('hex');
    const known = this.streams.get(name) ?? { records: [], firstSeq: 1 };
    this.streams.set(name, known);
    return known;
  }
}

test(`${OPEN_CALLS} random calls of openLog open, or fail as documented (seed ${SEED})`, {
  timeout: 300_000,
}, async () => {
  const random = new Random(SEED);
  const directory = temporaryDirectory();
  const outcomes = new Map<string, number>();
  let records = 0;
  for (let call = 0; call < OPEN_CALLS; call++) {
    const path = random.chance(0.1) ? strangePath(random) : directory;
    const options = random.chance(0.1) ? strangeValue(random) : openOptions(random);
    const { value, outcome } = await outcomeOf(() => Reflect.apply(openLog, undefined, [path, options]));
    count(outcomes, outcome);
    if (outcome !== 'done') continue;
    const log: Log = value;
    if (!log.options.readOnly) expect((await log.append('key', 'd')).seq).toBe(++records);
    await log.close();
  }
  const log = await openTestLog({}, directory);
  expect((await log.stream('key').getRange(1, records + 1)).length).toBe(records);
  console.log(`fuzz of openLog: seed ${SEED}`, JSON.stringify(Object.fromEntries(outcomes)));
  expect(outcomes.get('done')).toBeGreaterThan(OPEN_CALLS / 100);
});

test(`${METHOD_CALLS} random calls of methods do, or fail as documented (seed ${SEED})`, {
  timeout: 300_000,
}, async () => {
  const random = new Random(SEED + 1);
  const directory = temporaryDirectory();
  const log = await openLog(directory, { durability: 'os', recordBytesMax: 2 ** 20, batchRecordsMax: 8 });
  const model = new Model();
  const outcomes = new Map<string, number>();
  for (let call = 0; call < METHOD_CALLS; call++) {
    const [name, run] = anyCall(random, log, model);
    const { outcome } = await outcomeOf(run);
    count(outcomes, `${name} ${outcome}`);
  }
  await log.close();
  const again = await openTestLog({ readOnly: true }, directory);
  await expectModel(again, model);
  console.log(`fuzz of methods: seed ${SEED}`, JSON.stringify(Object.fromEntries([...outcomes].sort())));
  for (const name of ['append', 'appendBatch', 'ingest', 'stream.appendBatch', 'writable', 'get', 'read']) {
    expect([name, outcomes.get(`${name} done`) ?? 0]).toEqual([name, expect.toSatisfy((n: number) => n > 20)]);
    expect([name, outcomes.get(`${name} INVALID_ARGUMENT`) ?? 0]).toEqual([
      name,
      expect.toSatisfy((n: number) => n > 20),
    ]);
  }
});

/** 'done', or the code of a documented error; throws what is none. */
async function outcomeOf(call: () => unknown): Promise<{ readonly outcome: string; readonly value: Log }> {
  try {
    return { outcome: 'done', value: Object(await call()) };
  } catch (error) {
    const nothing = Object(undefined);
    // Of the last kind is a class that was given as a callback.
    const callersOwn =
      error instanceof CallersOwnError || String(error).includes('Class constructors cannot be invoked');
    if (callersOwn) return { outcome: 'thrown by an argument', value: nothing };
    const known = error instanceof SeglogError || error instanceof TypeError || error instanceof RangeError;
    const { code }: { code?: unknown } = Object(error);
    const documented = ERROR_CODES.find((one) => one === code);
    if (!known || documented === undefined) throw error;
    expect(documented === 'INVALID_ARGUMENT').toBe(!(error instanceof SeglogError));
    return { outcome: documented, value: nothing };
  }
}

type Call = readonly [name: string, run: () => unknown];

function anyCall(random: Random, log: Log, model: Model): Call {
  const key = maybe(random, anyKey);
  const data = maybe(random, anyData);
  const stream = () => {
    const made: unknown = Reflect.apply(log.stream, log, [key]);
    return Object(made);
  };
  const wait = maybe(random, () => undefined, 0.5);
  const calls: readonly [() => Call, ...(() => Call)[]] = [
    () => {
      const options = appendOptions(random, ['headers', 'durability', 'signal']);
      const kept = keep(key, data, options);
      return ['append', async () => kept(model, await Reflect.apply(log.append, log, [key, data, options]))];
    },
    () => {
      const options = appendOptions(random, ['headers']);
      const kept = keep(key, data, options);
      return ['ingest', () => kept(model, Reflect.apply(log.ingest, log, [key, data, options]))];
    },
    () => {
      const options = appendOptions(random, ['headers', 'durability', 'signal']);
      const kept = keep(key, data, options);
      return ['stream.append', async () => kept(model, await stream().append(data, options))];
    },
    () => {
      const records = maybe(random, () => batch(random, ['key', 'data', 'headers']), 0.1);
      const options = appendOptions(random, ['durability', 'signal']);
      const kept = keepBatch(records);
      return ['appendBatch', async () => kept(model, await Reflect.apply(log.appendBatch, log, [records, options]))];
    },
    () => {
      const records = maybe(random, () => batch(random, ['data', 'headers']), 0.1);
      const kept = keepBatch(records, key);
      return ['stream.appendBatch', async () => kept(model, await stream().appendBatch(records))];
    },
    () => {
      const headers = maybe(random, anyHeaders, 0.1);
      const options = appendOptions(random, ['durability', 'signal']);
      const kept = keep(key, data, { headers });
      return ['writable', async () => kept(model, await written(stream().writable(options), { data, headers }))];
    },
    () => {
      const seq = maybe(random, () => random.below(50));
      return ['get', () => stream().get(seq, wait)];
    },
    () => [
      'getRange',
      () =>
        stream().getRange(
          maybe(random, () => 1),
          maybe(random, () => 20),
          wait,
        ),
    ],
    () => [
      'locate',
      () =>
        stream().locate(
          maybe(random, () => random.below(50)),
          wait,
        ),
    ],
    () => ['verify', () => Reflect.apply(log.verify, log, [readOptions(random, ['signal', 'onProgress'])])],
    () => ['read', () => collect(stream().read(readOptions(random, ['from', 'to', 'visible', 'batchBytes'])))],
    () => ['readBatches', () => collect(stream().readBatches(readOptions(random, ['from', 'onDamage', 'signal'])))],
    () => ['log.read', () => collect(Reflect.apply(log.read, log, [readOptions(random, ['fromLsn', 'keys'])]))],
    () => ['streams', () => Reflect.apply(log.streams, log, [readOptions(random, ['prefix'])])],
    () => ['info', () => stream().info()],
    () => ['stream.seal', () => stream().seal(wait)],
    () => ['seal', () => Reflect.apply(log.seal, log, [key, wait])],
    () => {
      const seq = maybe(random, () => 1 + random.below(20));
      return [
        'truncateBefore',
        () =>
          stream()
            .truncateBefore(seq)
            .then(() => model.truncate(key, Number(seq))),
      ];
    },
    () => ['sync', () => Reflect.apply(log.sync, log, [wait])],
    () => ['drain', () => Reflect.apply(log.drain, log, [wait])],
    () => ['waitDurable', () => Reflect.apply(log.waitDurable, log, [maybe(random, () => log.durableLsn), wait])],
    () => ['resume', () => log.resume()],
    () => ['stats', () => log.stats()],
  ];
  // The first five write; they are called as often as all others together.
  const [name, run] = (calls[random.chance(0.5) ? random.below(5) : random.below(calls.length)] ?? calls[0])();
  return [name, run];
}

function written(writable: RecordWritable, chunk: unknown): Promise<boolean> {
  return new Promise((resolve, reject) => {
    writable.on('error', reject);
    writable.on('finish', () => resolve(true));
    Reflect.apply(writable.end, writable, [chunk]);
  });
}

/** Remembers the arguments as they are now, and once the call succeeded puts them into the model. */
function keep(key: unknown, data: unknown, options: unknown): (model: Model, result: unknown) => void {
  const [keyNow, dataNow] = [copied(key), copied(data)];
  return (model, result) => {
    const { headers }: { headers?: unknown } = Object(options);
    const seq = model.add(keyNow, dataNow, headers);
    if (result !== true && result !== false) expect(result).toMatchObject({ seq });
  };
}

function keepBatch(records: unknown, key?: unknown): (model: Model, result: unknown) => void {
  return (model, result) => {
    if (!Array.isArray(records)) throw new Error('a batch that is no array was accepted');
    const seqs: number[] = [];
    for (const record of records) {
      const isData = key !== undefined && (typeof record === 'string' || types.isUint8Array(record));
      const { data, headers } = isData ? { data: record, headers: undefined } : record;
      seqs.push(model.add(key ?? record.key, data, headers));
    }
    expect(result).toMatchObject({ records: seqs.map((seq) => ({ seq })) });
  };
}

function batch(random: Random, fields: readonly string[]): unknown[] {
  return Array.from({ length: random.below(10) }, () => {
    if (random.chance(0.05)) return strangeValue(random);
    const record: Record<string, unknown> = {};
    for (const field of fields) {
      if (field === 'key') record.key = maybe(random, anyKey, 0.05);
      else if (field === 'data') record.data = maybe(random, anyData, 0.05);
      else if (random.chance(0.3)) record.headers = maybe(random, anyHeaders, 0.2);
    }
    return record;
  });
}

function appendOptions(random: Random, fields: readonly string[]): unknown {
  if (random.chance(0.5)) return undefined;
  if (random.chance(0.2)) return strangeValue(random);
  const options: Record<string, unknown> = {};
  for (const field of fields) {
    if (random.chance(0.5)) continue;
    if (field === 'headers') options[field] = maybe(random, anyHeaders);
    else if (field === 'durability') options[field] = maybe(random, () => random.pick(['os', 'none', undefined]));
    else options[field] = maybe(random, () => new AbortController().signal);
  }
  if (random.chance(0.1)) options[random.pick(['header', 'durablity', 'Signal', 'x', 'handle'])] = 1;
  return options;
}

function readOptions(random: Random, fields: readonly string[]): unknown {
  if (random.chance(0.3)) return undefined;
  if (random.chance(0.2)) return strangeValue(random);
  const right: Readonly<Record<string, () => unknown>> = {
    from: () => random.below(30),
    to: () => random.below(30),
    fromLsn: () => random.below(1000),
    visible: () => random.pick(['accepted', 'acknowledged', 'visible']),
    batchBytes: () => random.below(5000),
    onDamage: () => () => {},
    onProgress: () => () => {},
    signal: () => new AbortController().signal,
    keys: () => [anyKey(random), maybe(random, anyKey)],
    prefix: () => anyKey(random),
  };
  const options: Record<string, unknown> = {};
  for (const field of fields) if (random.chance(0.6)) options[field] = maybe(random, () => right[field]?.());
  return options;
}

function openOptions(random: Random): Record<string, unknown> {
  const right: Readonly<Record<string, readonly [unknown, ...unknown[]]>> = {
    create: ['if-missing', 'never', 'new'],
    readOnly: [true, false, undefined],
    onCorruption: ['fail', 'skip'],
    durability: ['sync', 'os', 'none'],
    direct: [true, false],
    segmentBytes: [16_384, 20_001, 2 ** 30, 16_383],
    sharedStreamBytesMax: [0, 100, 2 ** 20, 2 ** 20 + 1],
    segmentAgeMs: [0, 1, 1e12],
    journalFirstBytes: [65_536, 131_072, 65_535],
    journalFileBytes: [65_536, 131_072, 65_537],
    journalLiveBytesMax: [131_072, 2 ** 26, 2 ** 30],
    preset: ['engine', 'small', 'fast'],
    lsnReserve: [1, 2 ** 20, 0],
    commitBytesMax: [8192, 8195, 2 ** 30, 4096],
    bufferedBytesMax: [4096, Number.MAX_SAFE_INTEGER],
    appendsWaitingMax: [1, Number.MAX_SAFE_INTEGER],
    recordBytesMax: [4, 2 ** 27, 2 ** 28],
    batchBytesMax: [1, 2 ** 27],
    batchRecordsMax: [1, 2 ** 24, 2 ** 25],
    frameBytesMax: [4096, 4099, 2 ** 19],
    destageBytes: [4096, 5000, Number.MAX_SAFE_INTEGER],
    carryBytesMax: [0, 1, 16_384],
    outOfLineBytes: [0, 1, 4096],
    markDelayMs: [1, 1e9],
    openSegmentsMax: [1, 65_536, 65_537],
  };
  const options: Record<string, unknown> = {};
  const names = Object.keys(right);
  for (let left = random.below(12); left > 0; left--) {
    const name = names[random.below(names.length)] ?? 'create';
    options[name] = random.chance(0.15) ? strangeValue(random) : random.pick(right[name] ?? [undefined]);
  }
  if (random.chance(0.1)) options[random.pick(['readonly', 'segmentByte', 'x'.repeat(100_000), '', '__proto'])] = 1;
  return options;
}

/** Nothing here names a directory that could be made. */
function strangePath(random: Random): unknown {
  const value = strangeValue(random);
  return typeof value === 'string' && !value.includes('\0') && !value.includes('\ud800') ? `\0${value}` : value;
}

function maybe(random: Random, right: (random: Random) => unknown, wrong = 0.2): unknown {
  return random.chance(wrong) ? strangeValue(random) : right(random);
}

function anyKey(random: Random): unknown {
  return KEYS[random.below(KEYS.length)];
}

function anyData(random: Random): unknown {
  const text = 'd'.repeat(random.below(2000));
  return random.chance(0.5) ? text : Buffer.from(text);
}

function anyHeaders(random: Random): unknown {
  const headers: Record<string, unknown> = {};
  for (let left = random.below(4); left > 0; left--) headers[`name ${left}`] = random.chance(0.5) ? 'é' : Buffer.of(7);
  return headers;
}

/** What a caller may not change any more; undefined where there is nothing left to be copied. */
function copied(value: unknown): unknown {
  if (!types.isUint8Array(value)) return value;
  try {
    return bytesOf(value);
  } catch {
    return undefined;
  }
}

function bytesOf(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (types.isUint8Array(value)) return Buffer.from(new Uint8Array(value));
  throw new Error(`something was accepted that has no bytes: ${inspect(value)}`);
}

function count(outcomes: Map<string, number>, outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

async function expectModel(log: Log, model: Model): Promise<void> {
  const keys = log.streams().map(({ key }) => Buffer.from(key).toString('hex'));
  expect(keys.sort()).toEqual([...model.streams.keys()].sort());
  for (const [name, { records, firstSeq }] of model.streams) {
    const found = await collect(log.stream(Buffer.from(name, 'hex')).read());
    expect(found.map(({ seq }) => seq)).toEqual(records.slice(firstSeq - 1).map((_, index) => firstSeq + index));
    for (const { seq, data, headers } of found) {
      const kept = records[seq - 1];
      expect(kept?.data.equals(data)).toBe(true);
      const asBytes = (all: Readonly<Record<string, unknown>> = {}) =>
        Object.entries(all).map(([header, value]) => [header, typeof value, bytesOf(value).toString('hex')]);
      expect(asBytes(headers)).toEqual(asBytes(kept?.headers));
    }
  }
}
