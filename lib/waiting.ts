// SPDX-License-Identifier: MIT
// Appends and requests that wait in JavaScript for room.

import type { Failure } from './errors.js';

/** What waits for room, to be handed over later. */
export interface Waiting {
  /** False where there is still none. */
  submit(): boolean | Failure;
  fail(failure: Failure): void;
  readonly signal: AbortSignal | undefined;
}

/** Submits, and makes a refusal of what is thrown: whoever is next must not wait for ever because this one throws. */
export function submit(waiting: Waiting): boolean | Failure {
  try {
    return waiting.submit();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { code: 'INVALID_ARGUMENT', message, errno: 0, syscall: '', path: '', detail: '' };
  }
}
