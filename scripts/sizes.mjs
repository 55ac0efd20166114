// SPDX-License-Identifier: MIT
// Prints how large the sources are, and what a record of 128 bytes costs on disk in the two cases that
// docs/format.md bounds. `npm run sizes`; fails when a bound is broken.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openLog } from 'seglog';

const recordBytes = 128;
const records = 1000;
const overheadMax = 16; // per record, of 1,000 records that one stream takes in one commit
const journalMax = 180; // per record, of 1,000 records that each go to another stream

function countLines(folder) {
  const files = execFileSync('git', ['ls-files', folder], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /\.(cc|h|def|ts|mjs|json)$/.test(name));
  const lines = files.map((name) => readFileSync(name, 'utf8').split('\n').length - 1);
  return { folder, files: files.length, lines: lines.reduce((sum, count) => sum + count, 0) };
}

// Bytes that one batch added to the journal, and to the frames of all streams.
async function costOf(keyOf) {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-sizes-'));
  const log = await openLog(directory, { journalFirstBytes: 4 << 20 });
  const batch = Array.from({ length: records }, (_, index) => ({
    key: keyOf(index),
    data: Buffer.alloc(recordBytes, index),
  }));
  await log.appendBatch(batch); // The streams exist from here on.
  await setTimeout(50); // For the mark block, one page, which follows 5 ms after the last of any number of commits.
  const before = log.stats();
  const framesBefore = log.streams().reduce((sum, { bytes }) => sum + bytes, 0);
  await log.appendBatch(batch);
  const after = log.stats();
  const frames = log.streams().reduce((sum, { bytes }) => sum + bytes, 0) - framesBefore;
  await log.close();
  rmSync(directory, { recursive: true });
  return {
    commits: after.commits - before.commits,
    journal: (after.journalBytesWritten - before.journalBytesWritten) / records,
    segment: frames / records,
  };
}

for (const folder of ['native/core', 'native/binding', 'native/test', 'lib', 'test']) {
  const { files, lines } = countLines(folder);
  console.log(`${folder.padEnd(16)} ${String(files).padStart(4)} files ${String(lines).padStart(7)} lines`);
}
const one = await costOf(() => 'one');
const many = await costOf((index) => `key ${index}`);
const show = (name, { commits, journal, segment }) =>
  console.log(
    `${name}: ${journal.toFixed(1)} bytes of journal and ${segment.toFixed(1)} of segment a record, ${commits} commit`,
  );
show('128 B, one key takes 1,000 in a commit', one);
show('128 B, 1,000 keys take one each       ', many);
const broken = [
  one.journal - recordBytes > overheadMax && 'one key: more than 16 bytes of overhead in the journal',
  one.segment - recordBytes > overheadMax && 'one key: more than 16 bytes of overhead in the segment',
  many.journal > journalMax && '1,000 keys: more than 180 bytes of journal a record',
].filter(Boolean);
for (const line of broken) console.error(line);
process.exitCode = broken.length > 0 ? 1 : 0;
