/** Everything that may break of a pair. Whatever it was, {@link mend} makes it whole again. */
import type { Pair } from '../pair.js';
import { NODES, type NodeName, otherOf, SEGMENTS, type Segment, type Way } from '../pair-net.js';

export interface Fault {
  readonly name: string;
  /** @param active the node that is active before it */
  begin(pair: Pair, active: NodeName): void | Promise<void>;
}

type Who = 'active' | 'standby';

const WHO: readonly Who[] = ['active', 'standby'];
const WAYS: readonly Way[] = ['in', 'out'];
const PORT_NAMES: Readonly<Record<Segment, string>> = {
  uplink: 'uplink',
  inside: 'inside',
  sync: 'sync link',
};

const ofNode = (who: Who, active: NodeName) => (who === 'active' ? active : otherOf(active));

function signal(pair: Pair, node: NodeName, name: NodeJS.Signals): void {
  const { pid } = pair.walls[node];
  if (pid !== undefined) process.kill(pid, name);
}

function faultsOf(who: Who): Fault[] {
  const fault = (name: string, begin: (pair: Pair, node: NodeName) => void | Promise<void>) => ({
    name: `${name} of the ${who}`,
    begin: (pair: Pair, active: NodeName) => begin(pair, ofNode(who, active)),
  });
  return [
    fault('power cut, carriers up,', ({ net }, node) => net.silence(node)),
    // It comes back as it was, and knows of nothing.
    fault('power cut, carriers up, daemon stopped,', (pair, node) => {
      pair.net.silence(node);
      signal(pair, node, 'SIGSTOP');
    }),
    fault('daemon killed', (pair, node) => pair.walls[node].kill()),
    fault('daemon stopped', (pair, node) => signal(pair, node, 'SIGSTOP')),
    ...SEGMENTS.map((segment) =>
      fault(`${PORT_NAMES[segment]} down`, ({ net }, node) => net.unplug(node, segment)),
    ),
    ...SEGMENTS.filter((segment) => segment !== 'sync').map((segment) =>
      fault(`${PORT_NAMES[segment]} cut off, carrier up,`, ({ net }, node) =>
        net.deafen(node, segment),
      ),
    ),
    fault('both sides cut off, carriers up,', ({ net }, node) => {
      net.deafen(node, 'uplink');
      net.deafen(node, 'inside');
    }),
    ...SEGMENTS.flatMap((segment) =>
      WAYS.map((way) =>
        fault(`nothing ${way} by the ${PORT_NAMES[segment]}`, ({ net }, node) =>
          net.deafen(node, segment, way),
        ),
      ),
    ),
  ];
}

const cutSync = ({ net }: Pair) => net.deafen('fw1', 'sync');

export const FAULTS: readonly Fault[] = [
  ...WHO.flatMap(faultsOf),
  { name: 'sync link cut', begin: cutSync },
  {
    name: 'sync link cut, then power cut of the active',
    begin: (pair, active) => {
      cutSync(pair);
      pair.net.silence(active);
    },
  },
  {
    name: 'takeover by hand',
    begin: async (pair, active) => {
      await pair.walls[otherOf(active)].run(['ha', 'takeover']);
    },
  },
  {
    name: 'yield by hand',
    begin: async (pair, active) => {
      await pair.walls[active].run(['ha', 'yield']);
    },
  },
];

/** Nothing is broken any more, and both daemons run. */
export async function mend(pair: Pair): Promise<void> {
  pair.net.heal();
  for (const node of NODES) {
    if (pair.walls[node].pid === undefined) await pair.walls[node].start();
    else signal(pair, node, 'SIGCONT');
  }
}
