// SPDX-License-Identifier: MIT
// What the log asks of the file system beyond `fs`: whole writes, durable names, O_DIRECT where it is to be had, and the
// lock as far as JavaScript can take it.

import fs from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const openFile = promisify(fs.open);
export const closeFile = promisify(fs.close);
export const syncData = promisify(fs.fdatasync);
export const renameFile = promisify(fs.rename);
export const unlinkFile = promisify(fs.unlink);
const syncFile = promisify(fs.fsync);
const writeSome = promisify(fs.write);
const makeOne = promisify(fs.mkdir);

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export class JsLogError extends Error {
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'JsLogError';
    this.code = code;
  }
}

/** `bytes` of the buffer at `position`; resolves when all of them are written. */
export async function writeAt(fd, buffer, bytes, position) {
  for (let done = 0; done < bytes; ) {
    const { bytesWritten } = await writeSome(fd, buffer, done, bytes - done, position + done);
    if (bytesWritten === 0) throw new Error('write wrote nothing');
    done += bytesWritten;
  }
}

/** Opens with O_DIRECT, or without it where the file system refuses it. `flags` beside O_WRONLY. */
export async function openForWriting(path, flags = 0) {
  const { O_WRONLY, O_DIRECT = 0 } = fs.constants;
  try {
    return await openFile(path, O_WRONLY | O_DIRECT | flags, FILE_MODE);
  } catch (error) {
    if (error.code !== 'EINVAL') throw error;
    return await openFile(path, O_WRONLY | flags, FILE_MODE);
  }
}

export async function syncDirectory(path) {
  const fd = await openFile(path, 'r');
  try {
    await syncFile(fd);
  } finally {
    await closeFile(fd);
  }
}

/** Makes a directory, and its entry durable. One that is there already is synced all the same: its maker may have died. */
export async function makeDirectory(path) {
  try {
    await makeOne(path, DIRECTORY_MODE);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  await syncDirectory(dirname(path));
}

/** A small file, durable under its name in one step. */
export async function replaceFile(directory, name, bytes) {
  const temporary = join(directory, 'CATALOG.tmp');
  const fd = await openFile(temporary, 'w', FILE_MODE);
  try {
    await writeAt(fd, bytes, bytes.length, 0);
    await syncFile(fd);
  } finally {
    await closeFile(fd);
  }
  await renameFile(temporary, join(directory, name));
  await syncDirectory(directory);
}

/** Directories that this process has open with this writer. */
const openHere = new Set();

/**
 * Writes LOCK. JavaScript has no flock: this keeps out a second log of this kind, and sees in /proc/locks whether a native
 * writer holds the file; but it cannot keep a native writer out that comes later.
 */
export function takeLock(directory) {
  const path = join(directory, 'LOCK');
  const fd = fs.openSync(path, 'a+', FILE_MODE);
  try {
    const inode = fs.fstatSync(fd).ino;
    const text = fs.readFileSync(fd, 'latin1');
    const locks = fs.existsSync('/proc/locks') ? fs.readFileSync('/proc/locks', 'latin1') : '';
    const here = openHere.has(fs.realpathSync(directory));
    const held = locks.split('\n').some((line) => line.includes('FLOCK') && line.includes(`:${inode} `));
    if (here || held || isRunning(text))
      throw new JsLogError('LOCKED', `${path} says that the log is open: ${text.trim()}`);
    const started = new Date().toISOString();
    fs.ftruncateSync(fd);
    fs.writeSync(fd, `pid=${process.pid}\nhost=${hostname()}\nstarted=${started}\n`);
  } finally {
    fs.closeSync(fd);
  }
  openHere.add(fs.realpathSync(directory));
}

/** An empty LOCK is nobody's. */
export function releaseLock(directory) {
  fs.truncateSync(join(directory, 'LOCK'));
  openHere.delete(fs.realpathSync(directory));
}

/** Whether another process that runs, or may run on another host, wrote the text. */
function isRunning(text) {
  const pid = Number(/^pid=(\d+)$/m.exec(text)?.[1] ?? 0);
  const host = /^host=(.*)$/m.exec(text)?.[1];
  if (pid === 0) return false;
  if (host !== hostname()) return true;
  // A native log that this process closed leaves the process's own id behind.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}
