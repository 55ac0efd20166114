// SPDX-License-Identifier: MIT
// seglog tail, run as a process: the ends of streams, and following a log that others write to.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLog } from '../lib/index.js';
import { jsonLines, runCli, startCli } from './support/cli.js';
import { temporaryDirectory } from './support/directory.js';

/** 40 records over four streams in turn, closed. */
async function makeLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory);
  for (let n = 1; n <= 40; n++) await log.append(`s/${n % 4}`, `record ${n}`);
  await log.close();
  return directory;
}

async function append(directory: string, key: string, data: string): Promise<void> {
  const log = await openLog(directory);
  await log.append(key, data);
  await log.close();
}

async function dataOf(args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runCli([...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return jsonLines(stdout).map((record) =>
    record !== null && typeof record === 'object' && 'data' in record ? String(record.data) : '',
  );
}

function records(...numbers: number[]): string[] {
  return numbers.map((n) => `record ${n}`);
}

describe('tail', () => {
  test('prints the last ten records of all streams that match, in LSN order', async () => {
    const directory = await makeLog();
    expect(await dataOf(['tail', directory, 's/*'])).toEqual(records(31, 32, 33, 34, 35, 36, 37, 38, 39, 40));
    expect(await dataOf(['tail', directory, 's/[12]', '-n', '3'])).toEqual(records(34, 37, 38));
    expect(await dataOf(['tail', directory, 's/1', '-n', '2'])).toEqual(records(33, 37));
    expect(await dataOf(['tail', directory, 's/1', '-n', '0'])).toEqual([]);
    expect(await dataOf(['tail', directory, '**', '-n', '1000'])).toHaveLength(40);
  });

  test('finds the end of streams that are much longer than what is asked for', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    const batch = Array.from({ length: 3000 }, (_, n) => ({ key: n % 1000 === 0 ? 'rare' : 'often', data: `${n}` }));
    await log.appendBatch(batch);
    await log.close();
    expect(await dataOf(['tail', directory, '*', '-n', '1000'])).toEqual(batch.slice(-1000).map(({ data }) => data));
    expect(await dataOf(['tail', directory, 'rare', '-n', '2'])).toEqual(['1000', '2000']);
  });

  test('shows the key where there may be several', async () => {
    const directory = await makeLog();
    const several = await runCli(['tail', directory, 's/*', '-n', '2']);
    expect(several.stdout).toMatch(/^s\/3 {2}10 {2}\S+Z {2}record 39\ns\/0 {2}10 {2}\S+Z {2}record 40\n$/);
    const one = await runCli(['tail', directory, 's/0', '-n', '1']);
    expect(one.stdout).toMatch(/^10 {2}\S+Z {2}record 40\n$/);
  });

  test('--since prints what was written since then, and -n the last of it', async () => {
    const directory = await makeLog();
    const log = await openLog(directory, { readOnly: true });
    const timeUs = (await log.stream('s/3').get(9))?.timeUs ?? 0;
    await log.close();
    // Records 35 to 40 are at or after it; times in ISO are whole milliseconds, so that one more may be.
    const iso = new Date(Math.ceil(timeUs / 1000)).toISOString();
    const expected = await dataOf(['tail', directory, 's/*', '--since', iso]);
    expect(records(35, 36, 37, 38, 39, 40).join()).toContain(expected.join());
    expect(await dataOf(['tail', directory, 's/*', '--since', '1h'])).toHaveLength(40);
    expect(await dataOf(['tail', directory, 's/*', '--since', '1h', '-n', '2'])).toEqual(records(39, 40));
    expect(await dataOf(['tail', directory, 's/*', '--since', '2999-01-01'])).toEqual([]);
  });

  test('--skip-damage reports a damaged place once, however often it was met', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { sharedStreamBytesMax: 0 });
    for (const data of ['first', 'second-payload', 'third']) await log.append('k', data);
    await log.seal('k');
    await expect.poll(() => log.stats().segmentsSealed).toBe(1);
    await log.close();
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    const file = join(directory, names.find((name) => name.endsWith('.seg')) ?? '');
    const bytes = readFileSync(file);
    bytes.write('S', bytes.indexOf('second-payload'));
    writeFileSync(file, bytes);
    const { code, stderr, stdout } = await runCli(['tail', directory, 'k', '--skip-damage']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^seglog: damage: \S+ at \d+, [^\n]*sequence 2\n$/);
  });

  test('of streams that are not there fails: NOT_FOUND, exit 3', async () => {
    const directory = await makeLog();
    expect(await runCli(['tail', directory, 'nothing'])).toMatchObject({ code: 3, stdout: '' });
    expect(await runCli(['tail', directory, 'n*'])).toMatchObject({ code: 3, stdout: '' });
  });
});

describe('tail -f', () => {
  test('goes on with what comes, of new streams too, each record once', async () => {
    const directory = await makeLog();
    const cli = startCli(['tail', directory, 's/*', '-f', '-n', '1', '--interval', '20ms', '--json']);
    await cli.output('record 40');
    for (let n = 41; n <= 46; n++) {
      await append(directory, n % 2 === 0 ? 's/new' : 's/1', `record ${n}`);
      await append(directory, 'other', 'not this');
      if (n % 3 === 0) await cli.output(`record ${n}`);
    }
    await cli.output('record 46');
    cli.process.kill('SIGINT');
    const { code, stdout, stderr } = await cli.exit;
    expect([code, stderr]).toEqual([130, '']);
    expect(jsonLines(stdout)).toMatchObject(records(40, 41, 42, 43, 44, 45, 46).map((data) => ({ data })));
  });

  test('waits for streams that are not there yet, and ends quietly', async () => {
    const directory = await makeLog();
    const cli = startCli(['tail', directory, 'later', '-f', '--interval', '20ms']);
    await append(directory, 'later', 'here');
    expect(await cli.output('here')).toMatch(/^1 {2}\S+Z {2}here\n$/);
    cli.process.kill('SIGTERM');
    expect(await cli.exit).toMatchObject({ code: 143 });
  });
});
