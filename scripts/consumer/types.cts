// SPDX-License-Identifier: MIT
// Compiled, not run.
import seglog = require('seglog');

export async function lastLsn(directory: string): Promise<number> {
  const log: seglog.Log = await seglog.openLog(directory);
  const { lsn } = await log.append('orders', 'one');
  // @ts-expect-error: the types are there and refuse what is wrong.
  const wrong: string = lsn;
  await log.close();
  return Number(wrong);
}
