// SPDX-License-Identifier: MIT
// Which streams a command works on.

import type { Log, StreamInfo } from '../index.js';
import { CliError } from './failure.js';
import { globMatcher, isGlob } from './glob.js';
import { escapeText, showKey } from './text.js';

const LOOK = "'seglog ls' lists the streams";

/** The stream of a key. Throws NOT_FOUND. */
export function findStream(log: Log, key: string | Buffer): StreamInfo {
  const info = log.stream(key).info();
  if (info !== undefined) return info;
  throw new CliError('NOT_FOUND', `no stream ${showKey(log.stream(key).key)}`, LOOK);
}

/** The streams whose key is, or matches, `pattern`, by key: a stream of exactly that key comes before all patterns. */
export function matchStreams(log: Log, pattern: string | undefined): StreamInfo[] {
  const streams = sortedByKey(log.streams());
  if (pattern === undefined) return streams;
  const exact = streams.find((stream) => stream.key === pattern);
  if (exact !== undefined) return [exact];
  const matches = matcherOf(pattern);
  return streams.filter((stream) => matches(stream.key));
}

/** The failure of a pattern, or key, that no stream matches. */
export function noStream(pattern: string): CliError {
  const shown = escapeText(pattern);
  return new CliError('NOT_FOUND', isGlob(pattern) ? `no stream matches ${shown}` : `no stream ${shown}`, LOOK);
}

/** By the bytes of their keys, each of which is encoded once. */
function sortedByKey(streams: readonly StreamInfo[]): StreamInfo[] {
  const entries = streams.map((stream) => ({ stream, bytes: Buffer.from(stream.key) }));
  return entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ stream }) => stream);
}

function matcherOf(pattern: string): (key: StreamInfo['key']) => boolean {
  try {
    return globMatcher(pattern);
  } catch (error) {
    throw new CliError('USAGE', error instanceof Error ? error.message : String(error));
  }
}
