// SPDX-License-Identifier: MIT
// Runs a script of this folder under strace and gives back its system calls in order. Fails where strace is missing:
// a promise about writes and syncs that is not looked at is none.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, supportPath } from './child.js';
import { temporaryDirectory } from './directory.js';

export interface SystemCall {
  readonly name: string;
  /** As strace prints them, with paths behind descriptors and bytes in hex. */
  readonly args: string;
  readonly result: number;
  /** Lines of the trace in which it was entered and left: an order over all threads. */
  readonly entered: number;
  readonly left: number;
}

const CALLS = 'write,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,syncfs,openat,openat2,io_uring_enter';

/** The calls of `script` and of all its threads, up to `bytesShown` of each buffer. */
export async function traceScript(script: string, args: readonly string[], bytesShown: number): Promise<SystemCall[]> {
  const output = join(temporaryDirectory(), 'trace');
  const options = ['-f', '-y', '-xx', '-s', String(bytesShown), '-e', `trace=${CALLS}`, '-o', output];
  const child = startChild('strace', [...options, process.execPath, supportPath(script), ...args]);
  const exit = await child.exit.catch((error: Error) => {
    throw new Error(`This test needs strace: install it (Debian, Ubuntu: apt-get install strace). ${error.message}`);
  });
  if (exit.code !== 0) throw new Error(`strace or the script failed (${exit.code}): ${exit.stderr}`);
  return parseTrace(readFileSync(output, 'utf8'));
}

/** The text of a buffer that strace printed in hex: "\x61\x62" is "ab". */
export function unhex(printed: string): Buffer {
  return Buffer.from(printed.replaceAll('\\x', ''), 'hex');
}

// Lines are "<thread> name(args) = result", or in two parts: "… <unfinished ...>" and "<... name resumed>…".
function parseTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { readonly entered: number; readonly text: string }>();
  for (const [line, content] of text.split('\n').entries()) {
    const match = /^(\d+) +(.*)$/.exec(content);
    const [, thread = '', rest = ''] = match ?? [];
    const open = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (open !== null) {
      unfinished.set(thread, { entered: line, text: open[1] ?? '' });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const begun = resumed === null ? undefined : unfinished.get(thread);
    const whole = resumed === null ? rest : `${begun?.text ?? ''}${resumed[1] ?? ''}`;
    const call = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole);
    if (call === null) continue;
    const [, name = '', args = '', result = ''] = call;
    calls.push({ name, args, result: Number(result), entered: begun?.entered ?? line, left: line });
  }
  return calls;
}
