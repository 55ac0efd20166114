// SPDX-License-Identifier: MIT
// Records that were checked, on their way to the ring or, where they are too large for that, to a call. In columns: an
// object per record costs about as much as the rest of its way.

import { Buffer } from 'node:buffer';
import { lengthOf, unlessGone } from './check.js';
import { typeError } from './errors.js';
import type { NativeAddon, NativeLog } from './native.js';
import type { StreamRef } from './stream-ref.js';

/** Of the text of a string, in UTF-8. */
export const UTF8_BYTES_PER_CHARACTER_MAX = 3;
/** Numbers per record in the layout of {@link flatten}: stream, offset and length of the headers, of the data. */
const LAYOUT_COLUMNS = 5;

export class Batch {
  readonly refs: StreamRef[];
  readonly data: (string | Uint8Array)[];
  /** The addon's numbers of the streams, once {@link findStreams} was called. */
  readonly streams: Uint32Array;
  /** Holes where a record has none. */
  readonly headers: (Uint8Array | undefined)[];
  readonly #lengths: Uint32Array;
  #count = 0;
  #bytesMax = 0;

  /** Of so many records, which are to be added: to grow arrays for each takes longer than to check it. */
  constructor(count: number) {
    this.refs = new Array(count);
    this.data = new Array(count);
    this.headers = new Array(count);
    this.streams = new Uint32Array(count);
    this.#lengths = new Uint32Array(count);
  }

  get count(): number {
    return this.#count;
  }

  /** Headers and data of all records take no more than this. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** A record whose parts were checked. `length`: of its data, at that time. */
  add(ref: StreamRef, headers: Uint8Array | undefined, data: string | Uint8Array, length: number): void {
    const index = this.#count++;
    this.refs[index] = ref;
    this.data[index] = data;
    this.#lengths[index] = length;
    this.#bytesMax += typeof data === 'string' ? length * UTF8_BYTES_PER_CHARACTER_MAX : length;
    if (headers === undefined) return;
    this.headers[index] = headers;
    this.#bytesMax += headers.length;
  }

  /** Asks for the addon's numbers, which makes entries for new keys. */
  findStreams(native: NativeAddon, log: NativeLog): void {
    for (let index = 0; index < this.#count; index++) {
      const ref = this.refs[index];
      if (ref !== undefined) this.streams[index] = ref.handle(native, log);
    }
  }

  /** What headers and data of all records take. */
  byteCount(): number {
    let bytes = 0;
    for (let index = 0; index < this.count; index++) {
      bytes += byteLength(this.dataAt(index)) + (this.headers[index]?.length ?? 0);
    }
    return bytes;
  }

  /** Throws TypeError where the bytes are not as many as they were: what ran behind the check resized their buffer. */
  dataAt(index: number): string | Uint8Array {
    const data = this.data[index] ?? '';
    if (lengthOf(data) === this.#lengths[index]) return data;
    throw typeError(`Expected a Uint8Array for ${nameAt(index)} but received one whose buffer was resized`);
  }

  /** Of the data, as it was checked: in characters or bytes. */
  lengthAt(index: number): number {
    return this.#lengths[index] ?? 0;
  }

  /** From now on the callers' bytes are not needed. Throws as {@link dataAt}. */
  own(): void {
    for (let index = 0; index < this.count; index++) {
      const data = this.dataAt(index);
      if (typeof data !== 'string') this.data[index] = unlessGone(nameAt(index), () => new Uint8Array(data));
    }
  }

  /** As the addon's call takes it. */
  flatten(): { bytes: Uint8Array; layout: Float64Array } {
    const bytes = Buffer.allocUnsafe(this.byteCount());
    const layout = new Float64Array(this.count * LAYOUT_COLUMNS);
    let offset = 0;
    for (let index = 0; index < this.#count; index++) {
      const stream = this.streams[index] ?? 0;
      const header = this.headers[index];
      const headerBytes = header?.length ?? 0;
      if (header !== undefined) bytes.set(header, offset);
      const data = this.dataAt(index);
      const length = byteLength(data);
      if (typeof data === 'string') bytes.write(data, offset + headerBytes, 'utf8');
      else bytes.set(data, offset + headerBytes);
      layout.set([stream, offset, headerBytes, offset + headerBytes, length], index * LAYOUT_COLUMNS);
      offset += headerBytes + length;
    }
    return { bytes, layout };
  }
}

function nameAt(index: number): string {
  return `records[${index}].data`;
}

function byteLength(data: string | Uint8Array): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : lengthOf(data);
}
