// SPDX-License-Identifier: MIT
// What a program does first with the package. Prints what ran it; throws where a record is not as it was written.
const assert = require('node:assert/strict');

exports.useLog = async ({ openLog }, directory) => {
  const log = await openLog(directory);
  await log.append('orders', 'one', { headers: { source: 'consumer' } });
  await log.appendBatch([
    { key: 'orders', data: 'two' },
    { key: 'stock', data: new Uint8Array([1, 2, 3]) },
  ]);
  const { checksumMethod, writeMethod } = log.stats();
  await log.close();

  const again = await openLog(directory);
  assert.equal(again.recovery.status, 'clean');
  const read = [];
  for await (const record of again.read()) read.push([record.key, record.seq, record.data.toString('latin1')]);
  await again.close();
  assert.deepEqual(read, [
    ['orders', 1, 'one'],
    ['orders', 2, 'two'],
    ['stock', 1, '\x01\x02\x03'],
  ]);

  const [addon] = Object.keys(require.cache).filter((name) => name.endsWith('.node'));
  console.log(JSON.stringify({ version: process.version, arch: process.arch, addon, checksumMethod, writeMethod }));
};
