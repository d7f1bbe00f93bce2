/** Whether the hosts of a policy are bound to ports that this node has. */
import { type Plan, PolicyError } from '../policy/index.js';

interface Port {
  readonly name: string;
  readonly side: 'uplink' | 'inside';
}

/**
 * Refuses a policy whose host could never speak here: bound to no port of this node, or to an uplink.
 * @throws PolicyError
 */
export function checkBoundPorts({ hosts }: Plan, ports: readonly Port[]): void {
  const sides = new Map(ports.map(({ name, side }) => [name, side]));
  for (const { name, binding, position } of hosts) {
    if (binding.port === null) continue;
    const where = binding.portPosition ?? position;
    const side = sides.get(binding.port);
    if (side === 'inside') continue;
    const inside = ports.flatMap((port) => (port.side === 'inside' ? [port.name] : []));
    const hint = `write one of ${inside.join(', ')}`;
    const problem =
      side === undefined
        ? `host ${name} is bound to port ${binding.port}, and this node has none of that name`
        : `host ${name} is bound to port ${binding.port}, an uplink: what comes from there in a screened host's name is spoofed`;
    throw new PolicyError('unknown-name', where, problem, hint);
  }
}
