// SPDX-License-Identifier: MIT
// log.verify() and stream.locate().

import {
  copyFileSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Damage, type Log, openLog, type VerifyProgress } from '../lib/index.js';
import { openTestLog, rejection, temporaryDirectory } from './support/directory.js';

const small = { segmentBytes: 65_536, sharedStreamBytesMax: 0, destageBytes: 4096, frameBytesMax: 4096 };

/** A closed log: `a` has 300 records and sealed segments, `b` some more. */
async function makeLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory, small);
  for (let seq = 1; seq <= 300; seq += 25) {
    await Promise.all(Array.from({ length: 25 }, (_, n) => log.append('a', `${seq + n}:`.padEnd(600, 'x'))));
  }
  // That a segment is sealed is said in a later commit, and only then does the next one's turn come.
  for (let n = 0; n < 1000 && log.stats().segmentsSealed < 2; n++) await log.append('b', String(n));
  expect(log.stats().segmentsSealed).toBeGreaterThanOrEqual(2);
  await log.close();
  return directory;
}

// Of the stream 'a': how many others there are depends on how long sealing took.
function segmentFiles(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => /^streams\/..\/a\/.*\.seg$/.test(name)).sort();
}

function flip(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

async function damageIn(directory: string): Promise<readonly Damage[]> {
  const log = await openLog(directory, { readOnly: true });
  try {
    return (await log.verify()).damage;
  } finally {
    await log.close();
  }
}

describe('verify', () => {
  test('lists links in the place of files as damage, and goes on with what lies behind them', async () => {
    const directory = await makeLog();
    const files = segmentFiles(directory);
    const [first = '', , third = ''] = files;
    expect(files.length).toBeGreaterThanOrEqual(3);
    flip(join(directory, third), 4096 + 70);
    const log = await openTestLog({ readOnly: true }, directory);
    for (const name of [first, 'CATALOG.copy']) {
      const outside = join(temporaryDirectory(), 'outside');
      renameSync(join(directory, name), outside);
      symlinkSync(outside, join(directory, name));
    }
    const { damage } = await log.verify();
    const what = expect.stringContaining('symbolic link');
    expect(damage).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ file: 'CATALOG.copy', what }),
        expect.objectContaining({ file: first, what }),
        expect.objectContaining({ file: third, what: expect.stringMatching(/^record: /) }),
      ]),
    );
  });

  test('counts what a sound log holds, open for writing and read-only', async () => {
    const directory = await makeLog();
    for (const readOnly of [false, true]) {
      const log = await openTestLog({ ...small, readOnly }, directory);
      const segments = log.streams().reduce((sum, stream) => sum + stream.segments, 0);
      const records = log.streams().reduce((sum, stream) => sum + stream.nextSeq - 1, 0);
      const report = await log.verify();
      expect(report).toMatchObject({ segments, records, damage: [], damageOmitted: 0 });
      expect(report.sealedSegments).toBeGreaterThanOrEqual(2);
      expect(report.bytes).toBeGreaterThan(300 * 600);
      await log.close();
    }
  });

  test('checks what is not in a file yet, and a log that has nothing', async () => {
    const log = await openTestLog();
    expect(await log.verify()).toEqual({
      segments: 0,
      sealedSegments: 0,
      bytes: 0,
      records: 0,
      damage: [],
      damageOmitted: 0,
    });
    await log.append('a', 'one');
    expect(await log.verify()).toMatchObject({ segments: 1, sealedSegments: 0, records: 1, damage: [] });
  });

  test('tells its progress, which ends at the totals', async () => {
    const log = await openTestLog();
    for (let n = 0; n < 8; n++) await log.append('a', Buffer.alloc(2 ** 20, n));
    const heard: VerifyProgress[] = [];
    const report = await log.verify({ onProgress: (progress) => heard.push(progress) });
    expect(heard.length).toBeGreaterThan(0);
    for (const [index, { bytesDone, segmentsDone }] of heard.entries()) {
      const before = heard[index - 1];
      expect(bytesDone).toBeGreaterThanOrEqual(before?.bytesDone ?? 0);
      expect(segmentsDone).toBeGreaterThanOrEqual(before?.segmentsDone ?? 0);
    }
    expect(heard.at(-1)).toEqual({
      bytesDone: report.bytes,
      bytesTotal: report.bytes,
      segmentsDone: report.segments,
      segmentsTotal: report.segments,
    });
  });

  test('names a damaged record with its file, offset and sequence, and rejects nothing', async () => {
    const directory = await makeLog();
    const [file] = segmentFiles(directory);
    if (file === undefined) throw new Error('there is no segment file');
    const place = await located(directory, 10);
    flip(join(directory, file), place.recordOffset + 100);
    const [damage, ...more] = await damageIn(directory);
    expect(more).toEqual([]);
    expect(damage).toMatchObject({ file, key: 'a', what: 'record: wrong checksum' });
    expect(damage?.firstSeq).toBeLessThanOrEqual(10);
    expect(damage?.lastSeq).toBeGreaterThanOrEqual(10);
    expect(damage?.offset).toBeLessThanOrEqual(place.recordOffset);
    const skipping = await openTestLog({ readOnly: true, onCorruption: 'skip' }, directory);
    expect((await skipping.verify()).damage).toEqual([damage]);
    expect(skipping.damage).toEqual([]);
  });

  test('names a cut, a missing and a swapped file, and a bad copy of the catalogue', async () => {
    const directory = await makeLog();
    const [first, second] = segmentFiles(directory).map((file) => join(directory, file));
    if (first === undefined || second === undefined) throw new Error('there are no segment files');
    flip(join(directory, 'CATALOG.copy'), 200);
    const kept = join(directory, '..', `seglog-test-kept-${process.pid}`);
    copyFileSync(first, kept);
    copyFileSync(second, first);
    copyFileSync(kept, second);
    rmSync(kept);
    const damage = await damageIn(directory);
    expect(damage.map(({ what }) => what)).toEqual([
      'catalogue: wrong checksum',
      "the file is another segment's",
      "the file is another segment's",
    ]);
    expect(damage[0]?.file).toBe('CATALOG.copy');
    rmSync(first);
    ftruncateSync(openSync(second, 'r+'), 4096);
    expect(new Set((await damageIn(directory)).map(({ file }) => join(directory, file)))).toEqual(
      new Set([join(directory, 'CATALOG.copy'), first, second]),
    );
  });

  test('goes on beside appends, reads, seals and truncations, and finds nothing wrong', async () => {
    const log = await openTestLog(small);
    const verifying = (async () => {
      for (let round = 0; round < 10; round++) expect((await log.verify()).damage).toEqual([]);
    })();
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => log.append(n % 4 === 0 ? 'b' : 'a', 'x'.repeat(700))));
      expect(await log.stream('a').get(round * 75 + 1)).toBeDefined();
      if (round % 5 === 4) await log.seal('b');
      if (round % 5 === 3) await log.stream('a').truncateBefore(round * 70);
    }
    await verifying;
  });

  test('is answered once for each call, in order', async () => {
    const log = await openTestLog();
    await log.append('a', 'one');
    const reports = await Promise.all([log.verify(), log.verify(), log.verify()]);
    expect(reports.map(({ records }) => records)).toEqual([1, 1, 1]);
  });

  test('rejects with the reason of its signal, before and meanwhile; the log goes on', async () => {
    const log = await openTestLog();
    for (let n = 0; n < 8; n++) await log.append('a', Buffer.alloc(2 ** 20));
    const aborted = AbortSignal.abort(new Error('before'));
    expect(await rejection(log.verify({ signal: aborted }))).toBe(aborted.reason);
    const controller = new AbortController();
    const heard: VerifyProgress[] = [];
    const onProgress = (progress: VerifyProgress) => {
      heard.push(progress);
      controller.abort(new Error('meanwhile'));
    };
    expect(await rejection(log.verify({ signal: controller.signal, onProgress }))).toBe(controller.signal.reason);
    expect((await log.verify()).damage).toEqual([]);
    expect(heard).toHaveLength(1);
  });

  test('rejects with what onProgress throws', async () => {
    const log = await openTestLog();
    for (let n = 0; n < 4; n++) await log.append('a', Buffer.alloc(2 ** 20));
    let calls = 0;
    const onProgress = () => {
      calls++;
      throw new Error('thrown');
    };
    expect(await rejection(log.verify({ onProgress }))).toMatchObject({ message: 'thrown' });
    expect((await log.verify()).records).toBe(4);
    expect(calls).toBe(1);
  });

  test('rejects with CLOSED where the log is closed, before and meanwhile', async () => {
    const log = await openTestLog();
    for (let n = 0; n < 4; n++) await log.append('a', Buffer.alloc(2 ** 20));
    // Nobody answers between these two calls: the second one waits for the first.
    const settled = Promise.allSettled([log.verify(), log.verify()]);
    await log.close();
    for (const result of await settled) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'CLOSED' });
      else expect(result.value.records).toBe(4);
    }
    expect(await rejection(log.verify())).toMatchObject({ code: 'CLOSED' });
  });

  test('throws TypeError on misuse, as a rejection', async () => {
    const log: Log = await openTestLog();
    // @ts-expect-error: on purpose
    expect(await rejection(log.verify({ onprogress: () => {} }))).toBeInstanceOf(TypeError);
    // @ts-expect-error: on purpose
    expect(await rejection(log.verify({ onProgress: 1 }))).toBeInstanceOf(TypeError);
    // @ts-expect-error: on purpose
    expect(await rejection(log.verify({ signal: 1 }))).toBeInstanceOf(TypeError);
  });
});

