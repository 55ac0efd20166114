// SPDX-License-Identifier: MIT
// The tables of docs/format.md. The document marks them with comments: <!-- table: kPrefix start=… total=… -->,
// <!-- enum: Name prefix=k -->.

export interface Table {
  readonly kind: string;
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  readonly rows: readonly (readonly string[])[];
}

/** All marked tables of the document. */
export function parseTables(markdown: string): Table[] {
  const pattern = /<!-{2} (table|enum|magics|constants)(?:: (\w+))?([^>]*) -->\n\n((?:\|.*\n)+)/g;
  return Array.from(markdown.matchAll(pattern), ([, kind = '', name = '', options = '', body = '']) => ({
    kind,
    name,
    options: new Map(Array.from(options.matchAll(/(\w+)=(\S+)/g), ([, key = '', value = '']) => [key, value])),
    rows: body
      .trimEnd()
      .split('\n')
      .slice(2)
      .map((line) =>
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      ),
  }));
}
