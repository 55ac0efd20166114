// SPDX-License-Identifier: MIT
// Nothing outside a log's directory is read or written, whatever its streams are called and whatever links somebody has
// planted in it.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLog } from '../lib/index.js';
import { openTestLog, rejection, temporaryDirectory } from './support/directory.js';

const SMALL = { journalFirstBytes: 65_536, journalFileBytes: 65_536, segmentBytes: 16_384, sharedStreamBytesMax: 0 };

const KEYS: readonly (string | Uint8Array)[] = [
  '../../etc/x',
  '/etc/x',
  '.',
  '..',
  '/',
  '//',
  '\0',
  'a\0b',
  'a/b',
  'a\\b',
  '~',
  '~2e',
  'CATALOG',
  'LOCK',
  'a',
  'A',
  'ä',
  'a\u0308',
  '😀',
  ' ',
  'a\n',
  'x'.repeat(1024),
  'X'.repeat(1024),
  '/'.repeat(1024),
  `${'x'.repeat(1023)}y`,
  Uint8Array.of(0xff, 0xfe),
  new Uint8Array(1024).fill(0xff),
];

test('streams may have any name: each is its own, and all their files lie below the directory', async () => {
  const around = temporaryDirectory();
  writeFileSync(join(around, 'outside'), 'outside');
  const directory = join(around, 'log');
  const log = await openLog(directory, SMALL);
  for (const [index, key] of KEYS.entries()) {
    await log.append(key, `data ${index}`);
    await log.seal(key);
  }
  await expect.poll(() => log.stats().segmentsSealed, { timeout: 20_000 }).toBe(KEYS.length);
  await log.close();
  expect(readdirSync(around).sort()).toEqual(['log', 'outside']);
  expect(readFileSync(join(around, 'outside'), 'utf8')).toBe('outside');
  const files = readdirSync(join(directory, 'streams'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.endsWith('.seg'))).toHaveLength(KEYS.length);
  const again = await openTestLog({}, directory);
  expect(again.streams()).toHaveLength(KEYS.length);
  for (const [index, key] of KEYS.entries()) {
    const record = await again.stream(key).get(1);
    expect([key, record?.data.toString()]).toEqual([key, `data ${index}`]);
    expect(Buffer.from(record?.key ?? '').equals(Buffer.from(key))).toBe(true);
  }
});

test('the directory itself may be reached through a link', async () => {
  const around = temporaryDirectory();
  mkdirSync(join(around, 'real'));
  symlinkSync('real', join(around, 'link'));
  const log = await openLog(join(around, 'link'));
  await log.append('key', 'data');
  await log.close();
  expect(existsSync(join(around, 'real', 'CATALOG'))).toBe(true);
  const again = await openTestLog({}, join(around, 'real'));
  expect((await again.stream('key').get(1))?.data.toString()).toBe('data');
});

describe('a symbolic link in the place of', () => {
  // Links that opening meets.
  test.each([
    ['LOCK'],
    ['CATALOG'],
    ['CATALOG.copy'],
    ['CATALOG.tmp'],
    ['journal'],
    ['streams'],
    ['shared'],
    ['free'],
    ['free/1'],
    ['journal/fresh.tmp'],
    ['a journal file'],
  ])('%s is refused by opening with NOT_A_LOG', async (place) => {
    const directory = await closedLog();
    const name = place === 'a journal file' ? `journal/${journalOf(directory)}` : place;
    const { outside, before } = plantLink(directory, name);
    for (const options of [{ readOnly: false }, { readOnly: true }]) {
      try {
        const log = await openLog(directory, options);
        await log.close();
        // A reader does not look at what it does not need.
        expect(options.readOnly).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'NOT_A_LOG' });
      }
      expect(contentOf(outside)).toEqual(before);
    }
  });

  // Links that are met later, by a read and by a write.
  test.each([
    ['streams/xx', 1],
    ['the directory of a stream', 2],
    ['a segment file', 3],
  ])('%s is refused by the read that meets it', async (_, depth) => {
    const directory = await closedLog();
    const parts = segmentOf(directory).split('/');
    const { outside, before } = plantLink(directory, ['streams', ...parts.slice(0, depth)].join('/'));
    const log = await openTestLog({}, directory);
    expect(await rejection(log.stream('key').get(1))).toMatchObject({ code: 'NOT_A_LOG' });
    await log.append('other', 'data');
    expect((await log.stream('other').get(1))?.data.toString()).toBe('data');
    expect(contentOf(outside)).toEqual(before);
  });

  test('a directory of streams stops the log when something has to be written there, and nothing is lost', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, SMALL);
    await log.append('key', 'first');
    const { outside, before } = plantLink(directory, 'streams');
    await log.seal('key').catch(() => {});
    await expect.poll(() => log.stats().failed, { timeout: 20_000 }).toBe(true);
    const error = await rejection(log.append('key', 'second'));
    expect(error).toMatchObject({ code: 'FAILED', message: expect.stringContaining('symbolic link') });
    expect((await log.stream('key').get(1))?.data.toString()).toBe('first');
    expect(await rejection(log.close())).toMatchObject({ code: 'FAILED' });
    expect(contentOf(outside)).toEqual(before);
    renameSync(join(directory, 'streams'), join(temporaryDirectory(), 'link'));
    renameSync(outside, join(directory, 'streams'));
    const again = await openTestLog({}, directory);
    expect((await again.stream('key').get(1))?.data.toString()).toBe('first');
    await again.append('key', 'second');
  });
});

/** Moves what is there (or something that was not) away, and puts a link to it in its place. */
function plantLink(directory: string, name: string): { readonly outside: string; readonly before: unknown } {
  const outside = join(temporaryDirectory(), 'outside');
  const path = join(directory, name);
  if (existsSync(path)) renameSync(path, outside);
  else writeFileSync(outside, 'somebody else’s');
  symlinkSync(outside, path);
  expect(realpathSync(path)).toBe(realpathSync(outside));
  expect(realpathSync(dirname(path))).not.toBe(realpathSync(dirname(outside)));
  return { outside, before: contentOf(outside) };
}

/** Of a file its bytes, of a directory all names and bytes. */
function contentOf(path: string): unknown {
  if (statSync(path).isFile()) return readFileSync(path, 'latin1');
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => [name, statSync(join(path, name)).isFile() && readFileSync(join(path, name), 'latin1')]);
}

async function closedLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory, SMALL);
  await log.append('key', 'data');
  await log.seal('key');
  await expect.poll(() => log.stats().segmentsSealed, { timeout: 20_000 }).toBe(1);
  await log.close();
  return directory;
}

function journalOf(directory: string): string {
  const names = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.journal'));
  expect(names.length).toBeGreaterThan(0);
  return names[0] ?? '';
}

function segmentOf(directory: string): string {
  const names = readdirSync(join(directory, 'streams'), { recursive: true, encoding: 'utf8' });
  return names.find((name) => name.endsWith('.seg')) ?? '';
}
