/** `watch drops`, `watch events` and `watch sessions`: until interrupted, or the daemon stops. */
import { eventLine } from '../format/events.js';
import { recordLine } from '../format/flows.js';
import { sessionLine } from '../format/sessions.js';
import { count } from '../format/words.js';
import { DONE, type Session } from '../session.js';

/** Shows log records as they are made, and how many this reader was too slow for. */
export async function watchDrops({ node, out }: Session): Promise<number> {
  return await untilInterrupted(async (signal) => {
    for await (const { ts, records, lost } of node.watchDrops(signal)) {
      if (out.json) {
        await out.objects(lost > 0 ? [...records, { ts, lost }] : records);
      } else {
        await out.lines(records.map((record) => recordLine(record, out.paint)));
        if (lost > 0) await out.lines([out.paint('warn', `${ts} ${count(lost, 'record')} lost`)]);
      }
    }
  });
}

/** Shows what happens to the node, and how many events this reader was too slow for. */
export async function watchEvents({ node, out }: Session): Promise<number> {
  return await untilInterrupted(async (signal) => {
    for await (const { ts, events, lost } of node.watchEvents(signal)) {
      if (out.json) {
        await out.objects(lost > 0 ? [...events, { ts, lost }] : events);
      } else {
        await out.lines(events.map((event) => eventLine(event, out.paint)));
        if (lost > 0) await out.lines([out.paint('warn', `${ts} ${count(lost, 'event')} lost`)]);
      }
    }
  });
}

/** Shows connections of rules with `log: session` as they begin and end. */
export async function watchSessions({ node, out }: Session): Promise<number> {
  return await untilInterrupted(async (signal) => {
    for await (const { ts, sessions, lost } of node.watchSessions(signal)) {
      if (out.json) {
        await out.objects(lost > 0 ? [...sessions, { ts, lost }] : sessions);
      } else {
        await out.lines(sessions.map((record) => sessionLine(record, out.paint)));
        if (lost > 0) await out.lines([out.paint('warn', `${ts} ${count(lost, 'record')} lost`)]);
      }
    }
  });
}

async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await work(interrupted.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  return DONE;
}
