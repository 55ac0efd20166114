// SPDX-License-Identifier: MIT
// Group commit, written by hand over anything that stores many records at once: what benchmarks compare a log with.
// A group is everything that was appended while the group before it was stored.

/** Stores records; resolves when they are durable. */
export type StoreGroup = (keys: readonly string[], datas: readonly Uint8Array[]) => Promise<void>;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers appends into groups, one of which is being stored at a time. */
export class GroupCommit {
  readonly #store: StoreGroup;
  #keys: string[] = [];
  #datas: Uint8Array[] = [];
  #waiters: Waiter[] = [];
  #isRunning = false;

  constructor(store: StoreGroup) {
    this.#store = store;
  }

  /** Resolves when the record is durable. The bytes are not copied: leave them alone until then. */
  append(key: string, data: Uint8Array): Promise<void> {
    this.#keys.push(key);
    this.#datas.push(data);
    return this.#wait();
  }

  /** As `append`, of several records. */
  appendBatch(key: string, datas: readonly Uint8Array[]): Promise<void> {
    for (const data of datas) {
      this.#keys.push(key);
      this.#datas.push(data);
    }
    return this.#wait();
  }

  #wait(): Promise<void> {
    // At the end of the tick: all that is appended in it is one group.
    if (!this.#isRunning) {
      this.#isRunning = true;
      process.nextTick(this.#run);
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  readonly #run = (): void => {
    const waiters = this.#waiters;
    if (waiters.length === 0) {
      this.#isRunning = false;
      return;
    }
    const [keys, datas] = [this.#keys, this.#datas];
    this.#keys = [];
    this.#datas = [];
    this.#waiters = [];
    this.#store(keys, datas).then(
      () => {
        for (const { resolve } of waiters) resolve();
        // Those who go on now append before this runs, and so belong to the next group.
        process.nextTick(this.#run);
      },
      (error: unknown) => {
        for (const { reject } of waiters) reject(error);
        process.nextTick(this.#run);
      },
    );
  };
}
