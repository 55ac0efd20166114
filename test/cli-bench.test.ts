// SPDX-License-Identifier: MIT
// seglog bench, run as a process: what it prints, and that it leaves nothing behind. How fast anything is, is not tested.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FileLog } from '../lib/cli/file-log.js';
import { LatencyHistogram } from '../lib/cli/latency.js';
import { jsonLines, runCli, startCli } from './support/cli.js';
import { temporaryDirectory } from './support/directory.js';

const SHORT = ['--seconds', '0.01', '--repeat', '1'];

describe('bench', () => {
  test('prints a line for each workload, payload and contender, and leaves nothing behind', async () => {
    const directory = temporaryDirectory();
    const { code, stdout, stderr } = await runCli(['bench', directory, ...SHORT]);
    expect([code, stderr]).toEqual([0, '']);
    const [titles, ...lines] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(/^WORKLOAD +PAYLOAD +WITH +RECORDS\/S +SPREAD +P50 +P99 +TO FS$/);
    expect(lines).toHaveLength(16);
    expect(lines[0]).toMatch(/^W1 one at a time +128 B +seglog +[\d,]+ +0% +[\d,]+ µs +[\d,]+ µs +\d+\.\d\d×$/);
    expect(lines[15]).toMatch(/^W4 ingest, 1 sync +1\.0 KiB +fs +[\d,]+ +0%$/);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('--json prints one object', async () => {
    const directory = temporaryDirectory();
    const { stdout } = await runCli(['bench', directory, '--json', ...SHORT]);
    const [report, ...more] = jsonLines(stdout);
    expect(more).toEqual([]);
    expect(report).toMatchObject({ directory, seconds: 0.01, repeat: 1 });
    expect(report).toHaveProperty('results.length', 16);
    expect(report).toHaveProperty('results.0', {
      workload: 'W1',
      title: 'one at a time',
      payloadBytes: 128,
      contender: 'seglog',
      recordsPerSecond: expect.any(Number),
      lowest: expect.any(Number),
      highest: expect.any(Number),
      p50Us: expect.any(Number),
      p99Us: expect.any(Number),
      p999Us: expect.any(Number),
      ratioToFs: expect.any(Number),
    });
    expect(report).toHaveProperty('results.15.p50Us', null);
  });

  test.each([
    ['SIGINT', 130, 'INTERRUPTED'],
    ['SIGTERM', 143, 'TERMINATED'],
  ] as const)(
    'that is interrupted by %s leaves nothing behind and exits with %i',
    async (signal, exitCode, errorCode) => {
      const directory = temporaryDirectory();
      const cli = startCli(['bench', directory, '--seconds', '10']);
      while (!isRunning(directory)) await setTimeout(10);
      cli.process.kill(signal);
      const { code, stdout, stderr } = await cli.exit;
      expect([code, stdout]).toEqual([exitCode, '']);
      expect(stderr).toMatch(new RegExp(`^seglog: ${errorCode}: [^\\n]*\\n$`));
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  test('that is interrupted twice leaves nothing behind either', async () => {
    const directory = temporaryDirectory();
    const cli = startCli(['bench', directory, '--seconds', '10']);
    while (!isRunning(directory)) await setTimeout(10);
    cli.process.kill('SIGINT');
    cli.process.kill('SIGTERM');
    await cli.exit;
    expect(readdirSync(directory)).toEqual([]);
  });

  test('where there is no directory fails: NOT_FOUND, exit 3, and makes none', async () => {
    const directory = join(temporaryDirectory(), 'none');
    const { code, stderr } = await runCli(['bench', directory]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^seglog: NOT_FOUND: no directory at [^\n]*\n$/);
    expect(existsSync(directory)).toBe(false);
  });

  test.each(['0', '61', '-1', 'x', ''])('--seconds %j is wrong usage', async (seconds) => {
    const { code } = await runCli(['bench', temporaryDirectory(), `--seconds=${seconds}`]);
    expect(code).toBe(2);
  });
});

/** Whether a run has begun to write. */
function isRunning(directory: string): boolean {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('run/log'));
}

describe('latencies', () => {
  test('come back as percentiles within 1.6 %', () => {
    const histogram = new LatencyHistogram();
    for (let durationUs = 1; durationUs <= 100_000; durationUs++) histogram.record(durationUs);
    expect(histogram).toMatchObject({ count: 100_000, maxUs: 100_000 });
    for (const part of [0.001, 0.5, 0.99, 0.999, 1]) {
      const exact = part * 100_000;
      const kept = histogram.percentileUs(part) ?? 0;
      expect(kept).toBeGreaterThanOrEqual(exact);
      expect(kept).toBeLessThanOrEqual(exact * 1.016 + 1 / 16);
    }
  });

  test('of other threads are added', () => {
    const [one, other] = [new LatencyHistogram(), new LatencyHistogram()];
    one.record(1, 98);
    other.record(500, 2);
    one.add(JSON.parse(JSON.stringify(other)));
    expect([one.count, one.maxUs, one.percentileUs(0.99)]).toEqual([100, 500, 500]);
  });

  test('of which there are none have no percentiles', () => {
    expect(new LatencyHistogram().percentileUs(0.5)).toBeUndefined();
  });
});

describe('the file written by hand', () => {
  test('holds what was appended and ingested, in order, each behind its length', async () => {
    const path = join(temporaryDirectory(), 'log');
    const file = await FileLog.create(path, { hasKeys: true });
    const big = Buffer.alloc(20_000, 'b');
    await Promise.all([file.append('k', Buffer.from('one')), file.append('key', Buffer.from('two'))]);
    await file.appendBatch('k', [big, big]);
    for (let count = 0; count < 100; count++) if (!file.ingest('i', big)) await file.drain();
    await file.sync();
    await file.close();
    const expected = [
      ['k', 'one'],
      ['key', 'two'],
      ...Array(2).fill(['k', `${big}`]),
      ...Array(100).fill(['i', `${big}`]),
    ];
    expect(recordsOf(path)).toEqual(expected);
  });
});

function recordsOf(path: string): [string, string][] {
  const bytes = readFileSync(path);
  const records: [string, string][] = [];
  for (let at = 0; at < bytes.length; ) {
    const data = at + 5 + bytes.readUInt8(at + 4);
    const end = data + bytes.readUInt32LE(at);
    records.push([bytes.toString('utf8', at + 5, data), bytes.toString('utf8', data, end)]);
    at = end;
  }
  return records;
}
