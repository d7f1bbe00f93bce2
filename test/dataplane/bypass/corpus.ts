/** The corpus as it is made: frames of the tricks, and what the reference model says of each. */

import { type FrameStep, PORTS } from '../fixtures/types.js';
import { expectationOf, modelRun } from '../harness/model.js';
import { ADDRESSES } from './addresses.js';
import { CONTROLS } from './controls.js';
import { EXTENSIONS } from './extensions.js';
import { FRAGMENTS } from './fragments.js';
import { HEADERS } from './headers.js';
import { LINK, LINK_BEFORE_TC } from './link.js';
import type { Corpus, CorpusTrick } from './published.js';
import { TRANSPORT } from './transport.js';
import { POLICY, type Trick } from './trick.js';

const ABOUT =
  'Frames that try to get past a firewall. Each list is played in order against a wall that starts ' +
  'empty; tricks disguise what the policy does not allow, so that every frame of them is dropped, but ' +
  'for those that an attack on fragments begins with. The reasons are those of Bridgewall.';

/** The corpus as it is made, with the verdicts of the reference model. */
export function madeCorpus(): Corpus {
  const tricks = [
    ...HEADERS,
    ...LINK,
    ...LINK_BEFORE_TC,
    ...EXTENSIONS,
    ...FRAGMENTS,
    ...ADDRESSES,
  ];
  return {
    about: ABOUT,
    policy: POLICY,
    ports: Object.fromEntries(PORTS.map(({ name, side }) => [name, side])),
    tricks: judged([...tricks, ...TRANSPORT]),
    controls: judged(CONTROLS),
  };
}

/** Each technique is played against a wall that holds nothing. */
function judged(tricks: readonly Trick[]): CorpusTrick[] {
  const techniques = [...new Set(tricks.map(({ technique }) => technique))];
  return techniques.flatMap((name) => {
    const some = tricks.filter(({ technique }) => technique === name);
    const steps = some.flatMap(({ frames }) =>
      frames.map(({ from, frame }): FrameStep => {
        const expect = { action: 'drop', reason: 'none' } as const;
        return { kind: 'frame', port: from.port, frame, expect };
      }),
    );
    const { verdicts } = modelRun({ name, policy: POLICY, steps });
    let at = 0;
    return some.map(({ technique, what, frames }) => ({
      technique,
      what,
      frames: frames.map(({ from, frame }) => {
        const { action, reason, out } = expectationOf(verdicts[at++]!.verdict);
        return {
          port: from.port,
          verdict: action,
          reason,
          ...(out === undefined ? {} : { out }),
          frame: frame.toString('hex'),
        };
      }),
    }));
  });
}
