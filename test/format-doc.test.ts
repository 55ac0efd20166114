// SPDX-License-Identifier: MIT
// Compares docs/format.md with the headers of native/core/format, both ways: what the document says is what the code
// has, and nothing in the headers is missing from the document. Text processing only, without the addon.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseTables, type Table } from './support/format-tables.js';

const ROOT = new URL('../', import.meta.url);
const CORE = new URL('native/core/', ROOT);

function readText(path: string, base: URL = ROOT): string {
  return readFileSync(new URL(path, base), 'utf8');
}

const HEADERS: string = [
  'base/bytes.h',
  ...readdirSync(new URL('format/', CORE))
    .filter((name) => name.endsWith('.h'))
    .map((name) => `format/${name}`),
]
  .map((path) => readText(path, CORE).replace(/\/\/.*$/gm, ''))
  .join('\n');

const EXPRESSIONS: ReadonlyMap<string, string> = new Map(
  Array.from(HEADERS.matchAll(/inline constexpr\s+[\w:]+\s+(k\w+)\s*=\s*([^;]+);/g), ([, name = '', text = '']) => [
    name,
    text,
  ]),
);

const PRECEDENCE: readonly (readonly string[])[] = [['|'], ['<<'], ['+', '-'], ['*', '/']];

/** The value of a C++ integer expression over the headers' constants. */
function evaluate(expression: string): bigint {
  const plain = expression
    .replace(/std::uint64_t|'/g, '')
    .replace(/\{/g, '(')
    .replace(/\}/g, ')');
  const tokens = plain.match(/0x[0-9A-Fa-f]+u?|\w+|<<|[-+*/|()]|\S/g) ?? [];
  const binary = (level: number): bigint => {
    const operators = PRECEDENCE[level];
    if (operators === undefined) return primary();
    let value = binary(level + 1);
    while (operators.includes(tokens[0] ?? '')) value = apply(tokens.shift() ?? '', value, binary(level + 1));
    return value;
  };
  const primary = (): bigint => {
    const token = tokens.shift() ?? '';
    if (token === '(') {
      const value = binary(0);
      if (tokens.shift() !== ')') throw new Error(`No closing parenthesis in ${expression}`);
      return value;
    }
    const number = /^(0x[0-9A-F]+|\d+)u?$/i.exec(token)?.[1];
    return number === undefined ? constant(token) : BigInt(number);
  };
  const value = binary(0);
  if (tokens.length > 0) throw new Error(`Expected the end of "${expression}" but met ${tokens[0]}`);
  return value;
}

function apply(operator: string, left: bigint, right: bigint): bigint {
  if (operator === '|') return left | right;
  if (operator === '<<') return left << right;
  if (operator === '+') return left + right;
  if (operator === '-') return left - right;
  return operator === '*' ? left * right : left / right;
}

function constant(name: string): bigint {
  const expression = EXPRESSIONS.get(name);
  if (expression === undefined) throw new Error(`No constant ${name} in the headers`);
  return evaluate(expression);
}

/** "content SHA-256" is ContentSha256. */
function pascalCase(field: string): string {
  return field
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
}

/** Of "checksum" with the prefix kFrame: kFrameChecksumOffset. A field that ends in "offset" needs no second one. */
function offsetConstant(prefix: string, field: string): string {
  const name = prefix + pascalCase(field);
  return name.endsWith('Offset') ? name : `${name}Offset`;
}

function enumerators(name: string): Map<string, bigint> {
  const body = new RegExp(`enum (?:class )?${name}\\b[^{]*\\{([^}]*)\\}`).exec(HEADERS)?.[1];
  if (body === undefined) throw new Error(`No enum ${name} in the headers`);
  return new Map(
    Array.from(body.matchAll(/(k\w+)\s*=\s*([^,]+)/g), ([, key = '', value = '']) => [key, evaluate(value.trim())]),
  );
}

const DOCUMENT: string = readText('docs/format.md');
const TABLES: readonly Table[] = parseTables(DOCUMENT);
const BYTE_TABLES: readonly Table[] = TABLES.filter((table) => table.kind === 'table');
const TYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ['u8', 1],
  ['u16', 2],
  ['u32', 4],
  ['u64', 8],
]);

function only(kind: string): Table {
  const found = TABLES.filter((table) => table.kind === kind);
  const [table] = found;
  if (table === undefined || found.length > 1) throw new Error(`Expected one table of ${kind}, found ${found.length}`);
  return table;
}

function asciiOf(value: bigint): string {
  let text = '';
  for (let rest = value; rest > 0n; rest >>= 8n) text += String.fromCharCode(Number(rest & 0xffn));
  return text;
}

