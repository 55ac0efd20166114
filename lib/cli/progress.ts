// SPDX-License-Identifier: MIT
// A progress bar on standard error, where that is a terminal; nothing anywhere else.

import { type Options, SingleBar } from 'cli-progress';
import { formatBytes, formatDuration } from './units.js';

/** Columns that everything but the bar takes at most. */
const TEXT_COLUMNS = 58;
const BAR_COLUMNS_MAX = 40;
const BAR_COLUMNS_MIN = 5;

/** The progress of bytes, or of what `show` says, towards a total, if it is known. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #show: (amount: number) => string;
  #total: number | undefined;
  readonly #startMs: number = Date.now();
  readonly #stop = () => this.#bar?.stop();

  /** `total` undefined: it is not known, so that there is no bar, only figures. */
  constructor(total: number | undefined, show: (amount: number) => string = formatBytes) {
    this.#total = total;
    this.#show = show;
    if (!process.stderr.isTTY || process.env.TERM === 'dumb') return;
    this.#bar = new SingleBar(optionsFor(process.stderr.columns || 80, total));
    this.#bar.start(total ?? 1, 0, this.#payload(0));
    // A second ^C ends the process without coming back here.
    process.once('exit', this.#stop);
  }

  /** To be called often: the bar is drawn ten times a second at most. */
  update(done: number, total: number | undefined = this.#total): void {
    if (total !== undefined && total !== this.#total) this.#bar?.setTotal(total);
    this.#total = total;
    this.#bar?.update(this.#total === undefined ? 0 : Math.min(done, this.#total), this.#payload(done));
  }

  /** Removes the bar from the terminal. */
  end(): void {
    this.#stop();
    process.off('exit', this.#stop);
  }

  #payload(done: number): object {
    const seconds = Math.max(0.001, (Date.now() - this.#startMs) / 1000);
    const rate = done / seconds;
    const left = this.#total === undefined || rate === 0 ? undefined : ((this.#total - done) / rate) * 1000;
    return {
      done: this.#show(done),
      total_amount: this.#show(this.#total ?? 0),
      rate: `${this.#show(rate)}/s`,
      left: left === undefined ? '-' : formatDuration(Math.max(0, Math.ceil(left / 1000) * 1000)),
      elapsed: formatDuration(seconds * 1000),
    };
  }
}

function optionsFor(columns: number, total: number | undefined): Options {
  const known = `{bar} {percentage}% | {done} of {total_amount} | {rate} | {left} left`;
  return {
    stream: process.stderr,
    format: total === undefined ? '{done} | {rate} | {elapsed}' : known,
    barsize: Math.max(BAR_COLUMNS_MIN, Math.min(BAR_COLUMNS_MAX, columns - TEXT_COLUMNS)),
    barCompleteChar: '█',
    barIncompleteChar: '░',
    clearOnComplete: true,
    // Else an interrupted process would leave the terminal without line wrapping.
    linewrap: true,
  };
}
