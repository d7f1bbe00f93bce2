/** Runs the real dataplane on a frame of our own making; nothing is counted, learned or opened. */
import { xdpContext } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { DataplaneError } from './errors.js';
import { type FrameSpec, firstFrame } from './frame.js';
import type { Dataplane } from './object.js';

const XDP_PASS = 2;

/**
 * The verdict on the first packet of a connection that enters by `ifindex`.
 * @throws DataplaneError `explain` when that is no port of the wall
 */
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
  if (answer.retval !== XDP_PASS) {
    throw new DataplaneError('explain', `interface ${ifindex} is no port of the running wall`);
  }
  return layouts.verdict.decode(answer.data);
}
