/** Opens the connections that are measured: whole handshakes of crafted frames, both sides, through what is measured. */
import { OPENING } from './frames.js';
import type { Source } from './source.js';
import type { Subject } from './subjects/subject.js';
import type { Work } from './works.js';

/** Half-open at one time: a quarter of what the wall has room for. */
const AT_ONCE = 16_384;

/** Lets every connection of `work` be established. */
export async function openAll(source: Source, subject: Subject, work: Work): Promise<void> {
  const { shape, flows } = work;
  const to = { host: subject.hosts - 1, lane: subject.lane ?? 0 };
  const order = { ...to, shape, kind: 'established', clients: flows } as const;
  for (let from = 0; from < flows; from += AT_ONCE) {
    const limit = Math.min(AT_ONCE, flows - from);
    for (const step of OPENING[shape.proto]) {
      await source.send(subject.path, { ...order, step, from, limit });
    }
  }
}

/** Lets the wall and bridges learn where the server is: it answers a datagram. */
export async function introduce(source: Source, subject: Subject, work: Work): Promise<void> {
  const shape = { ...work.shape, proto: 'udp' } as const;
  await openAll(source, subject, { ...work, shape, flows: 1 });
}
