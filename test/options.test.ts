// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type OpenOptions, openLog } from '../lib/index.js';
import { NUMERIC_RULES, SYNC_EVERY_RULES } from '../lib/options.js';
import { PRESETS } from '../lib/presets.js';
import { openTestLog, rejection, temporaryDirectory } from './support/directory.js';

async function openError(options: unknown): Promise<unknown> {
  // @ts-expect-error: what callers without types pass
  return rejection(openLog(temporaryDirectory(), options));
}

test('log.options has all options, with what was given and the defaults', async () => {
  const log = await openTestLog({ segmentBytes: 20_000, durability: 'os', segmentAgeMs: 1500 });
  expect(log.options).toEqual({
    create: 'if-missing',
    readOnly: false,
    onCorruption: 'fail',
    durability: 'os',
    direct: true,
    preset: undefined,
    segmentBytes: 20_000,
    segmentAgeMs: 1500,
    sharedStreamBytesMax: 65_536,
    journalFirstBytes: 2 ** 20,
    journalFileBytes: 16 * 2 ** 20,
    journalLiveBytesMax: 64 * 2 ** 20,
    commitBytesMax: 4 * 2 ** 20,
    bufferedBytesMax: 16 * 2 ** 20,
    appendsWaitingMax: 65_536,
    recordBytesMax: 64 * 2 ** 20,
    batchBytesMax: 64 * 2 ** 20,
    batchRecordsMax: 2 ** 20,
    frameBytesMax: 65_536,
    destageBytes: 512 * 1024,
    carryBytesMax: 128 * 1024,
    outOfLineBytes: 256 * 1024,
    markDelayMs: 5,
    lsnReserve: 2 ** 20,
    commit: { pollUsMax: 300 },
    syncEvery: undefined,
    openSegmentsMax: 64,
  });
});

test('log.options is frozen: nothing can be written into what the log goes by', async () => {
  const log = await openTestLog();
  expect(() => Object.assign(log.options, { durability: 'Sync' })).toThrow(TypeError);
  expect(() => Object.assign(log.options, { recordBytesMax: 2 ** 40 })).toThrow(TypeError);
  expect(await log.append('key', 'data')).toMatchObject({ seq: 1 });
});

test('what is not given follows the journal files that are', async () => {
  const small = await openTestLog({ journalFileBytes: 65_536 });
  expect(small.options).toMatchObject({ journalFirstBytes: 65_536, carryBytesMax: 16_384 });
  const large = await openTestLog({ preset: 'small', journalFileBytes: 2 ** 20 });
  expect(large.options).toMatchObject({ journalFirstBytes: 65_536, journalLiveBytesMax: 2 ** 21, carryBytesMax: 8192 });
});

test.each(['ingest', 'engine', 'small'] as const)(
  "the preset '%s' is a table of values over the defaults",
  async (preset) => {
    const { options: defaults } = await openTestLog();
    const { options } = await openTestLog({ preset });
    expect(options).toEqual({ ...defaults, ...PRESETS[preset], preset });
  },
);

test('an explicit option wins over the preset, and undefined is not explicit', async () => {
  const log = await openTestLog({ preset: 'small', destageBytes: 65_536, segmentBytes: undefined, durability: 'os' });
  expect(log.options).toMatchObject({ destageBytes: 65_536, segmentBytes: 4 * 2 ** 20, durability: 'os' });
});

test('log.options opens another log with the same options', async () => {
  const { options } = await openTestLog({ preset: 'engine', segmentAgeMs: 1000 });
  const again = await openTestLog(options);
  expect(again.options).toEqual(options);
});

test('the JSDoc of each numeric option states its default, minimum and maximum', async () => {
  const source = readFileSync(new URL('../lib/options.ts', import.meta.url), 'utf8');
  const log = await openTestLog();
  const resolved: Record<string, unknown> = { ...log.options };
  const documented = new Map<string, string>();
  const options = source.slice(source.indexOf('export interface OpenOptions'));
  for (const [, text = '', name = ''] of options.matchAll(
    /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\n {2}readonly (\w+)\?: number/g,
  )) {
    documented.set(name, text.replace(/\s+\*?\s*/g, ' ').replaceAll(',', ''));
  }
  expect([...documented.keys()].sort()).toEqual(Object.keys(NUMERIC_RULES).sort());
  for (const [name, { min, max }] of Object.entries(NUMERIC_RULES)) {
    const text = documented.get(name) ?? '';
    expect([name, Number(/Default (\d+)/.exec(text)?.[1])]).toEqual([name, resolved[name]]);
    const [, least, most] = /; (?:minimum )?(\d+)(?: to (\d+))?\. $/.exec(text) ?? [];
    expect([name, Number(least), most === undefined ? undefined : Number(most)]).toEqual([name, min, max]);
  }
});

