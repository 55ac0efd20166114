// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type OpenOptions, openLog } from '../lib/index.js';
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
    markDelayMs: 5,
    openSegmentsMax: 64,
  });
});

test('carryBytesMax follows small journal files', async () => {
  const log = await openTestLog({ journalFirstBytes: 65_536, journalFileBytes: 65_536 });
  expect(log.options.carryBytesMax).toBe(16_384);
});

test('the JSDoc of each numeric option states the default that the core has', async () => {
  const source = readFileSync(new URL('../lib/options.ts', import.meta.url), 'utf8');
  const log = await openTestLog();
  const resolved: Record<string, unknown> = { ...log.options };
  const documented = new Map<string, number>();
  for (const [, text = '', name = ''] of source.matchAll(
    /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\n {2}readonly (\w+)\?: number/g,
  )) {
    const stated = /Default ([\d,]+)/.exec(text)?.[1];
    if (stated !== undefined) documented.set(name, Number(stated.replaceAll(',', '')));
  }
  const numeric = Object.keys(resolved).filter((name) => typeof resolved[name] === 'number');
  expect([...documented.keys()].sort()).toEqual(numeric.sort());
  for (const [name, stated] of documented) expect([name, stated]).toEqual([name, resolved[name]]);
});

describe('misuse', () => {
  test('of an unknown option names the nearest that is known', async () => {
    const error = await openError({ segmentByte: 1 });
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: expect.stringContaining("did you mean 'segmentBytes'?") });
    expect(await openError({ readonly: true })).toMatchObject({ message: expect.stringContaining("'readOnly'") });
  });

  test.each<[OpenOptions | { readonly [name: string]: unknown } | number | null]>([
    [{ create: 'always' }],
    [{ readOnly: 1 }],
    [{ onCorruption: 'skip' }],
    [{ readOnly: true, create: 'new' }],
    [{ durability: 'fsync' }],
    [{ direct: 'yes' }],
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
    [{ bufferedBytesMax: Number.NaN }],
  ])('of %j is a RangeError', async (options) => {
    expect(await openError(options)).toBeInstanceOf(RangeError);
  });
});
