// SPDX-License-Identifier: MIT
// Failures as the command line shows them: one line on standard error with a code, a message and what to do next, and
// an exit code. Never a stack, unless SEGLOG_DEBUG is set.

import { CommanderError } from 'commander';
import { type ErrorCode, SeglogError } from '../index.js';
import { type CliErrorCode, EXIT, exitCodeOf } from './exit-codes.js';
import { jsonLine, oneLine } from './output.js';

export interface Failure {
  readonly code: ErrorCode | CliErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
}

/** A failure that the command line itself finds. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly code: ErrorCode | CliErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode | CliErrorCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** What ended a command, or undefined where it only asked for help or the version. `name` is the command's. */
export function failureOf(error: unknown, name: string | undefined): Failure | undefined {
  if (error instanceof CommanderError) return usageFailure(error, name);
  if (error instanceof CliError || error instanceof SeglogError) {
    const hint = error instanceof CliError ? error.hint : HINTS[error.code];
    return { code: error.code, message: messageOf(error), hint, exitCode: exitCodeOf(error.code) };
  }
  if (isSystemError(error)) {
    return { code: 'IO_ERROR', message: error.message, hint: undefined, exitCode: EXIT.failure };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'INTERNAL', message, hint: 'SEGLOG_DEBUG=1 shows the stack', exitCode: EXIT.failure };
}

/** The line for standard error. */
export function failureLine(failure: Failure, json: boolean): string {
  const message = oneLine(failure.message);
  const hint = failure.hint === undefined ? undefined : oneLine(failure.hint);
  if (json) return jsonLine({ error: { code: failure.code, message, hint: hint ?? null, exitCode: failure.exitCode } });
  return `seglog: ${failure.code}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  NOT_FOUND: "'seglog ingest' makes a log where there is none",
  LOCKED: 'that process has to close the log first',
  NOT_A_LOG: 'give the directory that holds CATALOG and journal/',
  FORMAT_UNSUPPORTED: 'a newer release of seglog wrote it',
  CORRUPT: "'seglog verify' lists all damage; --skip-damage reads around it",
  NO_SPACE: 'make room and repeat the command',
  PERMISSION: 'run it as the user to whom the log belongs',
};

// The core's message says what; the path, where there is one, says which.
function messageOf(error: CliError | SeglogError): string {
  if (!(error instanceof SeglogError) || error.path === undefined || error.message.includes(error.path)) {
    return error.message;
  }
  return `${error.message}: ${error.path}`;
}

function usageFailure(error: CommanderError, name: string | undefined): Failure | undefined {
  if (error.exitCode === 0) return undefined;
  // Without a command the help was printed, which says it all.
  const message = error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
  return {
    code: 'USAGE',
    message,
    hint: `see 'seglog ${name === undefined ? '' : `${name} `}--help'`,
    exitCode: EXIT.usage,
  };
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
