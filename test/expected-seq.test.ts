// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';

test('an append that expects the next sequence gets it, also many in flight', async () => {
  const log = await openTestLog();
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, index) => log.append('key', `data ${index}`, { expectedSeq: index + 1 })),
  );
  expect(results.map(({ seq }) => seq)).toEqual(results.map((_, index) => index + 1));
  expect(await log.append('key', Buffer.alloc(12_000_000), { expectedSeq: 101 })).toMatchObject({ seq: 101 });
});

test('of two that expect the same sequence one is appended, and the other learns what it would get', async () => {
  const log = await openTestLog();
  await log.append('key', 'first');
  const [one, other] = await Promise.allSettled([
    log.append('key', 'one', { expectedSeq: 2 }),
    log.append('key', 'other', { expectedSeq: 2 }),
  ]);
  expect(one).toMatchObject({ status: 'fulfilled', value: { seq: 2 } });
  expect(other).toMatchObject({ status: 'rejected', reason: { code: 'SEQ_CONFLICT', actualSeq: 3 } });
  expect(await rejection(log.append('key', 'beyond', { expectedSeq: 9 }))).toMatchObject({
    code: 'SEQ_CONFLICT',
    actualSeq: 3,
  });
  expect(await log.append('other', 'first of its stream', { expectedSeq: 1 })).toMatchObject({ seq: 1 });
  expect((await collect(log.stream('key').read())).map(({ data }) => data.toString())).toEqual(['first', 'one']);
});

test('a retry of what is stored already resolves with it, whatever came after it, also after reopening', async () => {
  const directory = temporaryDirectory();
  const headers = { type: 'created', id: Buffer.from([1, 2]) };
  let log = await openTestLog({}, directory);
  await log.append('key', 'first');
  const appended = await log.append('key', 'data', { expectedSeq: 2, headers });
  await log.append('key', 'later');
  const retried = await log.append('key', 'data', { expectedSeq: 2, headers });
  expect([retried.seq, retried.lsn, retried.ref]).toEqual([2, appended.lsn, appended.ref]);
  expect((await log.append('key', Buffer.from('data'), { expectedSeq: 2, headers, durability: 'os' })).ref).toBe(
    appended.ref,
  );
  await log.close();
  log = await openTestLog({}, directory);
  expect((await log.append('key', 'data', { expectedSeq: 2, headers })).ref).toBe(appended.ref);
  expect(log.stream('key').info()?.nextSeq).toBe(4);
});

test('other data or other headers at the sequence are a conflict, and so is a truncated record', async () => {
  const log = await openTestLog();
  await log.append('key', 'data', { headers: { a: '1' } });
  await log.append('key', 'data');
  for (const [data, headers] of [
    ['other', { a: '1' }],
    ['data', { a: '2' }],
    ['data', undefined],
  ] as const) {
    const error = await rejection(log.append('key', data, { expectedSeq: 1, headers }));
    expect(error).toMatchObject({ code: 'SEQ_CONFLICT', actualSeq: 3 });
  }
  await log.stream('key').truncateBefore(2);
  expect(await rejection(log.append('key', 'data', { expectedSeq: 1, headers: { a: '1' } }))).toMatchObject({
    code: 'SEQ_CONFLICT',
  });
});

test('a retry resolves when the record is as durable as was asked', async () => {
  const log = await openTestLog();
  await log.append('key', 'first', { durability: 'none' });
  const { lsn } = await log.append('key', 'data', { durability: 'none' });
  expect(log.durableLsn).toBeLessThan(lsn);
  expect((await log.append('key', 'data', { expectedSeq: 2 })).lsn).toBe(lsn);
  expect(log.durableLsn).toBe(lsn);
});

test('a wrong expectedSeq is misuse', async () => {
  const log = await openTestLog();
  for (const expectedSeq of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
    expect(await rejection(log.append('key', 'data', { expectedSeq }))).toBeInstanceOf(RangeError);
  }
  expect(log.stream('key').info()).toBeUndefined();
});
