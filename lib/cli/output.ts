// SPDX-License-Identifier: MIT
// Standard output: collected into large writes, each awaited before the next, so that memory stays bounded however
// slowly it is read. When its reader has gone (`| head`), the next flush throws BrokenPipe, which ends a command quietly.

import { escapeText } from './text.js';

const FLUSH_BYTES = 64 * 1024;

/** Whoever read our output has gone. Not a failure. */
export class BrokenPipe extends Error {
  override readonly name: string = 'BrokenPipe';
}

/** What a command prints to. `put` collects, `flush` writes; the end of the program flushes what is left. */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  #parts: (string | Uint8Array)[] = [];
  #collected = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // The write's callback gets the error as well; without a listener it would end the process.
    stream.on('error', () => {});
  }

  /** Columns of the terminal; undefined where it is none, and then nothing is cut to a width. */
  get columns(): number | undefined {
    return this.#stream.isTTY ? this.#stream.columns || 80 : undefined;
  }

  /** Whether to colour: on a terminal, unless NO_COLOR is set (https://no-color.org). */
  get colours(): boolean {
    return this.#stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  }

  /** Takes output; true when enough is collected that `flush` should be awaited. */
  put(part: string | Uint8Array): boolean {
    this.#parts.push(part);
    this.#collected += part.length;
    return this.#collected >= FLUSH_BYTES;
  }

  /** Takes a line, and writes when enough is collected. */
  async line(text: string): Promise<void> {
    if (this.put(`${text}\n`)) await this.flush();
  }

  /** Writes what was collected. Rejects with {@link BrokenPipe}, or with why the write failed. */
  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const bytes = Buffer.concat(this.#parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
    this.#parts = [];
    this.#collected = 0;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error === null || error === undefined) resolve();
        else reject('code' in error && error.code === 'EPIPE' ? new BrokenPipe() : error);
      });
    });
  }
}

/** A value as one line of JSON. What a terminal would obey is escaped inside the strings, which changes no value. */
export function jsonLine(value: unknown): string {
  const unsafe = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;
  return JSON.stringify(value).replace(unsafe, (character) =>
    Array.from({ length: character.length }, (_, index) => unicodeEscape(character.charCodeAt(index))).join(''),
  );
}

/** Any text as one harmless line: what stands on another line is shown with \n before it. */
export function oneLine(text: string): string {
  return escapeText(text.trim());
}

function unicodeEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
