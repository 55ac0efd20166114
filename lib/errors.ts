// SPDX-License-Identifier: MIT
// What operating failures look like in JavaScript. The list of codes is the core's
// (native/core/base/error_codes.def); a test compares the two.

import type { RecoveryReport } from './report.js';

/** Every code that a {@link SeglogError} can have. Codes are part of the API; messages are not. */
export const ERROR_CODES = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'EXISTS',
  'NOT_A_LOG',
  'FORMAT_UNSUPPORTED',
  'LOCKED',
  'CORRUPT',
  'IO_ERROR',
  'NO_SPACE',
  'PERMISSION',
  'READ_ONLY',
  'CLOSED',
  'FAILED',
  'QUEUE_FULL',
  'TOO_LARGE',
  'UNSUPPORTED',
] as const;

/** One of the codes of `docs/architecture.md`, "Errors". */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** A failure as it crosses from the addon. `errno` 0 and empty strings: no system call was involved. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string;
}

/**
 * An operation failed: the disk, another process or the state of the log is the reason, not the arguments (those
 * throw `TypeError` and `RangeError`). Decide by `code`; messages change.
 */
export class SeglogError extends Error {
  override readonly name: string = 'SeglogError';
  /** What went wrong. */
  readonly code: ErrorCode;
  /** The operating system's error number, where a system call failed. */
  readonly errno: number | undefined;
  /** The system call that failed. */
  readonly syscall: string | undefined;
  /** The file or directory concerned. */
  readonly path: string | undefined;
  /** With code `CORRUPT` from {@link openLog}: what was found, and where. */
  readonly report: RecoveryReport | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details?: Partial<Failure> & { readonly report?: RecoveryReport; readonly cause?: unknown },
  ) {
    super(message, details?.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.errno = details?.errno || undefined;
    this.syscall = details?.syscall || undefined;
    this.path = details?.path || undefined;
    this.report = details?.report;
  }
}

/** Makes the error of a failure that the addon reported. Call it where the caller is on the stack. */
export function toError(failure: Failure, report?: RecoveryReport): SeglogError {
  return new SeglogError(failure.code, failure.message, report === undefined ? failure : { ...failure, report });
}

/** The log does not take a call, or an answer will never come, because it is closed. */
export const CLOSED: Failure = { code: 'CLOSED', message: 'The log is closed', errno: 0, syscall: '', path: '' };

/** As {@link toError}, of {@link CLOSED}. */
export function closedError(): SeglogError {
  return toError(CLOSED);
}
