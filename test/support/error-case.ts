// SPDX-License-Identifier: MIT
// Runs the cases of error-case.mjs: each in a process of its own, in a mount namespace of its own where it needs a disk
// to fill, with a library before libc where it needs a device that fails.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { startChild, supportPath } from './child.js';
import { temporaryDirectory } from './directory.js';

/** What was thrown, and what the log was like then: a word of docs/errors.md. */
export interface Met {
  readonly error: { readonly name: string; readonly code: unknown; readonly hint: unknown; readonly docs: unknown };
  readonly afterwards: string;
}

interface Surroundings {
  /** Gives the case a file system of this size, which it may fill or remount. */
  readonly diskBytes?: number;
  /** "<read|write|sync> <errno> <part of the path>": what fails, when the case says so. */
  readonly fault?: string;
}

/** What the case meets. Skips the test, and says why, where this machine does not let it mount a file system. */
export async function meetInChild(context: TestContext, name: string, surroundings: Surroundings = {}): Promise<Met> {
  const directory = temporaryDirectory();
  const { diskBytes, fault } = surroundings;
  const variables = fault === undefined ? [] : faultVariables(fault);
  const script = ['env', ...variables, process.execPath, supportPath('error-case.mjs'), name, directory];
  if (diskBytes !== undefined && !canMount()) context.skip('this machine does not permit mounting a file system');
  const command = diskBytes === undefined ? script : onDisk(diskBytes, directory, script);
  const [program = '', ...args] = command;
  const exit = await startChild(program, args).exit;
  if (exit.code !== 0) throw new Error(`case ${name} failed: ${exit.stderr}`);
  return JSON.parse(exit.reports);
}

/** A command that has a file system of its own, of this size, in the directory. */
export function onDisk(bytes: number, directory: string, command: readonly string[]): string[] {
  // Without being root, as root of a user namespace.
  const namespaces = process.getuid?.() === 0 ? ['-m'] : ['-U', '-r', '-m'];
  const mount = `mount -t tmpfs -o mode=0777,size=${bytes} none "$0" && exec "$@"`;
  return ['unshare', ...namespaces, 'sh', '-c', mount, directory, ...command];
}

let mountable: boolean | undefined;

/** Whether `onDisk` works on this machine. */
export function canMount(): boolean {
  if (mountable !== undefined) return mountable;
  const [program = '', ...args] = onDisk(65_536, temporaryDirectory(), ['true']);
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    mountable = true;
  } catch {
    mountable = false;
  }
  return mountable;
}

function faultVariables(fault: string): string[] {
  const directory = temporaryDirectory();
  const library = join(directory, 'fault-shim.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, supportPath('fault-shim.c'), '-ldl']);
  return [`LD_PRELOAD=${library}`, `SEGLOG_FAULT=${fault}`, `SEGLOG_FAULT_WHEN=${join(directory, 'trigger')}`];
}
