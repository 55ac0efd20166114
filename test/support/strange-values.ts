// SPDX-License-Identifier: MIT
// Random values that callers without types may pass, for the fuzz of arguments: every type there is, and objects that
// lie about what they are. A generator is made from a seed, so that a run can be repeated.

/** What getters and proxies of these values throw. */
export class CallersOwnError extends Error {}

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }
}

class Bytes extends Uint8Array {}

const MAKERS: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => Number.NaN,
  () => -0,
  () => -1,
  () => 0,
  () => 1,
  () => 1.5,
  () => 2 ** 53,
  () => -(2 ** 53),
  () => Number.POSITIVE_INFINITY,
  () => 10n,
  () => Symbol('symbol'),
  () => '',
  () => 'text',
  () => '1',
  () => 'lone \ud800 surrogate',
  () => 'null \0 byte',
  () => '../../etc/passwd',
  () => 'k'.repeat(1025),
  () => 'x'.repeat(70_000),
  () => 'x'.repeat(2 ** 21),
  () => 'é'.repeat(2 ** 20),
  () => [],
  () => [1],
  () => [undefined],
  () => Object.assign([], { length: 2 ** 32 - 1 }),
  () => ({ length: 3, 0: 'a' }),
  () => ({ handle: 4_000_000_000 }),
  () => ({}),
  () => Object.create(null),
  () => Object.create({ signal: 7, key: 7, durability: 7 }),
  () => ({ toString: () => 'text', valueOf: () => 1 }),
  () => Object.defineProperty({}, 'data', { enumerable: true, get: callersOwn }),
  () => Object.defineProperty({}, 'headers', { enumerable: true, get: callersOwn }),
  () => Object.defineProperty({}, Symbol.toStringTag, { get: callersOwn }),
  () => new Proxy({}, {}),
  () => new Proxy([], {}),
  () => new Proxy({}, { get: callersOwn, ownKeys: callersOwn, has: callersOwn, getPrototypeOf: callersOwn }),
  () => new Proxy(new Uint8Array(4), {}),
  () => new Proxy(AbortSignal.abort(), {}),
  () => () => 'text',
  () => class {},
  () => new Date(0),
  () => new Date(Number.NaN),
  () => new Map([['headers', {}]]),
  () => new Set(['a']),
  () => /a/,
  () => new Error('an error'),
  () => Promise.resolve('text'),
  () => new String('text'),
  () => new Number(1),
  () => new URL('file:///a%2Fb'),
  () => new URL('http://localhost/'),
  () => new AbortController().signal,
  () => Object.create(AbortSignal.prototype),
  () => new Uint8Array(0),
  () => Uint8Array.of(0xff, 0xfe, 0),
  () => Buffer.from('buffer'),
  () => new Bytes(5),
  () => Object.create(Uint8Array.prototype),
  () => new Uint8Array(new SharedArrayBuffer(8)),
  () => new Uint8Array(resizable()),
  () => shrunk(resizable()),
  () => detached(new ArrayBuffer(8)),
  () => new Uint8Array(2 ** 20 + 1),
  () => new Uint16Array(4),
  () => new Float64Array(4),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => globalThis,
];

/** Any value at all. */
export function strangeValue(random: Random): unknown {
  return MAKERS[random.below(MAKERS.length)]?.();
}

function callersOwn(): never {
  throw new CallersOwnError('thrown by an argument');
}

// Of ECMAScript 2024; the types of this project are of 2023.
function resizable(): ArrayBuffer {
  return Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]);
}

function shrunk(buffer: ArrayBuffer): Uint8Array {
  const bytes = new Uint8Array(buffer, 4, 4);
  Reflect.apply(Reflect.get(buffer, 'resize'), buffer, [2]);
  return bytes;
}

function detached(buffer: ArrayBuffer): Uint8Array {
  const bytes = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return bytes;
}
