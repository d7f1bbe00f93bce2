/** Columns that stand one below the other. */
import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './paint.js';

/** A column of a table. */
export interface Column {
  title: string;
  /** Numbers stand at the right. */
  align?: 'left' | 'right';
}

const GAP = '  ';
/** Nearly every cell, and there may be millions. */
const PRINTABLE = /^[ -~]*$/;

/** Columns of a table without end: widths grow with what was seen, titles come first. */
export class TableWriter {
  readonly #columns: readonly Column[];
  readonly #paint: Paint;
  readonly #widths: number[];
  #titled = false;

  constructor(columns: readonly Column[], paint: Paint) {
    this.#columns = columns;
    this.#paint = paint;
    this.#widths = columns.map((column) => column.title.length);
  }

  /** The lines of some more rows, with the titles above the first. */
  lines(rows: readonly (readonly string[])[]): string[] {
    const shown = rows.map((row) => row.map(visible));
    for (const row of shown) {
      row.forEach((cell, i) => {
        this.#widths[i] = Math.max(this.#widths[i] ?? 0, widthOf(cell));
      });
    }
    const lines = shown.map((row) => this.#line(row));
    if (this.#titled) return lines;
    this.#titled = true;
    const titles = this.#line(this.#columns.map((column) => column.title));
    return [this.#paint('dim', titles), ...lines];
  }

  #line(cells: readonly string[]): string {
    const padded = cells.map((cell, i) => {
      const space = ' '.repeat(Math.max(0, (this.#widths[i] ?? 0) - widthOf(cell)));
      return this.#columns[i]?.align === 'right' ? space + cell : cell + space;
    });
    return padded.join(GAP).trimEnd();
  }
}

/** The lines of a whole table. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string[] {
  return new TableWriter(columns, paint).lines(rows);
}

/** Columns a text takes on the screen; colours take none. */
export function widthOf(text: string): number {
  if (PRINTABLE.test(text)) return text.length;
  return [...stripVTControlCharacters(text)].length;
}

/** Text from elsewhere must not steer the terminal; colours put on by us stay. */
export function visible(text: string): string {
  if (PRINTABLE.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/\u001b(?!\[\d{1,2}m)|[\u0000-\u001a\u001c-\u001f\u007f-\u009f]/g, '\ufffd');
}
