// SPDX-License-Identifier: MIT
// The exit codes of the command line: the one list. docs/cli.md has the same table, and a test compares the two.

import type { ErrorCode } from '../index.js';

/** Exit codes by name. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  damaged: 4,
  locked: 5,
  notALog: 6,
  badInput: 7,
  interrupted: 130,
  terminated: 143,
} as const;

/** Codes of failures that only the command line has; the others are those of `SeglogError`. */
export type CliErrorCode = 'USAGE' | 'BAD_INPUT' | 'INTERRUPTED' | 'TERMINATED' | 'INTERNAL';

/** The exit code for a failure. Codes that are not listed are plain failures. */
export function exitCodeOf(code: ErrorCode | CliErrorCode): number {
  return EXIT_BY_CODE[code] ?? EXIT.failure;
}

const EXIT_BY_CODE: Readonly<Partial<Record<ErrorCode | CliErrorCode, number>>> = {
  USAGE: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  CORRUPT: EXIT.damaged,
  LOCKED: EXIT.locked,
  NOT_A_LOG: EXIT.notALog,
  FORMAT_UNSUPPORTED: EXIT.notALog,
  BAD_INPUT: EXIT.badInput,
  TOO_LARGE: EXIT.badInput,
  INTERRUPTED: EXIT.interrupted,
  TERMINATED: EXIT.terminated,
};
