// SPDX-License-Identifier: MIT
// The command line as users run it: the built executable in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The executable's path. */
export const CLI_PATH: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly process: ChildProcess;
  readonly exit: Promise<CliExit>;
  /** Resolves with standard output so far when it contains `text`; rejects when the process ends before. */
  output(text: string): Promise<string>;
  /** Writes to standard input. */
  write(text: string): void;
  /** Ends standard input. */
  end(): void;
}

/** Starts a command, which is killed when the test ends. Its standard input stays open until `end`. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): CliProcess {
  const child = spawn(process.execPath, [CLI_PATH, ...args], { env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    child.emit('output');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A command may end without reading all of it.
  child.stdin.on('error', () => {});
  const exit = new Promise<CliExit>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      child.emit('output');
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    process: child,
    exit,
    output: async (text) => {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null) throw new Error(`Ended with ${child.exitCode} before "${text}": ${stderr}`);
        await once(child, 'output');
      }
      return stdout;
    },
    write: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
  };
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], input = '', env?: Readonly<Record<string, string>>): Promise<CliExit> {
  const cli = startCli(args, env);
  cli.process.stdin?.end(input);
  return cli.exit;
}

/** The objects that `--json` printed, one per line. */
export function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}

/** Runs a shell command on a terminal of so many columns; standard output and error as it shows them. */
export async function onTerminal(columns: number, command: string): Promise<{ code: number | null; text: string }> {
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 24; ${command}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, text: text.replaceAll('\r\n', '\n') };
}
