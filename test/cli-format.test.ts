// SPDX-License-Identifier: MIT
// The command line's pure parts: what they make of text, numbers, patterns and bytes.

import { readFileSync } from 'node:fs';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../lib/cli/exit-codes.js';
import {
  FRAME_FIELDS,
  FRAME_FLAGS,
  frameFields,
  RECORD_FIELDS,
  RECORD_KINDS,
  recordFields,
} from '../lib/cli/frame-fields.js';
import { globMatcher } from '../lib/cli/glob.js';
import { keyAtPath } from '../lib/cli/key-field.js';
import { LineSplitter } from '../lib/cli/lines.js';
import { jsonLine } from '../lib/cli/output.js';
import { type Column, tableLines } from '../lib/cli/table.js';
import { cutBytes, cutText, escapeBytes, escapeText, showKey } from '../lib/cli/text.js';
import { formatBytes, formatCount, formatDuration, formatTime, parseDuration, parseTime } from '../lib/cli/units.js';
import { ERROR_CODES } from '../lib/errors.js';
import { parseTables, type Table } from './support/format-tables.js';

const document = readFileSync(new URL('../docs/format.md', import.meta.url), 'utf8');

function table(name: string): Table {
  const found = parseTables(document).find((one) => one.name === name);
  if (found === undefined) throw new Error(`No table ${name}`);
  return found;
}

