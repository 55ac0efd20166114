// SPDX-License-Identifier: MIT
// The user headers of a record, as docs/format.md has them: a count, then for each header the length and UTF-8 of
// its name, a type byte (0 bytes, 1 string), the length of its value, and the value. Lengths and the count are
// unsigned LEB128 varints. Pure functions.

import { checkObject, toBytes, unlessGone } from './check.js';
import { rangeError, SeglogError } from './errors.js';

/** Headers to be written with a record: names to strings or bytes, at most 64 KiB encoded. */
export type HeadersInput = Readonly<Record<string, string | Uint8Array>>;

/** Headers as they were written: a string comes back as a string, bytes as a `Buffer`. */
export type Headers = Readonly<Record<string, string | Buffer>>;

/** Encoded headers may take this many bytes: 64 KiB. */
export const HEADER_BYTES_MAX: number = 64 * 1024;
/** What records without headers have. */
export const NO_HEADERS: Headers = Object.freeze(Object.create(null));

/** Of a name that is part of a message. */
const NAME_CHARACTERS_SHOWN = 40;
const TYPE_BYTES = 0;
const TYPE_STRING = 1;

/** The encoding, or undefined where there are no headers. Throws TypeError and RangeError. */
export function encodeHeaders(headers: HeadersInput | undefined): Uint8Array | undefined {
  if (headers === undefined) return undefined;
  checkObject(headers, 'headers');
  const entries = Object.entries(headers);
  if (entries.length === 0) return undefined;
  const parts: Uint8Array[] = [varint(entries.length)];
  let byteCount = 0;
  for (const [name, value] of entries) {
    // Counted before they are encoded, since a byte holds one character at most; and again behind it.
    checkByteCount(byteCount + name.length);
    const nameBytes = toBytes(name, 'a header name');
    if (typeof value === 'string') checkByteCount(byteCount + value.length);
    const valueBytes = toBytes(value, `header '${name.slice(0, NAME_CHARACTERS_SHOWN)}'`);
    const type = typeof value === 'string' ? TYPE_STRING : TYPE_BYTES;
    parts.push(varint(nameBytes.length), nameBytes, Uint8Array.of(type), varint(valueBytes.length), valueBytes);
    byteCount += nameBytes.length + valueBytes.length;
    checkByteCount(byteCount);
  }
  const encoded = unlessGone('headers', () => Buffer.concat(parts));
  checkByteCount(encoded.length);
  return encoded;
}

/** The headers in `bytes`, whose checksum was verified. Values are views. Throws CORRUPT where they make no sense. */
export function decodeHeaders(bytes: Buffer): Headers {
  if (bytes.length === 0) return NO_HEADERS;
  const reader = new HeaderReader(bytes);
  const headers: Record<string, string | Buffer> = Object.create(null);
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.take(reader.varint()).toString('utf8');
    const type = reader.take(1)[0];
    const value = reader.take(reader.varint());
    if (type === TYPE_STRING) headers[name] = value.toString('utf8');
    else if (type === TYPE_BYTES) headers[name] = value;
    else throw corruptHeaders(`the type ${type}`);
  }
  if (!reader.ended) throw corruptHeaders('bytes behind the last header');
  return headers;
}

class HeaderReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw corruptHeaders('a length beyond their end');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  varint(): number {
    let value = 0;
    // Three bytes hold every length below HEADER_BYTES_MAX and some more.
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.take(1)[0] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw corruptHeaders('a varint of more than three bytes');
  }
}

function checkByteCount(atLeast: number): void {
  if (atLeast <= HEADER_BYTES_MAX) return;
  throw rangeError(`Expected at most ${HEADER_BYTES_MAX} bytes of encoded headers but received ${atLeast} or more`);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return Uint8Array.from(bytes);
}

function corruptHeaders(what: string): SeglogError {
  return new SeglogError('CORRUPT', `The headers of a record contain ${what}`);
}
