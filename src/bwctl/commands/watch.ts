/** `watch drops`: until interrupted, or the daemon stops. */
import { recordLine } from '../format/flows.js';
import { count } from '../format/words.js';
import { DONE, type Session } from '../session.js';

/** Shows log records as they are made, and how many this reader was too slow for. */
export async function watchDrops({ node, out }: Session): Promise<number> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    for await (const { ts, records, lost } of node.watchDrops(interrupted.signal)) {
      if (out.json) {
        await out.objects(lost > 0 ? [...records, { ts, lost }] : records);
      } else {
        await out.lines(records.map((record) => recordLine(record, out.paint)));
        if (lost > 0) await out.lines([out.paint('warn', `${ts} ${count(lost, 'record')} lost`)]);
      }
    }
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  return DONE;
}
