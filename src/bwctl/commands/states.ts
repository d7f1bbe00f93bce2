/** `states`: there may be millions, so they are shown as they come. */
import { parseFilters } from '../arguments.js';
import { STATE_COLUMNS, stateRow } from '../format/flows.js';
import { TableWriter } from '../format/table.js';
import { DONE, type Session } from '../session.js';

/** Shows the states that match every filter. */
export async function states({ node, out }: Session, filters: string[]): Promise<number> {
  const writer = new TableWriter(STATE_COLUMNS, out.paint);
  for await (const batch of node.states(parseFilters(filters))) {
    await (out.json ? out.objects(batch) : out.lines(writer.lines(batch.map(stateRow))));
  }
  return DONE;
}
