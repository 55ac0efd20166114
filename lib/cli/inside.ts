// SPDX-License-Identifier: MIT
// Files of a log that the command line looks at itself. As the library does, it follows no link inside the log.

import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from './failure.js';

/** Calls `use` with the file, open for reading. Rejects with NOT_A_LOG where a link stands in its path. */
export async function withFileInside<T>(
  directory: string,
  file: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const path = join(await realpath(directory), file);
  if ((await realpath(path)) !== path) throw new CliError('NOT_A_LOG', `a symbolic link stands in the path: ${file}`);
  // A FIFO would wait for somebody to write.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** The bytes from `offset` on, fewer where the file ends. */
export async function bytesAt(handle: FileHandle, offset: number, count: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, offset);
  return buffer.subarray(0, bytesRead);
}