describe('hexdump', () => {
  const layoutOf = (name: string) =>
    table(name).rows.map(([offset = '', size = '', field = '']) => ({ offset, size, name: field }));
  const asText = (fields: typeof FRAME_FIELDS) =>
    fields.map(({ offset, size, name }) => ({ offset: String(offset), size: String(size), name }));

  test('names the fields of a frame and of a record as docs/format.md does', () => {
    expect(asText(FRAME_FIELDS)).toEqual(layoutOf('kFrame'));
    expect([...asText(RECORD_FIELDS), { offset: '8', size: 'n', name: 'payload' }]).toEqual(layoutOf('kRecord'));
  });

  test.each([
    ['FrameFlags', FRAME_FLAGS],
    ['RecordKind', RECORD_KINDS],
  ])('names the values of %s as docs/format.md does', (name, values) => {
    const documented = table(name).rows.map(([value = '', label = '']) => [Number(value), label] as const);
    expect(new Map(documented)).toEqual(values);
  });

  const hex = (/<!-{2} example -->\n\n```\n([^`]+)```/.exec(document)?.[1] ?? '').replace(/\s/g, '');
  const example = { segmentId: 1n, frameOffset: 4096, recordOffset: 4160, frame: Buffer.from(hex, 'hex') };
  const valuesOf = (fields: readonly { name: string; offset: number; value: string }[]) =>
    fields.map(({ name, offset, value }) => [offset, name, value]);

  test('shows the example of docs/format.md with right checksums', () => {
    expect(valuesOf(frameFields(example)).slice(0, 2)).toEqual([
      [4096, 'magic', 'SGFR'],
      [4100, 'checksum', expect.stringMatching(/^0x[0-9a-f]{8}, right$/)],
    ]);
    expect(valuesOf(recordFields(example))).toEqual([
      [4160, 'checksum', expect.stringMatching(/^0x[0-9a-f]{8}, right$/)],
      [4164, 'length', '5 bytes, data, no headers'],
      [4168, 'data', ''],
      [4173, 'padding', ''],
    ]);
    expect(recordFields(example)[2]?.bytes.toString()).toBe('hello');
  });

  test('says of a checksum that it is wrong, and what the bytes give', () => {
    const frame = Buffer.from(example.frame);
    frame[72] = 0;
    const [checksum] = recordFields({ ...example, frame });
    expect(checksum?.value).toMatch(/^0x[0-9a-f]{8}, wrong: 0x[0-9a-f]{8}$/);
    // Of the right bytes at another place, too.
    expect(frameFields({ ...example, frameOffset: 8192, recordOffset: 8256 })[1]?.value).toContain('wrong');
  });

  test('takes a payload with LSN differences and user headers apart', () => {
    const frame = Buffer.alloc(64 + 24);
    frame.writeUInt16LE(1, 48);
    frame.writeUInt32LE((0x80000000 | 0x10000000 | 13) >>> 0, 68);
    Buffer.from([0x81, 0x01, 3, 1, 2, 3]).copy(frame, 72);
    frame.write('abcdefg', 78);
    const fields = recordFields({ ...example, frame });
    expect(fields.map(({ name, bytes, value }) => [name, bytes.length, value]).slice(1)).toEqual([
      ['length', 4, '13 bytes, data, headers'],
      ['LSN difference', 2, '129'],
      ['user headers length', 1, '3'],
      ['user headers', 3, ''],
      ['data', 7, ''],
      ['padding', 3, ''],
    ]);
  });
});

describe('patterns', () => {
  test.each([
    ['orders', 'orders', true],
    ['orders', 'orders2', false],
    ['orders/*', 'orders/eu', true],
    ['orders/*', 'orders/eu/7', false],
    ['orders/**', 'orders/eu/7', true],
    ['**', 'a/b\nc', true],
    ['*', 'a/b', false],
    ['?', 'é', true],
    ['?', '😀', true],
    ['?', '/', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[!a-c]x', '/x', false],
    ['[]]', ']', true],
    ['[^]', '^', true],
    ['[a', '[a', true],
    ['[z-a', '[z-a', true],
    ['[\\]]', ']', true],
    ['[\\]]', '\\', false],
    ['[a\\-c]', 'b', false],
    ['[a\\-c]', '-', true],
    ['[a-]', '-', true],
    ['a\\', 'a\\', true],
    ['*[a/]*b', 'a/b', true],
    ['**a*b', 'a/ab', true],
    ['*a*b/**', 'xaab/', true],
    ['a**b*c', 'a/b/bxc', true],
    ['a**b*c', 'a/b/b/c', false],
    ['**', '', true],
    ['*?', 'a', true],
    ['?*?', 'a', false],
    ['a.b+c', 'a.b+c', true],
    ['a.b', 'axb', false],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['{a,b}', '{a,b}', true],
  ])('%s on %s: %s', (pattern, key, expected) => {
    expect(globMatcher(pattern)(key)).toBe(expected);
  });

  test('match keys of other bytes as they are shown', () => {
    expect(globMatcher('\\\\xff*')(Buffer.from([0xff, 0x41]))).toBe(true);
  });

  test('of any kind take time that grows with pattern and key, not with a power of them', () => {
    const key = 'a'.repeat(1024);
    for (const part of ['*a', '**a', '*[!b]', '**?', '*a**a']) {
      expect(globMatcher(`${part.repeat(100)}b`)(key)).toBe(false);
      expect(globMatcher(part.repeat(100))(key)).toBe(true);
    }
  });

  test('with a range that runs backwards are refused', () => {
    expect(() => globMatcher('[z-a]')).toThrow(RangeError);
  });
});

describe('text', () => {
  test('that a terminal would obey is escaped', () => {
    expect(escapeText('a\x1b[31m\n\t\x9b\u202eé 😀')).toBe('a\\x1b[31m\\n\\t\\x9b\\u{202e}é 😀');
    expect(JSON.parse(jsonLine({ key: 'a\x1b\x9b\u202e' }))).toEqual({ key: 'a\x1b\x9b\u202e' });
    expect(jsonLine('a\x1b\x9b\u202e')).toBe('"a\\u001b\\u009b\\u202e"');
  });

  test('of bytes that are no UTF-8 is ASCII and escapes', () => {
    expect(escapeBytes(Buffer.from([0xff, 0x41, 0x5c, 0x0a]))).toBe('\\xffA\\x5c\\x0a');
  });

  test('of keys that differ differs', () => {
    const keys = ['a\n', 'a\\n', Buffer.from([0xff]), '\\xff'];
    expect(new Set(keys.map(showKey)).size).toBe(keys.length);
  });

  test('is cut to columns, wide characters counted as two', () => {
    expect(cutText('abcdef', 6)).toBe('abcdef');
    expect(cutText('abcdefg', 6)).toBe('abcde…');
    expect(cutText('日本語', 5)).toBe('日本…');
    expect(cutText('日本語', 4)).toBe('日…');
  });

  test('is cut between characters, not within one', () => {
    const { kept, omitted } = cutBytes(Buffer.from('aé😀'), 6);
    expect([kept.toString(), omitted]).toEqual(['aé', 4]);
  });
});

describe('numbers', () => {
  test('are shown with separators and units', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([0, 1023, 1024, 1536, 1048575, 2 ** 30].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '1.0 MiB',
      '1.0 GiB',
    ]);
    expect([0, 999, 12_000, 185_000, 14_400_000, 1_062_000_000].map(formatDuration)).toEqual([
      '0ms',
      '999ms',
      '12s',
      '3m 5s',
      '4h 0m',
      '12d 7h',
    ]);
    expect(formatTime(1_700_000_000_000_001)).toBe('2023-11-14T22:13:20.000001Z');
  });

  test.each([
    ['250ms', 250],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['10', undefined],
    ['m', undefined],
    ['10x', undefined],
    ['-1s', undefined],
    ['', undefined],
  ])('duration %j is %j ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});

describe('times', () => {
  test.each([
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    ['2026-01-31T12:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31T12:00:30.25+01:00', Date.UTC(2026, 0, 31, 11, 0, 30, 250)],
    ['2026-01-31T12:00', new Date(2026, 0, 31, 12).getTime()],
    ['2026-02-31', undefined],
    ['2026-13-01', undefined],
    ['2026-01-31 12:00', undefined],
    ['2026-01-31T25:00Z', undefined],
    ['10', undefined],
    ['foo 1', undefined],
    ['2026', undefined],
  ])('%j is %j', (text, expected) => {
    expect(parseTime(text)).toBe(expected);
  });
});

describe('tables', () => {
  const columns: readonly Column[] = [
    { title: 'KEY', align: 'left', cut: true },
    { title: 'RECORDS', align: 'right' },
  ];
  const rows = [
    ['orders/a-long-key-that-is-cut', '1,234'],
    ['日本', '5'],
  ];

  const lines = (...args: Parameters<typeof tableLines>) => [...tableLines(...args)];

  test('of many rows are as wide as their widest one, however they are put together', () => {
    const many = Array.from({ length: 1000 }, (_, index) => [
      `${index % 3 === 0 ? '日本' : 'key'} ${index}`,
      String(10 ** (index / 100)),
    ]);
    const widest = lines(columns, many, undefined).map((line) => stringWidth(line));
    expect(widest).toHaveLength(1001);
    expect(new Set(widest)).toHaveLength(1);
    expect(
      lines(columns, many, undefined)
        .slice(1)
        .map((line) => line.split(/ {2,}/)[0]),
    ).toEqual(many.map(([key]) => key));
  });

  test('of no rows have titles', () => {
    expect(lines(columns, [], undefined)).toEqual(['KEY  RECORDS']);
  });

  test('are as wide as they need to be', () => {
    expect(lines(columns, rows, undefined)).toEqual([
      'KEY                            RECORDS',
      'orders/a-long-key-that-is-cut    1,234',
      '日本                                 5',
    ]);
    expect(lines(columns, rows, 200)).toEqual(lines(columns, rows, undefined));
  });

  test('are cut to the terminal', () => {
    expect(lines(columns, rows, 24)).toEqual([
      'KEY              RECORDS',
      'orders/a-long-…    1,234',
      '日本                   5',
    ]);
  });
});

describe('lines', () => {
  const split = (chunks: readonly string[], lineBytesMax = 100) => {
    const splitter = new LineSplitter(lineBytesMax);
    const lines = chunks.flatMap((chunk) => [...splitter.split(Buffer.from(chunk))]);
    const last = splitter.end();
    return (last === undefined ? lines : [...lines, last]).map(String);
  };

  test('end with a newline, and the last one with the input', () => {
    expect(split(['a\nb\r\n\nc'])).toEqual(['a', 'b\r', '', 'c']);
    expect(split(['a\n'])).toEqual(['a']);
    expect(split([])).toEqual([]);
    expect(split(['ab', 'c', '\nd', '', 'e\n', '\n'])).toEqual(['abc', 'de', '']);
  });

  test('that are too long are refused as soon as that is known', () => {
    expect(split(['12345\n', '1234', '5\n'], 5)).toEqual(['12345', '12345']);
    expect(() => split(['123456\n'], 5)).toThrow('more than 5 bytes');
    expect(() => split(['123', '456'], 5)).toThrow('more than 5 bytes');
  });
});

describe('keys in JSON lines', () => {
  const keyOf = (path: string, line: string) => keyAtPath(path)(Buffer.from(line));

  test('are strings or integers at a dotted path', () => {
    expect(keyOf('id', '{"id":"a"}')).toBe('a');
    expect(keyOf('user.id', '{"user":{"id":42}}')).toBe('42');
    expect(keyOf('items.1.sku', '{"items":[0,{"sku":"x"}]}')).toBe('x');
    expect(keyOf('id', ' \t\v\f\r')).toBeUndefined();
    expect(keyOf('id', ' '.repeat(1000))).toBeUndefined();
  });

  test.each([
    ['id', '{}', 'no field id'],
    ['constructor.name', '{}', 'no field'],
    ['id', '"text"', 'no field'],
    ['id', '{"id":null}', 'neither'],
    ['id', '{"id":1.5}', 'neither'],
    ['id', '{"id":12345678901234567890}', 'neither'],
    ['id', '{"id":""}', '1 to 1,024 bytes'],
    ['id', '{"id":"\\ud800"}', 'UTF-8'],
    ['id', '{"id":', 'not JSON'],
    ['a.length', '{"a":[1]}', 'no field'],
    ['id', '\u00a0', 'not JSON'],
  ])('at %s in %s are refused: %s', (path, line, message) => {
    expect(() => keyOf(path, line)).toThrow(message);
  });

  test('are refused in lines that are no UTF-8', () => {
    expect(() => keyAtPath('id')(Buffer.from([0x7b, 0xff]))).toThrow('UTF-8');
  });
});

describe('exit codes', () => {
  test('are those of the table in docs/cli.md, for every code', () => {
    const cli = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');
    const rows = [...cli.matchAll(/^\| (\d+) \| ([^|]*) \|/gm)];
    const documented = new Map(
      rows.flatMap(([, exit = '', codes = '']) =>
        [...codes.matchAll(/`([A-Z_]+)`/g)].map(([, code = '']) => [code, Number(exit)]),
      ),
    );
    const codes = [...ERROR_CODES, 'USAGE', 'BAD_INPUT', 'INTERRUPTED', 'TERMINATED', 'INTERNAL'] as const;
    expect(documented).toEqual(new Map([...codes].map((code) => [code, exitCodeOf(code)])));
  });
});
