// SPDX-License-Identifier: MIT
// The key that a JSON line names. Pure functions.

import { isUtf8 } from 'node:buffer';
import { keyBytes } from '../key.js';
import { CliError } from './failure.js';

/** Finds the key of a line; undefined for a line to pass over. Throws BAD_INPUT. */
export type KeyOfLine = (line: Buffer) => string | Buffer | undefined;

/** Takes it from the field at a dotted path: names of members, and indices of arrays. Blank lines are passed over. */
export function keyAtPath(path: string): KeyOfLine {
  const names = path.split('.');
  if (names.includes('')) throw new CliError('USAGE', `'${path}' is not a path such as user.id`);
  return (line) => {
    if (isBlank(line)) return undefined;
    let value = parseLine(line);
    for (const name of names) value = member(value, name, path);
    return keyFrom(value, path);
  };
}

function member(value: unknown, name: string, path: string): unknown {
  // Of an array its elements only, not its length.
  const isNamed = typeof value === 'object' && value !== null && (!Array.isArray(value) || /^\d+$/.test(name));
  // Own members only: every object would have a `constructor`.
  const found = isNamed ? Object.getOwnPropertyDescriptor(value, name) : undefined;
  if (found === undefined) throw new CliError('BAD_INPUT', `the line has no field ${path}`);
  return found.value;
}

/** ASCII white space only, or nothing. */
function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function parseLine(line: Buffer): unknown {
  if (!isUtf8(line)) throw new CliError('BAD_INPUT', 'the line is not UTF-8');
  try {
    return JSON.parse(line.toString('utf8'));
  } catch (error) {
    throw new CliError('BAD_INPUT', `the line is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

function keyFrom(value: unknown, path: string): string {
  // Other numbers have several spellings, and large ones were rounded.
  const key = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof key !== 'string') {
    throw new CliError('BAD_INPUT', `the field ${path} is neither a string nor an integer below 2^53`);
  }
  try {
    keyBytes(key);
  } catch {
    throw new CliError('BAD_INPUT', `the field ${path} is no key: a key has 1 to 1,024 bytes of UTF-8`);
  }
  return key;
}
