// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { decodeHeaders, encodeHeaders, HEADER_BYTES_MAX, type HeadersInput } from '../lib/headers.js';
import { openTestLog, rejection } from './support/directory.js';

function roundTrip(headers: HeadersInput): Record<string, unknown> {
  return { ...decodeHeaders(Buffer.from(encodeHeaders(headers) ?? [])) };
}

describe('the codec', () => {
  test('writes a count, and per header name, type and value with their lengths', () => {
    const encoded = encodeHeaders({ a: 'xy', bc: Uint8Array.of(0, 255) });
    expect(encoded).toEqual(Buffer.from([2, 1, 0x61, 1, 2, 0x78, 0x79, 2, 0x62, 0x63, 0, 2, 0, 255]));
  });

  test('gives back strings as strings and bytes as bytes', () => {
    const headers = { '': '', text: 'ä€😀', bytes: Buffer.from([0xff, 0x00]), long: 'x'.repeat(300) };
    expect(roundTrip(headers)).toEqual(headers);
  });

  test('gives back names that objects have by nature', () => {
    const headers = Object.fromEntries([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
    expect(Object.entries(roundTrip(headers))).toEqual(Object.entries(headers));
  });

  test('writes nothing for no headers', () => {
    expect(encodeHeaders(undefined)).toBeUndefined();
    expect(encodeHeaders({})).toBeUndefined();
    expect(decodeHeaders(Buffer.alloc(0))).toEqual({});
  });

  test('takes 64 KiB, and a byte more is a RangeError', () => {
    // Count, length of the name, name, type, and three bytes of length come before the value.
    const fits = 'x'.repeat(HEADER_BYTES_MAX - 7);
    expect(encodeHeaders({ a: fits })?.length).toBe(HEADER_BYTES_MAX);
    expect(() => encodeHeaders({ a: `${fits}x` })).toThrow(RangeError);
  });

  test('refuses values that are neither strings nor bytes, and lone surrogates', () => {
    for (const headers of [
      { a: 1 },
      { a: null },
      ['a'],
      'text',
      Buffer.from('a'),
      { a: '\ud800' },
      { '\udc00': 'a' },
    ]) {
      // @ts-expect-error: on purpose
      expect(() => encodeHeaders(headers)).toThrow(TypeError);
    }
  });

  test.each([
    ['a length beyond the end', [1, 5, 0x61]],
    ['an unknown type', [1, 1, 0x61, 2, 0]],
    ['bytes behind the last header', [1, 1, 0x61, 1, 0, 0]],
    ['a varint that does not end', [0x80, 0x80, 0x80, 0x80]],
    ['an end in mid-header', [2, 1, 0x61, 1, 0]],
  ])('answers %s with CORRUPT', (_, bytes) => {
    expect(() => decodeHeaders(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });
});

test('headers come back with their records, alone and in batches', async () => {
  const log = await openTestLog();
  const bytes = Buffer.from([1, 2, 3]);
  await log.append('key', 'one', { headers: { type: 'created', bytes } });
  await log.append('key', 'two');
  await log.appendBatch([{ key: 'key', data: '', headers: { n: '3' } }]);
  log.ingest('key', 'four', { headers: { n: '4' } });
  await log.sync();
  const records = await log.stream('key').getRange(1, 4);
  expect(records.map((record) => ({ ...record.headers }))).toEqual([
    { type: 'created', bytes },
    {},
    { n: '3' },
    { n: '4' },
  ]);
  expect(records.map((record) => record.data.toString())).toEqual(['one', 'two', '', 'four']);
});

test('an append with headers that are too large is rejected, and nothing is written', async () => {
  const log = await openTestLog();
  const headers = { a: Buffer.alloc(HEADER_BYTES_MAX) };
  expect(await rejection(log.append('key', 'data', { headers }))).toBeInstanceOf(RangeError);
  expect(log.stream('key').info()).toBeUndefined();
});
