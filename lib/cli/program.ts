// SPDX-License-Identifier: MIT
// The command line as a whole: its commands, and how each of its ends becomes an exit code.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addBench } from './bench.js';
import { EXIT } from './exit-codes.js';
import { type Failure, failureLine, failureOf } from './failure.js';
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
5 locked by a writer, 6 not a log (of this version), 7 bad input, 130 interrupted.
Failures are one line on standard error; SEGLOG_DEBUG=1 adds the stack.`;

/** Runs a command line, without the two words in front, and resolves with its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const session = new Session();
  const program = makeProgram(session);
  try {
    await program.parseAsync(args, { from: 'user' });
    await session.out.flush();
    return session.exitCode;
  } catch (error) {
    const name = program.commands.find((command) => command.name() === args[0])?.name();
    return fail(session, failureOf(error, name), error, args.includes('--json'));
  }
}

function makeProgram(session: Session): Command {
  const program = new Command('seglog')
    .description('Look at and write into seglog logs.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('after', EXIT_CODES_HELP)
    .exitOverride()
    // The failure is printed by fail().
    .configureOutput({ outputError: () => {} });
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

async function fail(session: Session, failure: Failure | undefined, error: unknown, json: boolean): Promise<number> {
  if (error instanceof BrokenPipe) return session.exitCode;
  if (failure === undefined) return EXIT.ok;
  try {
    // What was printed before comes before the failure.
    await session.out.flush();
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
