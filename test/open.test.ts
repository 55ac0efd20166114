// SPDX-License-Identifier: MIT
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openLog, SeglogError } from '../lib/index.js';
import { openTestLog, rejection, temporaryDirectory } from './support/directory.js';

describe('create', () => {
  test('makes a log where there is none, and says so', async () => {
    const log = await openTestLog();
    expect(log.recovery).toMatchObject({ status: 'new', lastLsn: 0, streams: 0, tornTail: undefined, damage: [] });
    expect(log.recovery.durationMs).toBeGreaterThan(0);
  });

  test('makes the directory too, and takes a file URL', async () => {
    const directory = join(temporaryDirectory(), 'not-there-yet');
    const log = await openLog(pathToFileURL(directory));
    await log.close();
    const again = await openTestLog({ create: 'never' }, directory);
    expect(again.recovery.status).toBe('clean');
  });

  test("'never' rejects with NOT_FOUND where there is no log, and makes none", async () => {
    const directory = temporaryDirectory();
    for (let round = 0; round < 2; round++) {
      expect(await rejection(openLog(directory, { create: 'never' }))).toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  test("'new' rejects with EXISTS where there is a log", async () => {
    const directory = temporaryDirectory();
    await (await openLog(directory, { create: 'new' })).close();
    expect(await rejection(openLog(directory, { create: 'new' }))).toMatchObject({ code: 'EXISTS' });
  });

  test('rejects with NOT_A_LOG for a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, 'text');
    expect(await rejection(openLog(file))).toMatchObject({ code: 'NOT_A_LOG' });
  });

  test('rejects with NOT_A_LOG for a directory of something else', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), 'text');
    expect(await rejection(openLog(directory))).toMatchObject({ code: 'NOT_A_LOG' });
  });
});

describe('a second writer', () => {
  test('is rejected with LOCKED, which names the process that holds the log', async () => {
    const directory = temporaryDirectory();
    await openTestLog({}, directory);
    const error = await rejection(openLog(directory));
    expect(error).toBeInstanceOf(SeglogError);
    expect(error).toMatchObject({ code: 'LOCKED', message: expect.stringContaining(`pid=${process.pid}, host=`) });
  });

  test('is rejected with LOCKED when it only wants to read, too', async () => {
    const directory = temporaryDirectory();
    const writer = await openLog(directory);
    await writer.append('key', 'data');
    expect(await rejection(openLog(directory, { readOnly: true }))).toMatchObject({ code: 'LOCKED' });
    await writer.close();
    const reader = await openTestLog({ readOnly: true }, directory);
    const also = await openTestLog({ readOnly: true }, directory);
    expect((await reader.stream('key').get(1))?.data.toString()).toBe('data');
    expect((await also.stream('key').get(1))?.data.toString()).toBe('data');
  });

  test('gets in once the first has closed', async () => {
    const directory = temporaryDirectory();
    await (await openLog(directory)).close();
    expect((await openTestLog({}, directory)).recovery.status).toBe('clean');
  });

  test('leaves the first one as it was', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    await rejection(openLog(directory));
    await expect(log.append('key', 'data')).resolves.toMatchObject({ seq: 1 });
  });
});

describe('readOnly', () => {
  test('reads, and refuses every change with READ_ONLY', async () => {
    const directory = temporaryDirectory();
    const writer = await openLog(directory);
    await writer.append('key', 'data');
    await writer.close();
    const log = await openTestLog({ readOnly: true }, directory);
    expect((await log.stream('key').get(1))?.data.toString()).toBe('data');
    expect(await rejection(log.append('key', 'more'))).toMatchObject({ code: 'READ_ONLY' });
    expect(() => log.ingest('key', 'more')).toThrow(expect.objectContaining({ code: 'READ_ONLY' }));
    expect(await rejection(log.seal('key'))).toMatchObject({ code: 'READ_ONLY' });
  });

  test('does not make a log', async () => {
    expect(await rejection(openLog(temporaryDirectory(), { readOnly: true }))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('corruption', () => {
  async function damagedLog(): Promise<string> {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.append('key', 'data');
    await log.close();
    for (const name of ['CATALOG', 'CATALOG.copy']) writeFileSync(join(directory, name), Buffer.alloc(8192, 1));
    return directory;
  }

  test('of both catalogues rejects with CORRUPT and a report, and changes nothing', async () => {
    const directory = await damagedLog();
    for (let round = 0; round < 2; round++) {
      const error = await rejection(openLog(directory));
      expect(error).toBeInstanceOf(SeglogError);
      expect(error).toMatchObject({ code: 'CORRUPT', report: { status: 'corrupt' } });
    }
  });

  test('that rejected an open leaves no lock behind', async () => {
    const directory = await damagedLog();
    expect(await rejection(openLog(directory))).toMatchObject({ code: 'CORRUPT' });
    expect(await rejection(openLog(directory))).not.toMatchObject({ code: 'LOCKED' });
  });
});

test('rejects a directory that is no path', async () => {
  for (const directory of ['', 'a\0b', 7, null]) {
    // @ts-expect-error: on purpose
    expect(await rejection(openLog(directory))).toBeInstanceOf(TypeError);
  }
});
