// SPDX-License-Identifier: MIT
// Child processes for tests. They run the built package (dist/), as users do.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The path of a script in this folder. */
export function supportPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/**
 * Options for a Node process in which worker threads are terminated. While one ends, Node 20 has already unregistered it
 * from the platform when the compiler's thread, if it meets the limit of the heap just then, asks the platform for it,
 * and the process aborts ("Assertion failed: (data.first) != nullptr"). https://github.com/nodejs/node/pull/31853 names
 * the window.
 */
export const THREADS_MAY_BE_TERMINATED: readonly string[] = ['--no-concurrent-recompilation'];

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What the child wrote to descriptor 3. */
  readonly reports: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
  /** Resolves when the child has written its first report, or has ended. */
  readonly firstReport: Promise<void>;
}

/** Starts a program with pipes for output and for reports on descriptor 3. Rejects `exit` when it cannot be started. */
export function startChild(command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const texts = ['', '', ''];
  let reported: () => void = () => {};
  const firstReport = new Promise<void>((resolve) => {
    reported = resolve;
  });
  for (const [index, stream] of [child.stdout, child.stderr, child.stdio[3]].entries()) {
    if (stream === null || stream === undefined || !('setEncoding' in stream)) throw new Error('no pipe');
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      texts[index] += chunk;
      if (index === 2) reported();
    });
  }
  const exit = new Promise<Exit>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const [stdout = '', stderr = '', reports = ''] = texts;
      reported();
      resolve({ code, signal, stdout, stderr, reports });
    });
  });
  return { process: child, exit, firstReport };
}

/** Runs a module's source to its end with the built package as `openLog`. */
export function runModule(source: string, args: readonly string[]): Promise<Exit> {
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const program = `import { openLog } from ${JSON.stringify(dist)};\n${source}`;
  return startChild(process.execPath, [...THREADS_MAY_BE_TERMINATED, '--input-type=module', '--eval', program, ...args])
    .exit;
}
