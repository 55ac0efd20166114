// SPDX-License-Identifier: MIT
// Input files, and the lines in them. A line ends with a newline, which is no part of it; what stands behind the last
// one is a line too. Nothing else is taken off, a carriage return neither.

import { constants, createReadStream, fstatSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { CliError } from './failure.js';
import { formatCount } from './units.js';

const READ_BYTES = 2 ** 20;
const NEWLINE = 0x0a;
const STDIN_FD = 0;
const INPUT_HINT = 'give files that this user may read, or - for standard input';

/** Where lines come from. */
export interface Source {
  /** As messages name it. */
  readonly name: string;
  /** Undefined where that is not known before the end: a pipe, a terminal. */
  readonly bytes: number | undefined;
  /** Starts reading. An abort of the signal ends the stream with an AbortError. */
  open(signal: AbortSignal): Readable;
}

/** The files, `-` for standard input. Rejects where one cannot be read, before any of them is. */
export async function sourcesOf(paths: readonly string[]): Promise<Source[]> {
  if (paths.filter((path) => path === '-').length > 1) throw new CliError('USAGE', '- can be given once only');
  return Promise.all(paths.map((path) => (path === '-' ? stdinSource() : fileSource(path))));
}

/** Cuts chunks into lines. A line that goes on is copied once, whatever the chunks. */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #begun: Buffer[] = [];
  #begunBytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end in the chunk: views of it, apart from the first. Throws TOO_LARGE. */
  *split(chunk: Buffer): Generator<Buffer, void, void> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, end);
      start = end + 1;
      this.#check(part.length);
      yield this.#begunBytes === 0 ? part : this.#take(part);
    }
    if (start === chunk.length) return;
    this.#check(chunk.length - start);
    this.#begun.push(chunk.subarray(start));
    this.#begunBytes += chunk.length - start;
  }

  /** The line that no newline ends, if there is one. */
  end(): Buffer | undefined {
    return this.#begunBytes === 0 ? undefined : this.#take(Buffer.alloc(0));
  }

  #take(part: Buffer): Buffer {
    const line = Buffer.concat([...this.#begun, part]);
    this.#begun = [];
    this.#begunBytes = 0;
    return line;
  }

  #check(moreBytes: number): void {
    if (this.#begunBytes + moreBytes <= this.#lineBytesMax) return;
    throw new CliError(
      'TOO_LARGE',
      `the line has more than ${formatCount(this.#lineBytesMax)} bytes`,
      'split it: those before it are stored',
    );
  }
}

async function fileSource(path: string): Promise<Source> {
  try {
    await access(path, constants.R_OK);
    const stats = await stat(path);
    if (stats.isDirectory()) throw isDirectory(path);
    return {
      name: path,
      bytes: stats.isFile() ? stats.size : undefined,
      open: (signal) => addAbortSignal(signal, createReadStream(path, { highWaterMark: READ_BYTES })),
    };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new CliError('NOT_FOUND', `no file ${path}`, INPUT_HINT);
    if (code === 'EACCES') throw new CliError('PERMISSION', `no permission to read ${path}`, INPUT_HINT);
    throw error;
  }
}

function isDirectory(name: string): CliError {
  return new CliError('BAD_INPUT', `${name} is a directory`, INPUT_HINT);
}

function stdinSource(): Source {
  const stats = fstatSync(STDIN_FD);
  if (stats.isDirectory()) throw isDirectory('standard input');
  return {
    name: 'stdin',
    bytes: stats.isFile() ? stats.size : undefined,
    open: (signal) => addAbortSignal(signal, process.stdin),
  };
}
