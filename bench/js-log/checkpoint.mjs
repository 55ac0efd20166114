// SPDX-License-Identifier: MIT
// The work behind the commits: brings what only older journal files hold into segment files, or into the current journal
// file where it is little, writes the catalogue, and lets the journal use the older files again. One checkpoint at a
// time; only durable bytes are touched. The order within is that of docs/durability.md: nothing is freed before all
// that replaces it is durable.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { encodeCatalogue, writeCatalogue } from './catalogue.mjs';
import { CRC_START, crcOf } from './crc32c.mjs';
import { closeFile, makeDirectory, openForWriting, syncData, syncDirectory, writeAt } from './files.mjs';
import { CarriedBytes } from './items.mjs';
import { alignDown, alignUp, Memory, PAGE_BYTES, putId, putU32, putU64 } from './memory.mjs';
import { SEGMENT_DATA_OFFSET } from './segment.mjs';

const TIMES_CARRIED_MAX = 2;
const KEY_NAME_BYTES_MAX = 180;
const KEY_NAME_PREFIX_BYTES = 100;

export class Checkpointer {
  /** @param log the log's inner interface: see `JsLog`. */
  constructor(log) {
    this.log = log;
    this.buffer = Memory.aligned(alignUp(log.options.destageBytes, PAGE_BYTES));
    /** Directories of streams whose entries are durable. */
    this.made = new Set();
    this.running = null;
    this.stopped = false;
  }

  /** Begins one if the live journal has grown to half of its bound. */
  startIfDue() {
    const { journal, options } = this.log;
    if (
      this.running !== null ||
      this.stopped ||
      journal.live.length < 2 ||
      journal.liveBytes * 2 < options.journalLiveBytesMax
    )
      return;
    // The next one may be due at once, and commits may wait for it: they do not ask again meanwhile.
    this.running = this.run(false).then(
      () => {
        this.running = null;
        this.startIfDue();
      },
      (error) => this.log.fail(error),
    );
  }

  /** The snapshot with which a session begins. */
  async begin() {
    await writeCatalogue(this.log.directory, this.#snapshot(this.log.startGeneration(), false));
  }

  /** The last one of a session. */
  async finish() {
    this.stopped = true;
    await this.running;
    await this.run(true);
  }

  /** `final`: nothing is left to the journal, and the snapshot says that the log was closed. */
  async run(final) {
    const { log } = this;
    const { journal } = log;
    const cut = final ? Number.POSITIVE_INFINITY : journal.current.generation;
    const due = [...log.pendingSegments].filter(({ oldestGeneration }) => oldestGeneration < cut);
    const carried = new Set(final ? [] : this.#chooseCarried(due));
    const destaged = due.filter((segment) => !carried.has(segment));
    for (const segment of destaged) log.orderFiller(segment);
    await this.#settleOrders();
    for (const segment of destaged) await this.#destage(segment, cut);
    await this.#carry(carried, cut);
    const startGeneration = log.startGeneration();
    await writeCatalogue(log.directory, this.#snapshot(startGeneration, final));
    await journal.release(startGeneration);
  }

  /** Those with little pending, smallest first, as long as they fill at most a quarter of a journal file. */
  #chooseCarried(due) {
    const { carryBytesMax, journalFileBytes } = this.log.options;
    const pendingBytes = ({ durableEnd, destaged }) => durableEnd - Math.max(destaged, SEGMENT_DATA_OFFSET);
    const small = due.filter(
      (segment) => !segment.ended && segment.timesCarried < TIMES_CARRIED_MAX && pendingBytes(segment) <= carryBytesMax,
    );
    small.sort((a, b) => pendingBytes(a) - pendingBytes(b));
    let room = journalFileBytes / 4;
    return small.filter((segment) => {
      room -= pendingBytes(segment);
      return room >= 0;
    });
  }

  async #carry(segments, cut) {
    for (const segment of segments) {
      const from = Math.max(segment.destaged, SEGMENT_DATA_OFFSET);
      this.log.order(new CarriedBytes(segment, from, segment.durableEnd));
      segment.timesCarried++;
    }
    await this.#settleOrders();
    for (const segment of segments) segment.oldestGeneration = cut;
  }

  async #settleOrders() {
    this.log.journal.hurry(true);
    await this.log.sync();
    this.log.journal.hurry(false);
  }

