// SPDX-License-Identifier: MIT
// Waiting that a caller may end.

/** Settles as `promise` does, unless the signal aborts first: then it rejects with the signal's reason. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    // Not resolve(promise): that would lock this promise to the other, and an abort could not reject it any more.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
