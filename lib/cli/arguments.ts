// SPDX-License-Identifier: MIT
// Arguments of commands: those that several share, and the checks of their values.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { keyBytes } from '../key.js';
import { CliError } from './failure.js';
import { parseDuration, parseTime } from './units.js';

/** The directory, as every command has it first. */
export function withDirectory(command: Command): Command {
  return command.argument('<dir>', "the log's directory", parseDirectory);
}

/** `--json`. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON, one object per line', false);
}

/** `--skip-damage`, of commands that read records. */
export function withSkipDamage(command: Command): Command {
  return command.option('--skip-damage', 'read around damaged bytes, and report them on standard error', false);
}

/** `--key-hex`, of commands that take one key. */
export function withKeyHex(command: Command): Command {
  return command.addOption(new Option('--key-hex', 'KEY is its bytes in hexadecimal').default(false));
}

/** The key that was given, as text or in hexadecimal. */
export function parseKey(text: string, isHex: boolean): string | Buffer {
  if (isHex && !/^([0-9a-f]{2})+$/i.test(text)) {
    throw new CliError('USAGE', `'${text}' is not an even number of hexadecimal digits`);
  }
  const key = isHex ? Buffer.from(text, 'hex') : text;
  try {
    keyBytes(key);
  } catch {
    throw new CliError('USAGE', 'a key has 1 to 1,024 bytes');
  }
  return key;
}

/** A whole number of at least `min`. */
export function integerFrom(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It is no whole number ${range}.`);
  };
}

/** Milliseconds of a duration such as 250ms or 1h30m. */
export function duration(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs !== undefined) return durationMs;
  throw new InvalidArgumentError('It is no duration such as 250ms, 10m, 1h30m or 2d.');
}

/** Microseconds since 1970 of a time that is given as such, or as how long ago it was. */
export function since(text: string): number {
  const durationMs = parseDuration(text);
  const timeMs = durationMs === undefined ? parseTime(text) : Date.now() - durationMs;
  if (timeMs !== undefined) return Math.max(0, Math.floor(timeMs * 1000));
  throw new InvalidArgumentError('It is neither a duration such as 10m nor a time such as 2026-01-31T12:00:00Z.');
}

function parseDirectory(text: string): string {
  if (text !== '' && !text.includes('\0')) return text;
  throw new InvalidArgumentError('It is empty.');
}