describe('the byte tables of docs/format.md', () => {
  test('are all found, and every table with offsets is marked', () => {
    const tablesWithOffsets = DOCUMENT.match(/^\| Offset \| Size \| Field \| Type \| Meaning \|$/gm) ?? [];
    expect(tablesWithOffsets.length).toBeGreaterThan(15);
    expect(BYTE_TABLES).toHaveLength(tablesWithOffsets.length);
  });

  test.each(BYTE_TABLES)('$name has the offsets of the headers', ({ name, rows }) => {
    const wrong = rows.flatMap(([offset = '', size = '', field = '']) => {
      const key = offsetConstant(name, field);
      const isTail = !/^\d+$/.test(size);
      if (isTail && !EXPRESSIONS.has(key)) return [];
      return constant(key) === BigInt(offset) ? [] : [`${field}: ${offset}, but ${key} is ${constant(key)}`];
    });
    expect(wrong).toEqual([]);
  });

  test.each(BYTE_TABLES)('$name has no gaps, and sizes that fit its types and its total', ({ options, rows }) => {
    let end = evaluate(options.get('start') ?? '0');
    for (const [index, [offset = '', size = '', field = '', type = '']] of rows.entries()) {
      expect(BigInt(offset), `offset of ${field}`).toBe(end);
      if (/^\d+$/.test(size)) end += BigInt(size);
      else expect(index, `${field}, of variable size, comes last`).toBe(rows.length - 1);
      const typeBytes = TYPE_BYTES.get(type);
      if (typeBytes === undefined) expect(type, `type of ${field}`).toBe('bytes');
      else expect(Number(size), `size of ${field}`).toBe(typeBytes);
    }
    const total = options.get('total');
    if (total !== undefined) expect(end).toBe(evaluate(total));
  });

  test('leave out no constant of the headers', () => {
    const described = new Set(
      BYTE_TABLES.flatMap(({ name, rows }) => rows.map(([, , field = '']) => offsetConstant(name, field))),
    );
    for (const table of [only('constants'), only('magics')]) {
      for (const [name = ''] of table.rows) described.add(name);
    }
    expect(EXPRESSIONS.size).toBeGreaterThan(150);
    expect([...EXPRESSIONS.keys()].filter((name) => !described.has(name))).toEqual([]);
  });
});

describe('the other tables of docs/format.md', () => {
  test('give limits and sizes as the headers have them', () => {
    const { rows } = only('constants');
    expect(rows.length).toBeGreaterThan(40);
    const wrong = rows.flatMap(([name = '', value = '']) =>
      constant(name) === BigInt(value) ? [] : [`${name}: ${value}, but it is ${constant(name)}`],
    );
    expect(wrong).toEqual([]);
  });

  test('give magics as the headers have them', () => {
    const inHeaders = [...EXPRESSIONS.keys()].filter((name) => name.endsWith('Magic'));
    expect(
      only('magics')
        .rows.map(([name = '', bytes = '']) => `${name} ${bytes}`)
        .sort(),
    ).toEqual(inHeaders.map((name) => `${name} \`${asciiOf(constant(name))}\``).sort());
  });

  test.each(TABLES.filter((table) => table.kind === 'enum'))('$name lists every value', ({ name, options, rows }) => {
    const prefix = options.get('prefix') ?? '';
    const documented = rows.map(([value = '', label = '']) => [prefix + pascalCase(label), BigInt(value)] as const);
    expect(new Map(documented)).toEqual(enumerators(name));
  });

  test('include every enum of the headers', () => {
    const inHeaders = Array.from(HEADERS.matchAll(/enum (?:class )?(\w+)/g), ([, name]) => name);
    const documented = TABLES.filter((table) => table.kind === 'enum').map((table) => table.name);
    expect(documented.sort()).toEqual(inHeaders.sort());
  });
});

describe('the example of docs/format.md', () => {
  const hex = (/<!-{2} example -->\n\n```\n([^`]+)```/.exec(DOCUMENT)?.[1] ?? '').replace(/\s/g, '');
  const frame = Buffer.from(hex, 'hex');

  test('is what the C++ tests expect of the encoder', () => {
    const literal = /kDocumentedFrame =((?:\s*"[0-9a-f]+")+);/.exec(readText('native/test/frame_test.cc'))?.[1] ?? '';
    expect(literal.replace(/[\s"]/g, '')).toBe(hex);
    expect(frame).toHaveLength(80);
  });

  test('has the checksums that the document tells how to compute', () => {
    expect(crc32c(0, Buffer.from('123456789'))).toBe(0xe3069283);
    expect(frame.readUInt32LE(4)).toBe(crc32c(segmentSeed(1n, 4096n), frame.subarray(8, 64)));
    expect(frame.readUInt32LE(64)).toBe(crc32c(segmentSeed(1n, 4160n), frame.subarray(68, 64 + 8 + 5)));
    expect(frame.toString('latin1', 72, 77)).toBe('hello');
  });

  test('has the seeds that the document tells how to compute', () => {
    const journal = Buffer.alloc(40);
    for (let i = 0; i < 16; i++) journal[i] = i;
    journal.writeBigUInt64LE(5n, 16);
    journal.writeBigUInt64LE(0x0123456789abcdefn, 24);
    journal.writeBigUInt64LE(8192n, 32);
    const stated = Array.from(DOCUMENT.matchAll(/\bis\s+`0x([0-9A-F]{8})`/g), ([, digits = '']) => digits);
    const computed = [segmentSeed(1n, 4096n), segmentSeed(1n, 4160n), crc32c(0, journal)];
    expect(stated).toEqual(computed.map((seed) => seed.toString(16).toUpperCase().padStart(8, '0')));
  });
});

function segmentSeed(segmentId: bigint, offset: bigint): number {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(segmentId, 0);
  bytes.writeBigUInt64LE(offset, 8);
  return crc32c(0, bytes);
}

/** Bit by bit, written from the document and not from the code. */
function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
