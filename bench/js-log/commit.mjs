// SPDX-License-Identifier: MIT
// Everything that goes into one commit block, and who waits for it. Results of single appends lie in parallel arrays that
// are used again, so that a record costs no object before it is acknowledged.

export class Commit {
  items = [];
  /** Of accepted data: what bounds the commit and the queue. */
  bytes = 0;
  number = 0;
  time = 0;
  firstLsn = 0;
  lsnLimit = 0;
  #count = 0;
  #resolves = [];
  #sequences = [];
  #lsns = [];
  #waiters = [];

  begin(nextLsn) {
    this.firstLsn = nextLsn;
    this.lsnLimit = nextLsn;
    return this;
  }

  /** `resolve` gets the record's place once the commit is durable. */
  promise(resolve, sequence, lsn) {
    const index = this.#count++;
    this.#resolves[index] = resolve;
    this.#sequences[index] = sequence;
    this.#lsns[index] = lsn;
  }

  /** `resolve` gets `value`. */
  wait(resolve, value) {
    this.#waiters.push({ resolve, value });
  }

  acknowledge() {
    for (let index = 0; index < this.#count; index++) {
      this.#resolves[index]({ seq: this.#sequences[index], lsn: this.#lsns[index] });
    }
    for (const { resolve, value } of this.#waiters) resolve(value);
    this.#clear();
  }

  /** A promise that is resolved with a rejected one is rejected: so nobody needs to keep its `reject`. */
  fail(error) {
    for (let index = 0; index < this.#count; index++) this.#resolves[index](Promise.reject(error));
    for (const { resolve } of this.#waiters) resolve(Promise.reject(error));
    this.#clear();
  }

  #clear() {
    this.#resolves.fill(undefined, 0, this.#count);
    this.#count = 0;
    this.#waiters = [];
    this.items = [];
    this.bytes = 0;
  }
}
