/** `states`: there may be millions, so they are shown as they come; `states kill`. */
import { caller } from '../caller.js';
import { STATE_COLUMNS, stateRow } from '../format/flows.js';
import { TableWriter } from '../format/table.js';
import { count } from '../format/words.js';
import { DONE, type Session } from '../session.js';
import { parseFilters, parseKill, parseLimit } from '../state-filter.js';

/** What else `states` is told. */
export interface StatesWords {
  limit?: string;
  count?: boolean;
}

/** Shows the states that match every filter, or how many there are. */
export async function states(
  { node, out }: Session,
  filters: string[],
  words: StatesWords = {},
): Promise<number> {
  const filter = parseFilters(filters);
  const limit = words.limit === undefined ? undefined : parseLimit(words.limit);
  if (words.count === true) {
    const matching = await node.countStates(filter);
    await out.show({ count: Math.min(matching, limit ?? matching) }, ({ count: all }) => [
      String(all),
    ]);
    return DONE;
  }
  const writer = new TableWriter(STATE_COLUMNS, out.paint);
  for await (const batch of node.states(filter, limit)) {
    await (out.json ? out.objects(batch) : out.lines(writer.lines(batch.map(stateRow))));
  }
  return DONE;
}

/** Ends the states that match every filter, or `all`. */
export async function kill({ node, out, env }: Session, words: string[]): Promise<number> {
  const { filter, all } = parseKill(words);
  const killed = await node.killStates(filter, all, await caller(env));
  await out.show({ killed }, () => [`${count(killed, 'live connection')} ended`]);
  return DONE;
}
