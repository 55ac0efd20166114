// SPDX-License-Identifier: MIT
// The harness of the benchmarks, as far as it works without the peers' packages: that it refuses what is not durable,
// and that a run of each kind comes to an end with figures. How fast anything is, is not tested.

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startChild } from './support/child.js';
import { temporaryDirectory } from './support/directory.js';

const BENCH = fileURLToPath(new URL('../bench/', import.meta.url));

function runBench(script: string, ...args: readonly string[]) {
  return startChild(process.execPath, [join(BENCH, script), ...args]).exit;
}

describe('the check with strace', () => {
  test('passes what syncs before it acknowledges, and refuses what never syncs', { timeout: 300_000 }, async () => {
    const directory = temporaryDirectory();
    const { code, stderr } = await runBench(
      'strace-peers.mjs',
      '--dir',
      directory,
      '--contender',
      'seglog,js-log,fs-group',
    );
    expect(stderr).toMatch(
      /^strace seglog: 1034 records acknowledged after a sync of the write that carries them; \d+/m,
    );
    expect(stderr).toMatch(/^strace js-log: 1034 records/m);
    expect(stderr).toMatch(/^strace fs-group: 1034 records/m);
    expect(stderr).toMatch(/^strace control: REFUSED: record <alone-0> was acknowledged without a sync of its write$/m);
    expect(code).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a run', () => {
  const awaited = { kind: 'awaited', callers: 16 };
  const cases: [string, string, object, object][] = [
    ['with appends in flight', 'seglog', awaited, { p50Us: expect.any(Number), p999Us: expect.any(Number) }],
    ['of batches', 'seglog', { kind: 'batches', callers: 2 }, { p50Us: expect.any(Number) }],
    ['of ingest', 'seglog', { kind: 'ingest' }, { writtenPerPayloadByte: expect.any(Number) }],
    ['over many keys', 'fs-group', { ...awaited, keys: 100 }, { p50Us: expect.any(Number) }],
    ['at a pace', 'fs-group', { kind: 'paced', rate: 1000 }, { p50Us: expect.any(Number) }],
    ['that syncs now and then', 'fs-group', { ...awaited, syncEvery: { records: 100 } }, { p50Us: expect.any(Number) }],
  ];

  test.each(cases)('%s of %s prints its figures', async (_, file, workload, figures) => {
    expect(await runChild(file, workload)).toMatchObject({
      records: expect.any(Number),
      seconds: expect.any(Number),
      cpuUs: expect.any(Number),
      rssGrowthBytes: expect.any(Number),
      loopDelayP99Ms: expect.any(Number),
      about: { durable: true, setting: expect.any(String) },
      ...figures,
    });
  });

  test('that a contender cannot do says so, and is no failure', async () => {
    expect(await runChild('fs-append', { kind: 'ingest' })).toMatchObject({ notSupported: 'has nothing like ingest' });
  });
});

async function runChild(file: string, workload: object): Promise<unknown> {
  const directory = join(temporaryDirectory(), 'run');
  mkdirSync(directory);
  const spec = { file, workload, payloadBytes: 128, seconds: 0.2, bytesMax: 1e8, directory };
  const { code, stdout, stderr } = await runBench('harness/child.mjs', JSON.stringify(spec));
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}
