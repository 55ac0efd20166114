// SPDX-License-Identifier: MIT
// Worker threads for tests. They run the built package (dist/), as users do, on the addon that the test's own thread has.

import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { supportPath } from './child.js';

/** A worker thread that runs what it is told to. Terminated when the test ends. */
export class Actor {
  readonly worker: Worker = new Worker(supportPath('worker-actor.mjs'));
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  #lastId = 0;

  constructor() {
    this.ended = new Promise((resolve) => this.worker.once('exit', resolve));
    this.worker.on('message', ({ id, value, error }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(Object.assign(new Error(error.message), error));
    });
    this.worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
    });
    onTestFinished(async () => void (await this.worker.terminate()));
  }

  /** Runs the body of an async function there: see worker-actor.mjs. Resolves with what it returns. */
  run(source: string, args?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, source, args });
    });
  }

  /** Opens a log there; `own.log` is it. */
  async open(directory: string, options: object = {}): Promise<void> {
    await this.run('own.log = await openLog(...args)', [directory, options]);
  }
}

/** So many of them. */
export function startActors(count: number): Actor[] {
  return Array.from({ length: count }, () => new Actor());
}
