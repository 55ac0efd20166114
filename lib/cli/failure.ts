// SPDX-License-Identifier: MIT
// Failures as the command line shows them: one line on standard error with a code, a message and what to do next, and
// an exit code. Never a stack, unless SEGLOG_DEBUG is set.

import { CommanderError } from 'commander';
import { hintOf } from '../errors.js';
import { type ErrorCode, type Misuse, SeglogError } from '../index.js';
import { type CliErrorCode, EXIT, exitCodeOf } from './exit-codes.js';
import { jsonLine, oneLine } from './output.js';
import { escapeText } from './text.js';

export interface Failure {
  readonly code: ErrorCode | CliErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: number;
}

/** A failure that the command line itself finds, or says more about. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly code: ErrorCode | CliErrorCode;
  readonly hint: string | undefined;

  /** Without a hint of its own it has its code's. */
  constructor(code: ErrorCode | CliErrorCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** What ended a command. `name` is the command's. */
export function failureOf(error: unknown, name: string | undefined): Failure {
  if (error instanceof CommanderError) return usageFailure(error, name);
  const { code, message, hint } = describe(error, name);
  return { code, message, hint, exitCode: exitCodeOf(code) };
}

/** The same failure, with the place in the input that it concerns, and with more to say behind it. */
export function failureAt(place: string, error: unknown, more: string, hint?: string): CliError {
  const failure = describe(error, undefined);
  const placed = new CliError(failure.code, `${place}: ${failure.message}${more}`, hint ?? failure.hint);
  if (error instanceof Error && error.stack !== undefined) placed.stack = error.stack;
  return placed;
}

/** The line for standard error. */
export function failureLine(failure: Failure, json: boolean): string {
  const message = oneLine(failure.message);
  const hint = oneLine(failure.hint);
  if (json) return jsonLine({ error: { code: failure.code, message, hint, exitCode: failure.exitCode } });
  return `seglog: ${failure.code}: ${message} (${hint})`;
}

/** What to do about codes that only the command line has. */
const OWN_HINTS: Readonly<Record<Exclude<CliErrorCode, 'USAGE'>, string>> = {
  BAD_INPUT: 'mend the line and go on with it: those before it are stored',
  INTERRUPTED: 'run it again',
  TERMINATED: 'run it again',
  INTERNAL: 'SEGLOG_DEBUG=1 shows the stack',
};

/** A system call without a path was on a stream that was there before us. */
const STREAM_HINT = 'standard output or input failed, not the log';

/** Ways of the command line, beside the hints of the library. */
const OWN_WAYS: Readonly<Partial<Record<ErrorCode, string>>> = {
  CORRUPT: "'seglog verify' lists all damage; --skip-damage reads around it",
};

function describe(error: unknown, name: string | undefined): Omit<Failure, 'exitCode'> {
  if (error instanceof CliError) {
    return { code: error.code, message: error.message, hint: error.hint ?? hintFor(error.code, name) };
  }
  if (error instanceof SeglogError) {
    return { code: error.code, message: messageOf(error), hint: hintFor(error.code, name) };
  }
  if (isMisuse(error)) return { code: 'INVALID_ARGUMENT', message: error.message, hint: error.hint };
  if (isSystemError(error)) {
    const hint = error.path === undefined ? STREAM_HINT : hintOf('IO_ERROR');
    return { code: 'IO_ERROR', message: error.message, hint };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'INTERNAL', message, hint: OWN_HINTS.INTERNAL };
}

function hintFor(code: ErrorCode | CliErrorCode, name: string | undefined): string {
  if (code === 'USAGE') return `see 'seglog ${name === undefined ? '' : `${name} `}--help'`;
  if (isOwnCode(code)) return OWN_HINTS[code];
  const way = OWN_WAYS[code];
  return way === undefined ? hintOf(code) : `${hintOf(code)} ${way}`;
}

function isOwnCode(code: ErrorCode | CliErrorCode): code is keyof typeof OWN_HINTS {
  return Object.hasOwn(OWN_HINTS, code);
}

// The core's message says what; the path, where there is one, says which. Several lines are put into one.
function messageOf({ message, path }: SeglogError): string {
  const shown = path === undefined ? '' : escapeText(path);
  const text = path === undefined || path === '' ? message : message.replaceAll(path, shown);
  const line = text.replace(/\s*\n\s*/g, ' ').trim();
  return line.includes(shown) ? line : `${line}: ${shown}`;
}

function usageFailure(error: CommanderError, name: string | undefined): Failure {
  // Without a command the help was printed, which says it all.
  const message =
    error.code === 'commander.help'
      ? 'a command is missing'
      : error.message.replace(/^error: /, '').replace(/\n(?=\(Did you mean)/, ' ');
  return { code: 'USAGE', message, hint: hintFor('USAGE', name), exitCode: EXIT.usage };
}

function isMisuse(error: unknown): error is Error & Misuse {
  return error instanceof Error && 'code' in error && error.code === 'INVALID_ARGUMENT' && 'hint' in error;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
