// SPDX-License-Identifier: MIT
// A stream by its key, as the addon knows it. The log keeps an entry for every stream that has records; one is made for
// a key only when something is appended to it, so that looking for keys costs no memory.

import { type Key, keyOf } from './key.js';
import type { NativeAddon, NativeLog } from './native.js';

const NO_BYTES = new Uint8Array(0);

export class StreamRef {
  readonly key: Key;
  /** In hex; known once a record of the stream is accepted. */
  id: string | undefined;
  /** The key, until the addon's number is known. */
  #bytes: Uint8Array;
  #handle = -1;

  /** `bytes` is not the caller's any more. */
  constructor(bytes: Uint8Array) {
    this.key = keyOf(bytes);
    this.#bytes = bytes;
  }

  /** The addon's number of the stream; -1 where nothing was ever appended to it. */
  find(native: NativeAddon, log: NativeLog): number {
    return this.#handle < 0 ? this.#ask(native, log, false) : this.#handle;
  }

  /** The same, for appending: makes an entry where there is none. */
  handle(native: NativeAddon, log: NativeLog): number {
    return this.#handle < 0 ? this.#ask(native, log, true) : this.#handle;
  }

  #ask(native: NativeAddon, log: NativeLog, add: boolean): number {
    this.#handle = native.handleOf(log, this.#bytes, add);
    if (this.#handle >= 0) this.#bytes = NO_BYTES;
    return this.#handle;
  }
}
