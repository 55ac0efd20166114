// SPDX-License-Identifier: MIT
// The text of the LOCK file: written by the process that has a log open, read by whoever is refused with LOCKED. It
// only informs, the lock itself is the kernel's; so whatever else stands in the file is no holder, and no failure.

import { hostname } from 'node:os';

/** The process that has a log open, as it described itself. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When that process started. */
  readonly startedAt: Date;
}

const HOST_CHARACTERS_MAX = 255;

/** What this process writes into the LOCK file. */
export function describeThisProcess(): string {
  const started = new Date(Date.now() - process.uptime() * 1000).toISOString();
  return `pid=${process.pid}\nhost=${hostname()}\nstarted=${started}\n`;
}

/** The holder that a LOCK file's text describes, or undefined where it describes none. */
export function parseLockHolder(text: string): LockHolder | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) fields.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const pidText = fields.get('pid') ?? '';
  const host = fields.get('host') ?? '';
  const startedAt = new Date(fields.get('started') ?? '');
  const pid = /^\d{1,10}$/.test(pidText) ? Number(pidText) : 0;
  const isHolder = pid > 0 && host !== '' && host.length <= HOST_CHARACTERS_MAX && !Number.isNaN(startedAt.getTime());
  return isHolder ? { pid, host, startedAt } : undefined;
}