test('syncEvery flushes weaker appends by count and by age', async () => {
  const counted = await openTestLog({ durability: 'os', syncEvery: { records: 10 } });
  // The first weaker append of a session waits for a flush, whatever is chosen.
  for (let i = 0; i < 36; i++) await counted.append('key', 'data');
  expect(counted.durableLsn).toBe(31);
  expect(counted.options.syncEvery).toEqual({ records: 10 });
  const aged = await openTestLog({ durability: 'none', syncEvery: { ms: 5 } });
  const { lsn } = await aged.append('key', 'data');
  await expect.poll(() => aged.durableLsn).toBe(lsn);
  for (const wrong of [{}, { ms: 0 }, { records: 1.5 }, { every: 1 }]) {
    await expect(openTestLog({ syncEvery: wrong })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
});

test('every numeric option of the core is an option', () => {
  const header = readFileSync(new URL('../native/core/log/options.h', import.meta.url), 'utf8');
  const fields = [...header.matchAll(/^ {2}std::uint\d+_t (\w+) = /gm)].map(([, name = '']) => name);
  const names = fields.map((name) =>
    name.replace(/_us$/, '_ms').replace(/_(\w)/g, (_, letter) => letter.toUpperCase()),
  );
  const syncEvery = Object.keys(SYNC_EVERY_RULES).map((name) => `syncEvery${name[0]?.toUpperCase()}${name.slice(1)}`);
  expect(names.sort()).toEqual([...Object.keys(NUMERIC_RULES), ...syncEvery, 'pollUsMax'].sort());
});

test('whatever the core refuses of options is refused before it, as misuse', async () => {
  const engine = readFileSync(new URL('../native/core/log/engine.cc', import.meta.url), 'utf8');
  const refused: Record<string, OpenOptions[]> = {
    "onCorruption: 'skip' is for logs that are opened read-only": [{ onCorruption: 'skip' }],
    'journal files are whole pages of 4,096 bytes': [{ journalFirstBytes: 65_537 }, { journalFileBytes: 65_537 }],
    'a journal file has at least four pages': [{ journalFirstBytes: 12_288 }, { journalFileBytes: 12_288 }],
    'carryBytesMax is at most a quarter of journalFileBytes': [{ carryBytesMax: 4 * 2 ** 20 + 1 }],
    'journalLiveBytesMax is at least two journal files': [{ journalLiveBytesMax: 32 * 2 ** 20 - 1 }],
    'journalLiveBytesMax is at most 1 GiB': [{ journalLiveBytesMax: 2 ** 30 + 1 }],
    'commitBytesMax is at least 8 KiB': [{ commitBytesMax: 8191 }],
    'recordBytesMax is at most 128 MiB': [{ recordBytesMax: 128 * 2 ** 20 + 1 }],
    'frameBytesMax lies between 1 KiB and 512 KiB': [{ frameBytesMax: 1023 }, { frameBytesMax: 512 * 1024 + 1 }],
    'segmentBytes lies between 8 KiB and 16 GiB': [{ segmentBytes: 8191 }, { segmentBytes: 16 * 2 ** 30 + 1 }],
    'openSegmentsMax is at least 1 and destageBytes at least a page': [{ openSegmentsMax: 0 }, { destageBytes: 4095 }],
    'lsnReserve lies between 1 and 1,048,576': [{ lsnReserve: 0 }, { lsnReserve: 2 ** 20 + 1 }],
  };
  const reasons = [...engine.matchAll(/return refuse\("([^"]+)"\)/g)].map(([, reason = '']) => reason);
  expect(Object.keys(refused).sort()).toEqual(reasons.sort());
  for (const options of Object.values(refused).flat()) {
    const misuse = 'onCorruption' in options ? TypeError : RangeError;
    expect([options, await openError(options)]).toEqual([options, expect.any(misuse)]);
  }
});

describe('misuse', () => {
  test('of an unknown option names the nearest that is known', async () => {
    const error = await openError({ segmentByte: 1 });
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: expect.stringContaining("did you mean 'segmentBytes'?") });
    expect(await openError({ readonly: true })).toMatchObject({
      message: expect.stringContaining("did you mean 'readOnly'?"),
    });
  });

  test.each<[OpenOptions | { readonly [name: string]: unknown } | number | null]>([
    [{ create: 'always' }],
    [{ readOnly: 1 }],
    [{ onCorruption: 'skip' }],
    [{ readOnly: true, create: 'new' }],
    [{ durability: 'fsync' }],
    [{ direct: 'yes' }],
    [{ preset: 'tiny' }],
    [{ preset: 'toString' }],
    [{ preset: null }],
    [{ segmentBytes: '1000000' }],
    [7],
    [null],
  ])('of %j is a TypeError', async (options) => {
    expect(await openError(options)).toBeInstanceOf(TypeError);
  });

  test.each<[OpenOptions]>([
    [{ segmentBytes: 100 }],
    [{ segmentBytes: 2 ** 40 }],
    [{ segmentBytes: 1e6 + 0.5 }],
    [{ segmentAgeMs: -1 }],
    [{ journalFileBytes: 65_537 }],
    [{ journalFirstBytes: 32 * 2 ** 20 }],
    [{ journalLiveBytesMax: 16 * 2 ** 20 }],
    [{ carryBytesMax: 5 * 2 ** 20 }],
    [{ recordBytesMax: 2 ** 30 }],
    [{ openSegmentsMax: 0 }],
    [{ lsnReserve: 2 ** 20 + 1 }],
    [{ preset: 'small', carryBytesMax: 32_769 }],
    [{ bufferedBytesMax: Number.NaN }],
  ])('of %j is a RangeError', async (options) => {
    expect(await openError(options)).toBeInstanceOf(RangeError);
  });
});
