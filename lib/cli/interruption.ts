// SPDX-License-Identifier: MIT
// SIGINT and SIGTERM of commands that have something to finish: the first one asks them to, the second one ends the
// process at once.

import { EXIT } from './exit-codes.js';
import { CliError } from './failure.js';

/** Watches for the two signals from its making until `end`. */
export class Interruption {
  readonly #controller = new AbortController();
  #exitCode: number | undefined;
  readonly #onSignal = (name: NodeJS.Signals) => {
    const exitCode = name === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
    if (this.#exitCode !== undefined) process.exit(exitCode);
    this.#exitCode = exitCode;
    this.#controller.abort();
  };

  constructor() {
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  /** Aborts with the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What to exit with; undefined while there was no signal. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** The failure of a command that a signal ended; undefined while there was no signal. */
  failure(message: string, hint?: string): CliError | undefined {
    if (this.#exitCode === undefined) return undefined;
    return new CliError(this.#exitCode === EXIT.interrupted ? 'INTERRUPTED' : 'TERMINATED', message, hint);
  }

  /** Leaves the signals to their defaults again. */
  end(): void {
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
  }
}
