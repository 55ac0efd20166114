// SPDX-License-Identifier: MIT
// The demo's input: the lines of all text files under node_modules, in an order that is the same each time. A file is
// text when it has no zero byte. Its key is the name of its package.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEWLINE = 10;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

export const inputRoot = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** All regular files below node_modules, sorted, with their packages' names. Symbolic links are not followed. */
export function listFiles() {
  const files = [];
  const visit = (directory, path) => {
    const entries = readdirSync(directory, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const child = [...path, entry.name];
      if (entry.isDirectory()) visit(join(directory, entry.name), child);
      else if (entry.isFile())
        files.push({ path: join(directory, entry.name), key: packageName(child), name: child.join('/') });
    }
  };
  visit(inputRoot, []);
  return files.filter(({ path }) => readText(path) !== undefined);
}

/** The lines of the files, without their newlines: { key, line, where }. */
export function* readLines(files) {
  for (const { path, key, name } of files) {
    const bytes = readText(path) ?? Buffer.alloc(0);
    let number = 1;
    for (let start = 0; start < bytes.length; number++) {
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline < 0 ? bytes.length : newline;
      yield { key, line: bytes.subarray(start, end), where: `${name}:${number}` };
      start = end + 1;
    }
  }
}

export function countInput(files) {
  let [lines, bytes] = [0, 0];
  for (const { line } of readLines(files)) {
    lines++;
    bytes += line.length;
  }
  return { lines, bytes, keys: new Set(files.map(({ key }) => key)).size };
}

function readText(path) {
  const bytes = readFileSync(path);
  return bytes.length === 0 || bytes.length > FILE_BYTES_MAX || bytes.includes(0) ? undefined : bytes;
}

// "a/node_modules/@scope/b/lib/x.js" belongs to "@scope/b".
function packageName(path) {
  const start = path.lastIndexOf('node_modules') + 1;
  const scoped = path[start].startsWith('@') && path.length > start + 2;
  return path.slice(start, start + (scoped ? 2 : 1)).join('/');
}
