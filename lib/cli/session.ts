// SPDX-License-Identifier: MIT
// One run of the command line: its output, its exit code, and the log that a command works on.

import { styleText } from 'node:util';
import { type Log, openLog, SeglogError } from '../index.js';
import { damageLine, distinct } from './damage-line.js';
import { EXIT } from './exit-codes.js';
import { CliError } from './failure.js';
import { jsonDamage } from './json.js';
import { jsonLine, Output } from './output.js';

export type Style = 'bold' | 'dim' | 'red';

/** What the commands share. */
export class Session {
  readonly out: Output = new Output(process.stdout);
  readonly err: Output = new Output(process.stderr);
  /** What the process will exit with, unless the command fails. */
  exitCode = 0;

  /** Colours text for standard output, where that is a terminal that takes it. */
  style(style: Style, text: string): string {
    return this.out.colours ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Prints a line that is no result to standard error. */
  async note(text: string): Promise<void> {
    await this.err.line(text);
    await this.err.flush();
  }
}

export interface ReadLogOptions {
  readonly json: boolean;
  /** Read around damage instead of failing with CORRUPT. */
  readonly skipDamage: boolean;
}

/** Opens a log to read it and closes it when `use` has ended. Damage that was passed over is reported then. */
export async function withLog(
  session: Session,
  directory: string,
  options: ReadLogOptions,
  use: (log: Log) => Promise<void>,
): Promise<void> {
  const log = await openToRead(directory, options.skipDamage);
  try {
    await use(log);
  } finally {
    await log.close();
  }
  for (const damage of distinct([...log.recovery.damage, ...log.damage])) {
    session.exitCode = EXIT.damaged;
    await session.note(
      options.json ? jsonLine({ damage: jsonDamage(damage) }) : `seglog: damage: ${damageLine(damage)}`,
    );
  }
}

/** Opens a log to read it, with a clearer message where there is none. */
export async function openToRead(directory: string, skipDamage: boolean): Promise<Log> {
  try {
    return await openLog(directory, { readOnly: true, onCorruption: skipDamage ? 'skip' : 'fail' });
  } catch (error) {
    if (error instanceof SeglogError && error.code === 'NOT_FOUND') {
      throw new CliError('NOT_FOUND', `no log at ${directory}`, "'seglog ingest' makes a log");
    }
    throw error;
  }
}