  /** Whole pages of an open segment, everything of an ended one. */
  async #destage(segment, cut) {
    const { durableEnd, ended } = segment;
    const target = ended ? durableEnd : alignDown(durableEnd, PAGE_BYTES);
    const path = join(this.log.directory, segmentPath(segment));
    const isNew = segment.destaged === 0;
    if (isNew) await this.#makeDirectories(dirname(path));
    const fd = await openForWriting(path, isNew ? fs.constants.O_CREAT | fs.constants.O_TRUNC : 0);
    try {
      if (isNew) await this.#writeHeader(fd, segment);
      for (let from = Math.max(segment.destaged, SEGMENT_DATA_OFFSET); from < target; ) {
        const to = Math.min(target, from + this.buffer.bytes.length);
        const bytes = alignUp(to - from, PAGE_BYTES);
        segment.copy(from, to, this.buffer, 0);
        this.buffer.bytes.fill(0, to - from, bytes);
        await writeAt(fd, this.buffer.bytes, bytes, from);
        from = to;
      }
      await syncData(fd);
    } finally {
      await closeFile(fd);
    }
    if (isNew) await syncDirectory(dirname(path));
    segment.dropChunks(target);
    segment.timesCarried = 0;
    // What was appended meanwhile lies in the journal file that was current at the beginning, or in later ones.
    segment.oldestGeneration = segment.durableEnd > target ? cut : 0;
    if (segment.oldestGeneration === 0) this.log.pendingSegments.delete(segment);
  }

  async #makeDirectories(path) {
    for (const directory of [dirname(path), path]) {
      if (!this.made.has(directory)) await makeDirectory(directory);
      this.made.add(directory);
    }
  }

  async #writeHeader(fd, segment) {
    const { stream } = segment;
    const { bytes, words } = this.buffer;
    bytes.fill(0, 0, PAGE_BYTES);
    bytes.write('SEGLOGSG');
    putU32(words, 8, 1);
    this.log.uuid.copy(bytes, 16);
    putId(words, 32, segment.id);
    putId(words, 40, stream.id);
    putU64(words, 48, segment.firstSequence);
    putU64(words, 56, segment.created);
    putId(words, 64, segment.previousId);
    putU32(words, 72, stream.key.length);
    stream.key.copy(bytes, 80);
    putU32(words, 12, ~crcOf(CRC_START, this.buffer, 16, PAGE_BYTES));
    await writeAt(fd, bytes, PAGE_BYTES, 0);
  }

  /** The table as of the last durable commit. Captured at once, so that no commit lies between its parts. */
  #snapshot(startGeneration, clean) {
    const { log } = this;
    log.snapshot++;
    const { firstCommit } = log.journal.live.find(({ generation }) => generation === startGeneration);
    return encodeCatalogue({
      uuid: log.uuid,
      snapshot: log.snapshot,
      mark: log.mark,
      startGeneration,
      startCommit: firstCommit === 0 ? log.mark + 1 : firstCommit,
      nextLsn: log.durableLsn + 1,
      highestGeneration: log.journal.highestGeneration,
      time: log.now(),
      clean,
      streams: log.streams,
    });
  }
}

export function keyName(key) {
  let name = '';
  for (const byte of key) {
    const character = String.fromCharCode(byte);
    const stays = /[a-z0-9_.-]/.test(character) && !(character === '.' && name === '');
    name += stays ? character : `~${byte.toString(16).padStart(2, '0')}`;
  }
  return name.length <= KEY_NAME_BYTES_MAX ? name : `${name.slice(0, KEY_NAME_PREFIX_BYTES)}~~${sha256(key)}`;
}

function segmentPath({ stream, id, firstSequence }) {
  const hex = (word) => (word >>> 0).toString(16).padStart(8, '0');
  const file = `${String(firstSequence).padStart(20, '0')}-${hex(id.high)}${hex(id.low)}.seg`;
  return join('streams', sha256(stream.key).slice(0, 2), keyName(stream.key), file);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
