/** `states`: there may be millions, so they are shown as they come; `states kill`. */
import { parseFilters, parseKill } from '../arguments.js';
import { caller } from '../caller.js';
import { STATE_COLUMNS, stateRow } from '../format/flows.js';
import { TableWriter } from '../format/table.js';
import { count } from '../format/words.js';
import { DONE, type Session } from '../session.js';

/** Shows the states that match every filter. */
export async function states({ node, out }: Session, filters: string[]): Promise<number> {
  const writer = new TableWriter(STATE_COLUMNS, out.paint);
  for await (const batch of node.states(parseFilters(filters))) {
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
