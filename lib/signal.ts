// SPDX-License-Identifier: MIT
// Waiting that a caller may end.

const { addEventListener, removeEventListener } = EventTarget.prototype;

/** Settles as `promise` does, unless the signal aborts first: then it rejects with the signal's reason. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    // Not as methods of the signal, which its owner may have replaced: what was submitted is under way.
    addEventListener.call(signal, 'abort', onAbort, { once: true });
    // Not resolve(promise): that would lock this promise to the other, and an abort could not reject it any more.
    promise.then(resolve, reject).finally(() => removeEventListener.call(signal, 'abort', onAbort));
  });
}
