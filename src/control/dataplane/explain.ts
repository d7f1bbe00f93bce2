/** Runs the real dataplane on a frame of our own making; nothing is counted, learned or opened. */
import { xdpContext } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { type FrameSpec, firstFrame } from './frame.js';
import type { Dataplane } from './object.js';

/** The verdict on the first packet of a connection that enters by `ifindex`. */
export function explainFrame(
  dataplane: Dataplane,
  spec: FrameSpec,
  ifindex: number,
): layouts.Verdict {
  const data = firstFrame(spec);
  const answer = dataplane.program('explain_wall').testRun({
    data,
    dataOut: Math.max(data.length, layouts.verdict.size),
    ctx: xdpContext({ length: data.length, ifindex }),
  });
  return layouts.verdict.decode(answer.data);
}
