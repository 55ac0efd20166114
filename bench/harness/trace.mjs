// SPDX-License-Identifier: MIT
// The output of strace -f -y -xx as calls in order.

/**
 * Calls with `descriptor`, what an open returned and its path, and with `entered` and `left`, the lines of the trace in which they began and ended: an order over all threads.
 */
export function parseTrace(text) {
  const calls = [];
  const unfinished = new Map();
  for (const [line, content] of text.split('\n').entries()) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(content) ?? [];
    if (rest === undefined) continue;
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (begun !== undefined) {
      unfinished.set(thread, { entered: line, text: begun });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const start = resumed === undefined ? undefined : unfinished.get(thread);
    const [, name, args, result, path = ''] =
      /^(\w+)\((.*)\) += (-?\d+)(<[^>]*>)?/.exec(`${start?.text ?? ''}${resumed ?? rest}`) ?? [];
    if (name === undefined) continue;
    calls.push({
      name,
      args,
      result: Number(result),
      descriptor: result + path,
      entered: start?.entered ?? line,
      left: line,
    });
  }
  return calls;
}

/** The path behind a call's first descriptor, which -xx prints in hex as well. */
export function pathOf(args) {
  const printed = /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';
  return printed.includes('\\x') ? Buffer.from(printed.replaceAll('\\x', ''), 'hex').toString() : printed;
}

/** Text as -xx prints it. */
export function hexOf(text) {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '\\x$&');
}
