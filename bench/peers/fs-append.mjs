// SPDX-License-Identifier: MIT
// The first thing one writes by hand: each append is a write and an fdatasync of its own, over fs.promises.
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NotSupported } from '../harness/not-supported.mjs';

export const about = { setting: 'fs.promises: a write and a datasync per append', durable: true };

export async function open(directory, { keys, syncEvery }) {
  if (keys > 1 || syncEvery !== undefined) throw new NotSupported('one stream, each append synced');
  const file = await openFile(join(directory, 'log'), 'wx');
  let position = 0;
  return {
    async append(_, data) {
      const at = position;
      position += data.length;
      await file.write(data, 0, data.length, at);
      await file.datasync();
    },
    close: () => file.close(),
  };
}
