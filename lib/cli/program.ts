// SPDX-License-Identifier: MIT
// The command line as a whole: its commands, and how each of its ends becomes an exit code.

import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addBench } from './bench.js';
import { EXIT } from './exit-codes.js';
import { CliError, type Failure, failureLine, failureOf } from './failure.js';
import { addHexdump } from './hexdump.js';
import { addInfo } from './info.js';
import { addIngest } from './ingest.js';
import { addLs } from './ls.js';
import { BrokenPipe } from './output.js';
import { addRead } from './read.js';
import { Session } from './session.js';
import { addTail } from './tail.js';
import { addVerify } from './verify.js';

const EXIT_CODES_HELP = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 damage found,
5 locked by a writer, 6 not a log (of this version), 7 bad input,
130 interrupted (SIGINT), 143 terminated (SIGTERM).
Failures are one line on standard error; SEGLOG_DEBUG=1 adds the stack.`;

/** Runs a command line, without the two words in front, and resolves with its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const session = new Session();
  const program = makeProgram(session);
  let failure: unknown;
  try {
    checkEncoding(args);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    failure = error;
  }
  try {
    // What was printed comes before the failure, and is no reason to leave it out.
    await session.out.flush();
  } catch (error) {
    failure = isSilent(failure) ? error : failure;
  }
  if (isSilent(failure)) return session.exitCode;
  const name = program.commands.find((command) => command.name() === args[0])?.name();
  return fail(session, failureOf(failure, name), failure, args.includes('--json'));
}

/** No failure: done, asked for help or the version, or whoever read the output has gone. */
function isSilent(failure: unknown): boolean {
  if (failure instanceof CommanderError) return failure.exitCode === EXIT.ok;
  return failure === undefined || failure instanceof BrokenPipe;
}

/**
 * Node decodes arguments as UTF-8 and puts U+FFFD in the place of bytes that are none: another key, or directory, than
 * was given. Where the kernel does not show the bytes, U+FFFD is taken for what was meant.
 */
function checkEncoding(args: readonly string[]): void {
  if (!args.some((arg) => arg.includes('\ufffd'))) return;
  let given: Buffer;
  try {
    given = readFileSync('/proc/self/cmdline');
  } catch {
    return;
  }
  if (isUtf8(given)) return;
  throw new CliError('USAGE', 'an argument is not UTF-8', '--key-hex takes the bytes of a key in hexadecimal');
}

function makeProgram(session: Session): Command {
  const program = new Command('seglog')
    .description('Look at and write into seglog logs.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('after', EXIT_CODES_HELP)
    .exitOverride()
    // The failure is printed by fail(); help is output like any other, and fails like it.
    .configureOutput({ outputError: () => {}, writeOut: (text) => void session.out.put(text) });
  addIngest(program, session);
  addLs(program, session);
  addInfo(program, session);
  addRead(program, session);
  addTail(program, session);
  addVerify(program, session);
  addHexdump(program, session);
  addBench(program, session);
  return program;
}

async function fail(session: Session, failure: Failure, error: unknown, json: boolean): Promise<number> {
  try {
    await session.note(failureLine(failure, json));
    if (process.env.SEGLOG_DEBUG && error instanceof Error) await session.note(error.stack ?? '');
  } catch {
    // Nobody reads what we print: the exit code says it.
  }
  return failure.exitCode;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return hasVersion ? String(manifest.version) : 'unknown';
}
