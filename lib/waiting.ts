// SPDX-License-Identifier: MIT
// Appends and requests that wait in JavaScript for room, in the order of the calls.

import type { Failure } from './errors.js';

/** What waits for room, to be handed over later. */
export interface Waiting {
  /** False where there is still none. */
  submit(): boolean | Failure;
  fail(failure: Failure): void;
  /** Of what `submit` threw. */
  reject(error: unknown): void;
  readonly signal: AbortSignal | undefined;
}

/** So many that were handed over are forgotten at a time, so that a long queue does not move for each of them. */
const FORGOTTEN_MIN = 4096;

export class WaitingQueue {
  #all: Waiting[] = [];
  /** Those before it were handed over. */
  #start = 0;

  get length(): number {
    return this.#all.length - this.#start;
  }

  push(waiting: Waiting): void {
    this.#all.push(waiting);
  }

  /** Hands over what there is room for. False where some still wait. */
  handOver(): boolean {
    for (let head = this.#all[this.#start]; head !== undefined && tookItsTurn(head); head = this.#all[this.#start]) {
      this.#start++;
    }
    if (this.length === 0 || this.#start >= FORGOTTEN_MIN) {
      this.#all = this.#all.slice(this.#start);
      this.#start = 0;
    }
    return this.length === 0;
  }
}

// False where there is no room for it. Whoever is next must not wait for ever because this one throws.
function tookItsTurn(waiting: Waiting): boolean {
  if (waiting.signal?.aborted) return true;
  try {
    const taken = waiting.submit();
    if (taken === false) return false;
    if (taken !== true) waiting.fail(taken);
  } catch (error) {
    waiting.reject(error);
  }
  return true;
}
