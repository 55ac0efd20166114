// SPDX-License-Identifier: MIT
// Compiled, not run.
import { type Log, type LogRecord, openLog, SeglogError } from 'seglog';

export async function firstOf(directory: string): Promise<LogRecord | undefined> {
  await using log: Log = await openLog(directory, { durability: 'sync' });
  const { seq } = await log.append('orders', 'one');
  // @ts-expect-error: the types are there and refuse what is wrong.
  const wrong: string = seq;
  return log.stream('orders').get(Number(wrong));
}

export function isLocked(error: unknown): boolean {
  return error instanceof SeglogError && error.code === 'LOCKED';
}
