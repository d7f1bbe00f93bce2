/** The connection matrix as a picture: sources down, destinations across, services in the cells. */
import type { MatrixResult } from '../../control/service.js';
import type { Paint } from './paint.js';
import { table, visible, widthOf } from './table.js';

const CORNER = 'SRC\\DST';
const SEPARATOR = ' │ ';

/**
 * Lines of the matrix. The picture, if it fits into `width` columns; else one line for each cell.
 *
 * @param width columns of the screen
 */
export function formatMatrix(matrix: MatrixResult, width: number, paint: Paint): string[] {
  const { generation, cells } = matrix;
  if (generation === 0) return ['no policy was ever applied: everything is dropped'];
  if (cells.length === 0) return ['the matrix is empty: everything is dropped'];
  // A matrix of thousands of hosts is never drawn only to find that it does not fit.
  const narrowest = axes(matrix).columns.reduce(
    (sum, name) => sum + SEPARATOR.length + widthOf(name),
    0,
  );
  if (narrowest <= width) {
    const picture = drawPicture(matrix, paint);
    if (picture.every((line) => widthOf(line) <= width)) return picture;
  }
  const columns = ['FROM', 'TO', 'SERVICES'].map((title) => ({ title }));
  return table(
    columns,
    cells.map(({ from, to, services }) => [from, to, services.join(', ')]),
    paint,
  );
}

/** Names in the order of their first appearance, in the same order on both axes. */
function axes({ cells }: MatrixResult): { rows: string[]; columns: string[] } {
  const names = [...new Set([...cells.map((c) => c.from), ...cells.map((c) => c.to)])];
  const from = new Set(cells.map((cell) => cell.from));
  const to = new Set(cells.map((cell) => cell.to));
  return { rows: names.filter((n) => from.has(n)), columns: names.filter((n) => to.has(n)) };
}

function drawPicture(matrix: MatrixResult, paint: Paint): string[] {
  const { rows, columns } = axes(matrix);
  const services = new Map<string, string[]>();
  for (const { from, to, services: some } of matrix.cells) {
    const key = JSON.stringify([from, to]);
    services.set(key, [...(services.get(key) ?? []), ...some.map(visible)]);
  }
  const grid = rows.map((from) =>
    columns.map((to) => services.get(JSON.stringify([from, to])) ?? ['']),
  );
  const head = Math.max(CORNER.length, ...rows.map(widthOf));
  const widths = columns.map((name, i) =>
    Math.max(widthOf(name), ...grid.map((row) => Math.max(...(row[i] ?? ['']).map(widthOf)))),
  );
  const line = (first: string, cells: readonly string[]): string =>
    [pad(first, head), ...cells.map((cell, i) => pad(cell, widths[i] ?? 0))]
      .join(SEPARATOR)
      .trimEnd();
  const rule = [head, ...widths].map((w) => '─'.repeat(w)).join('─┼─');
  const picture = [line(CORNER, columns.map(visible))];
  grid.forEach((row, r) => {
    picture.push(paint('dim', rule));
    const height = Math.max(...row.map((cell) => cell.length));
    for (let i = 0; i < height; i += 1) {
      picture.push(
        line(
          i === 0 ? visible(rows[r] ?? '') : '',
          row.map((cell) => paint('good', cell[i] ?? '')),
        ),
      );
    }
  });
  return picture;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}
