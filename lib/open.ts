// SPDX-License-Identifier: MIT
// Opening a log.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkWellFormed, expectedMessage } from './check.js';
import { Engine } from './engine.js';
import { type Failure, SeglogError, toError, typeError } from './errors.js';
import { describeThisProcess } from './lock-holder.js';
import { Log } from './log.js';
import { loadNative } from './native.js';
import { type OpenOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { toRecoveryReport } from './report.js';
import { compareTerms } from './terms.js';

/**
 * Opens the log in a directory, makes it where there is none, and recovers it where it was not closed. Resolves when
 * everything that was acknowledged can be read and the log takes appends; `log.recovery` says what was found and done.
 * Opening reads the catalogue and the live journal, not the log.
 *
 * Where another worker thread of this process has the log open, or the main thread, this attaches to that log: it must be
 * opened with the same options (save `create` and `preset`), and `log.recovery` is the report of the opening that was
 * done. The same thread cannot open a log twice.
 *
 * Rejects with LOCKED (another writer; `error.holder` says which), CORRUPT (acknowledged bytes are damaged;
 * `error.report` says where, nothing was changed), NOT_FOUND, EXISTS, OPTIONS_MISMATCH (this process has it open with other
 * options; `error.differs` names them), NOT_A_LOG, FORMAT_UNSUPPORTED, PERMISSION, NO_SPACE, READ_ONLY, IO_ERROR, UNSUPPORTED (Windows, or no binary of the addon loads here); with TypeError and
 * RangeError (INVALID_ARGUMENT) for options that are unknown or out of range. `docs/errors.md` explains each.
 *
 * @example
 * import { openLog } from 'seglog';
 * const log = await openLog('data/log');
 * await log.append('orders', 'first');
 * await log.close();
 */
export async function openLog(directory: string | URL, options: OpenOptions = {}): Promise<Log> {
  const path = directoryPath(directory);
  const native = loadNative();
  const resolved = resolveOptions(options, native.constants);
  let settle: (failure: Failure | undefined) => void = () => {};
  const opened = new Promise<Failure | undefined>((done) => {
    settle = done;
  });
  const engine = new Engine(native, path, resolved, describeThisProcess(), (failure) => settle(failure));
  const failure = await opened;
  if (failure === undefined) return new Log(engine, toRecoveryReport(engine.recovery()));
  const report = failure.code === 'CORRUPT' ? toRecoveryReport(engine.recovery()) : undefined;
  engine.release();
  throw failure.code === 'OPTIONS_MISMATCH' ? mismatch(failure, resolved) : toError(failure, report);
}

function mismatch(failure: Failure, options: ResolvedOptions): SeglogError {
  const differences = compareTerms(failure.detail, options);
  const message = `${failure.message}: ${differences.map(({ text }) => text).join('; ')}`;
  return new SeglogError(failure.code, message, { ...failure, differs: differences.map(({ name }) => name) });
}

function directoryPath(directory: unknown): string {
  const path = directory instanceof URL ? pathOfUrl(directory) : directory;
  if (typeof path !== 'string') throw typeError(expectedMessage('a path or a file URL', 'directory', path));
  if (path === '' || path.includes('\0')) {
    throw typeError(expectedMessage('a path that is not empty and has no null bytes', 'directory', path));
  }
  checkWellFormed(path, 'directory');
  return resolve(path);
}

function pathOfUrl(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw typeError(expectedMessage('a path or a file URL', 'directory', url.href), error);
  }
}
