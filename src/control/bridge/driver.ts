/** What only the ethtool binary tells: the driver of a link, and its VLAN offload. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Link } from './link-codec.js';

const run = promisify(execFile);

/** Kinds of link whose driver has the kind's own name. */
const SOFTWARE_KINDS = ['veth', 'tun'];

/** Name of the driver, such as `veth`, `tun`, `virtio_net` or `ixgbe`; '' when it cannot be told. */
export async function driverOf(link: Link): Promise<string> {
  if (SOFTWARE_KINDS.includes(link.kind)) return link.kind;
  try {
    const { stdout } = await run('ethtool', ['-i', link.name], { env: plainEnvironment() });
    return /^driver: (\S+)$/m.exec(stdout)?.[1] ?? '';
  } catch {
    return '';
  }
}

/**
 * Leaves VLAN tags in received frames, where XDP can see them. Returns what ethtool says when the
 * driver will not, undefined when it is done.
 */
export async function keepVlanTags(link: Pick<Link, 'name'>): Promise<string | undefined> {
  try {
    await run('ethtool', ['-K', link.name, 'rxvlan', 'off'], { env: plainEnvironment() });
    return undefined;
  } catch (error) {
    const { stderr, code } = error as { stderr?: string; code?: unknown };
    if (code === 'ENOENT') return 'ethtool is not installed';
    return (stderr ?? '').trim().split('\n')[0] || `ethtool failed (${String(code)})`;
  }
}

function plainEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}
