/**
 * One of several sources that send at the same time: a process of its own, for a source keeps its thread.
 * Told by messages what to open and to send, it answers what that cost. Started by cores.ts.
 */
import { BpfObject } from '../native/lib/index.js';
import type { Cpus, Path } from './cables.js';
import { Meter, type Sample } from './measure.js';
import { introduce } from './opening.js';
import { Source } from './source.js';
import { stateless } from './subjects/subject.js';
import { ESTABLISHED_UDP, type Work } from './works.js';

/** What a lane is given at its start, as JSON. */
export interface LaneSpec {
  /** bench.bpf.o. */
  readonly object: string;
  readonly path: Path;
  readonly lane: number;
  readonly cpus: Cpus;
}

/** What it is asked for. Without `milliseconds`: only to open what has to be open. */
export interface LaneOrder {
  readonly work: Work;
  readonly milliseconds?: number;
}

/** What it answers; null: opened. */
export type LaneAnswer = { readonly sample: Sample | null } | { readonly error: string };

const spec = JSON.parse(process.argv[2]!) as LaneSpec;
const object = BpfObject.open(spec.object);
object.load();
const source = new Source(object);
const meter = new Meter(source);
const subject = {
  ...stateless,
  name: `lane ${spec.lane}`,
  path: spec.path,
  lane: spec.lane,
  stateful: true,
  instructions: null,
  refuses: () => null,
  close: () => {},
};
meter.adopt(subject, spec.cpus);
await introduce(source, subject, ESTABLISHED_UDP);

async function obey({ work, milliseconds }: LaneOrder): Promise<LaneAnswer> {
  try {
    if (milliseconds !== undefined)
      return { sample: await meter.sample(subject, work, milliseconds) };
    await meter.prepare(subject, work);
    return { sample: null };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

process.on('message', (order: LaneOrder) => void obey(order).then((a) => process.send!(a)));
process.on('disconnect', () => process.exit(0));
process.send!({ sample: null } satisfies LaneAnswer);
