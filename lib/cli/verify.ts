// SPDX-License-Identifier: MIT
// seglog verify: every checksum of a log.

import type { Command } from 'commander';
import { type Damage, type Log, SeglogError, type VerifyProgress, type VerifyReport } from '../index.js';
import { withDirectory, withJson } from './arguments.js';
import { damageLine, distinct } from './damage-line.js';
import { EXIT } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { jsonDamage } from './json.js';
import { jsonLine } from './output.js';
import { Progress } from './progress.js';
import { openToRead, type Session } from './session.js';
import { escapeText } from './text.js';
import { countOf, formatBytes, formatSeconds, roundSeconds } from './units.js';

interface VerifyOptions {
  readonly json: boolean;
}

interface Verified extends VerifyReport {
  readonly seconds: number;
}

export function addVerify(program: Command, session: Session): void {
  withJson(withDirectory(program.command('verify')))
    .description('Check every checksum of a log, and list all damage.')
    .addHelpText('after', '\nExample:\n  $ seglog verify ./data && echo sound')
    .action((directory: string, options: VerifyOptions) => verify(session, directory, options));
}

async function verify(session: Session, directory: string, options: VerifyOptions): Promise<void> {
  const interruption = new Interruption();
  try {
    const report = await verifyDirectory(directory, interruption.signal);
    if (options.json) await session.out.line(jsonLine(jsonReport(directory, report)));
    else await printReport(session, directory, report);
    if (report.damage.length > 0) session.exitCode = EXIT.damaged;
  } catch (error) {
    throw interruption.failure('not everything was verified') ?? error;
  } finally {
    interruption.end();
  }
}

async function verifyDirectory(directory: string, signal: AbortSignal): Promise<Verified> {
  const startMs = performance.now();
  const seconds = () => (performance.now() - startMs) / 1000;
  let log: Log;
  try {
    log = await openToRead(directory, true);
  } catch (error) {
    // Without a catalogue nothing says what to verify: what opening found is the report.
    const damage = damageOf(error);
    return { segments: 0, sealedSegments: 0, bytes: 0, records: 0, damage, damageOmitted: 0, seconds: seconds() };
  }
  const progress = new Progress(log.streams().reduce((total, stream) => total + stream.bytes, 0));
  try {
    const onProgress = (state: VerifyProgress) => progress.update(state.bytesDone, state.bytesTotal);
    const report = await log.verify({ signal, onProgress });
    return { ...report, damage: distinct([...log.recovery.damage, ...report.damage]), seconds: seconds() };
  } finally {
    progress.end();
    await log.close();
  }
}

function damageOf(error: unknown): readonly Damage[] {
  if (error instanceof SeglogError && error.report !== undefined && error.report.damage.length > 0) {
    return error.report.damage;
  }
  throw error;
}

function jsonReport(directory: string, report: Verified): object {
  const { segments, sealedSegments, bytes, records, damage, damageOmitted } = report;
  const status = damage.length === 0 ? 'sound' : 'damaged';
  const seconds = roundSeconds(report.seconds);
  const listed = { damage: damage.map(jsonDamage), damageOmitted };
  return { directory, status, segments, sealedSegments, bytes, records, seconds, ...listed };
}

async function printReport(session: Session, directory: string, report: Verified): Promise<void> {
  const { segments, sealedSegments, bytes, records, damage, damageOmitted, seconds } = report;
  const what = `${countOf(segments, 'segment')} (${sealedSegments} sealed), ${countOf(records, 'record')}`;
  const rate = `${formatBytes(bytes)} in ${formatSeconds(seconds)}, ${formatBytes(bytes / seconds)}/s`;
  await session.out.line(`${escapeText(directory)}: ${what}, ${rate}`);
  for (const one of damage) await session.out.line(`${session.style('red', 'damage')}  ${damageLine(one)}`);
  const places = countOf(damage.length + damageOmitted, 'damaged place');
  await session.out.line(damage.length === 0 ? 'No damage.' : session.style('red', `${places}.`));
}
