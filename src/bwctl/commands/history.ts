/** `history`, `policy`, `diff`: what was installed when, by whom and why. */
import { parseGeneration } from '../arguments.js';
import { formatDifference, formatHistory } from '../format/history.js';
import { DIFFERENT, DONE, type Session } from '../session.js';

/** The generations that are kept, the latest first. */
export async function history({ node, out }: Session): Promise<number> {
  await out.show(await node.history(), (entries) => formatHistory(entries, out.paint));
  return DONE;
}

/** The text of a generation, to the byte. */
export async function policy(
  { node, out }: Session,
  generation: string | undefined,
): Promise<number> {
  const wanted = generation === undefined ? null : parseGeneration(generation);
  const found = await node.policyText(wanted);
  await (out.json ? out.document(found) : out.text(found.text));
  return DONE;
}

/** What differs between two generations. */
export async function diff({ node, out }: Session, from: string, to: string): Promise<number> {
  const difference = await node.diff(parseGeneration(from), parseGeneration(to));
  await out.show(difference, (value) => formatDifference(value, out.paint));
  return difference.differs ? DIFFERENT : DONE;
}