async function located(directory: string, seq: number, key = 'a') {
  const log = await openTestLog({ readOnly: true }, directory);
  const place = await log.stream(key).locate(seq);
  if (place === undefined) throw new Error(`there is no record ${seq}`);
  await log.close();
  return place;
}

describe('locate', () => {
  test('gives the bytes of the frame as they lie in the file, and the place of the record in it', async () => {
    const directory = await makeLog();
    for (const seq of [1, 2, 57, 150]) {
      const place = await located(directory, seq);
      expect(place.inFile).toBe(true);
      expect(place.file).toMatch(new RegExp(`^streams/.*-0*${place.segmentId}\\.seg$`));
      const bytes = readFileSync(join(directory, place.file));
      const end = place.frameOffset + place.frame.length;
      expect(bytes.subarray(place.frameOffset, end).equals(place.frame)).toBe(true);
      expect(place.frame.subarray(0, 4).toString('latin1')).toBe('SGFR');
      const text = `${seq}:`;
      // Behind the record's header; in frames without LSN differences the data follow at once.
      const data = bytes.subarray(place.recordOffset + 8, place.recordOffset + 8 + text.length);
      expect(data.toString('latin1')).toBe(text);
    }
  });

  test('finds records of tiny streams among those of others, and verify() names damage there', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    for (let seq = 1; seq <= 3; seq++) {
      for (const key of ['a', 'b']) await log.append(key, `${key}${seq}`.padEnd(5000, 'x'));
    }
    await log.stream('a').seal();
    await expect.poll(() => log.stats().segmentsSealed).toBe(1);
    await log.close();
    const place = await located(directory, 2, 'b');
    expect(place).toMatchObject({ inFile: true, frame: expect.any(Buffer) });
    expect(place.file).toMatch(new RegExp(`^shared/.*-0*${place.segmentId}\\.seg$`));
    const bytes = readFileSync(join(directory, place.file));
    expect(bytes.subarray(place.frameOffset, place.frameOffset + place.frame.length).equals(place.frame)).toBe(true);
    expect(bytes.toString('latin1', place.recordOffset + 8, place.recordOffset + 10)).toBe('b2');
    expect(await damageIn(directory)).toEqual([]);
    flip(join(directory, place.file), place.frameOffset + 20);
    expect(await damageIn(directory)).toMatchObject([
      { file: place.file, offset: place.frameOffset, key: 'b', firstSeq: 2, lastSeq: 2 },
    ]);
  });

  test('says where a record will lie that only the journal holds', async () => {
    const log = await openTestLog();
    await log.append('a', 'one');
    const place = await log.stream('a').locate(1);
    expect(place).toMatchObject({ inFile: false, frameOffset: 4096, recordOffset: 4096 + 64 });
    expect(place?.frame.length).toBe(64 + 16);
    expect(place?.frame.subarray(64 + 8, 64 + 11).toString()).toBe('one');
  });

  test('is undefined where there is no record, and fails as a read does', async () => {
    const directory = await makeLog();
    const log = await openTestLog({ readOnly: true }, directory);
    expect(await log.stream('a').locate(301)).toBeUndefined();
    expect(await log.stream('nothing').locate(1)).toBeUndefined();
    expect(await rejection(log.stream('a').locate(0))).toBeInstanceOf(RangeError);
    const signal = AbortSignal.abort(new Error('reason'));
    expect(await rejection(log.stream('a').locate(1, { signal }))).toBe(signal.reason);
    const place = await log.stream('a').locate(20);
    flip(join(directory, place?.file ?? ''), (place?.recordOffset ?? 0) + 9);
    expect(await rejection(log.stream('a').locate(20))).toMatchObject({ code: 'CORRUPT' });
  });
});
