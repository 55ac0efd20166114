// SPDX-License-Identifier: MIT
// Checks of what callers pass in. Misuse throws TypeError or RangeError in one form of words. What a getter or a proxy
// of the caller's throws while it is read is passed on as it is.

// Not the global: each look at that calls a getter.
import { Buffer } from 'node:buffer';
import { inspect, types } from 'node:util';
import { rangeError, typeError } from './errors.js';

/** Names that are longer are no misspelling of an option. */
const OPTION_NAME_CHARACTERS_MAX = 64;

/** "Expected … for … but received … of type …": the form of every message about misuse. */
export function expectedMessage(expected: string, name: string, value: unknown): string {
  return `Expected ${expected} for ${name} but received ${shown(value)} of type ${typeof value}`;
}

/** Throws unless `value` is a safe integer of at least `min` and at most `max`. */
export function checkInteger(value: unknown, name: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number') throw typeError(expectedMessage('a number', name, value));
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const range =
      max === Number.MAX_SAFE_INTEGER ? `a safe integer of at least ${min}` : `an integer from ${min} to ${max}`;
    throw rangeError(expectedMessage(range, name, value));
  }
  return value;
}

/** Throws unless `value` is one of `allowed`. */
export function checkOneOf<T extends string>(value: unknown, allowed: readonly T[], name: string): T {
  for (const one of allowed) if (value === one) return one;
  const list = allowed.map((one) => `'${one}'`).join(', ');
  throw typeError(expectedMessage(`one of ${list}`, name, value));
}

/** Throws unless `value` is a boolean. */
export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw typeError(expectedMessage('a boolean', name, value));
  return value;
}

/** Throws unless `value` is undefined or a function. */
export function checkFunction(value: unknown, name: string): void {
  if (value === undefined || typeof value === 'function') return;
  throw typeError(expectedMessage('a function', name, value));
}

/** Throws unless `value` is an array. */
export function checkArray(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw typeError(expectedMessage('an array', name, value));
}

/** Throws unless `value` is undefined or an AbortSignal. */
export function checkSignal(value: unknown, name: string): void {
  if (value === undefined || (value instanceof AbortSignal && isSound(value))) return;
  throw typeError(expectedMessage('an AbortSignal', name, value));
}

/** Throws unless `value` is an object that can have named fields: no array, Map, Date and the like. */
export function checkObject(value: unknown, name: string): asserts value is object {
  if (typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]')
    return;
  throw typeError(expectedMessage('an object', name, value));
}

/** Throws where the options of `name` are no object or have a property that is not in `known`. */
export function checkOptions(options: unknown, known: readonly string[], name: string): void {
  checkFields(options, known, `the options of ${name}`);
}

/** Throws where `value` is no object or has a property that is not in `known`, naming the one that was meant. */
export function checkFields(value: unknown, known: readonly string[], name: string): asserts value is object {
  checkObject(value, name);
  // Inherited ones as well: they would be read.
  for (const given in value) {
    if (known.includes(given)) continue;
    const meant = nearest(given, known);
    const question = meant === undefined ? '' : `; did you mean '${meant}'?`;
    throw typeError(`Unknown property ${shown(given)} in ${name}${question}`);
  }
}

/** Whether `value` is plainly what {@link checkFields} lets pass; that has the last word. */
export function hasOnlyFields(value: unknown, known: readonly string[]): value is object {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  if (Symbol.toStringTag in value) return false;
  for (const given in value) if (!known.includes(given)) return false;
  return true;
}

const TypedArray = Object.getPrototypeOf(Uint8Array.prototype);
const typedArrayLength = Object.getOwnPropertyDescriptor(TypedArray, 'length')?.get;
const typedArrayBuffer = Object.getOwnPropertyDescriptor(TypedArray, 'buffer')?.get;

/** Characters or bytes. Of an array it is what it has, whatever a property `length` of the caller's says. */
export function lengthOf(data: string | Uint8Array): number {
  return typeof data === 'string' ? data.length : (typedArrayLength?.call(data) ?? 0);
}

/**
 * Whether `value` is a Uint8Array with bytes, which no other thread can change or lengthen between two looks at them. It
 * may be of a subclass or have a `length` of its own: to be asked for {@link lengthOf}.
 */
export function areOwnBytes(value: unknown): value is Uint8Array {
  if (!types.isUint8Array(value) || lengthOf(value) === 0) return false;
  // Of another realm too.
  return !types.isSharedArrayBuffer(typedArrayBuffer?.call(value));
}

// Those that have the length that they say.
function arePlainBytes(value: unknown): value is Uint8Array {
  if (!areOwnBytes(value) || Object.hasOwn(value, 'length')) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Buffer.prototype || prototype === Uint8Array.prototype;
}

/**
 * The bytes of a Uint8Array, a copy where another thread has them, or the UTF-8 of a string, which must not hold lone
 * surrogates.
 */
export function toBytes(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string') {
    checkWellFormed(value, name);
    return Buffer.from(value, 'utf8');
  }
  if (!types.isUint8Array(value)) throw typeError(expectedMessage('a string or a Uint8Array', name, value));
  // A length of its own may be any: what is written goes by it.
  if (arePlainBytes(value)) return value;
  // A subclass has no say in a copy. And of an array whose buffer is gone, which looks empty, none can be made.
  return unlessGone(name, () => new Uint8Array(value));
}

/**
 * What `use` makes of the bytes of an array, or TypeError where its buffer is gone. Compiled code of V8 11.3 (Node 20)
 * may take the length of such an array for what it was, so that not each of them is found by its length.
 */
export function unlessGone<T>(name: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw typeError(`Expected a Uint8Array for ${name} but received one whose buffer was detached or shrunk`, error);
  }
}

/** Throws where a string has lone surrogates, which UTF-8 cannot hold. */
export function checkWellFormed(value: string, name: string): void {
  if (!value.isWellFormed()) throw typeError(expectedMessage('a string without lone surrogates', name, value));
}

// The methods of a proxy or of an object that only inherits from AbortSignal would fail later, in the wrong place.
function isSound(signal: AbortSignal): boolean {
  if (types.isProxy(signal)) return false;
  try {
    return typeof signal.aborted === 'boolean';
  } catch {
    return false;
  }
}

// Short whatever was passed, and without running any of its code.
function shown(value: unknown): string {
  const depth = typeof value === 'object' || typeof value === 'function' ? -1 : 0;
  try {
    return inspect(value, { depth, customInspect: false, maxStringLength: 40, breakLength: Infinity });
  } catch {
    return `an ${typeof value} that cannot be shown`;
  }
}

// Undefined where none is near: a third of the letters wrong is another word.
function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > OPTION_NAME_CHARACTERS_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3));
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance > bestDistance || (distance === bestDistance && best !== undefined)) continue;
    best = candidate;
    bestDistance = distance;
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
