// SPDX-License-Identifier: MIT
// Checks of what callers pass in. Misuse throws TypeError or RangeError in one form of words.

import { inspect, toUSVString } from 'node:util';

/** "Expected … for … but received … of type …": the form of every message about misuse. */
export function expectedMessage(expected: string, name: string, value: unknown): string {
  const shown = inspect(value, { depth: 0, maxStringLength: 40, maxArrayLength: 4, breakLength: Infinity });
  return `Expected ${expected} for ${name} but received ${shown} of type ${typeof value}`;
}

/** Throws unless `value` is a safe integer of at least `min` and at most `max`. */
export function checkInteger(value: unknown, name: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number') throw new TypeError(expectedMessage('a number', name, value));
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const range =
      max === Number.MAX_SAFE_INTEGER ? `a safe integer of at least ${min}` : `an integer from ${min} to ${max}`;
    throw new RangeError(expectedMessage(range, name, value));
  }
  return value;
}

/** Throws unless `value` is one of `allowed`. */
export function checkOneOf<T extends string>(value: unknown, allowed: readonly T[], name: string): T {
  for (const one of allowed) if (value === one) return one;
  const list = allowed.map((one) => `'${one}'`).join(', ');
  throw new TypeError(expectedMessage(`one of ${list}`, name, value));
}

/** Throws unless `value` is a boolean. */
export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw new TypeError(expectedMessage('a boolean', name, value));
  return value;
}

/** Throws unless `value` is undefined or an AbortSignal. */
export function checkSignal(value: unknown, name: string): void {
  if (value === undefined || value instanceof AbortSignal) return;
  throw new TypeError(expectedMessage('an AbortSignal', name, value));
}

/** Throws where `options` is no object or has a property that is not in `known`, naming the nearest that is. */
export function checkOptions(options: unknown, known: readonly string[], name: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(expectedMessage('an object', name, options));
  }
  for (const given of Object.keys(options)) {
    if (!known.includes(given)) {
      throw new TypeError(`Unknown option '${given}' in ${name}; did you mean '${nearest(given, known)}'?`);
    }
  }
}

/** The bytes of a Uint8Array as they are, or the UTF-8 of a string, which must not hold lone surrogates. */
export function toBytes(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string') {
    if (toUSVString(value) !== value) {
      throw new TypeError(expectedMessage('a string without lone surrogates', name, value));
    }
    return Buffer.from(value, 'utf8');
  }
  if (value instanceof Uint8Array) return value;
  throw new TypeError(expectedMessage('a string or a Uint8Array', name, value));
}

function nearest(word: string, candidates: readonly string[]): string {
  let best = '';
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

// Levenshtein's, row by row.
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
